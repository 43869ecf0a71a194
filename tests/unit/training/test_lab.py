"""The corpus, the packing, a training of three steps, and the evaluation and card of what it wrote."""

from __future__ import annotations

import json
import logging
import random
from pathlib import Path

import jieba
import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from attnviz.measures import Habit
from attnviz.models import Model, load, read_card
from attnviz.training.batches import batches, blank
from attnviz.training.blanks import Filled, blanks_of, fill_blanks
from attnviz.training.cards import Report, card_text, habit_cell, table, write_card
from attnviz.training.corpus import (
    BEGIN,
    INSIDE,
    NO_MARK,
    Marked,
    build_tokenizer,
    is_held_out,
    join,
    mark,
    read_corpus,
    without_final_mark,
    word_starts,
)
from attnviz.training.lab.evaluate import (
    Gold,
    evaluate,
    found_starts,
    gold_words,
    masked_figures,
    read_conllu,
    same_length,
    score,
    segmentation_scores,
    spans,
    within_limit,
)
from attnviz.training.lab.train import train
from attnviz.training.packing import closed, pack, stack
from attnviz.training.recipe import Recipe, rate_at

jieba.setLogLevel(logging.WARNING)

CHINESE = (
    "南京市在长江边上。", "长江大桥很长。", "他是南京市的市长。", "我们在大桥上看长江。",
    "市长在南京市出席会议。", "他在会议上说大桥很长。", "我们的市长很好。",
    "长江很长，大桥也很长。", "中华人民共和国成立。", "他是一名美国演员。",
)  # fmt: skip
ENGLISH = (
    "The bridge over the river is long.", "He was born in London.", "She is one of the best players.",
    "The mayor of the city was there.", "We saw the long river.", "It's a long, long bridge!",
)  # fmt: skip
TINY = Recipe(
    heads=2, layers=2, width=16, inner=32, steps=3, tokens_a_step=256, masked_a_step=16, warm_up=2, left_whole=0.0
)
CONLLU = """# text = 南京市长江大桥
1\t南京\t_
2\t市\t_
3\t长江\t_
4\t大桥\t_

# text = 他很好
1-2\t他很\t_
1\t他\t_
2\t很\t_
2.1\t的\t_
3\t好\t_
"""


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(CHINESE * 2, ENGLISH)


