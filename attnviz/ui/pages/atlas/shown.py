"""What the atlas shows: what the heads do, every head as a point, one head's numbers and picture, all as a table."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import ModelError
from attnviz.ui.kit import (
    Selection,
    bold,
    draw,
    draw_heatmap,
    language,
    offer_file,
    plain,
    signed,
    style_now,
    t,
    table,
)
from attnviz.ui.pages.atlas import choices, needed, run
from attnviz.ui.pages.atlas.choices import COMPONENTS, KEY, MEASURES, Head, measure_name
from attnviz.ui.pages.atlas.run import ASKED_FOR, Asked, More

if TYPE_CHECKING:
    from attnviz.experiments.atlas import Atlas, Copying, Effects

    Numbers = dict[Head, float]

CHART = KEY + "points"
UNNAMED = ""
MOST_NAMED = 8  # heads that a sentence names


def kinds(found: Atlas) -> dict[Head, str]:
    """What each head does, "" for nothing clear."""
    names = {place: found.name(*place) for place in found.places}
    return {place: UNNAMED if one is None else one.name for place, one in names.items()}


def say_verdict(found: Atlas) -> None:
    """Which heads do what, over which sentences; what has no name."""
    from attnviz.experiments.atlas import NAMED

    members: dict[str, list[Head]] = defaultdict(list)
    for place, name in kinds(found).items():
        members[name].append(place)
    named = sorted(((name, heads) for name, heads in members.items() if name), key=lambda one: -len(one[1]))
    begun = t(
        "atlas.verdict", model=plain(found.model), heads=len(found.places), texts=f"{found.texts:,}",
        tokens=f"{found.tokens:,}",
    )  # fmt: skip
    lines = [
        *(
            t("atlas.kind", what=measure_name(name), count=len(heads), heads=choices.named(heads, MOST_NAMED))
            for name, heads in named
        ),
        *([t("atlas.unnamed", count=len(members[UNNAMED]), least=f"{NAMED:.0%}")] if members[UNNAMED] else []),
    ]
    st.markdown(begun + t("atlas.stop").join(lines) + t("atlas.end"))
    if found.left_out:
        st.caption(t("atlas.left_out", count=found.left_out))


def say_effects(effects: Effects, found: Atlas) -> None:
    """Without which head the model loses most, and how many matter by themselves."""
    known = [place for place in found.places if math.isfinite(float(effects.mean[place]))]
    if not known:
        return
    most = max(known, key=lambda place: float(effects.mean[place]))
    sure = sum(effects.sure(*place) for place in known)
    st.markdown(
        t(
            f"atlas.lost_{effects.unit}", head=choices.written(most), lost=signed(float(effects.mean[most])),
            error=f"{float(effects.error[most]):.2f}", sure=sure, heads=len(known), runs=effects.runs,
        )
    )  # fmt: skip


def say_copying(made: Copying, found: Atlas) -> None:
    """Which heads copy what they look at, which hold it down, and why of some it is not known."""
    from attnviz.experiments.atlas import COPIES

    values = {place: float(made.mean[place]) for place in found.places if math.isfinite(float(made.mean[place]))}
    copying = [place for place, value in values.items() if value >= COPIES]
    against = [place for place, value in values.items() if value <= 1 - COPIES]
    said = {"least": f"{COPIES:.0%}", "copy": len(copying), "heads": len(values), "against": len(against)}
    if values:
        named = {"which": choices.named(copying, MOST_NAMED), "others": choices.named(against, MOST_NAMED)}
        st.markdown(t("atlas.copies_say", **said, **named, tokens=made.tokens))
    for layer, reason in made.unknown.items():
        st.caption(t("atlas.copies_unknown", layer=layer, reason=reason.say(language(), plain)))


def measure_more(asked: Asked, found: Atlas) -> More:
    """What is measured only when it is asked for, and what came of it."""
    with st.container(horizontal=True):
        remove, copies = choices.choose_effects(), choices.choose_copying()
    more = More(run.effects_of(asked) if remove else None, copying_or_reason(asked) if copies else None)
    if more.effects is not None:
        say_effects(more.effects, found)
    if more.copying is not None:
        say_copying(more.copying, found)
    return more


def copying_or_reason(asked: Asked) -> Copying | None:
    """How far heads copy; a sentence where a model cannot be asked."""
    try:
        return run.copying_of(asked)
    except ModelError as reason:
        st.caption(reason.say(language(), plain))
        return None


def numbers(found: Atlas, more: More, measure: str) -> Numbers:
    """One measure of every head that has it. Raises `ArgumentError` for components of too few heads."""
    if measure in COMPONENTS:
        spread = found.spread()
        values = spread.points[:, COMPONENTS.index(measure)].tolist()
        return dict(zip(found.places, values, strict=True))
    asked = more.values(measure) if measure in ASKED_FOR else None
    means = found[measure] if asked is None else asked
    return {place: float(means[place]) for place in found.places if math.isfinite(float(means[place]))}


def draw_points(found: Atlas, more: More, axes: tuple[str, str], chosen: Head) -> None:
    """Every head as a point; a click chooses one."""
    from attnviz.figures.attribution.atlas import Point, points
    from attnviz.figures.curves import Axes

    across, up = (numbers(found, more, one) for one in axes)
    names = kinds(found)
    heads = [
        Point(across[place], up[place], choices.written(place), names[place], number)
        for number, place in enumerate(found.places)
        if place in across and place in up
    ]
    if not heads:
        st.info(t("atlas.points_none"))
        return
    shown = {one.kind: measure_name(one.kind) if one.kind else t("atlas.no_name") for one in heads}
    shown = dict(sorted(shown.items(), key=lambda one: not one[0]))
    titles = _title(found, more, axes[0]), _title(found, more, axes[1])
    figure = points(heads, shown, Axes(*titles), chosen=found.places.index(chosen), style=style_now())
    draw(
        figure, CHART, t("atlas.alt_points", heads=len(heads), across=titles[0], up=titles[1]),
        on_point=partial(choices.take_head, found.places, CHART),
    )  # fmt: skip
    if len(heads) < len(found.places):
        st.caption(t("atlas.points_missing", count=len(found.places) - len(heads)))
    if set(axes) & set(COMPONENTS):
        _say_components(found)


def _title(found: Atlas, more: More, measure: str) -> str:
    """What stands along an axis: the measure and its unit."""
    if measure in COMPONENTS:
        share = found.spread().explained[COMPONENTS.index(measure)]
        return t("atlas.component_share", name=measure_name(measure), share=f"{share:.0%}")
    unit = measure if measure in ("entropy", "reach", "copying") else "share"
    if measure == "effect" and more.effects:
        unit = more.effects.unit
    return t("atlas.with_unit", name=measure_name(measure), unit=t(f"atlas.unit_{unit}"))


def _say_components(found: Atlas) -> None:
    """What the directions are made of."""
    spread = found.spread()
    for which, name in enumerate(COMPONENTS):
        pulls = sorted(zip(spread.measures, spread.pulls[:, which].tolist(), strict=True), key=lambda one: -abs(one[1]))
        said = t("atlas.comma").join(f"{measure_name(one)} {signed(pull)}" for one, pull in pulls[:4])
        st.caption(t("atlas.component_of", name=measure_name(name), pulls=said))


def said_of(found: Atlas) -> dict[Head, str]:
    """What each head does, in a word, for the list to choose from."""
    return {place: measure_name(name) if name else t("atlas.no_name") for place, name in kinds(found).items()}


def show_head(asked: Asked, found: Atlas, more: More, chosen: Head) -> None:
    """One head: what it does, its numbers beside those of all, its picture on the first sentence."""
    from attnviz.experiments.atlas import NAMED

    name = found.name(*chosen)
    key, words = "atlas.head_none", {"least": f"{NAMED:.0%}"}
    if name is not None:
        key = "atlas.head_rests" if name.name in ("first", "special") else "atlas.head_named"
        words = {"what": measure_name(name.name), "share": f"{name.share:.0%}"}
    st.markdown(t(key, head=choices.written(chosen), **words))
    try:
        if found.model != asked.name:
            raise ModelError("atlas_other_model", model=found.model)
        _draw_head(asked, chosen)
    except ModelError as reason:  # a file's numbers can be looked at without its model
        st.info(reason.say(language(), plain))
    with st.expander(t("atlas.numbers")):
        st.markdown(_head_table(found, more, chosen))


def _draw_head(asked: Asked, chosen: Head) -> None:
    """Its picture on the first sentence, and the way to it."""
    trace = run.trace(asked)
    selection = Selection(*chosen)
    st.caption(t("atlas.picture_of", text=plain(asked.texts[0][:60])))
    draw_heatmap(trace, selection, style_now("unit", 330), key=KEY + "heatmap")
    choices.offer_to_open("open", t("atlas.open"), asked, {"layer": str(chosen[0]), "head": str(chosen[1])})


def _head_table(found: Atlas, more: More, chosen: Head) -> str:
    """Every measure of a head, with sinks and without, its place among all heads, and the tokens behind it."""
    rows = []
    for measure in (*(one for one in MEASURES if one in found.all), *more.measures):
        values = numbers(found, more, measure)
        if chosen not in values:
            if measure == "copying":
                rows.append([_title(found, more, measure), t("atlas.not_known"), "–", "–", "–"])
            continue
        place = 1 + sum(value > values[chosen] for value in values.values())
        bare = f"{float(found.bare[measure].mean[chosen]):.2f}" if measure in found.bare else "–"
        count = _behind(found, more, measure, chosen)
        cells = [f"{values[chosen]:.2f}", bare.replace("nan", "–"), f"{place}\u00a0/\u00a0{len(values)}", str(count)]
        rows.append([_title(found, more, measure), *cells])
    return table([t(f"atlas.col_{name}") for name in ("measure", "mean", "bare", "place", "tokens")], rows, "---:")


def _behind(found: Atlas, more: More, measure: str, head: Head) -> int:
    """How many tokens, or runs, stand behind a head's number."""
    if measure == "effect" and more.effects:
        return more.effects.runs
    return more.copying.tokens if measure == "copying" and more.copying else int(found.all[measure].count[head])


