"""The address as the store of all choices: what is written comes back, and a slip in it does no harm."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from attnviz.ui.kit import link
from attnviz.ui.kit.link import Param, between, flag, matching, one_of, restore, said
from attnviz.ui.pages.attention.choices import KEY, PARAMS

CHOICES = {
    "lang": "zh", "text": "a & b=c #d 南?%20\U0001f600", "model": "lab-8", "layer": 2, "head": 7, "query": 2, "key": 0,
    "blank": 1, "family": "hard", "hard": "top-p", "sparse": "entmax", "renormalise": False, "scope": "run",
    "scale": "log", "specials": False, "temperature": 0.3, "k": 5, "minimum": 0.25, "p": 0.55, "seed": 41, "alpha": 2.2,
}  # fmt: skip


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A session of its own, and what it remembers."""
    found = SimpleNamespace(session_state={})
    monkeypatch.setattr(link, "st", found)
    return found


def test_a_visit_without_choices_starts_with_the_defaults(browser: SimpleNamespace) -> None:
    restore(PARAMS, {})
    assert browser.session_state == {param.key: param.default for param in PARAMS.values()}


def test_defaults_leave_the_address_clean(browser: SimpleNamespace) -> None:
    restore(PARAMS, {})
    assert said(PARAMS) == {}


def test_every_choice_survives_the_way_through_the_address(browser: SimpleNamespace) -> None:
    assert set(CHOICES) == set(PARAMS), "a new choice must be tried here too"
    for name, value in CHOICES.items():
        assert value != PARAMS[name].default, name
        browser.session_state[PARAMS[name].key] = value
    says = said(PARAMS)
    assert all(isinstance(value, str) for value in says.values())
    browser.session_state.clear()
    restore(PARAMS, says)
    for name, value in CHOICES.items():
        back = browser.session_state[PARAMS[name].key]
        assert back == value and type(back) is type(value), name


def test_what_is_back_at_its_default_leaves_the_address(browser: SimpleNamespace) -> None:
    restore(PARAMS, {"model": "lab-8", "layer": "2"})
    browser.session_state[KEY + "layer"] = PARAMS["layer"].default
    assert said(PARAMS) == {"model": "lab-8"}


def test_what_an_address_says_is_said_again_while_nothing_changed(browser: SimpleNamespace) -> None:
    restore(PARAMS, {"model": "lab-8", "renorm": "0"})
    assert said(PARAMS) == {"model": "lab-8", "renorm": "0"}


def test_a_choice_made_in_the_session_wins_over_the_address(browser: SimpleNamespace) -> None:
    browser.session_state[KEY + "model"] = "lab-1"
    restore(PARAMS, {"model": "lab-8"})
    assert browser.session_state[KEY + "model"] == "lab-1"


def test_after_back_the_address_wins_over_the_session_but_for_the_language(browser: SimpleNamespace) -> None:
    browser.session_state.update({KEY + "model": "lab-1", KEY + "layer": 0, "lang": "zh"})
    restore(PARAMS, {"model": "lab-8", "lang": "en"}, anew=True)
    found = [browser.session_state[key] for key in (KEY + "model", KEY + "layer", "lang")]
    assert found == ["lab-8", PARAMS["layer"].default, "zh"]


@pytest.mark.parametrize(
    ("name", "slips"),
    {
        "lang": ["fr", "", "ZH"],
        "model": ["lab-3", "bert-base-chinese", "../../etc", ""],
        "layer": ["-1", "1.5", "x", "", "1e9", "99999999999999999999"],
        "head": ["-1", "nan", "٣٣٣٣"],
        "query": ["-1", "100000"],
        "key": ["--", "100000"],
        "blank": ["None", "-1", "100000"],
        "family": ["soft ", "hardest", ""],
        "hard": ["top-q", ""],
        "sparse": ["entmax15"],
        "scope": ["both"],
        "scale": ["linear"],
        "temperature": ["0", "0.05", "nan", "inf", "-1", "x"],
        "k": ["0", "17", "2.0", "nan"],
        "minimum": ["-0.1", "1.1", "nan"],
        "p": ["0", "1.5", "nan"],
        "seed": ["-1", "100", "0.5"],
        "alpha": ["0.9", "4.1", "nan", "inf"],
    }.items(),
)
def test_a_slip_in_the_address_gives_the_default(browser: SimpleNamespace, name: str, slips: list[str]) -> None:
    param = PARAMS[name]
    for slip in slips:
        browser.session_state.clear()
        restore(PARAMS, {param.name: slip})
        assert browser.session_state[param.key] == param.default, slip


def test_what_a_page_found_itself_is_shown_and_not_said(browser: SimpleNamespace) -> None:
    key = PARAMS["query"].key
    restore(PARAMS, {})
    link.find(key, 5)
    assert browser.session_state[key] == 5 and link.chosen(key) is None and said(PARAMS) == {}
    browser.session_state[key] = 6  # a person chooses in the menu
    assert said(PARAMS) == {"query": "6"} and link.chosen(key) == 6
    browser.session_state[key] = 5  # and comes back: now it is a choice
    assert said(PARAMS) == {"query": "5"} and link.chosen(key) == 5
    link.find(key, 5)
    link.choose(key, 5)
    assert said(PARAMS) == {"query": "5"}


def test_an_address_names_what_a_page_had_found_as_well(browser: SimpleNamespace) -> None:
    key = PARAMS["query"].key
    restore(PARAMS, {})
    link.find(key, 5)
    restore(PARAMS, {"query": "5"}, anew=True)
    assert link.chosen(key) == 5 and said(PARAMS) == {"query": "5"}
    restore(PARAMS, {}, anew=True)
    assert browser.session_state[key] is None and link.chosen(key) is None


def test_short_names_and_keys_are_all_different() -> None:
    assert len({param.name for param in PARAMS.values()}) == len(PARAMS)
    assert len({param.key for param in PARAMS.values()}) == len(PARAMS)
    assert all(param.key in (param.name, KEY + name) for name, param in PARAMS.items())


def test_readers_take_their_range_and_nothing_else() -> None:
    assert between(0, 3, int)("3") == 3 and between(0.1, 1.0, float)("0.1") == 0.1
    assert flag("1") is True and flag("0") is False and flag("") is False
    assert one_of("a", "b")("b") == "b"
    digits = matching(re.compile(r"\d+"))
    assert digits("12") == "12"
    for read, text in (
        (between(0, 3, int), "4"), (between(0, 1, float), "nan"), (one_of("a"), "b"), (digits, "1x"), (digits, ""),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            read(text)


def test_an_unknown_name_in_the_address_is_ignored(browser: SimpleNamespace) -> None:
    restore({"one": Param("one", "one", 1, int)}, {"utm_source": "x"})
    assert browser.session_state == {"one": 1}


class Told(dict[str, object]):
    """A session that remembers what was set."""

    def __init__(self, **held: object) -> None:
        super().__init__(**held)
        self.told: list[str] = []

    def __setitem__(self, key: str, value: object) -> None:
        self.told.append(key)
        super().__setitem__(key, value)


def test_a_page_tells_again_what_is_its_own_and_can_be_set(browser: SimpleNamespace) -> None:
    own, others = (
        {"text": "a", "at": 3, "many": ["a", "b"]},
        {"pressed": True, "file": None, "none": [], "files": [object()]},
    )
    held = {f"{page}.{name}": value for page in ("one", "other") for name, value in (own | others).items()}
    browser.session_state = Told(**held)
    link.tell_again({"choice": Param("choice", "one.choice", "", str)})
    assert browser.session_state.told == ["one.text", "one.at", "one.many"] and browser.session_state == held
