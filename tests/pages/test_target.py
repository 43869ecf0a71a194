"""The page of target attention under AppTest: two boxes, five similarities, and what each control moves."""

from __future__ import annotations

import json
import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES, say
from attnviz.systems.target.system import SIMILARITIES, load
from attnviz.ui.pages.target.choices import KEY, PARAMS, SAMPLES, START
from tests.pages.opened import PATIENCE, ROOT, array, elements, said

BAD = ["", "  ", "😀", "x" * 3000, "<b>x</b>", "שלום עולם", "\u200b", "狗" * 500]


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "target.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return next(element for element in elements(at) if getattr(element, "key", None) == PARAMS[name].key)


def charts(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def weights(at: AppTest) -> torch.Tensor:
    return torch.tensor(array(charts(at)[0]["data"][0]["z"]).copy())


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SIMILARITIES)
def test_each_similarity_is_shown_with_its_own_weights_and_formula(name: str, lang: str) -> None:
    at = opened(lang, similarity=name)
    assert not at.exception and not at.error and len(charts(at)) == 2
    trace = load().look(*SAMPLES[0], similarity=name)
    torch.testing.assert_close(weights(at), trace.weights(0, 0))
    torch.testing.assert_close(torch.tensor(array(charts(at)[1]["data"][0]["z"]).copy())[0], trace.outputs[START[0]])
    places = ("terms", "score", "product", "width", "dot", "query", "key", "scale")
    formula = say(f"target.formula_{name}", lang, **dict.fromkeys(places, "§")).split("§")[0]
    assert formula in said(at)
    words = said(at).replace("attnviz.training.target.card", "")
    assert not re.search(r"\b(target|figure|ui)\.[a-z_]+\b", words), "a message key is shown"


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_every_sample_is_put_into_both_boxes(number: int) -> None:
    at = opened(query="0", key="1")
    pills = next(element for element in elements(at) if getattr(element, "key", None) == KEY + "sample")
    pills.set_value(number).run()
    assert not at.exception and not at.error
    assert (at.session_state[KEY + "target"], at.session_state[KEY + "text"]) == SAMPLES[number]
    torch.testing.assert_close(weights(at), load().look(*SAMPLES[number], similarity="scaled").weights(0, 0))


def test_another_target_over_the_same_text_looks_elsewhere() -> None:
    text = "狗在花园里睡觉，猫在屋顶上。"
    dog, cat = (weights(opened(target=word, text=text)) for word in ("dog", "cat"))
    assert dog[0].argmax() != cat[0].argmax()


def test_a_rule_acts_and_the_table_compares_all_five() -> None:
    at = opened(rule="hard", hard="argmax")
    assert set(weights(at).unique().tolist()) == {0.0, 1.0}
    table = next(text for text in said(at).split("\n\n") if say("target.col_top", "en") in text)
    assert all(say(f"target.{name}", "en") in table for name in SIMILARITIES)
    assert table.count(" 1.000 ") >= 5, "each gives all its weight to one key"
    assert opened(rule="hard", hard="threshold", minimum="1.0").error.len == 0


def test_choices_come_back_from_the_link_and_go_into_it() -> None:
    at = opened(target="昨天", text="昨天下雨了。", similarity="cosine", query="1", key="2", scale="row")
    assert not at.exception and at.query_params["similarity"] == "cosine" and at.query_params["target"] == "昨天"
    assert "**天** looks at **下**" in said(at)
    assert not opened(similarity="x", query="999", key="x").exception


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("box", ["target", "text"])
@pytest.mark.parametrize("text", BAD)
def test_anything_in_either_box_gives_a_picture_or_one_sentence(box: str, text: str, lang: str) -> None:
    at = opened(lang)
    control(at, box).set_value(text).run()
    assert not at.exception
    assert len(at.error) == 1 or len(charts(at)) == 2
    assert at.session_state[KEY + box] == text, "nothing typed is lost"
    if not text.strip():
        message = "target_empty" if box == "target" else "target_text_empty"
        assert [error.value for error in at.error] == [say(f"error.{message}", lang)]


def test_a_text_that_is_too_long_says_how_far_it_was_read() -> None:
    at = opened(text="狗" * 500)
    assert "254" in at.warning[0].value


def test_held_out_figures_are_those_beside_the_weights() -> None:
    figures = json.loads((ROOT / "attnviz/weights/target-words/figures.json").read_text(encoding="utf-8"))
    for found in figures.values():
        assert f"| {found['share_en-zh']:.3f} |" in said(opened()).replace("**", "")


def test_markup_stays_text() -> None:
    at = opened(text="<b>狗</b>", target="<i>")
    body = "".join(element.proto.body for element in at.get("html"))
    assert "<b>狗" not in body and "&lt;" in body
