"""What stands folded under the picture: what heads look back at, the figures held out, every map in numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    Rests,
    Selection,
    bold,
    choose_covered,
    draw,
    draw_heatmap,
    find,
    plain,
    style_now,
    t,
    table,
    take_away,
)
from attnviz.ui.pages.series import choices, run, words
from attnviz.ui.pages.series.foreign import HELD as PUT
from attnviz.ui.pages.series.foreign import Foreign
from attnviz.ui.pages.series.lit import Map, shown
from attnviz.ui.pages.series.run import KEY, Asked, Changes, Ours
from attnviz.ui.pages.series.state import HELD, PARAMS, now

if TYPE_CHECKING:
    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.figures.attribution.rows import Way
    from attnviz.systems.series.system import Forecast
    from attnviz.trace import Trace

CHART = KEY + "map-numbers"
SHARES = ("yesterday", "last", "wind", "entropy")
WAYS = ("attention", "even", "linear", "persistence", "seasonal")
HOURS = (1, 3, 6, 12, 24)
OURS = ("cross", "encoder", "decoder")
NAMED = 12  # past steps that are named below the ways of reading


def show_evidence(asked: Asked, forecast: Forecast, one: Map, number: int) -> None:
    """What heads look back at, the figures held out, every map in numbers."""
    if isinstance(asked, Ours) and forecast.trace.model == run.MODEL and asked.window.beside is not None:
        show_habits(asked, forecast.trace, number)
        show_held_out()
    show_numbers(asked, forecast, one, number)


def show_rest(asked: Asked, changes: Changes, forecast: Forecast) -> None:
    """What one coming step rests on, once that is asked: every way, held to the forecast without each past value."""
    if bool(forecast.values[:, 1].isnan().all()):
        return
    if isinstance(asked, Foreign):
        return _show_foreign_rest(asked, changes, forecast)
    assert isinstance(asked, Ours)
    with st.expander(t("rests.title")):
        window, step = forecast.window, min(int(now("hour")), len(forecast.values) - 1)
        when = words.moment(window.clock, window.first + len(window.values) + step)
        st.markdown(t("rests.look_series", when=when))
        held = choose_covered(KEY, "series", HELD)
        kept = ("series.rests", repr((asked.mark, window.first, window.values.tolist(), changes, step, held)))
        seen = int((~window.values.isnan()).sum())
        rests = Rests(KEY, "series", kept, asked.system.name, seen, held, partial(asked.rest, changes, (step, held)))
        if (found := rests.found()) is not None:
            value = words.with_unit(found.value / asked.factor, asked.unit)
            said = t("rests.explained_series", when=when, model=plain(asked.system.name), value=value)
            rests.show(found, said, partial(_draw_rest, found, found.labels))


def _show_foreign_rest(asked: Foreign, changes: Changes, forecast: Forecast) -> None:
    """The same of a model from elsewhere, whose rows may be no steps to come: which one is chosen."""
    with st.expander(t("rests.title")):
        window, stretches = forecast.window, asked.stretches
        begin = window.first + len(window.values)
        coming = [words.moment(window.clock, begin + step) for step in range(len(forecast.values))]
        step = choices.choose_step(coming)
        st.markdown(t("rests.look_table"))
        kept = ("series.rests", repr((asked.request(changes), asked.channel, step)))
        rests = Rests(KEY, "table", kept, asked.facts.name, len(stretches), PUT, partial(asked.rest, changes, step))
        if (found := rests.found()) is not None:
            found = replace(found, labels=tuple(words.stretch(window.clock, *one) for one in stretches))
            value = words.with_unit(found.value, asked.unit)
            said = t("rests.explained_table", when=coming[step], model=plain(asked.facts.name), value=value)
            starts = [words.moment(window.clock, start) for start, _ in stretches]
            rests.show(found, said, partial(_draw_rest, found, starts))
            if asked.facts.lags:
                st.caption(t("rests.lags_table"))


def _draw_rest(found: Attributions, below: Sequence[str], ways: Sequence[Way]) -> None:
    """A row a way over the past, with what stands `below` its places."""
    from attnviz.figures.attribution.rows import rows

    figure = rows(ways, below, found.seen, every=math.ceil(len(below) / NAMED), style=style_now())
    alts = [f"{way.titled}: {plain(found.labels[int(way.values.abs().argmax())])}" for way in ways]
    draw(figure, key=KEY + "rest", alt=t("rests.alt_series", most=t("reasons.comma").join(alts)))


def show_habits(asked: Ours, trace: Trace, number: int) -> None:
    """What heads look back at: over the held-out year, and in this window."""
    with st.expander(t("series.habits"), expanded=False):
        names = [one["name"] for layer in run.figures()["heads"]["cross"] for one in layer]
        kinds = ("last", "yesterday", "wind", "spread", "mixed")
        st.markdown(t("series.habits_say", count=len(names), **{name: names.count(name) for name in kinds}))
        heads = [t("series.col_head"), *(t(f"series.share_{name}") for name in SHARES), t("series.col_name")]
        rows = []
        for place, (layer, head) in enumerate(shown(asked, trace).heads, start=1):
            habit = run.habit_of(asked, trace, (layer, head))
            kept = run.figures()["heads"]["cross"][layer][head]
            cells = [
                f"{_share(kept, name)} · {getattr(habit, name):.0%}" for name in SHARES
            ]  # fmt: skip
            name = t(f"series.habit_{kept['name']}")
            rows.append(bold([t("series.map_one", layer=layer, head=head), *cells, name], place == number))
        st.markdown(table(heads, rows, "---:"))
        even = run.figures()["heads"]["cross"][0][0]["even"]
        st.caption(t("series.habits_even", yesterday=f"{even[0]:.0%}", last=f"{even[1]:.0%}", wind=f"{even[2]:.0%}"))


def _share(kept: dict[str, Any], name: str) -> str:
    return f"{kept[name]:.0%}"


def show_held_out() -> None:
    """The figures of the card: the held-out year, beside what it must beat."""
    figures = run.figures()["test"]
    best = min(WAYS, key=lambda way: figures[way]["mae"])
    own, even, kept = (figures[way] for way in ("attention", "even", "persistence"))
    told = {name: figures[name]["mae"] for name in ("even", "linear", "persistence", "seasonal")}
    told |= {"mae": own["mae"], "first": own["mae_1"], "first_even": even["mae_1"], "far": own["mae_24"]}
    told |= {"far_even": even["mae_24"], "kept": kept["mae_1"]}
    said = {name: words.value(one) for name, one in told.items()}
    with st.expander(t("series.held")):
        st.markdown(t("series.held_say" if own["mae"] < even["mae"] else "series.held_lost", **said))
        if kept["mae_1"] < own["mae_1"]:
            st.markdown(t("series.held_first", **said))
        heads = ["", t("series.col_mae"), *(t("series.col_hour", hour=hour) for hour in HOURS), t("series.col_score")]
        heads += [t("series.col_inside"), t("series.col_wide")]
        rows = [bold([t(f"series.way_of_{way}"), *_figures(figures[way])], way == best) for way in WAYS]
        st.markdown(table(heads, rows, "---:"))
        st.caption(t("series.held_how"))


def _figures(one: dict[str, float]) -> list[str]:
    """The figures of one way."""
    return [
        f"{one['mae']:.1f}", *(f"{one[f'mae_{hour}']:.1f}" for hour in HOURS), f"{one['score']:.1f}",
        f"{one['inside']:.0%}", f"{one['wide']:.0f}",
    ]  # fmt: skip


def show_numbers(asked: Asked, forecast: Forecast, one: Map, number: int) -> None:
    """Any map of the run as numbers, and what can be taken away: pictures, weights, the forecast as CSV."""
    with st.expander(t("series.numbers")):
        trace = one.trace if isinstance(asked, Foreign) else _part(forecast.trace)
        layer, head = one.heads[max(0, number - 1)]
        query = min(one.query(int(now("hour"))), len(trace.tokens) - 1)
        selection, style = Selection(layer, head, query=query), style_now("row", 460)
        named = one.named(max(1, number))
        st.caption(t("series.numbers_of", map=t("series.map_one", layer=named[-2], head=named[-1])))
        draw_heatmap(trace, selection, style, key=CHART)
        take_away(trace, selection, style, chart=CHART)
        if len(asked.window.came) and not (isinstance(asked, Foreign) and not asked.facts.foresees):
            st.download_button(
                t("series.take_forecast"), lambda: _file(asked, forecast),
                t("series.file_name", model=words.file_of(trace.model)), "text/csv", key=KEY + "take_forecast",
                on_click="ignore", width="stretch",
            )  # fmt: skip


def _part(trace: Trace) -> Trace:
    """Which map of a model of ours stands in numbers."""
    if now("part") not in OURS:
        find(PARAMS["part"].key, OURS[0])
    part = st.segmented_control(
        t("series.part"), OURS, key=PARAMS["part"].key, required=True, wrap=True, format_func=choices.part_name
    )
    return trace.map(str(part or OURS[0]))


def _file(asked: Asked, forecast: Forecast) -> bytes:
    """The forecast as a table."""
    from attnviz.systems.series.files import forecast_csv

    return forecast_csv(forecast, asked.factor, "mean" if isinstance(asked, Foreign) else "q50")
