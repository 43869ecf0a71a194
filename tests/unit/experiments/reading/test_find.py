"""Heads found by pairs: counted as a plain loop counts, beside a fixed distance and chance; trees read as they are."""

from __future__ import annotations

import math

import pytest
import torch

import attnviz as av
from attnviz.errors import ArgumentError, Stopped, TextError
from attnviz.experiments.reading.find import Pair, find_heads
from attnviz.experiments.reading.grammar import relations, trees

TEXTS = ("他把书还给了图书馆", "小猫睡了", "the cat sat on the mat")
TREES = """# sent_id = 1
# text = 小猫不睡觉。
1\t小猫\t_\tNOUN\t_\t_\t3\tnsubj:pass\t_\tSpaceAfter=No
2\t不\t_\tADV\t_\t_\t3\tadvmod\t_\tSpaceAfter=No
3\t睡觉\t_\tVERB\t_\t_\t0\troot\t_\tSpaceAfter=No
4\t。\t_\tPUNCT\t_\t_\t3\tpunct\t_\tSpaceAfter=No

# text = Dogs don't sleep
1\tDogs\t_\tNOUN\t_\t_\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\t_\tAUX\t_\t_\t4\taux\t_\t_
3\tn't\t_\tPART\t_\t_\t4\tadvmod\t_\t_
4\tsleep\t_\tVERB\t_\t_\t0\troot\t_\t_
"""


def neighbours(text: str) -> list[tuple[str, int, int]]:
    return [(text, place, place - 1) for place in range(1, len(text))]


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt"])
def test_hits_and_weights_are_those_of_a_plain_loop(name: str) -> None:
    model = av.load(name)
    pairs = [(TEXTS[0], (6, 9), (2, 3)), (TEXTS[0], 8, (1, 3)), (TEXTS[1], 3, (0, 2)), (TEXTS[2], (8, 11), (4, 7))]
    found = av.find_head(model, pairs)
    hits, shares = torch.zeros(2, 4, 4, dtype=torch.float64)
    for text, asks, looks in pairs:
        trace = av.record(model, text)
        first, second = (
            [at for at, own in enumerate(trace.encoded.spans) if own and own[0] < end and own[1] > start]
            for start, end in ((one if isinstance(one, tuple) else (one, one + 1)) for one in (asks, looks))
        )
        inside = [at for at in range(len(trace.tokens)) if not trace.special[at]]
        for layer in range(4):
            for head in range(4):
                row = trace.weights(layer, head)[first].double().mean(0)
                best = max(inside, key=lambda at: float(row[at]))
                hits[layer, head] += best in second
                shares[layer, head] += float(row[second].sum() / row[inside].sum())
    assert torch.equal(found.hits, hits / len(pairs)) and found.used == len(pairs) and found.left_out == 0
    assert torch.allclose(found.weights, shares / len(pairs), atol=1e-6)
    assert found.best == max(found.ranked, key=lambda at: (float(hits[at]), float(shares[at])))


def test_the_head_that_looks_at_the_token_before_is_found_and_a_fixed_distance_does_as_well() -> None:
    pairs = [pair for text in ("他把书还给了图书馆", "人民的生活有了很大的变化") for pair in neighbours(text)]
    found = av.find_head(av.load("lab-8"), pairs)
    assert float(found.hits[found.best]) > 0.9 and float(found.weights[found.best]) > 0.8
    assert (found.offset, found.offset_hits) == (-1, 1.0)
    assert found.chance == pytest.approx(sum(1 / len(text) for text, _, _ in pairs) / len(pairs))


def test_a_decoder_is_not_asked_for_what_comes_later_and_what_stands_in_no_token_does_not_count() -> None:
    model = av.load("lab-gpt")
    found = av.find_head(model, [("小猫睡了", 0, 2), ("小猫睡了", 2, 0), ("小 猫", 1, 0)])
    assert (found.used, found.left_out) == (1, 2)
    assert found.chance == pytest.approx(1 / 3)
    with pytest.raises(ArgumentError, match="None of 1 pairs"):
        av.find_head(model, [("小猫睡了", 0, 2)])


