"""Hierarchical attention: sentences and words, masks, limits, deletion, the split, the figures, the colours."""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from attnviz.core.rules import Argmax, Rule, Sample, Soft, Threshold, softmax
from attnviz.errors import ModelError, TextError
from attnviz.figures.documents import Painted, Row, document
from attnviz.figures.paint.between import contrast, legible, mixed
from attnviz.figures.paint.palette import colours
from attnviz.measures.ranks import spearman
from attnviz.selection import Style
from attnviz.shipped import WEIGHTS
from attnviz.systems.hierarchical.effect import Deletion, without_sentences, without_words
from attnviz.systems.hierarchical.system import (
    MOST_SENTENCES,
    MOST_WORDS,
    NAMES,
    colour,
    held_out,
    load,
    own_words,
    samples,
)
from attnviz.systems.hierarchical.text import chinese, english, language_of, sentences
from attnviz.training.documents import read_reviews, read_topics
from attnviz.training.hierarchical.card import effect, interval

REVIEW = "The plot is thin.\nBut what a wonderful, moving performance!\nI would see it again."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. No came. He left!", ["Dr. No came.", "He left!"]),
        ('He said: "Stop it." Then he left.', ['He said: "Stop it."', "Then he left."]),
        ("The U.S. Navy came, e.g. in May. J. R. Smith won 3.5 points.",
         ["The U.S. Navy came, e.g. in May.", "J. R. Smith won 3.5 points."]),
        ("Wait... what? Yes!", ["Wait... what?", "Yes!"]),
        ("so dull . i left . but why ?", ["so dull . i left . but why ?"]),
        ("so dull. i left. but why?", ["so dull.", "i left.", "but why?"]),
        ("one line\n\n  another line  \r\nthird", ["one line", "another line", "third"]),
        ("我来了。你呢？好！！", ["我来了。", "你呢？", "好！！"]),
        ("他说：“走吧。”我没动……后来走了", ["他说：“走吧。”", "我没动……", "后来走了"]),
        ("票价3.5元。It is OK. 好的", ["票价3.5元。", "It is OK.", "好的"]),
        ("", []), ("\n \n", []), ("...", ["..."]),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_would_say(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences(text)] == expected


def test_an_utterance_is_a_line_whatever_marks_it_has() -> None:
    text = "你好！吃了吗？\n吃了。你呢？"
    assert [text[a:b] for a, b in sentences(text, lines_only=True)] == text.split("\n")
    assert len(load("han-topics").read(text).tokens) == 2
    assert len(load("han-topics").read("你好！吃了吗？吃了。").tokens) == 3, "a text of one line is cut at marks"


