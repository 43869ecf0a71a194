"""The page of scaled dot-product attention under AppTest: each control moves the numbers that it should."""

from __future__ import annotations

import json
import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from attnviz import load, record
from attnviz.measures.steps import Steps, again
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.scaled.choices import KEY, PARAMS
from tests.pages.opened import PATIENCE, ROOT, array, elements, said


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "scaled.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return next(element for element in elements(at) if getattr(element, "key", None) == PARAMS[name].key)


def table(at: AppTest) -> str:
    return next(element.proto.body for element in at.get("html") if "class='steps'" in element.proto.body)


def column(at: AppTest, number: int) -> list[str]:
    """Products (1), scaled (2), masked (3) or weights (4) of all keys."""
    rows = re.findall(r"<tr.*?</tr>", table(at))[2:-2]
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row)[number] for row in rows]


def charts(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_opens_with_the_models_own_numbers(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error and len(charts(at)) == 4
    found = Steps.of(record(load("lab-4"), "南京市长江大桥").attention(3, 2), 3)
    assert column(at, 4) == [f"{weight:.4f}" for weight in found.weights.tolist()]
    assert say("scaled.own", lang, model="lab-4") in said(at)
    torch.testing.assert_close(torch.tensor(array(charts(at)[0]["data"][0]["z"]).copy())[0], found.query)
    torch.testing.assert_close(torch.tensor(array(charts(at)[1]["data"][0]["z"]).copy())[2], found.output)
    assert not re.search(r"\b(scaled|figure|ui)\.[a-z_]+", said(at)), "a message key is shown"


def test_turning_the_scale_off_gives_the_products_and_says_that_the_run_is_unchanged() -> None:
    at = opened()
    control(at, "scaled").set_value(False).run()
    assert not at.exception and column(at, 2) == column(at, 1)
    assert "model's run itself is unchanged" in said(at) and "Scale off" in said(at)
    assert at.query_params["scaled"] == "0"


@pytest.mark.parametrize(("mask", "shut"), [("causal", [4, 5, 6, 7, 8]), ("hide", [4]), ("window", [0, 6, 7, 8])])
def test_each_mask_shuts_out_what_it_should(mask: str, shut: list[int]) -> None:
    at = opened(mask=mask)
    assert not at.exception
    assert [n for n, score in enumerate(column(at, 3)) if score == "−∞"] == shut
    assert [n for n, weight in enumerate(column(at, 4)) if weight == "0.0000"] == shut
    assert opened(mask="window", window="8").error.len == 0


def test_rule_and_temperature_act() -> None:
    soft, cold = opened(), opened(temperature="0.5")
    assert column(soft, 3) == column(cold, 3) and column(soft, 4) != column(cold, 4)
    hard = opened(rule="hard", hard="top-k", k="2")
    assert not hard.exception and sum(weight != "0.0000" for weight in column(hard, 4)) == 2
    assert opened(rule="sparse").error.len == 0


def test_choices_come_back_from_the_link_and_go_into_it() -> None:
    at = opened(text="The dog chased the cat.", model="lab-8", layer="2", head="5", query="2", key="1", scaled="0")
    trace = again(record(load("lab-8"), "The dog chased the cat."), 2, scaled=False)
    found = Steps.of(trace.attention(2, 5), 2)
    assert column(at, 4) == [f"{weight:.4f}" for weight in found.weights.tolist()]
    assert at.query_params["head"] == "5" and at.query_params["text"] == "The dog chased the cat."
    assert not opened(head="99", query="999", mask="x", window="-3").exception


@pytest.mark.parametrize("name", ["lab-1", "lab-2", "lab-8"])
def test_every_model_is_shown(name: str) -> None:
    at = opened(model=name)
    assert not at.exception and not at.error and len(charts(at)) == 4


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", ["", "  ", "😀", "x" * 3000, "<b>x</b>", "שלום עולם", "\u200b"])
def test_any_text_gives_the_table_or_one_sentence(text: str, lang: str) -> None:
    at = opened(lang)
    control(at, "text").set_value(text).run()
    assert not at.exception
    assert len(at.error) == 1 or table(at)
    assert at.session_state[KEY + "text"] == text, "nothing typed is lost"


def test_the_draws_follow_the_seed_and_say_that_they_are_no_model() -> None:
    at, other = opened(), opened(draw="7")
    lines = [charts(one)[2]["data"][0]["y"] for one in (at, other)]
    assert lines[0] != lines[1]
    assert "Random vectors, no model" in said(at)
