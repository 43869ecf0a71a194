"""What one coming step rests on: the panel says and draws what `av.attributions` found, once it is asked."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.core.interventions import RemoveHeads
from attnviz.experiments.reading.foreseen import SHOWN, WAYS, foreseen_to_rest
from attnviz.experiments.reading.pictured import Wanted
from attnviz.messages import LANGUAGES, say
from attnviz.systems.series.system import load
from attnviz.ui.kit import correlation, ranked
from attnviz.ui.pages.series.run import KEY
from attnviz.ui.pages.series.state import HELD, MOMENTS
from tests.pages.opened import array, by_key, charts, run_page, said


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


def test_every_way_of_the_engine_is_shown_or_a_yardstick() -> None:
    assert {*SHOWN, *HELD, "occluded_other", "flow"} == set(WAYS)
