"""Which heads help and which hinder? Two gates a head, what is lost without those of each kind, and models without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import draw, plain, style_now, t
from attnviz.ui.pages.atlas import run
from attnviz.ui.pages.atlas.choices import KEY, Head
from attnviz.ui.pages.atlas.run import Asked

if TYPE_CHECKING:
    from attnviz.experiments.atlas import Role, SoftGates

KINDS: tuple[Role | None, ...] = ("helps", "hinders", "idle", None)
OPEN = "open"


def show(asked: Asked) -> None:
    """The switch, the verdict, the picture, the ways on."""
    st.toggle(t("atlas.gates"), key=KEY + "gates", help=t("atlas.gates_help"))
    if not st.session_state[KEY + "gates"]:
        return
    made = run.gates_of(asked)
    if made is not None:
        say(asked, made)
        draw_roles(made)
        open_without(asked, made)


def say(asked: Asked, made: SoftGates) -> None:
    """How many heads have each role, which, and what is really lost without them."""
    lines = [_kind(made, kind) for kind in KINDS if made.of_role(kind)]
    heads = int(made.opened.isfinite().sum())
    begun = t("atlas.gates_say", model=plain(asked.name), heads=heads)
    st.markdown(begun + t("atlas.stop").join(lines) + t("atlas.end"))
    if made.lost["hinders"] > 0:
        st.markdown(t("atlas.gates_not_so", lost=_signed(made.lost["hinders"])))
    st.caption(t("atlas.gates_caption", runs=made.runs))


def _kind(made: SoftGates, kind: Role | None) -> str:
    """The heads of one kind, and what is lost without all of them."""
    heads = made.of_role(kind)
    said = t(f"atlas.role_{kind or OPEN}", count=len(heads), heads=_written(heads))
    return said if kind is None else said + t("atlas.role_lost", lost=_signed(made.lost[kind]))


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _written(heads: Sequence[Head], most: int = 12) -> str:
    found = t("atlas.comma").join(f"{layer}.{head}" for layer, head in heads[:most])
    return found + ("…" if len(heads) > most else "")


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
            words = t("atlas.open_helping", count=len(helping), lost=_signed(made.lost["others"]))
            _button("helping", words, asked, others)
        if hindering:
            words = t("atlas.open_unhindered", count=len(hindering), lost=_signed(made.lost["hinders"]))
            _button("unhindered", words, asked, hindering)


def _button(name: str, words: str, asked: Asked, removed: Sequence[Head]) -> None:
    if st.button(words, key=f"{KEY}open_{name}", icon=":material/open_in_new:"):
        st.switch_page("pages/models.py", query_params=run.link_of(asked) | run.without(removed))