def show_table(found: Atlas, more: More, chosen: Head) -> None:
    """All heads with what they do and a few of their numbers; everything as CSV."""
    shown = ["previous", "next", "itself", "same_token", "induction", "special", "first", "entropy"]
    shown = [one for one in shown if one in found.all] + list(more.measures)
    head = [t("atlas.head"), t("atlas.col_does"), *(measure_name(one) for one in shown)]
    means = {one: numbers(found, more, one) for one in shown}
    rows = [
        bold([choices.written(place), said, *(_figure(means[one].get(place), one) for one in shown)], place == chosen)
        for place, said in said_of(found).items()
    ]
    st.html("<style>.st-key-atlas-all table{font-size:.8rem}</style>")
    with st.container(key=KEY + "all"):
        st.markdown(table(head, rows, "---:"))
    name = "".join(one if one.isalnum() or one in "-." else "-" for one in found.model)
    offer_file(
        "csv", f"{name}-atlas", lambda: found.csv(more.effects, more.copying).encode("utf-8-sig"), KEY, t("atlas.take")
    )


def _figure(value: float | None, measure: str) -> str:
    if value is None:
        return t("atlas.not_known") if measure == "copying" else "–"
    return f"{value:.2f}"


def show(asked: Asked, found: Atlas, places: tuple[DeltaGenerator, DeltaGenerator]) -> None:
    """The verdict, the picture with its axes on the left, the chosen head on the right, the table below."""
    left, right = places
    same = found.model == asked.name  # else a file of another model was brought, or another one chosen since
    if not found.places:
        left.info(t("atlas.points_none"))
        return
    with left:
        say_verdict(found)
        more = measure_more(asked, found) if same else More()
        axes = choices.choose_axes(list(found.all), more.measures)
        picture = st.container()
    with right:
        named = [place for place, name in kinds(found).items() if name in found.bare]
        chosen = choices.choose_head(found.places, (named or found.places)[0], said_of(found))
        show_head(asked, found, more, chosen)
    with picture:
        draw_points(found, more, axes, chosen)
    if same:
        needed.show(asked, found)
        needed.show_gates(asked)
    with st.expander(t("atlas.table")):
        show_table(found, more, chosen)
