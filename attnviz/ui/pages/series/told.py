"""What the page on time series says: the verdict, what a model from elsewhere is, where each place looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import SOFT, as_rule, language, plain, rule_title, t
from attnviz.ui.pages.series import choices, words
from attnviz.ui.pages.series.foreign import Facts, Foreign
from attnviz.ui.pages.series.lit import Map
from attnviz.ui.pages.series.run import KEY, Asked, Changes
from attnviz.ui.pages.series.state import now

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.models import ForecastModel
    from attnviz.notices import Notice
    from attnviz.systems.series.series import Series
    from attnviz.systems.series.system import Forecast, System

    Runs = tuple[Forecast, Forecast]  # without any change, and as it is asked for

NAMED = 3  # past steps that a sentence names
FEW = 6  # lags that are named


def is_changed(changes: Changes) -> bool:
    """Is it another run than the model's own?"""
    return changes != Changes(SOFT, spike=changes.spike)


def say_saved(system: System, found: Series) -> None:
    """What a model is that was trained here and saved; that its steps were others than those of a series."""
    from attnviz.systems.series.clock import Clock

    shape = system.network.shape
    st.caption(t("series.saved_say", model=plain(system.name), past=shape.past, ahead=shape.ahead))
    clock = found.clock
    if system.step not in (None, (clock.unit, clock.count)):
        unit, count = system.step or ("row", 1)
        names = (words.step(Clock(unit=unit, count=count)), words.step(clock))
        st.caption(t("series.saved_other", own=names[0], given=names[1]))


def offer_model(system: System) -> None:
    """The model that was trained here, to be taken away as a folder that opens here again."""
    from attnviz.systems.series.files import zipped

    name = words.file_of(system.name)
    st.download_button(
        t("series.take_model"), lambda: zipped(system, name), f"{name}.zip", "application/zip",
        key=KEY + "take_model", on_click="ignore", width="stretch", help=t("series.take_model_help"),
    )  # fmt: skip


def say_forecast(asked: Asked, changes: Changes, runs: Runs) -> None:
    """First of all: what comes on average, what really came, by how much it was off; what a change did to that."""
    before, window = runs[0], asked.window
    mean, other = (float(one.values[:, 1].mean()) / asked.factor for one in runs)
    if math.isnan(mean):
        st.markdown(t("series.says_no_forecast"))
        return
    said = {
        "when": words.moment(window.clock, window.first + len(window.values)),
        "span": words.length(window.clock, len(window.came)), "mean": words.with_unit(mean, asked.unit),
        "then": words.with_unit(other, asked.unit), "how": _how(asked, changes),
    }  # fmt: skip
    st.markdown(t("series.turns" if is_changed(changes) else "series.says", **said))
    if not math.isnan(before.error):
        st.markdown(_truth(asked, changes, runs))
    if isinstance(asked, Foreign) and changes.taken:
        facts = asked.facts
        st.caption(t(f"series.hidden_{'patches' if facts.patch else 'distilled' if facts.halves else 'steps'}"))


def _truth(asked: Asked, changes: Changes, runs: Runs) -> str:
    """What came, and how far off the forecast is; beside it the last value and the day before, kept as they were."""
    before, after = runs
    came = float(asked.window.came.nanmean()) / asked.factor
    inside, known = after.inside
    said = {
        "came": words.with_unit(came, asked.unit),
        "off": words.with_unit(after.error / asked.factor, asked.unit),
        "was": words.with_unit(before.error / asked.factor, asked.unit), "last": words.value(_last_error(asked)),
    }  # fmt: skip
    found = t("series.truth_changed" if is_changed(changes) else "series.truth", **said)
    return found + t("series.truth_inside", inside=inside, known=known) if after.has_interval else found


def _last_error(asked: Asked) -> float:
    """How far off it would be to say the last value that was measured for all that comes."""
    known = asked.window.values[~asked.window.values.isnan()]
    return float((asked.window.came - known[-1]).abs().nanmean()) / asked.factor if len(known) else math.nan


def _how(asked: Asked, changes: Changes) -> str:
    """What was changed, in a few words."""
    clock, past, found = asked.window.clock, len(asked.window.values), []
    end = asked.window.first + past
    if changes.gone[0]:
        found.append(t("series.how_gone", what=choices.gone_name(str(now("gone")), clock.name)))
    if changes.hidden:
        spans = [words.stretch(clock, end - before, end - after) for before, after in changes.hidden[:NAMED]]
        more = "…" if len(changes.hidden) > NAMED else ""
        found.append(t("series.how_hidden", what=t("series.comma").join(spans) + more))
    if changes.at:
        spike = words.with_unit(changes.spike, asked.unit)
        found.append(t("series.how_spike", value=spike, when=words.moment(clock, end - changes.at)))
    if changes.off:
        found.append(t("series.how_off", count=len(changes.off)))
    if changes.rule != SOFT:
        found.append(t("series.how_rule", rule=plain(rule_title(as_rule(changes.rule)))))
    return t("series.comma").join(found)


