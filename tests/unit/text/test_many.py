"""Texts read together are those that `encode` gives, whatever stands in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attnviz as av
from attnviz.errors import AttnvizError
from attnviz.text.characters import PLAIN, clusters
from attnviz.text.many import ManyTexts
from attnviz.text.tokens import Encoded, encode
from attnviz.text.units import groups, members

PIECES = [
    "the ",
    "The",
    "南京",
    "é",
    "e\u0301",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    " ",
    "🇨🇳",
    "😀",
    "龘",
    "。",
    "'s",
    "\n",
    "\u200b",
    "1️⃣",
    "ａ",
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


def alone(model: av.Model, text: str) -> Encoded | AttnvizError:
    try:
        return encode(text, model.tokenizer, model.limit)
    except AttnvizError as reason:
        return reason


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt", "lab-translator"])
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, max_size=8))
def test_each_is_what_it_is_alone(name: str, texts: list[str]) -> None:
    model = av.load(name)
    for text, found in zip(texts, ManyTexts(model.tokenizer, model.limit).read(texts), strict=True):
        expected = alone(model, text)
        if isinstance(expected, AttnvizError):
            assert isinstance(found, AttnvizError) and found.message == expected.message
        else:
            assert found == expected
            assert members(expected, "word") == groups(expected, "word").of


@given(st.text(st.characters().filter(lambda one: PLAIN.fullmatch(one) is not None), min_size=1))
def test_plain_characters_are_one_each_as_unicode_s_rules_have_them(text: str) -> None:
    import regex

    assert clusters(text) == [one.span() for one in regex.finditer(r"\X", text)]


def test_one_that_is_longer_than_the_model_reads_is_cut_as_alone() -> None:
    model = av.load("lab-4")
    text = "南京" * 400
    (found,) = ManyTexts(model.tokenizer, model.limit).read([text])
    assert found == alone(model, text) and isinstance(found, Encoded) and found.cut
