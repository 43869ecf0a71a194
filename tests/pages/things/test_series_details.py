"""The page on time series in its details: each number and place that it draws and says is that of its own series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.core.interventions import HideToken
from attnviz.ui.pages.series import lit
from attnviz.ui.pages.series.run import KEY
from tests.pages.opened import run_page, said
from tests.pages.things.foreign_series import made, saved, shares
from tests.pages.things.test_series import HOURS
from tests.pages.things.test_series_models import control, days, opened, own, picture, read


def built(**link: str) -> AppTest:
    """Hours of one's own, forecast by the built-in model."""
    at = run_page("series", "en", {"series": "own", "table": "own", "by": "built", **link})
    at.session_state[KEY + "brought"] = (HOURS.encode(), "own.csv")
    return at.run()


def test_a_day_and_an_hour_beyond_the_last_become_the_last() -> None:
    at = run_page("series", "en", {"from": "2014-11-19 12:00"})
    last = control(at, "date").max
    assert isinstance(last, date)
    control(at, "date").set_value(last).run()
    control(at, "time").set_value(23).run()
    assert picture(at)["forecast"] and control(at, "step1").disabled


def test_what_came_and_the_forecast_before_a_change_are_in_the_tables_own_size() -> None:
    usual, changed = built(back="20"), built(back="20", spike="3")
    assert picture(usual)["came"][:20] == pytest.approx([24 + n for n in range(20)])
    assert picture(changed)["before"] == pytest.approx(picture(usual)["mid"])
    assert "the last value kept: 10.5" in said(usual), "23, and 24 to 43 came"


def test_saturdays_and_sundays_are_no_workdays() -> None:
    shown = picture(run_page("series", "en", {"from": "2014-11-18 12:00"}))
    assert [one["rest"] for one in shown["days"]] == [True, True, False, False, False]


def test_a_spike_is_put_into_the_column_that_is_shown(tmp_path: Path) -> None:
    folder = saved(tmp_path / "patchtst", "patchtst")
    model, rows = read(folder, 3)
    rows = rows.copy()
    rows[-3, 1] = 500
    trace, shown = av.record(model, rows), picture(opened(folder, channel="1", spike="3"))
    assert trace.answer is not None and shown["mid"] == pytest.approx(trace.answer.scores[:, 1].tolist(), rel=1e-4)


def test_hidden_steps_are_the_mean_of_the_rest_and_their_patch_is_closed_behind_its_cls_token(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made("patchtst", use_cls_token=True).save_pretrained(tmp_path / "cls")
    model, rows = read(tmp_path / "cls", 3)
    shown, hidden = picture(opened(tmp_path / "cls", hidden="10-4")), rows.copy()
    assert float(shares(shown)[:, 3].max()) == 0.0 and float(shares(shown)[:, 2].min()) > 0
    hidden[12:18] = np.nan
    past = model.past(hidden)
    values = past.inputs["past_values"].clone()
    values[0, 12:18] = torch.from_numpy(np.nanmean(hidden, axis=0))
    given = replace(past, inputs={**past.inputs, "past_values": values})
    trace = av.record(model, given, interventions=[HideToken(4)])
    assert trace.answer is not None and shown["mid"] == pytest.approx(trace.answer.scores[:, 0].tolist(), rel=1e-4)


def test_a_column_named_twice_by_a_link_is_read_once(tmp_path: Path) -> None:
    at = own(saved(tmp_path / "patchtst", "patchtst"), days(56).encode(), column="1.1.2")
    assert not at.error and control(at, "values_box").value == [1, 2, 3]


def test_a_small_map_of_many_places_keeps_what_stands_out() -> None:
    weights = np.zeros((1, 2 * lit.FINEST), np.float32)
    weights[0, 7] = 1
    assert np.flatnonzero(lit._coarse(weights)).tolist() == [3]


def test_the_table_of_a_model_from_elsewhere_calls_its_means_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, Callable[[], bytes]] = {}

    def keep(_label: str, data: Any, *_args: Any, key: str = "", **_more: Any) -> bool:
        files[key] = data
        return False

    monkeypatch.setattr(st, "download_button", keep)
    opened(saved(tmp_path / "patchtst", "patchtst"))
    assert files[KEY + "take_forecast"]().decode("utf-8-sig").startswith("time,mean,came\n")


def test_another_model_has_other_heads() -> None:
    def script() -> None:
        import streamlit as st

        from attnviz.ui.pages.series.state import PARAMS, forget_model

        st.session_state[PARAMS["off"].key] = "0.1"
        forget_model()

    assert AppTest.from_function(script).run().session_state[KEY + "off"] == ""


def test_draws_of_many_columns_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made("patchtst", loss="nll").save_pretrained(tmp_path / "wide")
    model = av.load(tmp_path / "wide")
    monkeypatch.setattr("attnviz.adapter.series.opening.MOST_DRAWN", 90)
    assert isinstance(model, av.ForecastModel) and model.draws == 5, "90 numbers, 6 steps of 3 columns each"
