"""A link brings back what it says; one with a slip in it opens with the defaults."""

from __future__ import annotations

import pytest

from attnviz.ui.pages.attention.choices import PARAMS
from tests.pages.opened import change, charts, chosen, control, opened

WHOLE = {
    "text": "乒乓球拍卖完了", "model": "lab-8", "layer": "2", "head": "5", "query": "1", "key": "6", "rule": "hard",
    "hard": "top-p", "p": "0.55", "renorm": "0", "scope": "run", "scale": "log", "specials": "0", "blank": "4",
}  # fmt: skip
MEANT = {
    "text": "乒乓球拍卖完了", "model": "lab-8", "layer": 2, "head": 5, "query": 1, "key": 6, "family": "hard",
    "hard": "top-p", "p": 0.55, "renormalise": False, "scope": "run", "scale": "log", "specials": False, "blank": 4,
}  # fmt: skip


def address(at) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return {name: value[0] if isinstance(value, list) else value for name, value in at.query_params.items()}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_link_restores_everything_and_stays_as_it_was(lang: str) -> None:
    at = opened(lang, **WHOLE)
    assert not at.exception and not at.error
    assert {name: chosen(at, name) for name in MEANT} == MEANT
    assert chosen(at, "lang") == lang
    assert address(at) == {"lang": lang, **WHOLE}
    labels = charts(at)[1]["layout"]["xaxis"]["ticktext"]
    assert labels == ["乒", "乓", "球", "[MASK]", "卖", "完", "了"]


def test_a_second_run_changes_nothing_that_the_link_said() -> None:
    at = opened(**WHOLE).run()
    assert {name: chosen(at, name) for name in MEANT} == MEANT
    assert address(at) == {"lang": "en", **WHOLE}


def test_what_is_chosen_on_the_page_stands_in_the_link() -> None:
    at = change(opened(), layer=2, head=1, family="sparse", sparse="entmax", alpha=2.5)
    expected = {"layer": "2", "head": "1", "rule": "sparse", "sparse": "entmax", "alpha": "2.5", "lang": "en"}
    assert address(at) == expected
    again = opened(**expected)
    assert charts(again) == charts(at)


def test_a_number_set_for_one_rule_is_still_there_after_another_was_tried() -> None:
    at = change(opened(rule="hard", hard="top-k", k="7"), family="soft", scale="log")
    change(at, family="hard")
    assert not at.exception and control(at, "k").value == 7


BAD = {
    "lang": "fr", "model": "lab-3", "layer": "x", "head": "-4", "query": "1.5", "key": "", "rule": "softest",
    "hard": "top", "sparse": "?", "scope": "?", "scale": "?", "temperature": "nan", "k": "0", "minimum": "7", "p": "0",
    "seed": "-1", "alpha": "inf", "blank": "x",
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD))
def test_a_slip_in_the_link_opens_with_the_default(name: str) -> None:
    at = opened(**({"lang": "en"} | {name: BAD[name]}))
    assert not at.exception and not at.error and len(charts(at)) == 2
    param = next(param for param in PARAMS.values() if param.name == name)
    usual = chosen(opened(), name) if name in ("query", "key") else param.default  # the page itself finds a pair
    assert name == "lang" or at.session_state[param.key] == usual
    assert address(at).get(name) != BAD[name]


def test_numbers_that_the_text_and_model_lack_become_the_last_ones() -> None:
    at = opened(text="猫", layer="99", head="99", query="500", key="500")
    assert not at.exception and not at.error
    assert [chosen(at, name) for name in ("layer", "head", "query", "key")] == [3, 3, 2, 2]


@pytest.mark.parametrize("blank", ["0", "8", "500"])
def test_a_blank_that_cannot_be_made_is_one_sentence(blank: str) -> None:
    at = opened(blank=blank)
    assert not at.exception
    assert len(at.error) == (0 if charts(at) else 1)


def test_two_visitors_do_not_share_choices() -> None:
    one, other = opened(rule="hard", hard="argmax", scope="run"), opened("zh", text="猫")
    one.run()
    assert (chosen(one, "family"), chosen(other, "family")) == ("hard", "soft")
    assert (control(one, "text").value, control(other, "text").value) == (PARAMS["text"].default, "猫")
