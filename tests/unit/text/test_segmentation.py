"""Readings as a person writes them; the lattice against every way there is, counted by brute force."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnviz.errors import TextError
from attnviz.text.segmentation import Lattice, Reading, cases, same_text, without_spaces

COUNTS = {"南京": 80, "南京市": 20, "市": 90, "市长": 87, "长": 60, "长江": 189, "长江大桥": 38, "大": 700, "大桥": 12,
          "江": 30, "江大": 0, "长江大": 0, "南": 10, "京": 5, "桥": 7}  # fmt: skip
TOTAL = 10_000.0


def every_way(text: str) -> Iterator[list[str]]:
    """All ways to cut a text, by recursion."""
    if not text:
        yield []
    for end in range(1, len(text) + 1):
        for rest in every_way(text[end:]):
            yield [text[:end], *rest]


def by_hand(text: str) -> dict[tuple[str, ...], float]:
    """Every way's probability: products of shares, where a word is in the table or a single character."""
    shares = {
        tuple(way): math.prod(max(COUNTS.get(word, 0), 1) / TOTAL for word in way)
        for way in every_way(text)
        if all(len(word) == 1 or COUNTS.get(word, 0) for word in way)
    }
    return {way: share / sum(shares.values()) for way, share in shares.items()}


@pytest.mark.parametrize("text", ["南京市长江大桥", "市长江", "桥", "龘南京", "大大大桥"])
def test_lattice_gives_every_way_its_share(text: str) -> None:
    expected = by_hand(text)
    found = Lattice(text, COUNTS, TOTAL).best(10_000)
    assert {tuple(reading.words): pytest.approx(share, rel=1e-12) for reading, share in found} == expected
    assert sum(share for _, share in found) == pytest.approx(1, abs=1e-12)
    shares = [share for _, share in found]
    assert shares == sorted(shares, reverse=True)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="南京市长江大桥x", min_size=1, max_size=8), st.integers(1, 5))
def test_the_few_best_are_the_first_of_all(text: str, count: int) -> None:
    lattice = Lattice(text, COUNTS, TOTAL)
    every = lattice.best(100_000)
    assert lattice.best(count) == every[:count]
    assert all(lattice.probability(reading) == pytest.approx(share, rel=1e-9) for reading, share in every)


def test_begins_is_the_sum_over_all_readings() -> None:
    lattice = Lattice("南京市长江大桥", COUNTS, TOTAL)
    expected = [0.0] * 7
    for reading, share in lattice.best(10_000):
        for start, _ in reading.units:
            expected[start] += share
    assert lattice.begins() == pytest.approx(expected, rel=1e-9)
    assert lattice.begins()[0] == pytest.approx(1)


def test_jieba_dictionary_reads_the_bridge() -> None:
    (first, share), *_ = Lattice.of("南京市长江大桥").best(3)
    assert first.words == ["南京市", "长江大桥"] and share > 0.99
    assert Lattice.of("南京市长江大桥").probability(Reading.parse("南京市长/江大桥")) == 0  # neither is a word of it


def test_own_words_open_a_reading() -> None:
    lattice = Lattice.of("南京市长江大桥", own=("南京市长", "江大桥", " "))
    mayor = Reading.parse("南京市长/江大桥")
    assert 0 < lattice.probability(mayor) < 1
    assert mayor in [reading for reading, _ in lattice.best(10)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("abc", ["abc"]), ("iPhone 15发布", ["iPhone", "15", "发布"]), ("龘", ["龘"]), ("3.14是", ["3.14", "是"]),
        ("T恤", ["T恤"]), ("𠮷野家", ["𠮷", "野", "家"]), ("。", ["。"]), (" 南京 ", ["南京"]), ("aé b", ["aé", "b"]),
    ],
)  # fmt: skip
def test_latin_digits_rare_characters_and_spaces(text: str, words: list[str]) -> None:
    assert Lattice.of(text).best(1)[0][0].words == words


def test_200_characters_are_read_whole() -> None:
    text = "".join(random.Random(3).choices("南京市长江大桥研究生命起源的和尚未结婚", k=200))
    lattice = Lattice.of(text)
    best = lattice.best(50)
    assert len(best) == 50 and "".join(best[0][0].words) == text
    assert all(0 <= share <= 1 + 1e-9 for share in lattice.begins())


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_nothing_to_cut_is_said(text: str) -> None:
    with pytest.raises(TextError, match="nothing to read"):
        Lattice.of(text)
    with pytest.raises(TextError, match="nothing to read"):
        Reading.parse(text + "/")


@pytest.mark.parametrize(
    ("written", "text", "words"),
    [
        ("南京市/长江大桥", "南京市长江大桥", ["南京市", "长江大桥"]),
        ("/南京市//长江大桥／", "南京市长江大桥", ["南京市", "长江大桥"]),
        ("南京", "南京", ["南京"]),
        ("I saw/ the man", "I saw the man", ["I saw", "the man"]),
        ("I saw [the man] with it.", "I saw the man with it.", ["I", "saw", "the man", "with", "it", "."]),
        ("I saw [the man [with it]].", "I saw the man with it.", ["I", "saw", "the man with it", "."]),
        ("[don't] go", "don't go", ["don't", "go"]),
        ("a [] b", "a  b", ["a", "b"]),
    ],
)
def test_a_reading_is_read_as_it_is_written(written: str, text: str, words: list[str]) -> None:
    reading = Reading.parse(written)
    assert (reading.text, reading.words) == (text, words)


@pytest.mark.parametrize("written", ["[a", "a]", "][", "[a]]"])
def test_brackets_that_do_not_match_are_said(written: str) -> None:
    with pytest.raises(TextError, match="brackets do not match") as caught:
        Reading.parse(written)
    assert "方括号" in caught.value.say("zh")


def test_two_readings_must_be_two_and_of_one_text() -> None:
    bridge, mayor = Reading.parse("南京市/长江大桥"), Reading.parse("南京市长/江大桥")
    assert same_text(bridge, mayor) == "南京市长江大桥"
    with pytest.raises(TextError, match="Both readings"):
        same_text(bridge, Reading.parse("南京市/长江大桥"))
    with pytest.raises(TextError, match="not of one text"):
        same_text(bridge, Reading.parse("南京/市"))


@pytest.mark.parametrize("name", [*cases()])
def test_without_spaces_every_unit_keeps_its_letters(name: str) -> None:
    for reading in cases()[name].readings:
        bare = without_spaces(reading)
        assert bare.text == reading.text.replace(" ", "")
        assert bare.words == [word.replace(" ", "") for word in reading.words]
        assert without_spaces(bare) == bare


def test_every_sentence_of_the_list_has_two_readings_and_a_gloss_of_each() -> None:
    for case in cases().values():
        assert same_text(*case.readings)
        assert all(gloss.strip() for pair in case.glosses.values() for gloss in pair) and case.contexts