@pytest.fixture(scope="module")
def folder(tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training of three steps on sixteen sentences wrote."""
    place: Path = tmp_path_factory.mktemp("weights") / "lab-tiny"
    languages = [mark(CHINESE, "zh", tokenizer), mark(ENGLISH, "en", tokenizer)]
    train(TINY, languages, tokenizer, place, compiled=False)
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load(str(folder))


@pytest.fixture(scope="module")
def report(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The evaluation of the tiny model, its own sentences standing in for held-out ones."""
    path = tmp_path_factory.mktemp("gold") / "test.conllu"
    path.write_text(CONLLU, encoding="utf-8")
    return evaluate(str(folder), CHINESE, ENGLISH, read_conllu(path))


def some_texts(count: int, longest: int, seed: int = 3) -> list[Marked]:
    """Texts of random length whose ids are all different."""
    rng, made, first = random.Random(seed), [], 100
    for _ in range(count):
        n = rng.randint(1, longest - 2)
        made.append(closed(Marked(np.arange(first, first + n), np.ones(n, dtype=np.int64)), 2, 3))
        first += n
    return made


# corpus


def test_a_sentence_is_held_out_by_its_own_hash_alone() -> None:
    sentences = [f"第{number}句话。" for number in range(4_000)]
    first = [is_held_out(sentence) for sentence in sentences]
    assert first == [is_held_out(sentence) for sentence in sentences]
    assert first == [is_held_out(sentence) for sentence in reversed(sentences)][::-1]
    assert 30 <= sum(first) <= 70  # 50 expected of 4,000
    assert not is_held_out("南京市长江大桥") and is_held_out("第48句话。")


def test_no_held_out_sentence_is_in_training_even_when_it_is_repeated(tmp_path: Path) -> None:
    lines = [f"第{number}句话。" for number in range(2_000)]
    path = tmp_path / "zh.txt"
    path.write_text("\n".join([*lines, "", *(f" {line} " for line in lines)]), encoding="utf-8")
    corpus = read_corpus(path, "zh")
    assert corpus.held_out and not set(corpus.training) & set(corpus.held_out)
    assert sorted(corpus.training + corpus.held_out) == sorted(lines)


def test_every_character_seen_twice_is_one_token_of_its_own(tokenizer: PreTrainedTokenizerFast) -> None:
    for sentence in CHINESE:
        ids = tokenizer(sentence, add_special_tokens=False)["input_ids"]
        assert tokenizer.convert_ids_to_tokens(ids) == list(sentence)


def test_a_character_seen_once_is_unknown() -> None:
    once = build_tokenizer(["长江长江桥"], ENGLISH)
    assert once.tokenize("长江桥") == ["长", "江", "[UNK]"]


def test_english_training_text_holds_no_unknown_piece(tokenizer: PreTrainedTokenizerFast) -> None:
    for sentence in ENGLISH:
        assert tokenizer.unk_token_id not in tokenizer(sentence)["input_ids"]


def test_words_begin_where_jieba_or_the_spaces_say() -> None:
    assert sorted(word_starts("长江大桥真美丽", "zh")) == [0, 4, 5]
    assert sorted(word_starts("It's long.", "en")) == [0, 2, 3, 5, 9]


def test_marks_say_for_each_token_whether_its_word_begins_there(tokenizer: PreTrainedTokenizerFast) -> None:
    (item,) = mark(["长江大桥在江边。"], "zh", tokenizer)
    assert item.marks.tolist() == [BEGIN, INSIDE, INSIDE, INSIDE, BEGIN, BEGIN, INSIDE, BEGIN]


def test_only_a_closing_mark_is_dropped_and_never_a_whole_text() -> None:
    item = Marked(np.array([5, 9, 9]), np.array([1, 1, 1]))
    assert without_final_mark(item, frozenset({9})).ids.tolist() == [5, 9]
    assert without_final_mark(item, frozenset({5})).ids.tolist() == [5, 9, 9]
    alone = Marked(np.array([9]), np.array([1]))
    assert without_final_mark(alone, frozenset({9})).ids.tolist() == [9]


def test_joined_texts_keep_ids_and_marks_in_order() -> None:
    both = join([Marked(np.array([5, 6]), np.array([1, 0])), Marked(np.array([7]), np.array([1]))])
    assert (both.ids.tolist(), both.marks.tolist()) == ([5, 6, 7], [1, 0, 1])


# packing


def test_packing_loses_no_text_repeats_none_and_never_overfills_a_row() -> None:
    texts = some_texts(500, 60)
    rows = list(pack(iter(texts), 64))
    assert all(sum(len(text.ids) for text in row) <= 64 for row in rows)
    assert sorted(int(text.ids[1]) for row in rows for text in row) == [int(text.ids[1]) for text in texts]


def test_packed_rows_are_nearly_full() -> None:
    texts = some_texts(2_000, 40)
    rows = list(pack(iter(texts), 128))
    assert sum(len(text.ids) for text in texts) / (128 * len(rows)) > 0.97  # 0.994 seen


def test_positions_start_again_at_0_in_each_text_of_a_row() -> None:
    first, second = some_texts(2, 6, seed=1)
    rows = stack([[first, second], [second]], 20, pad=0)
    a, b = len(first.ids), len(second.ids)
    assert rows.positions[0].tolist() == [*range(a), *range(b)] + [0] * (20 - a - b)
    assert rows.text[0].tolist() == [1] * a + [2] * b + [0] * (20 - a - b)
    assert rows.ids[0].tolist() == [*first.ids, *second.ids] + [0] * (20 - a - b)
    assert rows.ids[1].tolist() == [*second.ids] + [0] * (20 - b)


def test_stacked_rows_mark_neither_special_tokens_nor_empty_places() -> None:
    rows = stack([some_texts(2, 6)], 20, pad=0)
    unmarked = np.isin(rows.ids, (0, 2, 3))
    assert (rows.marks[unmarked] == NO_MARK).all() and (rows.marks[~unmarked] == 1).all()


# training


def test_a_step_blanks_exactly_the_count_and_never_a_special_token(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.get_vocab()
    source = batches([mark(CHINESE, "zh", tokenizer), mark(ENGLISH, "en", tokenizer)], TINY, ids)
    rng = np.random.default_rng(0)
    for _ in range(8):  # rows of 256 and of 128
        rows = next(source)
        before = rows.ids.copy()
        step = blank(rows, TINY, ids, rng)
        changed = np.flatnonzero(step.rows.ids != rows.ids)
        assert sorted(step.blanks) == changed.tolist() and len(changed) == TINY.masked_a_step
        assert (step.rows.ids.reshape(-1)[step.blanks] == ids["[MASK]"]).all()
        assert (step.targets == before.reshape(-1)[step.blanks]).all() and (rows.ids == before).all()
        assert not np.isin(step.targets, [ids[name] for name in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")]).any()


def test_texts_left_whole_hold_no_blank() -> None:
    rows = stack(list(pack(iter(some_texts(40, 12)), 64)), 64, pad=0)
    recipe = Recipe(heads=2, left_whole=0.5, masked_a_step=2_000)  # more than there are: every token that may be
    step = blank(rows, recipe, {"[MASK]": 4}, np.random.default_rng(0))
    touched = 0
    for row in range(len(rows.ids)):
        for number in range(1, rows.text[row].max() + 1):
            blanked = step.rows.ids[row][(rows.text[row] == number) & (rows.marks[row] != NO_MARK)] == 4
            assert blanked.all() or not blanked.any()
            touched += blanked.all()
    assert 10 <= touched <= 30  # half of 40 expected


def test_the_learning_rate_climbs_to_its_full_share_then_falls_to_0() -> None:
    recipe = Recipe(heads=1, steps=1_000, warm_up=100)
    shares = [rate_at(step, recipe) for step in range(recipe.steps + 1)]
    assert shares[0] == pytest.approx(0.01) and max(shares) == shares[99] == shares[100] == 1.0
    assert shares[:100] == sorted(shares[:100]) and shares[100:] == sorted(shares[100:], reverse=True)
    assert shares[550] == pytest.approx(0.5) and shares[1_000] == pytest.approx(0.0, abs=1e-12)


def test_training_writes_a_folder_that_loads_with_its_recipe_and_word_map(folder: Path, model: Model) -> None:
    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    assert (recipe["heads"], recipe["steps"], recipe["seed"]) == (2, 3, TINY.seed)
    assert model.kind == "masked" and model.limit == 256 and model.boundary is not None
    assert model.boundary.weight.shape == (2, TINY.width)
    assert model.network.config.num_attention_heads == 2
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["dtype"] == "float16"


# evaluation


def test_gold_words_score_1_against_themselves_and_shifted_ones_less() -> None:
    gold = gold_words(CHINESE, "zh")
    perfect = segmentation_scores(gold.starts, gold)
    assert {name: (s.precision, s.recall, s.f1) for name, s in perfect.items()} == dict.fromkeys(
        ("boundary", "inner", "word"), (1.0, 1.0, 1.0)
    )
    shifted = [{start + 1 for start in starts} for starts in gold.starts]
    assert all(found.f1 < 0.5 for found in segmentation_scores(shifted, gold).values())


def test_segmentation_scores_agree_with_a_count_by_hand() -> None:
    gold = Gold(("南京市长江大桥",), (frozenset({0, 3, 5}),))
    found = segmentation_scores([{0, 2, 3}], gold)  # 南京 / 市 / 长江大桥 against 南京市 / 长江 / 大桥
    assert found["boundary"].precision == found["boundary"].recall == pytest.approx(2 / 3)
    assert (found["inner"].precision, found["inner"].recall) == (0.5, 0.5)
    assert found["word"].f1 == 0.0
    closer = segmentation_scores([{0, 3}], gold)  # 南京市 / 长江大桥
    assert (closer["boundary"].precision, closer["boundary"].recall) == pytest.approx((1.0, 2 / 3))
    assert (closer["word"].precision, closer["word"].recall) == pytest.approx((0.5, 1 / 3))
    assert closer["word"].f1 == pytest.approx(0.4)


def test_scores_are_counted_over_all_texts_together() -> None:
    found = score([{0, 1, 2}, {0}], [{0, 1, 2}, {1}])
    assert (found.precision, found.recall, found.f1) == (0.75, 0.75, 0.75)
    assert score([set()], [set()]).f1 == 0.0


def test_spans_cover_the_text_from_its_first_character() -> None:
    assert spans({3, 5}, 7) == spans({0, 3, 5}, 7) == {(0, 3), (3, 5), (5, 7)}


def test_a_space_begins_no_gold_word() -> None:
    assert gold_words(["南京 长江"], "zh").starts == (frozenset({0, 3}),)


def test_conllu_words_are_joined_and_ranges_and_empty_nodes_skipped(tmp_path: Path) -> None:
    path = tmp_path / "some.conllu"
    path.write_text(CONLLU, encoding="utf-8")
    gold = read_conllu(path)
    assert gold.texts == ("南京市长江大桥", "他很好")
    assert gold.starts == (frozenset({0, 2, 3, 5}), frozenset({0, 1, 2}))


def test_texts_beyond_the_models_limit_are_left_out_and_counted(model: Model) -> None:
    gold = Gold(("长" * 255, "长" * 254, "长江"), (frozenset({0}), frozenset({1}), frozenset({2})))
    read = within_limit(gold, model)
    assert (read.starts, read.left_out) == ((frozenset({1}), frozenset({2})), 1)


def test_batches_of_one_length_hold_every_text_once() -> None:
    ids = [[0] * (3 + number % 4) for number in range(4 * 33)]  # one more of each length than a batch takes
    found = list(same_length(ids))
    assert sorted(place for batch in found for place in batch) == list(range(4 * 33))
    assert sorted(map(len, found)) == [1] * 4 + [32] * 4
    assert all(len({len(ids[place]) for place in batch}) == 1 for batch in found)


def test_15_percent_of_the_tokens_are_blanked_at_least_one_never_a_special_one() -> None:
    rng = random.Random(0)
    for n, expected in ((1, 1), (3, 1), (10, 2), (20, 3), (100, 15)):
        for _ in range(20):
            blanks = blanks_of([1, *[0] * n, 1], rng)
            assert len(set(blanks)) == len(blanks) == expected and min(blanks) >= 1 and max(blanks) <= n


def test_blanks_are_the_same_in_every_run_with_one_seed(model: Model) -> None:
    first = fill_blanks(model, CHINESE)
    assert first == fill_blanks(model, CHINESE)
    assert first.blanks == sum(max(1, round(0.15 * len(text))) for text in CHINESE)
    assert 0 <= first.first <= first.among_five <= first.blanks


def test_an_unknown_character_never_counts_as_filled(model: Model) -> None:
    assert fill_blanks(model, ["龘", "龘龘"]) == Filled(2, 0, 0)


def test_beginnings_found_do_not_depend_on_what_shares_the_batch(model: Model) -> None:
    together = found_starts(model, CHINESE)
    assert together == [found_starts(model, [text])[0] for text in CHINESE]


def test_an_evaluation_names_every_figure_and_every_head(report: Report) -> None:
    assert {"masked_accuracy_zh", "masked_accuracy_en", "masked_accuracy", "boundary_f1_jieba", "word_f1_jieba"} < set(
        report.figures
    )
    assert {"boundary_f1_gsd", "word_f1_gsd", "head_distance_bits", "head_distance_bits_layer_1"} < set(report.figures)
    assert all(0 <= value <= 1 for value in report.figures.values())
    assert [(habit.layer, habit.head) for habit in report.habits["zh"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert report.counts.gsd == 2 and report.counts.gsd_left_out == 0


def test_pooled_accuracy_counts_every_blank_alike() -> None:
    found = masked_figures(Filled(30, 9, 12), Filled(10, 1, 2))
    assert found["masked_accuracy_zh"] == 0.3 and found["masked_accuracy_en"] == 0.1
    assert found["masked_accuracy"] == 0.25 and found["masked_top5"] == 0.35


# cards


def test_a_card_gives_back_every_figure_that_was_written(report: Report, folder: Path) -> None:
    write_card(report, folder)
    card = read_card(str(folder))
    assert card is not None and card.figures == pytest.approx(report.figures, abs=5e-5)
    assert set(card.figures) == set(report.figures)


def test_a_card_names_licence_data_and_limits_in_both_languages_and_no_path(report: Report, folder: Path) -> None:
    text = card_text(report)
    heads = ("2 attention heads", "2 个注意力头")
    for said in ("license: mit", "CC0 1.0", "jieba 0.42.1", "GSDSimp", "局限", "Limits", *heads):
        assert said in text
    assert str(folder.parent) not in text and "/work/" not in text and "/tmp/" not in text


def test_a_head_without_a_strong_habit_gets_no_name() -> None:
    assert habit_cell(Habit(0, 0, "next", 0.83, 0.05)) == "后一个 next 0.83 (0.05)"
    assert habit_cell(Habit(0, 0, "next", 0.29, 0.9)) == "— 0.29 (0.90)"


def test_a_bar_inside_a_table_cell_is_escaped() -> None:
    assert table(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"
