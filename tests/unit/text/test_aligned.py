"""Two readings cut into the finest pieces that both have: by hand, and what holds for all texts and all cuts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

import attnviz as av
from attnviz.text.aligned import aligned
from attnviz.text.tokens import Encoded


def read(text: str, *pieces: str, special: bool = True) -> Encoded:
    """A text in pieces, each found after the last, [CLS] before and [SEP] after."""
    spans: list[tuple[int, int] | None] = []
    at = 0
    for piece in pieces:
        start = text.index(piece, at)
        at = start + len(piece)
        spans.append((start, at))
    labels = list(pieces)
    if special:
        spans, labels = [None, *spans, None], ["[CLS]", *labels, "[SEP]"]
    marks = tuple(span is None for span in spans)
    return Encoded(text, tuple(range(len(spans))), tuple(labels), tuple(spans), marks, None)


def test_one_text_in_two_cuts_is_cut_where_both_are() -> None:
    found = aligned(read("南京市长江大桥", *"南京市长江大桥"), read("南京市长江大桥", "南京", "市长", "江", "大桥"))
    assert found.labels == ("[CLS]", "南京", "市长", "江", "大桥", "[SEP]")
    assert found.first == ((0,), (1, 2), (3, 4), (5,), (6, 7), (8,)) and not any(found.changed)
    assert found.second == ((0,), (1,), (2,), (3,), (4,), (5,))


def test_what_stands_in_place_of_something_is_one_unit_and_what_is_on_one_side_none() -> None:
    found = aligned(
        read("it was hungry", "it", "was", "hung", "ry"), read("they were so hungry", *["they", "were", "so", "hungry"])
    )
    assert "hungry" in found.labels and any("→" in label for label in found.labels)
    more = aligned(read("the cat sat", *["the", "cat", "sat"]), read("the big cat sat", *["the", "big", "cat", "sat"]))
    assert more.labels == ("[CLS]", "the", "cat", "sat", "[SEP]") and more.second == ((0,), (1,), (3,), (4,), (5,))


def test_special_tokens_go_together_from_either_end() -> None:
    found = aligned(read("ab", "ab"), read("ab", "ab", special=False))
    assert found.labels == ("ab",)
    decoder = av.record(av.load("lab-gpt"), "小猫睡了").encoded
    both = aligned(av.record(av.load("lab-4"), "小猫睡了").encoded, decoder)
    assert both.labels == ("[CLS]", "小", "猫", "睡", "了")


def test_what_was_not_read_is_not_laid_out() -> None:
    cut = replace(read("ab", "ab"), text="ab cd", cut=2)
    assert aligned(cut, read("xy", "xy")).labels == ("[CLS]", "ab → xy", "[SEP]")


@st.composite
def cut_up(draw: st.DrawFn, text: str) -> Encoded:
    ends = sorted({*draw(st.sets(st.integers(1, len(text)), max_size=6)), len(text)})
    return read(text, *(text[start:end] for start, end in zip([0, *ends], ends, strict=False)), special=False)


@settings(max_examples=60, deadline=None)
@given(st.text("abc猫", min_size=1, max_size=12), st.data())
def test_of_one_text_every_token_is_in_one_unit_and_units_are_the_finest(text: str, data: st.DataObject) -> None:
    first, second = data.draw(cut_up(text)), data.draw(cut_up(text))
    found = aligned(first, second)
    for side, units in ((first, found.first), (second, found.second)):
        assert [place for unit in units for place in unit] == list(range(len(side.labels)))
    ends = [{span[1] for span in side.spans if span} for side in (first, second)]
    assert len(found.labels) == len(ends[0] & ends[1]) and "".join(found.labels) == text


@settings(max_examples=60, deadline=None)
@given(st.text("ab ", min_size=1, max_size=10), st.text("ab ", min_size=1, max_size=10))
def test_of_two_texts_no_token_is_in_two_units_and_equal_units_have_equal_texts(one: str, other: str) -> None:
    sides = [read(text, *text.split(), special=False) for text in (one, other)]
    found = aligned(*sides)
    for side, units in zip(sides, (found.first, found.second), strict=True):
        places = [place for unit in units for place in unit]
        assert places == sorted(set(places)) and all(units) and max(places, default=-1) < len(side.labels)
    assert all((" → " in label) == changed for label, changed in zip(found.labels, found.changed, strict=True))
