"""How many heads does the model need, which help, which hinder? What is lost as they go, and models with the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import dark, draw, language, plain, signed, style_now, t
from attnviz.ui.pages.atlas import run
from attnviz.ui.pages.atlas.choices import KEY, ORDERS, named, offer_to_open
from attnviz.ui.pages.atlas.run import Asked

if TYPE_CHECKING:
    from attnviz.experiments.atlas import Atlas, Needed, Role, SoftGates

MOST_GREEDY = 24  # heads: the square of their number in readings
MOST_NAMED = 12  # heads of a role that the sentence names
CLOSE = 0.1  # bits (or 1 - cosine): so much lost is called as good
KINDS: tuple[Role | None, ...] = ("helps", "hinders", "idle", None)
OPEN = "open"


def show(asked: Asked, found: Atlas) -> None:
    """The switch, the order, the curve and the model with the heads that are kept."""
    st.toggle(t("atlas.needed"), key=KEY + "needed", help=t("atlas.needed_help"))
    if not st.session_state[KEY + "needed"]:
        return
    orders = [one for one in ORDERS if one != "greedy" or len(found.places) <= MOST_GREEDY]
    if st.session_state[KEY + "by"] not in orders:
        st.session_state[KEY + "by"] = orders[0]
    st.segmented_control(
        t("atlas.by"), orders, key=KEY + "by", format_func=lambda one: t(f"atlas.by_{one}"), required=True, wrap=True
    )
    made = run.needed_of(asked, str(st.session_state[KEY + "by"]))
    if made is not None:
        say(asked, made)
        draw_curve(made)
        keep(asked, made)


def say(asked: Asked, made: Needed) -> None:
    """With how few heads it does as well, and what half of them come to."""
    count = len(made.order)
    half = made.lost[count - count // 2]
    st.markdown(
        t(
            "atlas.needed_says", model=plain(asked.name), few=made.fewest(CLOSE), heads=count, close=CLOSE,
            unit=t(f"atlas.unit_{made.unit}"), half=count // 2, lost=signed(half), none=signed(made.lost[-1]),
        )
    )  # fmt: skip
    st.caption(t(f"atlas.by_{made.by}_say"))


def draw_curve(made: Needed) -> None:
    """What is lost, by how many heads are left."""
    from attnviz.figures.curves import Line, lines

    count = len(made.order)
    left = [count - gone for gone in range(count + 1)]
    figure = lines(
        [Line("", left, list(made.lost))], x_title=t("atlas.heads_left"), y_title=t(f"atlas.lost_axis_{made.unit}"),
        dark=dark(), language=language(), marks=[(kept_now(made), t("atlas.kept_mark"))],
    )  # fmt: skip
    draw(figure, key=KEY + "curve", alt=t("atlas.alt_curve", heads=count, few=made.fewest(CLOSE), close=CLOSE))


def kept_now(made: Needed) -> int:
    """How many heads are kept: as few as will do, unless chosen."""
    chosen = int(st.session_state[KEY + "keep"])
    return chosen if 0 <= chosen <= len(made.order) else made.fewest(CLOSE)


def keep(asked: Asked, made: Needed) -> None:
    """A number of heads, which they are and what is lost with them alone; the model with them, to look at like any."""
    count, kept = len(made.order), kept_now(made)
    st.session_state[KEY + "keep"] = kept
    st.slider(t("atlas.keep"), 0, count, key=KEY + "keep")
    kept = int(st.session_state[KEY + "keep"])
    heads = named(made.kept(kept), count)
    lost = signed(made.lost[count - kept])
    st.markdown(t("atlas.keeps", count=kept, heads=heads, lost=lost, unit=t(f"atlas.unit_{made.unit}")))
    offer_to_open("open_kept", t("atlas.open_kept", count=kept), asked, gone(made, kept))


def gone(made: Needed, kept: int) -> dict[str, str]:
    """What a link to *Any model* says so that all but the last `kept` heads are removed."""
    return run.without(made.order[: len(made.order) - kept])


def show_gates(asked: Asked) -> None:
    """The switch, the verdict, the picture, the ways on."""
    st.toggle(t("atlas.gates"), key=KEY + "gates", help=t("atlas.gates_help"))
    if not st.session_state[KEY + "gates"]:
        return
    made = run.gates_of(asked)
    if made is not None:
        say_roles(asked, made)
        draw_roles(made)
        open_without(asked, made)


def say_roles(asked: Asked, made: SoftGates) -> None:
    """How many heads have each role, which, and what is really lost without them."""
    lines = [_kind(made, kind) for kind in KINDS if made.of_role(kind)]
    heads = int(made.opened.isfinite().sum())
    begun = t("atlas.gates_say", model=plain(asked.name), heads=heads)
    st.markdown(begun + t("atlas.stop").join(lines) + t("atlas.end"))
    if made.lost["hinders"] > 0:
        st.markdown(t("atlas.gates_not_so", lost=signed(made.lost["hinders"])))
    st.caption(t("atlas.gates_caption", runs=made.runs))


def _kind(made: SoftGates, kind: Role | None) -> str:
    """The heads of one kind, and what is lost without all of them."""
    heads = made.of_role(kind)
    said = t(f"atlas.role_{kind or OPEN}", count=len(heads), heads=named(heads, MOST_NAMED))
    return said if kind is None else said + t("atlas.role_lost", lost=signed(made.lost[kind]))


def draw_roles(made: SoftGates) -> None:
    """A cell a head."""
    from attnviz.figures.attribution.roles import roles

    places = [place for kind in KINDS for place in made.of_role(kind)]
    gates = {place: (float(made.opened[place]), float(made.shut[place])) for place in places}
    named = {place: made.role(*place) for place in places}
    counts = {kind or OPEN: len(made.of_role(kind)) for kind in KINDS}
    draw(roles(gates, named, style_now()), key=KEY + "roles", alt=t("atlas.alt_roles", heads=len(places), **counts))


def open_without(asked: Asked, made: SoftGates) -> None:
    """The model with those that help alone, and without those that hinder, to look at like any other."""
    helping, hindering = made.of_role("helps"), made.of_role("hinders")
    others = [place for kind in KINDS[1:] for place in made.of_role(kind)]
    with st.container(horizontal=True):
        if others and helping:
            words = t("atlas.open_helping", count=len(helping), lost=signed(made.lost["others"]))
            offer_to_open("open_helping", words, asked, run.without(others))
        if hindering:
            words = t("atlas.open_unhindered", count=len(hindering), lost=signed(made.lost["hinders"]))
            offer_to_open("open_unhindered", words, asked, run.without(hindering))
