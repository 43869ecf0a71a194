"""Measures on weights made by hand, whose answers are known, and beside references written in plain loops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from attnviz.core.attention import Attention
from attnviz.core.rules import Argmax, Soft, Threshold
from attnviz.errors import AttnvizError, ModelError
from attnviz.measures import (
    HABITS,
    candidates,
    entropy,
    habit_shares,
    habits,
    head_distances,
    mean_head_distance,
    moved,
    normalised,
    prediction_change,
    sink_share,
    sink_shares,
    strongest,
    targets,
    word_numbers,
    word_spans,
    words,
)
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace

TEXT = "南京市长江大桥"


def made(
    layers: Sequence[Tensor] = (),
    *,
    text: str = TEXT,
    pieces: Sequence[tuple[int, int]] | None = None,
    before: bool = True,
    after: bool = True,
    begins: Sequence[int] | None = None,
    outputs: Tensor | None = None,
    logits: Tensor | None = None,
    blank: int | None = None,
) -> Trace:
    """A trace of `text`, one token a character unless `pieces` say otherwise, with exactly these weights."""
    spans = list(pieces or [(at, at + 1) for at in range(len(text))])
    first, last = [None] * before, [None] * after
    labels = ["[CLS]"] * before + [text[a:b] for a, b in spans] + ["[SEP]"] * after
    if blank is not None:
        labels[blank] = "[MASK]"
    n = len(labels)
    special = (True,) * before + (False,) * len(spans) + (True,) * after
    encoded = Encoded(text, (0,) * n, tuple(labels), (*first, *spans, *last), special, None)
    marks = None
    if begins is not None:
        marks = torch.tensor([0.5 if place in begins else 0.499 for place in range(n)])
    return Trace(
        encoded, encoded, tuple(map(call, layers)), model="made", kind="masked",
        outputs=torch.zeros(n, 2) if outputs is None else outputs, logits=logits, boundaries=marks, blank=blank,
    )  # fmt: skip


def call(weights: Tensor) -> Attention:
    """An attention whose softmax gives exactly `weights` `[head, query, key]`: their logarithms as a bias."""
    nothing = torch.zeros(*weights.shape[:2], 1)
    return Attention(nothing, nothing, nothing, Soft(), weights > 0, weights.clamp_min(1e-30).log(), 1.0)


def looks_at(*rows: int, n: int = 9) -> Tensor:
    """One head `[1, query, key]` whose every query puts all weight on one key."""
    return torch.nn.functional.one_hot(torch.tensor(rows), n).float()[None]


def random_weights(heads: int, n: int, seed: int = 0) -> Tensor:
    return torch.softmax(3 * torch.randn(heads, n, n, generator=torch.Generator().manual_seed(seed)), -1)


def of(table: Tensor, name: str) -> Tensor:
    return table[..., HABITS.index(name)]


# entropy


def test_entropy_of_an_even_row_is_the_logarithm_of_its_keys_and_of_a_single_key_0() -> None:
    rows = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    assert entropy(rows).tolist() == pytest.approx([2.0, 1.0, 0.0, 0.0], abs=1e-12)


def test_entropy_agrees_with_plain_loops_in_float64() -> None:
    weights = random_weights(2, 6)
    for head in range(2):
        for query in range(6):
            row = [float(w) for w in weights[head, query]]
            row = [w / sum(row) for w in row]
            plain = -sum(w * math.log2(w) for w in row if w > 0)
            assert entropy(weights)[head, query].item() == pytest.approx(plain, abs=1e-12)  # worst seen 4e-16


def test_entropy_of_a_thresholded_row_is_that_of_what_was_kept() -> None:
    assert entropy(torch.tensor([[0.4, 0.4, 0.0]])).item() == pytest.approx(1.0, abs=1e-12)


def test_normalised_leaves_its_argument_and_empty_rows_alone() -> None:
    weights = torch.tensor([[0.2, 0.6], [0.0, 0.0]])
    rows = normalised(weights)
    assert weights.tolist() == [[pytest.approx(0.2), pytest.approx(0.6)], [0.0, 0.0]]
    assert rows.tolist() == [[pytest.approx(0.25), pytest.approx(0.75)], [0.0, 0.0]]


# distances between heads


def test_identical_heads_are_0_bits_apart_and_disjoint_heads_1() -> None:
    left, right = torch.tensor([[0.5, 0.5, 0, 0]]), torch.tensor([[0, 0, 0.5, 0.5]])
    distances = head_distances(torch.stack([left, left, right]))
    expected = [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
    torch.testing.assert_close(distances, torch.tensor(expected, dtype=torch.float64), atol=1e-12, rtol=0)


def test_heads_that_share_half_their_weight_are_half_a_bit_apart() -> None:
    # p = (1/2, 1/2, 0), q = (0, 1/2, 1/2), m = (1/4, 1/2, 1/4): H(m) = 1.5, H(p) = H(q) = 1
    distances = head_distances(torch.tensor([[[0.5, 0.5, 0]], [[0, 0.5, 0.5]]]))
    assert distances[0, 1].item() == pytest.approx(0.5, abs=1e-12)


def test_head_distances_agree_with_scipy() -> None:
    weights = random_weights(4, 7)
    found = head_distances(weights)
    for a in range(4):
        for b in range(4):
            plain = np.mean(
                [jensenshannon(weights[a, q].double(), weights[b, q].double(), base=2) ** 2 for q in range(7)]
            )
            assert found[a, b].item() == pytest.approx(np.nan_to_num(plain), abs=1e-9)  # worst seen 3e-16


def test_rows_that_a_hard_rule_emptied_are_left_out_of_the_distance() -> None:
    weights = torch.tensor([[[0.4, 0.0], [0.6, 0.0]], [[0.0, 0.3], [0.0, 0.0]]])
    assert head_distances(weights)[0, 1].item() == pytest.approx(1.0, abs=1e-12)
    assert head_distances(torch.zeros(2, 3, 3)).isnan().all()


def test_mean_head_distance_leaves_special_queries_out() -> None:
    first = looks_at(*range(9))
    second = first.clone()
    second[0, 0], second[0, 8] = first[0, 8], first[0, 0]  # only [CLS] and [SEP] look elsewhere
    assert mean_head_distance(made([torch.cat([first, second])]), 0) == pytest.approx(0.0, abs=1e-12)
    second[0, 1] = first[0, 2]  # one of seven tokens of the text
    assert mean_head_distance(made([torch.cat([first, second])]), 0) == pytest.approx(1 / 7, abs=1e-12)


def test_mean_head_distance_counts_each_pair_once_and_not_a_head_with_itself() -> None:
    weights = torch.cat([looks_at(*[0] * 9), looks_at(*[0] * 9), looks_at(*[1] * 9)])
    assert mean_head_distance(made([weights]), 0) == pytest.approx(2 / 3, abs=1e-12)


def test_mean_head_distance_without_a_layer_is_the_mean_over_layers() -> None:
    apart = torch.cat([looks_at(*[0] * 9), looks_at(*[1] * 9)])
    alike = torch.cat([looks_at(*[0] * 9), looks_at(*[0] * 9)])
    assert mean_head_distance(made([apart, alike])) == pytest.approx(0.5, abs=1e-12)


def test_one_head_or_a_rule_that_keeps_nothing_has_no_distance() -> None:
    assert mean_head_distance(made([random_weights(1, 9)])) is None
    assert mean_head_distance(made([torch.full((2, 9, 9), 1 / 9)]), 0, Threshold(0.9)) is None


def test_the_rule_changes_the_distance_between_heads() -> None:
    first, second = torch.full((9, 9), 0.08), torch.full((9, 9), 0.08)
    first[:, 0], second[:, 1] = 0.36, 0.36
    trace = made([torch.stack([first, second])])
    soft, hard = mean_head_distance(trace, 0), mean_head_distance(trace, 0, Argmax())
    assert soft is not None and soft < 0.5
    assert hard == pytest.approx(1.0, abs=1e-12)


def test_a_layer_that_the_model_lacks_is_refused() -> None:
    with pytest.raises(AttnvizError):
        mean_head_distance(made([random_weights(2, 9)]), 1)


# habits


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("previous", (0, 1, 1, 2, 3, 4, 5, 6, 8)),
        ("next", (0, 2, 3, 4, 5, 6, 7, 7, 8)),
        ("itself", range(9)),
        ("same_word", (0, 2, 1, 1, 5, 4, 7, 6, 8)),
        ("first_special", (0,) * 9),
        ("last_special", (8,) * 9),
    ],
)
def test_a_head_that_only_does_one_thing_has_a_share_of_1_in_it(name: str, rows: Sequence[int]) -> None:
    table = habit_shares(made([looks_at(*rows)]), [None, 0, 0, 0, 1, 1, 2, 2, None])
    assert of(table, name).item() == pytest.approx(1.0, abs=1e-12)


def test_a_token_without_a_target_is_left_out_of_the_share() -> None:
    rows = (0, 0, 1, 2, 3, 4, 5, 6, 8)  # the first character has no previous one: its [CLS] does not count
    assert of(habit_shares(made([looks_at(*rows)])), "previous").item() == pytest.approx(1.0, abs=1e-12)


def test_special_tokens_are_neither_queries_nor_neighbours_of_a_habit() -> None:
    wanted = targets(made())
    assert not wanted[:, 0].any() and not wanted[:, 8].any()
    assert not wanted[HABITS.index("previous"), 1].any()
    assert not wanted[HABITS.index("next"), 7].any()


def test_a_text_without_special_tokens_has_no_share_of_them() -> None:
    table = habit_shares(made([random_weights(2, 7)], before=False, after=False))
    assert of(table, "first_special").isnan().all() and of(table, "last_special").isnan().all()


def test_a_lone_special_token_counts_by_the_side_on_which_it_stands() -> None:
    first_only = habit_shares(made([looks_at(*[0] * 8, n=8)], after=False))
    assert of(first_only, "first_special").item() == pytest.approx(1.0, abs=1e-12)
    assert of(first_only, "last_special").isnan().all()
    last_only = habit_shares(made([looks_at(*[7] * 8, n=8)], before=False))
    assert of(last_only, "last_special").item() == pytest.approx(1.0, abs=1e-12)
    assert of(last_only, "first_special").isnan().all()


def test_punctuation_is_found_in_both_scripts_and_never_under_a_blank() -> None:
    text = "江，大.桥"
    wanted = targets(made(text=text))[HABITS.index("punctuation")]
    assert wanted[1].tolist() == [False, False, True, False, True, False, False]
    assert wanted[2].tolist() == [False, False, False, False, True, False, False]  # not itself
    assert not targets(made(text=text, blank=2))[HABITS.index("punctuation")][:, 2].any()


def test_habit_shares_agree_with_plain_loops() -> None:
    weights, numbers = random_weights(3, 9), [None, 0, 0, 0, 1, 1, 2, 3, None]
    table = habit_shares(made([weights]), numbers)
    for head in range(3):
        w = weights[head].double()
        previous = [w[q, q - 1] for q in range(2, 8)]
        same = [sum(w[q, k] for k in range(1, 8) if k != q and numbers[k] == numbers[q]) for q in range(1, 6)]
        assert of(table, "previous")[0, head].item() == pytest.approx(float(sum(previous)) / 6, abs=1e-7)
        assert of(table, "same_word")[0, head].item() == pytest.approx(float(sum(same)) / 5, abs=1e-7)


def test_same_word_follows_the_models_own_words_unless_words_are_given() -> None:
    trace = made([looks_at(0, 2, 1, 3, 4, 5, 6, 7, 8)], begins=(1, 3, 4, 5, 6, 7))
    assert of(habit_shares(trace), "same_word").item() == pytest.approx(1.0, abs=1e-12)
    assert of(habit_shares(trace, [None, 0, 1, 2, 3, 3, 4, 5, None]), "same_word").item() == pytest.approx(0.0)
    assert of(habit_shares(made([random_weights(1, 9)])), "same_word").isnan().all()


def test_hiding_special_keys_scales_the_rest_to_sum_to_1() -> None:
    weights = torch.zeros(1, 9, 9)
    weights[0, :, 0] = 0.9
    weights[0, torch.arange(9), torch.arange(9)] += 0.1
    trace = made([weights])
    assert of(habit_shares(trace), "itself").item() == pytest.approx(0.1, abs=1e-6)
    assert of(habit_shares(trace, hide_special=True), "itself").item() == pytest.approx(1.0, abs=1e-12)


def test_habits_average_over_texts_and_skip_those_without_a_target() -> None:
    long, short = made([looks_at(*range(9))]), made([looks_at(0, 0, 2, n=3)], text="江")
    table = habits([long, short])
    assert of(table, "itself").item() == pytest.approx(0.5, abs=1e-12)
    assert of(table, "next").item() == pytest.approx(0.0, abs=1e-12)  # "江" has no next token: the mean of one text


def test_habits_of_no_texts_or_the_wrong_number_of_words_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one trace"):
        habits([])
    with pytest.raises(ValueError, match="at least one trace"):
        habits([made([random_weights(1, 9)])], [None, None])
    with pytest.raises(ValueError, match="one number for each of 9 tokens; got 3"):
        targets(made(), [0, 1, 2])


def test_a_habit_is_named_from_what_is_left_beside_the_sink() -> None:
    weights = torch.zeros(2, 9, 9)
    weights[0, :, 0] = 0.9
    weights[0, torch.arange(1, 9), torch.arange(8)] += 0.1
    weights[0, 0, 0] = 1.0
    weights[1] = looks_at(*range(9))[0]
    first, second = strongest([made([weights])])
    assert (first.layer, first.head, first.name) == (0, 0, "previous")
    assert first.share == pytest.approx(1.0, abs=1e-6)
    assert first.sink == pytest.approx((1.0 + 6 * 0.9) / 7, abs=1e-6)
    assert (second.name, second.sink) == ("itself", 0.0)


def test_layers_with_fewer_heads_name_only_the_heads_that_they_have() -> None:
    trace = made([random_weights(3, 9), random_weights(1, 9, seed=1)])
    assert [(habit.layer, habit.head) for habit in strongest([trace])] == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_sink_share_counts_every_special_key_but_no_special_query() -> None:
    weights = torch.full((1, 9, 9), 1 / 9)
    weights[0, 0] = weights[0, 8] = looks_at(*[0] * 9)[0, 0]
    assert sink_share(made([weights]), 0, 0) == pytest.approx(2 / 9, abs=1e-6)
    assert sink_share(made([weights]), 0, 0, Argmax()) == pytest.approx(1.0, abs=1e-6)  # of equals the first: [CLS]
    assert sink_share(made([weights]), 0, 0, Threshold(0.9)) == 0.0
    assert sink_share(made([random_weights(1, 7)], before=False, after=False), 0, 0) == 0.0
    assert sink_shares(made([weights]), 0, 0, [None, Argmax(), Threshold(0.9)]) == pytest.approx(
        [2 / 9, 1, 0], abs=1e-6
    )


# effects


def test_moved_is_0_for_the_same_direction_1_at_right_angles_2_for_the_opposite() -> None:
    before = made(text="江大桥", before=False, after=False, outputs=torch.tensor([[1.0, 0], [1, 0], [1, 0]]))
    after = made(text="江大桥", before=False, after=False, outputs=torch.tensor([[3.0, 0], [0, 2], [-1, 0]]))
    assert moved(before, after).tolist() == pytest.approx([0.0, 1.0, 2.0], abs=1e-12)


def test_runs_of_different_length_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"\(9, 2\) and \(5, 2\)"):
        moved(made(), made(text="江大桥"))


def test_prediction_change_is_the_kullback_leibler_divergence_in_bits_and_has_a_direction() -> None:
    p, q = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.25, 0.5, 0.25])
    before = made(text="江", logits=p.log().expand(3, 3))
    after = made(text="江", logits=q.log().expand(3, 3) + 7)  # a constant changes no softmax
    # 0.5 log2 2 + 0.25 log2 (1/2) + 0 = 0.25
    assert prediction_change(before, after, 1) == pytest.approx(0.25, abs=1e-6)
    certain = made(text="江", logits=torch.tensor([0.0, -torch.inf, -torch.inf]).expand(3, 3))
    assert prediction_change(certain, before, 1) == pytest.approx(1.0, abs=1e-6)
    assert prediction_change(before, certain, 1) == math.inf
    assert prediction_change(before, before, 1) == 0.0


def test_candidates_of_both_runs_stand_side_by_side_the_likeliest_of_either_first() -> None:
    p, q = torch.tensor([0.5, 0.3, 0.15, 0.05]), torch.tensor([0.1, 0.2, 0.05, 0.65])
    before, after = (made(text="江", logits=run.log().expand(3, 4)) for run in (p, q))
    names, first, second = zip(*candidates(before, after, 1, 2), strict=True)
    assert names == ("3", "0", "1")  # 2 is of neither run's two likeliest
    assert first == pytest.approx((0.05, 0.5, 0.3), abs=1e-6)
    assert second == pytest.approx((0.65, 0.1, 0.2), abs=1e-6)
    assert len(candidates(before, after, 1, 99)) == 4


def test_predictions_that_do_not_exist_or_do_not_compare_are_refused() -> None:
    small, large = made(text="江", logits=torch.zeros(3, 3)), made(text="江", logits=torch.zeros(3, 4))
    with pytest.raises(ModelError):
        prediction_change(made(text="江"), small, 1)
    with pytest.raises(AttnvizError):
        prediction_change(small, small, 3)
    with pytest.raises(ValueError, match="got 3 and 4"):
        candidates(small, large, 1)
    with pytest.raises(ValueError, match="got 3 and 4"):
        prediction_change(small, large, 1)


# words


def test_a_text_is_cut_where_the_model_says_that_words_begin() -> None:
    trace = made(begins=(1, 4, 6))
    assert words(trace) == ["南京市", "长江", "大桥"]
    assert word_spans(trace) == [(1, 4), (4, 6), (6, 8)]
    assert word_numbers(trace) == [None, 0, 0, 0, 1, 1, 2, 2, None]


def test_the_first_token_begins_a_word_whatever_the_model_says() -> None:
    assert words(made(begins=())) == [TEXT]


def test_a_blank_is_shown_as_mask_inside_its_word() -> None:
    assert words(made(begins=(1, 4, 6), blank=3)) == ["南京[MASK]", "长江", "大桥"]
    assert words(made(begins=(1, 4, 6), blank=4)) == ["南京市", "[MASK]江", "大桥"]


def test_spaces_part_words_and_belong_to_none() -> None:
    pieces = [(0, 2), (2, 5), (6, 9), (9, 10)]
    assert words(made(text="unhap cat.", pieces=pieces, begins=(1, 4))) == ["unhap", "cat", "."]


def test_byte_pieces_of_one_character_show_it_once() -> None:
    assert words(made(text="长江", pieces=[(0, 1), (0, 1), (0, 1), (1, 2)], begins=(1, 4))) == ["长", "江"]


def test_a_model_that_marks_no_words_is_refused() -> None:
    with pytest.raises(ValueError, match="marks no words"):
        words(made())
