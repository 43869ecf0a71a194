"""Stretches that can be cut in two ways: what people know of them, and paths compared with all ways to cut."""

from __future__ import annotations

import math
from itertools import pairwise, product

import pytest

from attnviz.text.lattice import LEAST, LONGEST_ZH, Dictionary, Stretch, cut, plain, stretches

ENGLISH = {
    "now": 1000, "here": 700, "nowhere": 14, "no": 1500, "where": 450, "god": 100, "is": 5700, "it": 7000, "old": 300,
    "i": 10000, "told": 300, "the": 22000, "out": 900, "side": 90, "outside": 40, "that": 6000, "show": 90,
}  # fmt: skip


@pytest.fixture(scope="module")
def words() -> Dictionary:
    return Dictionary.of(ENGLISH)


KNOWN = {
    "南京市长江大桥": ["南京市/长江大桥 | 南京/市长/江/大桥"],
    "研究生命的起源": ["研究生/命 | 研究/生命"],
    "乒乓球拍卖完了": ["乒乓球/拍卖 | 乒乓/球拍/卖"],
    "结婚的和尚未结婚的": ["和尚/未 | 和/尚未"],
    "他将来北京讲学": ["将来 | 将/来"],
    "中华人民共和国成立": [],
    "nowhere": ["nowhere | now/here"],
    "godisnowhere": ["nowhere | now/here"],
    "itold": ["it/old | i/told"],
    "": [],
}


@pytest.mark.parametrize("text", KNOWN)
def test_the_two_readings_are_those_that_people_know(text: str, words: Dictionary) -> None:
    assert [str(one) for one in stretches(text, words)] == KNOWN[text]


def test_spaces_between_letters_change_nothing_but_the_places(words: Dictionary) -> None:
    (bare,), (typed,) = stretches("godisnowhere", words), stretches("God is now  here!", words)
    assert (bare.first, bare.second) == (typed.first, typed.second)
    assert typed.text[typed.start : typed.end] == "now  here" and typed.units(1) == ((7, 10), (12, 16))


def every_way(text: str, words: Dictionary) -> dict[tuple[int, ...], float]:
    """All cuts of a Chinese text into words, by brute force, with their log-probabilities."""
    found = {}
    for choice in product((0, 1), repeat=len(text) - 1):
        path = (0, *(place for place, one in enumerate(choice, start=1) if one), len(text))
        parts = [text[a:b] for a, b in pairwise(path)]
        counts = [words.chinese.get(part, 0) for part in parts]
        if all(len(p) == 1 or (n >= LEAST and len(p) <= LONGEST_ZH) for p, n in zip(parts, counts, strict=True)):
            found[path] = sum(math.log(max(count, 1)) - words.total_zh for count in counts)
    return found


@pytest.mark.parametrize("text", ["南京市长江大桥", "研究生命的起源", "乒乓球拍卖完了", "北京大学生前来应聘", "后来信"])
def test_the_readings_are_the_best_of_all_ways_that_take_their_word(text: str, words: Dictionary) -> None:
    ways = every_way(text, words)
    best = max(ways, key=lambda way: ways[way])
    found = cut(text, words)
    assert found.units == tuple(pairwise(best))
    (one,) = (s for s in found.stretches if s.kind == "crossing")
    opening = one.units(0)[0]
    crossing = {(a, b) for way in ways for a, b in pairwise(way) if opening[0] < a < opening[1] < b}
    for taken, units in (({opening}, one.units(0)), (crossing, one.units(1))):
        likely = max((way for way in ways if taken & set(pairwise(way))), key=lambda way: ways[way])
        assert set(units) <= set(pairwise(likely))


def test_the_first_reading_reaches_further_and_both_cover_the_stretch(words: Dictionary) -> None:
    for text in KNOWN:
        for one in stretches(text, words):
            assert one.units(0)[0][1] > one.units(1)[0][1]
            assert "".join(one.first) == "".join(one.second) == one.bare


def test_outside_a_stretch_both_readings_are_the_best_path(words: Dictionary) -> None:
    found = cut("火车驶过南京市长江大桥。", words)
    first, second = found.reading(0), found.reading(1)
    inside = lambda units: [unit for unit in units if 4 <= unit[0] < 11]  # noqa: E731
    assert first.words == ["火车", "驶过", "南京市", "长江大桥", "。"]
    assert [u for u in first.units if u not in inside(first.units)] == [
        u for u in second.units if u not in inside(second.units)
    ]


def test_of_two_stretches_one_can_be_read_alone(words: Dictionary) -> None:
    found = cut("研究生命，研究生命", words)
    one, other = found.stretches
    assert str(found.reading(0, one)) == "研究生 / 命 / ， / 研究 / 生命" or other.nats > 0
    assert found.reading(0, one).text == found.text and isinstance(one, Stretch)


def test_accents_and_capitals_are_read_as_plain_letters(words: Dictionary) -> None:
    assert plain("É") == "e" and stretches("ITOLD", words)[0].first == ("it", "old")
