"""The page on limits: theory before anything is measured, sinks and edges as the engine computes them."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.core.interventions import HideToken
from attnviz.errors import TextError
from attnviz.experiments import cost
from attnviz.experiments.edges import edge_effects, token_shares
from attnviz.messages import LANGUAGES, table
from attnviz.models import load
from attnviz.recording.record import record
from attnviz.ui.kit.work import Work
from attnviz.ui.pages.limits import costs
from attnviz.ui.pages.limits.choices import KEY, PARAMS
from tests.pages.models.opened import effect
from tests.pages.opened import PATIENCE, ROOT, array, charts, elements, said
from tests.pages.test_sparse import raw_keys

TEXT = "他把书还给了图书馆"
PICTURES = 3  # theory, sinks, edges
START = KEY + "cost.start"


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "limits.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return next(element for element in elements(at) if getattr(element, "key", None) == PARAMS[name].key)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("model", ["lab-4", "lab-gpt"])
def test_page_opens_with_its_pictures_in_words_of_the_language(model: str, lang: str) -> None:
    at = opened(lang, model=model)
    assert not at.exception and not at.error
    assert len(charts(at)) == PICTURES and not raw_keys(at)
    labels = set(table(lang).values())
    for name in ("text", "model", "at", "place", "layer", "head", "family"):
        assert control(at, name).label in labels, name


def test_sinks_are_the_engines_shares_of_both_models() -> None:
    at = opened(text=TEXT, at="4")
    lines = charts(at)[1]["data"]
    assert [line["name"] for line in lines[:2]] == ["lab-4 [CLS]", "lab-4 [SEP]"]
    for first, name in ((0, "lab-4"), (3, "lab-gpt")):
        trace = record(load(name), TEXT, blank=4 if name == "lab-4" else None)
        places = [0, len(trace.tokens) - 1] if name == "lab-4" else [0]
        shares = token_shares(trace, places)
        for number in range(len(places)):
            assert list(array(lines[first + number]["y"])) == pytest.approx(shares[:, number].tolist())


@pytest.mark.parametrize(("which", "hidden"), [("first", [0]), ("last", [-1]), ("both", [0, -1])])
def test_hiding_them_changes_the_prediction_as_the_engine_does(which: str, hidden: list[int]) -> None:
    at = opened(text=TEXT, at="4", hide=which)
    size = len(record(load("lab-4"), TEXT).tokens)
    after = record(load("lab-4"), TEXT, blank=4, interventions=[HideToken(token % size) for token in hidden])
    shown = re.findall(r"class='after'><i [^>]*></i>([\d.]+)", effect(at))
    assert max(map(float, shown)) == pytest.approx(after.predictions(4, 1)[0][1], abs=6e-4)


@pytest.mark.parametrize("place", [("all", None, None), ("layer", 2, None), ("head", 3, 1)])
@pytest.mark.parametrize("model", ["lab-4", "lab-gpt"])
def test_edges_are_those_that_the_engine_tries(model: str, place: tuple) -> None:
    where, layer, head = place
    at = opened(text=TEXT, at="4", model=model, place=where, layer=str(layer or 0), head=str(head or 0))
    trace = record(load(model), TEXT, blank=4 if model == "lab-4" else None)
    tried = edge_effects(load(model), trace, 4, where={"all": (), "layer": (layer,), "head": (layer, head)}[where])
    points = charts(at)[2]["data"][0]
    assert [point[1] for point in points["customdata"]] == pytest.approx(list(tried.weights))
    assert [point[2] for point in points["customdata"]] == pytest.approx(list(tried.bits), abs=1e-6)
    assert list(array(points["x"])) == pytest.approx([weight**0.5 for weight in tried.weights])
    rho, tau = tried.rank_agreement
    assert f"**{rho:.2f}**" in said(at) and f"**{tau:.2f}**" in said(at)


def test_choices_come_back_from_the_link() -> None:
    at = opened()
    control(at, "place").set_value("head")
    at.run()
    control(at, "layer").set_value(2)
    at.run()
    assert not at.exception
    link = {name: value[0] if isinstance(value, list) else value for name, value in at.query_params.items()}
    assert link["place"] == "head" and link["layer"] == "2"
    again = opened(**link)
    assert charts(again)[2]["data"] == charts(at)[2]["data"]


def test_rule_reaches_every_run() -> None:
    at = opened(rule="hard", hard="argmax", place="head")
    weights = [point[1] for point in charts(at)[2]["data"][0]["customdata"]]
    assert len(weights) == 1 and weights[0] == pytest.approx(1)  # argmax gives one key the whole row
    assert "no order" in said(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_measuring_takes_the_place_of_the_theory_and_stays(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "LENGTHS", (32, 64))
    at = opened(lang)
    at.button(key=START).click()
    at.run()
    assert not at.exception and not at.error and not raw_keys(at)
    assert len(charts(at)) == PICTURES + 2
    for chart in charts(at)[:3]:
        assert list(array(chart["data"][0]["x"])) == [32, 64]
    memory = list(array(charts(at)[1]["data"][0]["y"]))
    assert 3 < memory[1] / memory[0] < 4.1  # the tables grow fourfold, the output twofold
    control(at, "place").set_value("layer")
    at.run()
    assert len(charts(at)) == PICTURES + 2 and at.button(key=START)


def test_measuring_that_is_stopped_keeps_what_it_has() -> None:
    at = opened()
    found = [("dense", cost.Cost(128, 0.001, 1000))]  # what stopping leaves: some found, nothing running
    at.session_state[KEY + "cost.steps"] = Work("", running=False, found=found)
    at.run()
    assert not at.exception and len(charts(at)) == PICTURES + 2
    assert list(array(charts(at)[0]["data"][0]["x"])) == [128]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_length_that_does_not_fit_is_told_and_the_measuring_ends(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tokens: int, heads: int, free: int | None = None) -> None:
        raise TextError("cost_too_large", tokens=tokens, need="9", free="1")

    monkeypatch.setattr(cost, "check_tables", refuse)
    at = opened(lang)
    at.button(key=START).click()
    at.run()
    assert not at.exception and len(at.error) == 1 and "128" in at.error[0].value
    at.run()
    assert not at.error and at.button(key=START)


def test_formulas_are_of_lab_4s_own_matrices() -> None:
    network = load("lab-4").network
    inner = sum(one.numel() for name, one in network.named_parameters() if ".layers." in name and one.ndim == 2)
    assert costs._rest() == inner
    config = network.config
    assert costs._attention() == 2 * config.hidden_size * config.num_hidden_layers
    at = opened()
    assert f"{round(inner / costs._attention())}" in said(at)


def test_sentence_of_the_reader_is_in_the_formula() -> None:
    at = opened(text=TEXT, model="lab-2")
    n = len(record(load("lab-2"), TEXT).tokens)
    assert f"2\\cdot {n}\\cdot {n}\\cdot 2\\cdot 80\\cdot 4=" in said(at)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", ["", "   ", "\u200b"])
def test_text_with_nothing_to_read_gives_one_sentence_and_stays(text: str, lang: str) -> None:
    at = opened(lang, text=text)
    assert not at.exception and len(at.error) == 1 and control(at, "text").value == text
    assert len(charts(at)) == 1  # the theory needs no text


@pytest.mark.parametrize("text", ["🎉🎉", "<b>x</b> [MASK]", "من ينظر", "$x$ | {y} %{z}", "猫" * 3000, "a"])
def test_unusual_text_is_drawn(text: str) -> None:
    at = opened(text=text)
    assert not at.exception and not at.error and len(charts(at)) == PICTURES


def test_at_most_forty_edges_are_tried() -> None:
    at = opened(text="猫坐在垫子上，" * 12)
    assert len(charts(at)[2]["data"][0]["customdata"]) == 40
