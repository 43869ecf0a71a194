"""A model is opened in one way: with progress, a Stop where it takes long, and not again until that is wanted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES, say
from attnviz.ui.kit import opening
from attnviz.ui.stores import models
from attnviz.ui.stores.models import ModelStore


def script() -> None:
    import streamlit as st

    from attnviz.ui.kit.opening import open_model
    from attnviz.ui.kit.page import reader_errors

    with reader_errors():
        st.caption(open_model("someone/large").name)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were loaded; each tells of two files."""
    seen: list[str] = []

    def load(name: str, revision: str, progress) -> object:  # type: ignore[no-untyped-def]
        for file in ("a", "b"):
            progress(SimpleNamespace(file=file, done=1e6, total=2e6))
        seen.append(name)
        return SimpleNamespace(name=name)

    model_store = ModelStore(9, size=lambda model: 1)
    monkeypatch.setattr(models, "_load", load)
    monkeypatch.setattr(opening, "model_store", lambda: model_store)
    return seen


def visit(lang: str, **state: object) -> AppTest:
    at = AppTest.from_function(script, default_timeout=60)
    for name, value in {"lang": lang, **state}.items():
        at.session_state[name] = value
    return at.run()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_model_is_opened_once_and_its_progress_goes_away(lang: str, loads: list[str]) -> None:
    for _ in range(2):
        at = visit(lang)
        assert not at.exception and at.caption[0].value == "someone/large" and not at.button
    assert loads == ["someone/large"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_was_stopped_is_opened_again_when_that_is_wanted(lang: str, loads: list[str]) -> None:
    at = visit(lang, **{opening.STOPPED: ("someone/large", "")})
    assert not at.exception and not loads
    assert at.error[0].value == say("error.opening_stopped", lang, model="someone/large")
    at.run()
    assert not loads, "not by itself"
    at.button[0].click().run()
    assert loads == ["someone/large"] and at.caption[0].value == "someone/large" and not at.error and not at.button


def test_another_model_than_the_stopped_one_is_opened_at_once(loads: list[str]) -> None:
    at = visit("en", **{opening.STOPPED: ("someone/other", "")})
    assert loads == ["someone/large"] and not at.error


def test_a_click_on_stop_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {}
    monkeypatch.setattr(opening.st, "session_state", state)
    opening._stop("someone/large", "v2")
    assert state == {opening.STOPPED: ("someone/large", "v2")}
