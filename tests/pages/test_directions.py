"""BERT beside GPT under AppTest: what each may see, what it says, how GPT goes on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attnviz import Argmax, load, record
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.directions.choices import BERT, GPT, PARAMS, SAMPLES, START
from tests.pages.opened import PATIENCE, ROOT, array, elements, said


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "directions.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return next(element for element in elements(at) if getattr(element, "key", None) == PARAMS[name].key)


def cells(at: AppTest, number: int) -> np.ndarray:
    """The first picture's numbers of the chart of that number: BERT's map, GPT's, the text written."""
    return array(json.loads(at.get("plotly_chart")[number].proto.spec)["data"][0]["z"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_shows_both_maps_and_speaks_the_language(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error and len(at.get("plotly_chart")) == 3
    assert say("directions.title", lang) in said(at)
    assert "directions." not in said(at)


def test_the_maps_are_those_of_the_two_models() -> None:
    at = opened()
    bert, gpt = record(load(BERT), START, blank=2), record(load(GPT), START)
    np.testing.assert_allclose(cells(at, 0), bert.weights(3, 1).numpy(), atol=1e-6)
    triangle = cells(at, 1)
    np.testing.assert_allclose(np.tril(triangle), gpt.weights(3, 1).numpy(), atol=1e-6)
    assert np.isnan(triangle[np.triu_indices(len(triangle), 1)]).all(), "what may not be looked at is not drawn as 0"


def test_the_answer_that_lies_ahead_is_bert_s_alone() -> None:
    at = opened()
    wanted = record(load(BERT), START).encoded.ids[2]
    bert = float(record(load(BERT), START, blank=2).probabilities(2)[wanted])
    gpt = float(record(load(GPT), START).probabilities(1)[wanted])
    assert bert > 0.5 > 0.1 > gpt
    assert f"**{bert:.3f}**" in said(at) and f"**{gpt:.3f}**" in said(at)


def test_a_rule_is_computed_with_in_both_models() -> None:
    at = opened(rule="hard", hard="argmax")
    runs = (record(load(BERT), START, rule=Argmax(), blank=2), record(load(GPT), START, rule=Argmax()))
    for number, run in enumerate(runs):
        weights, shown = run.weights(3, 1).numpy(), cells(at, number)
        np.testing.assert_allclose(shown[~np.isnan(shown)], weights[~np.isnan(shown)], atol=1e-6)


def test_gpt_goes_on_from_what_stands_before_the_token() -> None:
    at = opened(token="5", most="4")
    first = say("directions.step_says", "en", token="§", best="§").split("§")[0]
    assert any(text.startswith(first) for text in said(at).splitlines())
    options = control(at, "step").options
    best = record(load(GPT), START[:4]).predictions(4, 1)[0][0]  # [CLS] and four characters
    assert options[0] == f"1 · {best}" and len(options) <= 4


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_is_read(sample: str) -> None:
    at = opened("zh", text=sample, token="99")
    assert not at.exception and not at.error


def test_the_first_token_of_all_can_be_asked_for() -> None:
    at = opened(text="好", token="1")
    assert not at.exception and not at.error and len(at.get("plotly_chart")) == 3


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", ["   ", "\u200b"])
def test_a_text_that_cannot_be_read_is_said_in_one_sentence(text: str, lang: str) -> None:
    at = opened(lang, text=text)
    assert not at.exception and len(at.error) == 1
    assert control(at, "text").value == text, "nothing typed is lost"


def test_a_long_text_says_how_far_it_was_read() -> None:
    at = opened(text="桥" * 400)
    assert not at.exception and len(at.warning) == 1
