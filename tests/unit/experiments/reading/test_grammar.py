"""Trees that are none, marks in a line, heads judged on pairs that did not choose them, minimal pairs by loops."""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from importlib.resources import files

import pytest
import torch

import attnviz as av
from attnviz.errors import ArgumentError, ModelError, Stopped, TextError
from attnviz.experiments.reading.find import HeadsFound, Pair, find_heads
from attnviz.experiments.reading.grammar import first_sentences, relations, treebank, trees
from attnviz.experiments.reading.judged import Judged, in_order, judge
from attnviz.experiments.reading.marks import marked, minimal, pairs_of
from attnviz.experiments.reading.minimal import interval, preferred, preferred_without

SAMPLE = files("attnviz").joinpath("content", "trees.conllu").read_text(encoding="utf-8")
SETS = tomllib.loads(files("attnviz").joinpath("content", "agreement.toml").read_text(encoding="utf-8"))


def row(number: int, word: str, head: int, relation: str = "dep") -> str:
    return f"{number}\t{word}\t_\t_\t_\t_\t{head}\t{relation}\t_\t_"


def test_sentences_that_are_no_tree_are_counted() -> None:
    good = row(1, "cats", 2) + "\n" + row(2, "sleep", 0)
    circle = row(1, "a", 2) + "\n" + row(2, "b", 1)
    lost = row(1, "a", 9) + "\n" + row(2, "b", 0)
    outside = "# text = cats\n" + row(1, "cats", 2) + "\n" + row(2, "sleep", 0)
    letters = row(1, "a", 2) + "\n2\tb\t_\t_\t_\t_\tx\tdep\t_\t_"
    found = treebank("\n\n".join([good, circle, lost, outside, letters, "# a comment alone"]))
    assert [tree.text for tree in found.trees] == ["cats sleep"] and found.left_out == 4
    with pytest.raises(TextError, match="hangs together"):
        trees(circle)
    long = "\n".join([*(row(at, "w", at + 1) for at in range(1, 20_000)), row(20_000, "w", 0)])
    assert len(trees(long)[0].words) == 20_000


def test_the_first_sentences_of_a_long_file_are_kept_and_the_rest_counted() -> None:
    content = "\r\n\r\n".join(row(1, f"w{at}", 0) for at in range(10_000))
    kept, left = first_sentences(content, 300)
    assert left == 9_700 and len(trees(kept)) == 300
    assert first_sentences(SAMPLE, 30) == (SAMPLE, 0)


def test_the_sample_is_of_whole_trees_in_both_languages() -> None:
    found = treebank(SAMPLE)
    assert len(found.trees) == 30 and found.left_out == 0
    assert sum(any("一" <= one <= "鿿" for one in tree.text) for tree in found.trees) == 15
    for tree in found.trees:
        assert [word.head for word in tree.words.values()].count(0) == 1
        assert "".join(tree.text[slice(*word.span)] for word in tree.words.values()) == tree.text.replace(" ", "")
    assert next(iter(relations(found.trees, 10))) == "nsubj"


def test_minimal_pairs_are_many_and_no_word_is_preferred_by_chance() -> None:
    for name, lines in SETS.items():
        pairs = [minimal(line) for line in lines.split("\n") if line]
        assert len(pairs) >= 40 and len({one.right for one in pairs}) == len(pairs), name
        right = Counter(one.right[slice(*one.span)] for one in pairs)
        assert right == Counter(one.wrong[slice(*one.other)] for one in pairs), name


@pytest.mark.parametrize("line", ["睡了", "[睡]了", "{小猫}睡了", "{}[睡]", "{猫}[ ]", "[MASK]{猫}"])
def test_a_line_without_both_marks_is_one_sentence(line: str) -> None:
    with pytest.raises(TextError) as refused:
        marked(line)
    assert line[:2] in refused.value.say("zh") != refused.value.say("en")


def test_marks_are_taken_out_of_the_text_and_a_mask_stays() -> None:
    one, *others = marked("{中华}人民共和[[MASK]]成立[MASK]")
    assert one.text == "中华人民共和[MASK]成立[MASK]" and one.words == ("[MASK]", "中华") and not others
    assert len(pairs_of(["{a} {b} [c] [d]", "{猫}[睡]"])) == 5


@pytest.mark.parametrize("line", ["no mark", "{a}", "{a|a}", "{a|b} {c|d}", "{a|b|c}", "{ |}"])
def test_what_is_no_minimal_pair_is_one_sentence(line: str) -> None:
    with pytest.raises(TextError, match="minimal pair"):
        minimal(line)


def test_two_halves_add_up_to_all_pairs() -> None:
    pairs = relations(trees(SAMPLE), 10)["nsubj"]
    found = find_heads(av.load("lab-4"), {"all": pairs, "a": pairs[::2], "b": pairs[1::2]})
    whole, both = found["all"], found["a"] + found["b"]
    assert torch.allclose(both.hits, whole.hits) and torch.allclose(both.weights, whole.weights)
    assert (both.offset, both.used, both.left_out) == (whole.offset, whole.used, whole.left_out)
    assert both.chance == pytest.approx(whole.chance) and both.offset_hits == pytest.approx(whole.offset_hits)
    assert dict(both.offsets) == pytest.approx(dict(whole.offsets))