def test_places_that_are_not_in_the_text_are_one_sentence_in_both_languages() -> None:
    for place in (4, -1, (2, 2), (0, 5)):
        with pytest.raises(ArgumentError, match="no range") as refused:
            av.find_head(av.load("lab-4"), [("小猫睡了", place, 0)])
        assert refused.value.say("zh") != refused.value.say("en")


def test_a_fixed_distance_counts_from_the_near_end_and_of_equals_the_nearest_is_said() -> None:
    before = [(text, (at, at + 2), at - 1) for text in TEXTS[:2] for at in range(1, len(text) - 1)]
    found = av.find_head(av.load("lab-4"), before)
    assert (found.offset, found.offset_hits) == (-1, 1.0)
    after = av.find_head(av.load("lab-4"), [(text, (at, at + 2), at + 2) for text in TEXTS[:1] for at in range(4)])
    assert (after.offset, after.offset_hits) == (1, 1.0)
    both = av.find_head(av.load("lab-4"), [(TEXTS[0], 5, 4), (TEXTS[0], 5, 2)])
    assert (both.offset, both.offset_hits) == (-1, 0.5)


def test_several_relations_are_read_in_one_go_told_of_and_stopped() -> None:
    told: list[tuple[int, int]] = []
    asked = {"back": neighbours(TEXTS[0]), "none": [("小 猫", 1, 0)], "other": neighbours(TEXTS[1])}
    found = find_heads(av.load("lab-4"), asked, on_text=lambda done, of: told.append((done, of)))
    assert list(found) == ["back", "other"] and told == [(3, 3)]
    alone = av.find_head(av.load("lab-4"), asked["other"])
    assert torch.allclose(found["other"].weights, alone.weights, atol=1e-6)
    with pytest.raises(Stopped):
        find_heads(av.load("lab-4"), asked, stop=lambda: True)


def test_a_layer_without_attention_has_no_number_and_is_never_the_best() -> None:
    found = av.HeadsFound(torch.tensor([[math.nan, math.nan], [0.0, 0.5]]), torch.zeros(2, 2), 1, 0.0, 0.1, 2, 0)
    assert found.ranked == [(1, 1), (1, 0)] and found.best == (1, 1)


def test_trees_give_the_characters_of_each_word_and_both_directions() -> None:
    found = trees(TREES)
    assert [tree.text for tree in found] == ["小猫不睡觉。", "Dogs don't sleep"]
    pairs = [(name, pair.words) for tree in found for name, pair in tree.pairs()]
    assert pairs == [
        ("nsubj", ("小猫", "睡觉")), ("nsubj<", ("睡觉", "小猫")), ("advmod", ("不", "睡觉")),
        ("advmod<", ("睡觉", "不")), ("nsubj", ("Dogs", "sleep")), ("nsubj<", ("sleep", "Dogs")),
        ("aux", ("do", "sleep")), ("aux<", ("sleep", "do")), ("advmod", ("n't", "sleep")),
        ("advmod<", ("sleep", "n't")),
    ]  # fmt: skip
    assert {name: len(one) for name, one in relations(found, 2).items()} == {
        "nsubj": 2, "nsubj<": 2, "advmod": 2, "advmod<": 2,
    }  # fmt: skip
    assert Pair("小猫睡了", (2, 3), (0, 2)).words == ("睡", "小猫")


@pytest.mark.parametrize(
    "content",
    ["", "no tree\n\n", "1\tcat\n", "1\tcat\t_\t_\t_\t_\tx\tnsubj\t_\t_", "1-2\tcat\t_\t_\t_\t_\t3\tnsubj\t_\t_"],
)
def test_a_file_without_trees_is_one_sentence(content: str) -> None:
    with pytest.raises(TextError, match="no tree"):
        trees(content)
