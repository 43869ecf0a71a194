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
        for role in ("query", "keys", "mask", "rule", "many"):
            assert say(f"family.{member.key}_{role}", lang) in said(at)
    shown = {screen.name for _, screen in registry.members()} | {"family"}
    others = [f"family.page-{screen.name}" for screen in registry.screens() if screen.name not in shown]
    assert [one.key for one in at.button] == [*(f"family.{member.key}" for member in MEMBERS), *others]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_drawing_of_a_mask_says_who_may_look_at_whom(lang: str) -> None:
    drawn = "".join(one.proto.body for one in the_map(lang).get("html"))
    assert drawn.count("<img") == len(MEMBERS) and "alt=''" not in drawn
    for member in MEMBERS:
        assert f"alt='{say(f'family.mask_{member.mask}', lang)}'" in drawn


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_edge_says_what_changes_and_leads_from_a_member_above(lang: str) -> None:
    at, keys = the_map(lang), [member.key for member in MEMBERS]
    for place, member in enumerate(MEMBERS):
        if place == 0:
            assert member.of == ""
            continue
        assert member.of in keys[:place]
        change = say(f"family.{member.key}_change", lang)
        assert say("family.from", lang, parent=say(f"family.{member.of}_name", lang), change=change) in said(at)


def test_every_page_stands_on_the_map() -> None:
    at = the_map("en")
    for screen in registry.screens():
        named = [member.key for member, one in registry.members() if one == screen] or [f"page-{screen.name}"]
        assert screen.name == "family" or all(at.button(key=f"family.{name}") for name in named)


def test_members_stand_in_the_order_of_the_menu() -> None:
    shown = [one for name in ("family", "things") for one in registry.sections()[name] if one.members]
    orders = [screen.order for screen in shown]
    firsts = [min(member.number for member in one.members) for one in shown]
    assert orders == sorted(orders) and firsts == sorted(firsts)


@pytest.mark.parametrize("member", [member.key for member in MEMBERS])
def test_a_card_opens_the_state_that_it_names_and_the_page_says_so(member: str) -> None:
    at = opened()
    at.switch_page("pages/family.py").run()
    at.button(key=f"family.{member}").click().run()
    assert not at.exception and not at.error
    found, screen = next(pair for pair in registry.members() if pair[0].key == member)
    assert {key: at.session_state[key] for key in found.choices} == dict(found.choices)
    line = say("family.looking_at", "en", name=say(f"family.{member}_name", "en"))
    assert line in said(at) and at.query_params["as"] in (member, [member])
    at.button(key=f"{screen.name}.put_away").click().run()
    assert line not in said(at) and "as" not in at.query_params


def test_no_two_cards_of_a_page_name_the_same_state_of_attention() -> None:
    states = [(screen.name, *sorted(member.choices.items())) for member, screen in registry.members()]
    assert len({one for one in states if one[0] == "attention"}) == 3


def test_the_line_goes_when_the_page_shows_something_else() -> None:
    at = opened(rule="hard", **{"as": "hard"})
    line = say("family.looking_at", "en", name=say("family.hard_name", "en"))
    assert line in said(at)
    at.segmented_control(key="attention.family").set_value("soft").run()
    assert line not in said(at)


def test_the_map_begins_in_the_order_of_the_source() -> None:
    assert [member.key for member in MEMBERS[:FIRST]] == ["soft", "hard", "target", "self", "multi_head", "multi_layer"]


def test_every_page_of_the_folder_stands_in_the_navigation_once() -> None:
    screens = [screen.name for group in registry.sections().values() for screen in group]
    assert sorted(screens) == sorted(path.stem for path in (ROOT / "pages").rglob("*.py"))
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
