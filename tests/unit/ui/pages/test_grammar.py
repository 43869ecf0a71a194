"""What a click on a row chooses on the pages on grammar and comparison."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import streamlit as st

from attnviz.ui.pages.compare import choices as compare
from attnviz.ui.pages.grammar import choices as grammar


@pytest.mark.parametrize(
    ("points", "chosen"), [([{"y": 1}], "b"), ([{"y": 1.0}], "b"), ([], "-"), ([{}], "-"), ([{"y": 7}], "-")]
)
def test_a_click_on_a_point_chooses_its_row_and_one_beside_them_none(
    points: list[dict[str, float]], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = SimpleNamespace(selection=SimpleNamespace(points=points))
    state = {"chart": chart, grammar.KEY + "relation": "-", grammar.KEY + "head": "1.1", compare.KEY + "head": "-"}
    monkeypatch.setattr(st, "session_state", state)
    grammar.take_row("chart", "relation", ["a", "b"])
    compare.take_head("chart", ["a", "b"])
    assert state[grammar.KEY + "relation"] == state[compare.KEY + "head"] == chosen
    assert state[grammar.KEY + "head"] == ("" if chosen == "b" else "1.1")