def test_a_head_is_judged_on_the_half_that_did_not_choose_it() -> None:
    model, pairs = av.load("lab-4"), relations(trees(SAMPLE), 10)["case<"]
    (one,) = judge(model, {"case<": pairs})
    texts = list(dict.fromkeys(pair.text for pair in pairs))
    halves = [[pair for pair in pairs if texts.index(pair.text) % 2 == half] for half in (0, 1)]
    first, second = (av.find_head(model, half) for half in halves)
    hits = first.hits[second.best] * len(halves[0]) + second.hits[first.best] * len(halves[1])
    assert one.held == pytest.approx(float(hits) / len(pairs))
    assert one.held <= float(one.found.hits[one.found.best]) + 1e-9 and not one.clear
    assert math.isnan(judge(model, {"": marked("{小猫}[睡]了")})[0].held)


def test_a_head_that_does_more_than_a_distance_is_clear_and_one_that_is_a_distance_is_not() -> None:
    model = av.load("lab-8")
    texts = [tree.text for tree in trees(SAMPLE)]
    before = [(text, (at, at + 1), (at - 1, at)) for text in texts[:8] for at in range(1, 5)]
    (one,) = judge(model, {"before": [Pair(*pair) for pair in before]})
    assert one.held > 0.9 and one.found.offset_hits == 1.0 and not one.clear
    turned = [Pair(text, (4, 5), (at, at + 1)) for text, at in zip(texts[:15], [3, 5, 3, 2, 5] * 3, strict=True)]
    told = judge(model, {"": turned})[0]
    assert told.error > 0 and told.clear == (told.beyond > 3 * told.error)


def test_what_is_furthest_above_a_distance_comes_first_and_what_cannot_be_judged_last() -> None:
    found = HeadsFound(torch.ones(1, 1), torch.ones(1, 1), -1, 0.5, 0.1, 4, 0)
    some = [Judged(name, found, held, 0.1) for name, held in (("none", math.nan), ("below", 0.2), ("above", 0.9))]
    assert [one.name for one in in_order(some)] == ["above", "below", "none"]


def test_a_pair_that_is_read_in_part_is_not_judged_though_its_words_are_read() -> None:
    pairs = [minimal("The keys {are|is} here."), minimal("一{本|条}书" + "猫" * 3_000)]
    assert preferred(av.load("lab-4"), pairs).margins.isnan().tolist() == [False, True]


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt"])
def test_margins_are_those_of_a_plain_loop(name: str) -> None:
    model = av.load(name)
    pairs = [minimal(line) for line in ("The keys {are|is} here.", "The cat {sits|sit} down.", "一{本|条}书")]
    found = preferred(model, pairs)
    for margin, pair in zip(found.margins.tolist(), pairs, strict=True):
        sides = []
        for text, span in ((pair.right, pair.span), (pair.wrong, pair.other)):
            ids = av.record(model, text).encoded
            if name == "lab-gpt":
                told = av.record(model, text).logits.double().log_softmax(-1)
                sides.append(sum(float(told[at, ids.ids[at + 1]]) for at in range(len(ids.ids) - 1)))
            else:
                places = [at for at, own in enumerate(ids.spans) if own and own[0] < span[1] and own[1] > span[0]]
                rows = [av.record(model, text, blank=at).logits[at].double().log_softmax(-1) for at in places]
                sides.append(sum(float(row[ids.ids[at]]) for row, at in zip(rows, places, strict=True)))
        assert margin == pytest.approx((sides[0] - sides[1]) / math.log(2), abs=1e-4)
    assert found.right == int((found.margins > 0).sum()) and found.judged == 3


def test_margins_without_a_head_are_those_of_a_run_without_it_and_it_stops() -> None:
    model = av.load("lab-2")
    pairs = [minimal(line) for line in ("The keys {are|is} here.", "一{本|条}书")]
    told: list[tuple[int, int]] = []
    found = preferred_without(model, pairs, on_head=lambda done, of: told.append((done, of)))
    assert told[-1] == (len(found.heads), len(found.heads)) and len(told) == len(found.heads)
    at = av.record(model, pairs[1].right).tokens.index("本")
    change = av.RemoveHeads((1,), layers=(0,))
    logits = av.record(model, pairs[1].right, blank=at, interventions=[change]).logits[at].double().log_softmax(-1)
    ids = [av.record(model, text).encoded.ids[at] for text in (pairs[1].right, pairs[1].wrong)]
    assert float(found.margins[0, 1, 1]) == pytest.approx(
        float(logits[ids[0]] - logits[ids[1]]) / math.log(2), abs=1e-4
    )
    changes = [found.change(*head)[0] for head in found.heads]
    assert changes == sorted(changes)
    with pytest.raises(Stopped):
        preferred_without(model, pairs, stop=lambda: True)


def test_models_that_predict_no_word_and_pairs_that_cannot_be_judged_are_told() -> None:
    with pytest.raises(ModelError, match="predicts no word"):
        preferred(av.load("nmt-zh-en"), [minimal("一{本|条}书")])  # type: ignore[arg-type]
    long = minimal("猫" * 3_000 + "{本|条}")
    with pytest.raises(ArgumentError, match="none of these 1 pairs"):
        preferred(av.load("lab-4"), [long])


def test_the_interval_is_wilsons() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    low, high = interval(81, 263)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert interval(0, 20)[0] == pytest.approx(0.0, abs=1e-12)


def test_brackets_of_messages_are_those_that_are_read() -> None:
    from attnviz.messages import LANGUAGES, say

    for lang in LANGUAGES:
        assert pairs_of(line for line in say("grammar.pairs_start", lang).splitlines() if line)
        assert [minimal(line) for line in say("grammar.minimal_start", lang).splitlines() if line]
        assert re.search(r"\{.*\|.*\}", say("error.grammar_choice", lang, line="x"))
