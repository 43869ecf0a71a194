"""What the atlas shows: what the heads do, every head as a point, one head's numbers and picture, all as a table."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import (
    Selection,
    bold,
    draw,
    draw_heatmap,
    offer_file,
    plain,
    style_now,
    t,
    table,
)
from attnviz.ui.pages.atlas import choices, gates, needed, run
from attnviz.ui.pages.atlas.choices import COMPONENTS, KEY, MEASURES, Head, measure_name
from attnviz.ui.pages.atlas.run import Asked

if TYPE_CHECKING:
    from attnviz.experiments.atlas import Atlas, Effects

    Numbers = dict[Head, float]

CHART = KEY + "points"
UNNAMED = ""


def kinds(found: Atlas) -> dict[Head, str]:
    """What each head does, "" for nothing clear."""
    names = {place: found.name(*place) for place in found.places}
    return {place: UNNAMED if one is None else one.name for place, one in names.items()}


def say_verdict(asked: Asked, found: Atlas) -> None:
    """Which heads do what, over which sentences; what has no name."""
    from attnviz.experiments.atlas import NAMED

    members: dict[str, list[str]] = defaultdict(list)
    for (layer, head), name in kinds(found).items():
        members[name].append(f"{layer}.{head}")
    named = sorted(((name, heads) for name, heads in members.items() if name), key=lambda one: -len(one[1]))
    begun = t("atlas.verdict", model=plain(asked.name), heads=len(found.places), texts=found.texts, tokens=found.tokens)
    lines = [
        *(t("atlas.kind", what=measure_name(name), count=len(heads), heads=_some(heads)) for name, heads in named),
        *([t("atlas.unnamed", count=len(members[UNNAMED]), least=f"{NAMED:.0%}")] if members[UNNAMED] else []),
    ]
    st.markdown(begun + t("atlas.stop").join(lines) + t("atlas.end"))
    if found.left_out:
        st.caption(t("atlas.left_out", count=found.left_out))


def _some(heads: list[str], most: int = 8) -> str:
    """The first of them."""
    return t("atlas.comma").join(heads[:most]) + ("…" if len(heads) > most else "")


def say_effects(effects: Effects, found: Atlas) -> None:
    """Without which head the model loses most, and how many matter by themselves."""
    known = [place for place in found.places if math.isfinite(float(effects.mean[place]))]
    if not known:
        return
    most = max(known, key=lambda place: float(effects.mean[place]))
    sure = sum(effects.sure(*place) for place in known)
    st.markdown(
        t(
            f"atlas.lost_{effects.unit}", head=f"{most[0]}.{most[1]}", lost=f"{float(effects.mean[most]):+.2f}",
            error=f"{float(effects.error[most]):.2f}", sure=sure, heads=len(known), runs=effects.runs,
        )
    )  # fmt: skip


def numbers(found: Atlas, effects: Effects | None, measure: str) -> Numbers:
    """One measure of every head that has it. Raises `ArgumentError` for components of too few heads."""
    if measure in COMPONENTS:
        spread = found.spread()
        values = spread.points[:, COMPONENTS.index(measure)].tolist()
        return dict(zip(found.places, values, strict=True))
    if measure == "effect":
        assert effects is not None
        means = effects.mean
    else:
        means = found[measure]
    return {place: float(means[place]) for place in found.places if math.isfinite(float(means[place]))}


def draw_points(found: Atlas, effects: Effects | None, axes: tuple[str, str], chosen: Head) -> None:
    """Every head as a point; a click chooses one."""
    from attnviz.figures.attribution.atlas import Point, points
    from attnviz.figures.curves import Axes

    across, up = (numbers(found, effects, one) for one in axes)
    names = kinds(found)
    heads = [
        Point(across[place], up[place], f"{place[0]}.{place[1]}", names[place], number)
        for number, place in enumerate(found.places)
        if place in across and place in up
    ]
    if not heads:
        st.info(t("atlas.points_none"))
        return
    shown = {one.kind: measure_name(one.kind) if one.kind else t("atlas.no_name") for one in heads}
    shown = dict(sorted(shown.items(), key=lambda one: not one[0]))
    titles = _title(found, effects, axes[0]), _title(found, effects, axes[1])
    figure = points(heads, shown, Axes(*titles), chosen=found.places.index(chosen), style=style_now())
    draw(
        figure, CHART, t("atlas.alt_points", heads=len(heads), across=titles[0], up=titles[1]),
        on_point=partial(choices.take_head, found.places, CHART),
    )  # fmt: skip
    if len(heads) < len(found.places):
        st.caption(t("atlas.points_missing", count=len(found.places) - len(heads)))
    if set(axes) & set(COMPONENTS):
        _say_components(found)


def _title(found: Atlas, effects: Effects | None, measure: str) -> str:
    """What stands along an axis: the measure and its unit."""
    if measure in COMPONENTS:
        share = found.spread().explained[COMPONENTS.index(measure)]
        return t("atlas.component_share", name=measure_name(measure), share=f"{share:.0%}")
    unit = effects.unit if measure == "effect" and effects else measure if measure in ("entropy", "reach") else "share"
    return t("atlas.with_unit", name=measure_name(measure), unit=t(f"atlas.unit_{unit}"))


def _say_components(found: Atlas) -> None:
    """What the directions are made of."""
    spread = found.spread()
    for which, name in enumerate(COMPONENTS):
        pulls = sorted(zip(spread.measures, spread.pulls[:, which].tolist(), strict=True), key=lambda one: -abs(one[1]))
        said = t("atlas.comma").join(f"{measure_name(one)} {pull:+.2f}".replace("-", "−") for one, pull in pulls[:4])
        st.caption(t("atlas.component_of", name=measure_name(name), pulls=said))


def said_of(found: Atlas) -> dict[Head, str]:
    """What each head does, in a word, for the list to choose from."""
    return {place: measure_name(name) if name else t("atlas.no_name") for place, name in kinds(found).items()}


def show_head(asked: Asked, found: Atlas, effects: Effects | None, chosen: Head) -> None:
    """One head: what it does, its numbers beside those of all, its picture on the first sentence."""
    from attnviz.experiments.atlas import NAMED

    name = found.name(*chosen)
    key, words = "atlas.head_none", {"least": f"{NAMED:.0%}"}
    if name is not None:
        key = "atlas.head_rests" if name.name in ("first", "special") else "atlas.head_named"
        words = {"what": measure_name(name.name), "share": f"{name.share:.0%}"}
    st.markdown(t(key, head=f"{chosen[0]}.{chosen[1]}", **words))
    trace = run.trace(asked)
    selection = Selection(*chosen)
    st.caption(t("atlas.picture_of", text=plain(asked.texts[0][:60])))
    draw_heatmap(trace, selection, style_now("unit", 330), key=KEY + "heatmap")
    if st.button(t("atlas.open"), key=KEY + "open", icon=":material/open_in_new:"):
        place = {"layer": str(chosen[0]), "head": str(chosen[1])}
        st.switch_page("pages/models.py", query_params=run.link_of(asked) | place)
    with st.expander(t("atlas.numbers")):
        st.markdown(_head_table(found, effects, chosen))


def _head_table(found: Atlas, effects: Effects | None, chosen: Head) -> str:
    """Every measure of a head, with sinks and without, its place among all heads, and the tokens behind it."""
    rows = []
    for measure in (*MEASURES, *(["effect"] if effects else [])):
        values = numbers(found, effects, measure)
        if chosen not in values:
            continue
        place = 1 + sum(value > values[chosen] for value in values.values())
        bare = f"{float(found.bare[measure].mean[chosen]):.2f}" if measure in found.bare else "–"
        count = str(effects.runs) if measure == "effect" and effects else str(int(found.all[measure].count[chosen]))
        cells = [f"{values[chosen]:.2f}", bare.replace("nan", "–"), f"{place} / {len(values)}", count]
        rows.append([_title(found, effects, measure), *cells])
    return table([t(f"atlas.col_{name}") for name in ("measure", "mean", "bare", "place", "tokens")], rows, "---:")


def show_table(asked: Asked, found: Atlas, effects: Effects | None, chosen: Head) -> None:
    """All heads with what they do and a few of their numbers; everything as CSV."""
    shown = ["previous", "next", "itself", "same_token", "induction", "special", "first", "entropy"]
    shown += ["effect"] if effects else []
    head = [t("atlas.head"), t("atlas.col_does"), *(measure_name(one) for one in shown)]
    means = {one: numbers(found, effects, one) for one in shown}
    rows = [
        bold([f"{place[0]}.{place[1]}", said, *(_figure(means[one].get(place)) for one in shown)], place == chosen)
        for place, said in said_of(found).items()
    ]
    st.html("<style>.st-key-atlas-all table{font-size:.8rem}</style>")
    with st.container(key=KEY + "all"):
        st.markdown(table(head, rows, "---:"))
    name = "".join(one if one.isalnum() or one in "-." else "-" for one in asked.name)
    offer_file("csv", f"{name}-atlas", lambda: found.csv(effects).encode("utf-8-sig"), KEY, t("atlas.take"))


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def show(asked: Asked, found: Atlas, places: tuple[DeltaGenerator, DeltaGenerator]) -> None:
    """The verdict, the picture with its axes on the left, the chosen head on the right, the table below."""
    left, right = places
    if not found.places:
        left.info(t("atlas.points_none"))
        return
    with left:
        say_verdict(asked, found)
        effects = run.effects_of(asked) if choices.choose_effects() else None
        if effects is not None:
            say_effects(effects, found)
        axes = choices.choose_axes(effects is not None)
        picture = st.container()
    with right:
        named = [place for place, name in kinds(found).items() if name in found.bare]
        chosen = choices.choose_head(found.places, (named or found.places)[0], said_of(found))
        show_head(asked, found, effects, chosen)
    with picture:
        draw_points(found, effects, axes, chosen)
    needed.show(asked, found)
    gates.show(asked)
    with st.expander(t("atlas.table")):
        show_table(asked, found, effects, chosen)