def test_words_keep_their_places_in_the_text() -> None:
    text = "It’s NOT 20th-century disney's \U0001f600 café."
    assert [text[a:b] for a, b in english(text)] == [
        "It’s", "NOT", "20th", "-", "century", "disney's", "\U0001f600", "café", "."
    ]  # fmt: skip
    text = "我喜欢《红楼梦》 2024"
    assert "".join(text[a:b] for a, b in chinese(text)) == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "language"), [("A good film", "en"), ("好电影", "zh"), ("《Titanic》是好电影吗", "zh"), ("123 !", None)]
)
def test_language_of_a_text(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("name", NAMES)
def test_each_sentence_looks_at_its_own_words_only(name: str) -> None:
    system = load(name)
    trace = system.read(samples(name)[0]["text"])
    counts = [len(row) for row in system.pieces(samples(name)[0]["text"]).words]
    weights, start = trace.weights(0, 0), 0
    for number, count in enumerate(counts):
        inside = weights[number, start : start + count]
        assert inside.sum().item() == pytest.approx(1, abs=1e-5) and bool((inside > 0).all())
        assert weights[number].count_nonzero() == count
        start += count
    assert torch.equal(trace.attention(0, 0).allowed, own_words(counts))


def test_a_sentence_is_read_without_the_others() -> None:
    system = load("han-reviews")
    one, other = system.read(REVIEW), system.read(REVIEW.replace("thin", "great"))
    torch.testing.assert_close(one.outputs[1:], other.outputs[1:], atol=1e-6, rtol=0)
    assert not torch.allclose(one.outputs[0], other.outputs[0], atol=1e-3)


@dataclass(frozen=True)
class Raising(Rule):
    """Softmax that gives up where so many look."""

    queries: int

    def weigh(self, scores: Tensor) -> Tensor:
        if scores.shape[-2] == self.queries:
            raise RuntimeError("asked")
        return softmax(scores)


@pytest.mark.parametrize("queries", [3, 1], ids=["words", "sentences"])
def test_no_level_is_computed_without_the_rule(queries: int) -> None:
    with pytest.raises(RuntimeError, match="asked"):
        load("han-reviews").read(REVIEW, Raising(queries))


def test_two_maps_with_labels_and_class_names() -> None:
    trace = load("han-reviews").read(REVIEW)
    above = trace.map("sentences")
    assert trace.parts == ("words", "sentences") and above.map("words").part == "words"
    assert above.key_tokens == trace.tokens and trace.tokens[0] == "1 The plot is thin…"
    assert trace.weights(0, 0).shape == (3, len(trace.key_tokens)) and above.weights(0, 0).shape == (1, 3)
    assert {name for name, _ in above.predictions(0)} == {"negative", "positive"}
    assert trace.attention(0, 0).scale == above.attention(0, 0).scale == 1.0


@pytest.mark.parametrize("rule", [Soft(), Argmax(), Threshold(0.2), Sample(3)], ids=str)
def test_deleting_a_sentence_is_reading_the_text_without_it(rule: Rule) -> None:
    system, lines = load("han-reviews"), REVIEW.split("\n")
    found = without_sentences(system, system.read(REVIEW, rule))
    for gone, one in enumerate(found):
        left = "\n".join(lines[:gone] + lines[gone + 1 :])
        if isinstance(rule, Sample):  # which draws by the number of the sentence, and that has changed
            continue
        expected = system.read(left, rule).map("sentences").probabilities(0)
        assert one.after == pytest.approx(expected.tolist(), abs=1e-5) and one.number == gone
    before = system.read(REVIEW, rule).map("sentences")
    assert found[0].before == pytest.approx(before.probabilities(0).tolist())
    assert [one.weight for one in found] == pytest.approx(before.weights(0, 0)[0].tolist())


def test_deleting_a_word_is_reading_the_text_without_it() -> None:
    system = load("han-reviews")
    trace, pieces = system.read(REVIEW), system.pieces(REVIEW)
    words = list(range(len(trace.key_tokens)))
    for one in without_words(system, trace, pieces, words):
        start, end = trace.keys.spans[one.number] or (0, 0)
        left = system.read(REVIEW[:start] + REVIEW[end:]).map("sentences")
        assert one.after == pytest.approx(left.probabilities(0).tolist(), abs=1e-5)
        assert one.weight == pytest.approx([p for row in colour(trace) for p in row.products][one.number], abs=1e-6)


def test_what_leaves_nothing_is_not_deleted() -> None:
    system = load("han-reviews")
    assert without_sentences(system, system.read("good")) == []
    assert without_words(system, system.read("good"), system.pieces("good"), [0]) == []
    found = without_words(system, system.read("good\nbad film"), system.pieces("good\nbad film"), [0])
    expected = system.read("bad film").map("sentences").probabilities(0).tolist()
    assert found[0].after == pytest.approx(expected, abs=1e-6), "a sentence of one word goes with its word"


def test_effect_of_a_deletion_in_numbers() -> None:
    one = Deletion(0, 0.5, (0.6, 0.4), (0.3, 0.7))
    assert (one.told, one.flips) == (0, True)
    assert (one.change, one.moved) == (pytest.approx(-0.3), pytest.approx(0.3))
    mean = effect([one, Deletion(1, 0.1, (0.2, 0.8), (0.1, 0.9))])
    assert mean == pytest.approx({"weight": 0.3, "moved": 0.2, "change": -0.1, "flips": 0.5})


def test_rank_correlation_and_interval_are_the_published_ones() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.8207827)  # R's cor(method="spearman")
    assert math.isnan(spearman([1, 1], [1, 2]))
    assert interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)  # Newcombe 1998, table I, method 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", "  \n ", "\U0001f600", "\u200b", "\ud800", "שלום", "zzqxv", "龘龘"])
def test_what_cannot_be_read_is_said_in_one_sentence(name: str, text: str) -> None:
    with pytest.raises(TextError) as caught:
        load(name).read(text)
    assert caught.value.message in ("text_empty", "hierarchical_nothing_known")
    assert all(caught.value.say(language) for language in ("en", "zh"))


