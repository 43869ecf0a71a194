"""The map of the family: every member has its words and its way to a page."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES, say, table
from attnviz.ui import registry
from attnviz.ui.pages.family.shown import FIRST
from tests.pages.opened import PATIENCE, ROOT, opened, said

MEMBERS = [member for member, _ in registry.members()]


def the_map(lang: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "family.py"), default_timeout=PATIENCE)
    at.query_params["lang"] = lang
    return at.run()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_member_says_query_keys_mask_and_rule(lang: str) -> None:
    at = the_map(lang)
    assert not at.exception and not at.error
    for number, member in enumerate(MEMBERS, 1):
        assert say("family.step", lang, number=number, name=say(f"family.{member.key}_name", lang)) in said(at)
        for role in ("query", "keys", "mask", "rule"):
            assert say(f"family.{member.key}_{role}", lang) in said(at)
    assert len(at.button) == len(MEMBERS)


def test_the_map_begins_in_the_order_of_the_source() -> None:
    assert [member.key for member in MEMBERS[:FIRST]] == ["soft", "hard", "target", "self", "multi_head", "multi_layer"]


def test_every_page_of_the_folder_stands_in_the_navigation_once() -> None:
    screens = [screen.name for group in registry.sections().values() for screen in group]
    assert sorted(screens) == sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
    assert len(set(screens)) == len(screens)
    assert {screen.name for _, screen in registry.members()} <= set(screens)
    assert [member.number for member in MEMBERS] == list(range(1, len(MEMBERS) + 1))
    assert all(f"ui.page_{name}" in table(lang) for name in screens for lang in LANGUAGES)


def test_opening_hard_attention_opens_the_attention_page_with_a_hard_rule() -> None:
    at = opened()
    at.switch_page("pages/family.py").run()
    at.button(key="family.hard").click().run()
    assert not at.exception
    assert at.session_state["attention.family"] == "hard"
    assert say("ui.title", "en") in said(at)


def test_the_choices_of_every_page_outlive_a_visit_to_another() -> None:
    at = opened(text="狗追猫", model="lab-8")
    at.switch_page("pages/directions.py").run()
    at.switch_page("pages/attention.py").run()
    assert at.session_state["attention.text"] == "狗追猫" and at.session_state["attention.model"] == "lab-8"
    assert {"attention.text", "readings.case", "directions.text"} <= set(registry.params())
