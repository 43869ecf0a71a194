"""The choices as plain values: every one of them is something the engine takes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES, table
from attnviz.models import COMPARED
from attnviz.selection import SCALES
from attnviz.ui.kit import MODELS, SAMPLES, SCOPES, SETTINGS, RuleChoice, as_rule, controls, rule_title, within
from attnviz.ui.kit.rules import FAMILIES, HARD, SPARSE, Setting
from attnviz.ui.pages.attention.choices import KEY, PARAMS
from attnviz.ui.pages.attention.shown import CHANGE
from tests.rules import kinds

NAMES = ("soft", *HARD, *SPARSE)
ENGINES = {kind.__name__: kind for kind in kinds()}


def class_name(name: str) -> str:
    """What the engine calls a rule: top-k is its TopK."""
    return "".join(part.capitalize() for part in name.split("-"))


def start(name: str) -> float | None:
    return SETTINGS[name].start if name in SETTINGS else None


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_on_the_page_is_the_engines_rule_of_that_name(name: str) -> None:
    assert type(as_rule(RuleChoice(name, start(name), True))) is ENGINES[class_name(name)]


def test_no_rule_of_the_engine_is_missing_on_the_page() -> None:
    assert sorted(map(class_name, NAMES)) == sorted(ENGINES) and set(SETTINGS) <= set(NAMES)


@pytest.mark.parametrize("name", HARD)
def test_renormalising_is_handed_to_every_hard_rule(name: str) -> None:
    for renormalise in (False, True):
        assert as_rule(RuleChoice(name, start(name), renormalise)).renormalise is renormalise


@pytest.mark.parametrize("name", list(SETTINGS))
def test_both_ends_of_every_slider_are_taken_as_they_are(name: str) -> None:
    setting = SETTINGS[name]
    for number in (setting.low, setting.start, setting.high):
        rule = as_rule(RuleChoice(name, setting.kind(number), False))
        taken = getattr(rule, setting.name)
        assert taken == number and type(taken) is setting.kind


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=str)
def test_every_slider_starts_inside_its_range_and_steps_through_it(setting: Setting) -> None:
    assert setting.low <= setting.start <= setting.high
    steps = (setting.high - setting.low) / setting.step
    assert steps == pytest.approx(round(steps)), "the last step must land on the end"
    assert PARAMS[setting.name].default == setting.start


def test_models_are_the_built_in_ones_in_order_of_their_heads() -> None:
    assert MODELS == COMPARED
    assert [int(name.removeprefix("lab-")) for name in MODELS] == [1, 2, 4, 8]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_a_title_in_both_languages(monkeypatch: pytest.MonkeyPatch, name: str, language: str) -> None:
    monkeypatch.setattr("attnviz.ui.kit.languages.language", lambda: language)
    title = rule_title(as_rule(RuleChoice(name, start(name), True)))
    named = table(language)["rule.softmax" if name == "soft" else f"rule.{name}"]  # "soft" is the family's name
    assert title.startswith(named)
    assert (
        (f"{SETTINGS[name].start:g}" in title) if name in SETTINGS else not set("(（") & set(title.removeprefix(named))
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_that_a_control_shows_has_words(language: str) -> None:
    words = table(language)
    shown = [f"rule.{name}" for name in (*FAMILIES, *NAMES, *(setting.name for setting in SETTINGS.values()))]
    shown += [f"ui.{name}" for name in SCOPES] + [f"ui.scale_{name}" for name in SCALES]
    assert [key for key in shown if not words.get(key)] == []


@pytest.mark.parametrize(("chosen", "count", "expected"), [(0, 4, 0), (3, 4, 3), (4, 4, 3), (999, 1, 0), (7, 8, 7)])
def test_a_number_is_drawn_into_what_there_is(
    monkeypatch: pytest.MonkeyPatch, chosen: int, count: int, expected: int
) -> None:
    state = {KEY + "head": chosen}
    monkeypatch.setattr(controls, "st", SimpleNamespace(session_state=state))
    assert within(KEY + "head", count) == expected
    assert state == {KEY + "head": expected}


def test_samples_are_in_both_languages_and_one_of_them_asks_about_a_blank() -> None:
    chinese = [text for text in SAMPLES if any("\u4e00" <= character <= "\u9fff" for character in text)]
    assert 2 <= len(chinese) < len(SAMPLES)
    assert SAMPLES[0] == PARAMS["text"].default
    assert len(set(SAMPLES)) == len(SAMPLES)
    assert any("[MASK]" in text for text in SAMPLES)


def test_the_shown_change_is_a_set_of_choices_that_the_controls_know() -> None:
    assert set(CHANGE) <= set(PARAMS)
    for name, value in CHANGE.items():
        assert value is None or PARAMS[name].read("1" if value is True else str(value)) == value
    assert CHANGE["scope"] == "run" and CHANGE["family"] != "soft"


def test_a_file_that_is_brought_fills_its_box_and_one_that_is_no_text_is_told_once() -> None:
    def page() -> None:
        import io

        import streamlit as st

        from attnviz.ui.kit import controls

        st.session_state["box"] = "typed"
        for content in (b"\x89PNG\x00", "张三".encode("gbk")):
            st.session_state["box.file"] = io.BytesIO(content)
            controls._take_text("box")
            st.text(f"{st.session_state['box']} {st.session_state.pop('box.unread', False)}")

    at = AppTest.from_function(page).run()
    assert not at.exception and [one.value for one in at.text] == ["typed True", "张三 False"]