def test_text_that_is_too_long_is_refused_or_says_how_far_it_was_read() -> None:
    system = load("han-reviews")
    with pytest.raises(TextError, match="200000"):
        system.read("a film " * 40_000)
    long = "\n".join(["a good film"] * (MOST_SENTENCES + 5))
    trace = system.read(long)
    assert len(trace.tokens) == MOST_SENTENCES
    assert trace.queries.cut == len("a good film\n") * MOST_SENTENCES - 1
    flat = system.read("good " * (MOST_WORDS + 7))
    assert len(flat.key_tokens) == MOST_WORDS and flat.queries.cut == 5 * MOST_WORDS - 1
    assert system.read("good " * MOST_WORDS).queries.cut is None
    assert system.read(long[: trace.queries.cut]).queries.cut is None
    assert load("han-topics").read("好" * 70_000).queries.cut is not None


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ModelError):
        load("han-none")


def reviews(path: Path) -> Path:
    with zipfile.ZipFile(path / "reviews.zip", "w") as archive:
        for folder in ("neg", "pos"):
            for number in range(400):
                archive.writestr(f"movie_reviews/{folder}/cv{number:03d}_{number * 37}.txt", f"{folder} {number}")
    return path / "reviews.zip"


def dialogues(path: Path) -> Path:
    for topic in ("film", "music", "travel"):
        for file in ("dev", "test"):
            found = [
                {"name": f"{topic} {number % 60}", "messages": [{"message": f"{file} {number}"}, {"message": "嗯"}]}
                for number in range(90)
            ]
            (path / f"kdconv_{topic}_{file}.json").write_text(json.dumps(found), encoding="utf-8")
    return path


def test_split_of_reviews_is_balanced_the_same_every_time_and_has_no_overlap(tmp_path: Path) -> None:
    split = read_reviews(reviews(tmp_path))
    assert split == read_reviews(tmp_path / "reviews.zip")
    names = [{document.name for document in part} for part in split.parts]
    assert [len(part) for part in names] == [200, 200, 400] and len(set.union(*names)) == 800
    for labels in split.classes:
        assert sum(labels) * 2 == len(labels)


def test_dialogues_about_one_thing_are_on_one_side(tmp_path: Path) -> None:
    split = read_topics(dialogues(tmp_path))
    assert split == read_topics(tmp_path)
    abouts = [{document.about for document in part} for part in split.parts]
    assert sum(map(len, abouts)) == len(set.union(*abouts)) == 180
    assert sum(map(len, split.parts)) == 540 and len(split.test) >= 0.25 * 540
    assert split.test[0].text.endswith("\n嗯")


@pytest.mark.parametrize(("name", "bar", "documents"), [("han-reviews", 0.80, 400), ("han-topics", 0.90, 225)])
def test_held_out_accuracy_reaches_its_bar(name: str, bar: float, documents: int) -> None:
    found = held_out(name)
    assert found["documents"] >= documents
    assert found["accuracy"] == found["right"] / found["documents"] >= bar
    assert found["interval"] == pytest.approx(interval(found["right"], found["documents"]))
    card = (WEIGHTS / name / "README.md").read_text(encoding="utf-8")
    assert f"{found['accuracy']:.4f}" in card and f"{found['sentences']['most']['moved']:.4f}" in card
    assert (WEIGHTS / name / "model.safetensors").stat().st_size < 8_000_000


@pytest.mark.parametrize("name", NAMES)
def test_stored_predictions_of_the_samples_come_out_again(name: str) -> None:
    system = load(name)
    assert {one["class"] for one in samples(name)} == set(system.classes)
    for one in samples(name):
        found = system.read(one["text"]).map("sentences").probabilities(0)
        assert found.tolist() == pytest.approx(one["probabilities"], abs=1e-3)
        assert one["licence"] and one["source"] and one["name"]


def test_a_document_is_escaped_and_its_colours_can_be_read() -> None:
    rows = [Row([Painted("<b>x</b>", 1.0, "'\"<"), Painted(" & ")], 0.5, "1: <", chosen=True)]
    for dark in (False, True):
        html, theme = document(rows, Style(dark=dark)), colours(dark)
        assert "<b>" not in html and "&lt;b&gt;x&lt;/b&gt;" in html and " &amp; " in html and "&quot;&lt;" in html
        assert mixed(theme.ramp, 1.0) in html and theme.accent in html
        grounds = [mixed(theme.ramp, step / 100) for step in range(101)]
        assert min(contrast(legible(ground), ground) for ground in grounds) >= 4.5
