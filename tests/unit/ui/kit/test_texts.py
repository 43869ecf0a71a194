"""Texts that no address can carry: what gives way, under which name, and what a session holds of them."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from attnviz.ui.kit.link.texts import MOST, Texts, fitted, length, name_of, wanted

LONG = "南京市长江大桥" * 3_000


@pytest.mark.parametrize("text", [LONG, "a" * 20_000, "\n" * 9_000, "😀" * 2_000])
def test_what_is_too_long_gives_way_and_the_rest_stays(text: str) -> None:
    found, texts = fitted({"lang": "en", "text": text, "layer": "2"})
    assert found == {"lang": "en", "layer": "2", "text.kept": name_of(text)} and texts == {name_of(text): text}
    assert len(urlencode(found)) < 6_000 and wanted(found) == {"text": name_of(text)}


def test_what_fits_stands_in_the_address_as_it_is() -> None:
    values = {"text": "南" * (MOST // 9 - 2)}
    assert fitted(values) == (values, {}) and length(values) <= MOST
    assert fitted({"text": "南" * (MOST // 9)})[0] == {"text.kept": name_of("南" * (MOST // 9))}


def test_of_two_texts_the_longer_gives_way_first() -> None:
    found, _ = fitted({"text": "a" * 4_000, "target": "b" * 5_000})
    assert found == {"text": "a" * 4_000, "target.kept": name_of("b" * 5_000)}
    both, texts = fitted({"text": LONG, "target": "b" * 6_000})
    assert set(both) == {"text.kept", "target.kept"} and len(texts) == 2


def test_names_are_those_of_the_text_and_no_other() -> None:
    assert name_of("a") == name_of("a") != name_of("b") and len(name_of(LONG)) == 20
    assert name_of("\ud800"), "half a character that was typed is a text too"


def test_a_session_holds_so_many_bytes_and_lets_the_least_used_go() -> None:
    texts = Texts(room=100)
    for letter in "abc":
        texts.put(letter * 40)
        assert texts.get(name_of("a" * 40)) is not None, "used all the while"
    assert texts.get(name_of("b" * 40)) is None and texts.get(name_of("c" * 40)) == "c" * 40
    texts.put("南" * 34)  # 102 bytes
    assert texts.get(name_of("南" * 34)) is None
