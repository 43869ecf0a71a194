"""Every sentence a reader may meet exists in both languages, with the same places to fill."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import attnviz
from attnviz.errors import (
    ArgumentError,
    AttnvizError,
    ModelError,
    PictureError,
    RuleError,
    SeriesError,
    SoundError,
    Stopped,
    TextError,
)
from attnviz.messages import LANGUAGES, say, table

ERRORS = {
    "ArgumentError",
    "AttnvizError",
    "TextError",
    "RuleError",
    "ModelError",
    "PictureError",
    "SeriesError",
    "SoundError",
    "Stopped",
}
SOURCES = sorted(Path(attnviz.__file__).parent.rglob("*.py"))


def places(sentence: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def text_of(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def raised(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Every message id that a module raises, with the names of the values it fills in."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
        first = text_of(call.args[0])
        if name_of(call) in ERRORS and first is not None:
            yield first, {keyword.arg for keyword in call.keywords if keyword.arg}
        elif name_of(call) == "_require" and len(call.args) > 1 and text_of(call.args[1]):
            yield text_of(call.args[1]), {"value"}
        elif name_of(call) == "_check" and first is not None:
            yield f"no_such_{first}", {"number", "last"}


RAISED = [(path.stem, *found) for path in SOURCES for found in raised(ast.parse(path.read_text(encoding="utf-8")))]


def test_both_languages_have_the_same_messages() -> None:
    chinese, english = (table(language) for language in LANGUAGES)
    assert chinese.keys() == english.keys()
    assert chinese


def test_both_languages_fill_the_same_places() -> None:
    chinese, english = (table(language) for language in LANGUAGES)
    different = {key for key in chinese if places(chinese[key]) != places(english[key])}
    assert not different


def test_no_message_is_empty() -> None:
    assert not [(language, key) for language in LANGUAGES for key, text in table(language).items() if not text.strip()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_error_sentences_end_with_punctuation(language: str) -> None:
    ends = ".?!)" if language == "en" else "。？！）"
    errors = {key: text for key, text in table(language).items() if key.startswith("error.")}
    assert not {key for key, text in errors.items() if text[-1] not in ends}


def test_the_search_for_raised_errors_finds_those_of_the_engine() -> None:
    ids = {message for _, message, _ in RAISED}
    assert {"text_empty", "temperature", "k", "no_such_layer", "no_such_position", "model_no_attention"} <= ids


@pytest.mark.parametrize(("module", "message", "values"), RAISED)
def test_raised_error_has_a_sentence_that_its_values_fill(module: str, message: str, values: set[str]) -> None:
    for language in LANGUAGES:
        assert places(table(language)[f"error.{message}"]) <= values, module


def test_every_error_sentence_is_raised_somewhere() -> None:
    unused = {key for key in table("en") if key.startswith("error.")} - {f"error.{message}" for _, message, _ in RAISED}
    assert not unused


@pytest.mark.parametrize(
    "kind", [TextError, RuleError, ArgumentError, ModelError, PictureError, SeriesError, SoundError, Stopped]
)
def test_every_refusal_can_be_caught_as_one(kind: type[AttnvizError]) -> None:
    assert issubclass(kind, AttnvizError)


def test_error_speaks_english_by_itself_and_chinese_on_request() -> None:
    error = TextError("no_such_position", number=9, last=4)
    assert str(error) == "There is no token 9: choose one from 0 to 4."
    assert error.say("zh") == "没有第 9 个词元：请在 0 到 4 之间选择。"


def test_third_language_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'fr'"):
        say("error.text_empty", "fr")
