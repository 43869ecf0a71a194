"""What one coming step rests on: the panel says and draws what `av.attributions` found, once it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.core.interventions import RemoveHeads
from attnviz.experiments.reading.foreseen import SHOWN, WAYS, foreseen_to_rest
from attnviz.experiments.reading.pictured import Wanted
from attnviz.experiments.reading.things import tables
from attnviz.experiments.reading.things.tables import SHOWN as OF_TABLES
from attnviz.experiments.reading.things.tables import foretold_to_rest
from attnviz.messages import LANGUAGES, say
from attnviz.systems.series.calendar import features
from attnviz.systems.series.system import load
from attnviz.ui.kit import correlation, ranked
from attnviz.ui.pages.series.run import KEY
from attnviz.ui.pages.series.state import HELD, MOMENTS
from attnviz.ui.pages.series.words import moment, value
from tests.pages.opened import array, by_key, charts, run_page, said, seen
from tests.pages.things.foreign_series import FOLDERS, PATCH, saved


def asked(lang: str, **link: str) -> AppTest:
    at = run_page("series", lang, link)
    before = len(charts(at))
    assert not at.exception
    by_key(at, KEY + "rests_go").click()
    at.run()
    assert not at.exception and not at.error and len(charts(at)) == before + 1
    return at


@pytest.mark.parametrize("lang", LANGUAGES)
def test_verdict_and_rows_are_those_of_the_engine(lang: str) -> None:
    at = asked(lang, hour="7")
    found = av.attributions(load("air-beijing"), MOMENTS["haze"], at=7, ways=[*SHOWN, HELD[0]])
    order = ranked(found, HELD[0])
    best, told = order[0]
    assert f"**{say(f'reasons.way_{best}', lang)}**" in said(at) and f"**{correlation(told.spearman)}**" in said(at)
    drawn = array(charts(at)[-1]["data"][0]["z"]).astype(float)
    assert drawn.shape == (len(SHOWN) + 1, 72)
    for line, way in zip(drawn, [HELD[0], *(way for way, _ in order)], strict=True):
        row = found.rows[way]
        assert line[found.seen.numpy()] == pytest.approx((row / row.abs().max()).numpy()[found.seen.numpy()], abs=1e-3)
    assert f"{found.value:.0f}" in said(at) and say("rests.way_occluded_zero_series", lang) in said(at)


def test_the_rows_follow_what_is_changed() -> None:
    at = asked("en", hour="7", off="1.2", without="day", held="occluded_mean")
    window = load("air-beijing").window(MOMENTS["haze"]).without(48, 72)
    changes = [RemoveHeads((2,), layers=(1,), part="cross")]
    found = foreseen_to_rest(load("air-beijing"), window, Wanted(at=7, ways=["weights", HELD[1]], changes=changes))
    drawn = array(charts(at)[-1]["data"][0]["z"]).astype(float)
    seen = found.seen.numpy()
    assert drawn[0][seen] == pytest.approx((found[HELD[1]] / found[HELD[1]].abs().max()).numpy()[seen], abs=1e-3)
    assert sum(seen) == 48


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A folder of each kind of model from elsewhere."""
    place = tmp_path_factory.mktemp("series")
    return {kind: saved(place / kind, kind) for kind in FOLDERS}


def rows_read(model: av.ForecastModel) -> NDArray[np.float32]:
    """What a model from elsewhere is given at the page's first moment."""
    system = load("air-beijing")
    assert system.air is not None
    begin = (window := system.window(MOMENTS["haze"])).first + len(window.values)
    values = torch.cat([system.air.dust[:, None], system.air.weather], -1)[:, : model.channels]
    return values[begin - model.rows : begin].numpy()


def hours_of(model: av.ForecastModel, wanted: int) -> NDArray[np.float32]:
    """What the page tells of each hour beside its values."""
    system = load("air-beijing")
    begin = (window := system.window(MOMENTS["haze"])).first + len(window.values)
    return features(window.clock, begin - model.rows, model.rows + model.ahead, wanted).numpy()


@pytest.mark.parametrize(
    ("kind", "lang"), [("patchtst", "en"), ("transformer", "zh"), ("transformer", "en"), ("informer", "zh")]
)
def test_a_model_from_elsewhere_is_asked_about_the_mean_of_a_chosen_step(
    kind: str, lang: str, folders: Mapping[str, Path]
) -> None:
    at = asked(lang, model=str(folders[kind]), ask="2", channel="1" if kind == "patchtst" else "0")
    model = av.load(folders[kind])
    assert isinstance(model, av.ForecastModel)
    read = model.past(rows_read(model), calendar=None if kind == "patchtst" else hours_of(model, 5))
    column = int(kind == "patchtst")
    found = av.attributions(model, read, target=av.Logit(2, column), ways=[*OF_TABLES, "occluded_mean"])
    order = ranked(found, "occluded_mean")
    drawn = array(charts(at)[-1]["data"][0]["z"]).astype(float)
    assert drawn.shape == (len(order) + 1, len(found.labels))
    if kind == "patchtst":
        end = (window := load("air-beijing").window(MOMENTS["haze"])).first + len(window.values)
        assert moment(window.clock, end - PATCH[0]) in charts(at)[-1]["layout"]["xaxis"]["ticktext"]
    for line, way in zip(drawn, ["occluded_mean", *(way for way, _ in order)], strict=True):
        row = found.rows[way]
        assert line == pytest.approx((row / row.abs().max()).numpy(), abs=2e-3)
    for reason in found.missing.values():
        assert reason.say(lang) in seen(said(at))
    assert (say("rests.lags_table", lang) in said(at)) == (kind != "patchtst")
    assert value(found.value) in said(at)


def test_a_model_from_elsewhere_is_asked_as_it_is_changed(folders: Mapping[str, Path]) -> None:
    at = asked("en", model=str(folders["patchtst"]), hidden="8-4", off="s.0.1", rule="hard", hard="argmax")
    model = av.load(folders["patchtst"])
    assert isinstance(model, av.ForecastModel)
    hidden = rows_read(model)
    hidden[-8:-4] = np.nan
    read = model.past(hidden)
    values = read.inputs["past_values"].clone()
    values[0, -8:-4] = torch.from_numpy(np.nanmean(hidden, 0))
    changes = [RemoveHeads((1,), layers=(0,), part=None)]
    wanted = Wanted(at=0, rule=av.Argmax(), ways=["weights", "occluded_mean"], changes=changes)
    filled = replace(read, inputs={**read.inputs, "past_values": values})
    row = foretold_to_rest(model, filled, wanted)["occluded_mean"]
    drawn = array(charts(at)[-1]["data"][0]["z"]).astype(float)
    assert drawn[0] == pytest.approx((row / row.abs().max()).numpy(), abs=2e-3)


def test_every_way_of_the_engine_is_shown_or_a_yardstick() -> None:
    assert {*SHOWN, *HELD, "occluded_other", "flow"} == set(WAYS)
    assert {*OF_TABLES, *HELD, "occluded_other", "flow"} == set(tables.WAYS)