def say_model(model: ForecastModel, facts: Facts) -> None:
    """Which model from elsewhere it is, what it reads, and what its error in one window means."""
    said = {"model": plain(model.name), "type": t(f"series.type_{facts.type}"), "parameters": f"{facts.parameters:,}"}
    st.caption(t("series.by", rows=facts.rows, ahead=model.ahead, channels=facts.channels, **said))
    for notice in model.notices:
        st.caption(f":material/info: {notice.say(language(), plain)}")
    if facts.foresees:
        st.caption(t("series.by_unknown"))
    else:
        st.caption(t("series.by_headless"))


def say_given(facts: Facts, series: Series, notes: tuple[Notice, ...]) -> None:
    """How the places of a model come about, what it is told beside the values, and what of that had to be made up."""
    from attnviz.systems.series.calendar import told

    names = told(series.clock, facts.wanted)
    said = {"count": facts.wanted, "step": t(f"series.unit_{series.clock.name}")}
    if facts.wanted and names is None:
        st.warning(t("series.features_other", **said))
    for note in notes:
        st.caption(note.say(language(), plain))
    with st.expander(t("series.about")):
        st.markdown(_kind(facts))
        if facts.wanted and names is not None:
            listed = t("series.comma").join(t(f"series.feature_{one}") for one in names)
            st.markdown(t("series.features", names=listed, **said))


def _kind(facts: Facts) -> str:
    """What the places of a model are."""
    if facts.patch is not None:
        count, size, stride = facts.patch
        return t("series.kind_patchtst", rows=facts.context, count=count, size=size, stride=stride)
    lags = t("series.comma").join(map(str, facts.lags[:FEW])) + ("…" if len(facts.lags) > FEW else "")
    found = [t("series.kind_steps", context=facts.context, ahead=facts.ahead, lags=lags, most=max(facts.lags))]
    if facts.halves:
        found.append(t("series.kind_distilled", layers=facts.halves))
    if facts.sparse:
        found.append(t("series.kind_sparse"))
    return " ".join(found)


def interval(facts: Facts) -> str:
    """Whose interval it is."""
    if not facts.draws:
        return t("series.interval_none")
    return t("series.interval_patches" if facts.patch else "series.interval_steps", draws=facts.draws)


def colours(asked: Asked, one: Map) -> str:
    """What is drawn in which colour, and what a row of the map is."""
    if not isinstance(asked, Foreign):
        return t("series.colours")
    facts = asked.facts
    found = [t("series.colours_line"), interval(facts)] if facts.foresees else []
    found += [t(f"series.colours_{'patches' if facts.patch else one.letter}"), t("series.colours_map")]
    return " ".join([*found, t("series.colours_lazy")] if facts.sparse and one.letter != "c" else found)


def look(asked: Asked, one: Map, after: Forecast, weights: Tensor, row: int) -> str:
    """What a place is, what is forecast of it where it is still to come, and where it looks, in a sentence."""
    query, past = one.rows[row], len(asked.window.values)
    first, last = one.asks[query] or (0, 0)
    when = words.stretch(asked.window.clock, asked.window.first + first, asked.window.first + last)
    said = _forecast_of(asked, after, first - past) if first >= past else ""
    if not float(weights[query].sum()):
        sparse = isinstance(asked, Foreign) and asked.facts.sparse and one.letter != "c"
        key = "look_nowhere" if not sparse else "look_lazy_d" if one.letter == "d" else "look_lazy"
        return t(f"series.{key}", when=when, said=said)
    return t("series.looks", when=when, said=said, most=_most(asked, one, weights[query]))


def _forecast_of(asked: Asked, after: Forecast, step: int) -> str:
    """What is forecast of a coming step, and what came."""
    low, mid, high = (float(one) / asked.factor for one in after.values[step])
    came = float(after.window.came[step]) / asked.factor
    if math.isnan(mid):
        return ""
    found = t("series.look_mid", mid=words.with_unit(mid, asked.unit))
    found += "" if math.isnan(low) else t("series.look_interval", low=words.value(low), high=words.value(high))
    return found if math.isnan(came) else found + t("series.look_came", came=words.value(came))


def _most(asked: Asked, one: Map, row: Tensor) -> str:
    """The places with the most weight, each with its share."""
    best = row.topk(min(NAMED, int((row > 0).sum()) or 1))
    clock, begin, found = asked.window.clock, asked.window.first, []
    for share, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        span = one.cells[place]
        name = words.stretch(clock, begin + span[0], begin + span[1]) if span else one.trace.keys.labels[place]
        found.append(t("series.look_at", step=name, share=f"{share:.0%}"))
    return t("series.comma").join(found)
