"""What a click on a point chooses, and what the links to *Any model* take away."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import streamlit as st

from attnviz.experiments.atlas import MEASURES, ORDERS, Needed
from attnviz.ui.pages.atlas import choices, needed
from attnviz.ui.pages.models import changes

PLACES = [(0, 0), (0, 1), (2, 3)]
CHART = "atlas.points"


@pytest.mark.parametrize(
    ("points", "chosen"),
    [([{"customdata": [2, "2.3"]}], "2.3"), ([], "0.1"), ([{}], "0.1"), ([{"customdata": [3]}], "0.1")],
)
def test_a_click_on_a_point_chooses_its_head_and_one_beside_them_none(
    points: list[dict[str, object]], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {CHART: SimpleNamespace(selection=SimpleNamespace(points=points)), choices.KEY + "head": "0.1"}
    monkeypatch.setattr(st, "session_state", state)
    choices.take_head(PLACES, CHART)
    assert state[choices.KEY + "head"] == chosen


def test_the_link_removes_the_heads_that_went_first_and_nothing_where_all_are_kept() -> None:
    made = Needed(((1, 0), (0, 1), (0, 0), (1, 1)), (0.0, 0.1, 0.2, 0.3, 0.4), "loss", "alone")
    assert needed.gone(made, 4) == {}
    code = needed.gone(made, 2)["change"]
    assert code == "-0.1;-1.0" and changes.read(code) == code
    assert [str(one) for one in changes.as_interventions(code.split(";"))] == [
        "remove head 1 in layer 0", "remove head 0 in layer 1",
    ]  # fmt: skip


def test_the_page_offers_the_measures_and_orders_that_there_are() -> None:
    assert set(choices.MEASURES) == set(MEASURES) and set(choices.ORDERS) == set(ORDERS)


def test_a_file_of_heads_chooses_its_model_and_another_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = '"entropy": 1, "entropy_tokens": 3, "model": "m", "texts": 1, "tokens": 3, "left_out": 0'
    rows = f'[{{"layer": 0, "head": 0, {told}}}]'.encode()
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    for content, kept in ((rows, True), (b"[]", False)):
        state.clear()
        state[choices.KEY + "heads_file"] = SimpleNamespace(getvalue=lambda content=content: content, name="heads.json")
        choices._take_heads()
        assert (state.get(choices.KEY + "model") == "m") is kept and (choices.KEY + "corpus" in state) is kept
        assert (choices.KEY + "heads_refused" in state) is not kept
    state[choices.KEY + "heads_file"] = None
    state.pop(choices.KEY + "heads_refused")
    choices._take_heads()
    assert choices.KEY + "heads_refused" not in state


def test_a_sentence_names_the_first_heads_and_says_that_there_are_more() -> None:
    heads = [(0, 1), (2, 3), (10, 0)]
    assert choices.named(heads[:2], 2).split("2.3")[1] == "" and choices.named(heads, 2).endswith("2.3…")
    assert choices.named([], 2) == "–"
