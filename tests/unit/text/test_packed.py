"""Token numbers as a word for a link."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.text.packed import packed, unpacked


@given(st.lists(st.integers(0, 2**31 - 1), max_size=200))
def test_numbers_come_back_the_same_from_a_word_that_an_address_holds_as_it_is(ids: list[int]) -> None:
    word = packed(ids)
    assert unpacked(word) == tuple(ids)
    assert all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in word)


@pytest.mark.parametrize(("ids", "raw"), [([1], b"\x01"), ([128], b"\x80\x01"), ([300, 5], b"\xac\x02\x05")])
def test_numbers_are_written_as_leb128(ids: list[int], raw: bytes) -> None:
    assert packed(ids) == urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize("word", ["A", "gA", "Baw", "BawC=", "Baw C", "Ba%C", "词", "______8B", "\ud800"])
def test_a_damaged_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError):
        unpacked(word)


@given(st.text(max_size=20))
def test_whatever_a_link_says_gives_numbers_that_spell_it_again_or_is_refused(word: str) -> None:
    try:
        found = unpacked(word)
    except ValueError:
        return
    assert packed(found) == word
