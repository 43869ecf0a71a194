"""What the page that compares shows: the verdict, A and B and their difference, what changed most."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import draw, offer_file, plain, signed, style_now, t, table
from attnviz.ui.pages.compare import choices
from attnviz.ui.pages.compare.choices import KEY, Head, Side, called

if TYPE_CHECKING:
    from attnviz.experiments.reading.compare import Change, Compared

CHART = KEY + "ranked"
HEIGHT, MOST_ROWS, MOST_PAIRS = 330, 16, 12
NOTHING = 0.005  # of a row's weight: less is said to be none


def show(first: Side, second: Side, found: Compared) -> None:
    """Everything, the verdict first."""
    verdict, maps = st.container(), st.container()
    left, right = st.columns([1, 1], gap="medium")
    with left:
        found = choices.choose_what(found)
        at = choices.choose_head(found)
        draw_ranked(found, at)
        offer_file("csv", "attnviz-compare", partial(_csv, found), KEY, t("compare.take"))
    head, other, _ = found.ranked[at]
    changes = found.changes(head, other)
    with verdict:
        say_verdict(found, changes, at)
    with maps:
        draw_maps(found, head, other)
    with right:
        show_changes(changes)
    with st.expander(t("compare.sides")):
        st.markdown(_sides(first, second))


def say_verdict(found: Compared, changes: Sequence[Change], at: int) -> None:
    """How much of which head's weight moved most, which least, and which pair gained or lost most in the open one."""
    ranked = found.ranked
    if ranked[0][2] < NOTHING:
        st.markdown(t("compare.nothing"))
        return
    most, least = ranked[0], ranked[-1]
    name = partial(called, found)
    kind = "beside" if found.beside is not None else "" if found.same else "models"
    many = t("compare.many_layers" if found.layers else "compare.many_heads", many=len(ranked))
    words = {"head": name(most[0]), "other": name(most[1]), "moved": f"{most[2]:.0%}", "many": many}
    words |= {"least": name(least[0]), "least_other": name(least[1]), "least_moved": f"{least[2]:.0%}"}
    change, asks, looks, before, after = changes[0]
    pair = t(
        "compare.verdict_pair" if change > 0 else "compare.verdict_pair_lost", head=_pair_of(found, at),
        asks=plain(asks), looks=plain(looks), before=f"{before:.2f}", after=f"{after:.2f}",
    )  # fmt: skip
    st.markdown(t("_".join(filter(None, ("compare.verdict", kind))), **words) + " " + pair)
    if kind == "models":
        st.caption(t("compare.models_note_layers" if found.layers else "compare.models_note"))


def _pair_of(found: Compared, at: int) -> str:
    """The open head; both where one is laid beside another."""
    head, other, _ = found.ranked[at]
    return " – ".join(dict.fromkeys(called(found, one) for one in (head, other)))


def draw_maps(found: Compared, head: Head, other: Head) -> None:
    """A, B and by how much B's weights exceed A's, over the same units."""
    from attnviz.figures.attribution.difference import difference, side

    labels, style = list(found.units.labels), style_now(height=HEIGHT)
    change = found.difference(head, other)
    before, after = (weights[:, :-1].float() for weights in (found.first[head], found.second[other]))
    pictures = side(before, labels, style), side(after, labels, style), difference(change.float(), labels, style)
    what = "_layer" if found.layers else ""
    names = [t(f"compare.map_{side_}{what}", head=found.name(one)) for side_, one in (("a", head), ("b", other))]
    names.append(t("compare.map_change"))
    most, columns = f"{float(change.abs().max()):.2f}", st.columns(3, gap="small")
    for column, name, which, figure in zip(columns, names, ("a", "b", "change"), pictures, strict=True):
        with column:
            st.caption(name)
            draw(figure, f"{KEY}map-{which}", t("compare.alt_map", name=name, units=len(labels), most=most))


def draw_ranked(found: Compared, at: int) -> None:
    """The heads by how much of their weight moved; a click opens one."""
    from attnviz.figures.attribution.beside import Row, beside

    shown = found.ranked[:MOST_ROWS]
    rows = [Row(_pair_of(found, number), one[2], f"{one[2]:.0%}") for number, one in enumerate(shown)]
    figure = beside(rows, (t("compare.moved"), "", ""), t("compare.axis"), chosen=at, style=style_now())
    alt = t("compare.alt_ranked", rows=len(rows), first=rows[0].name, moved=rows[0].said)
    draw(figure, CHART, alt, on_point=partial(choices.take_head, CHART, [found.name(head) for head, _, _ in shown]))


def show_changes(changes: Sequence[Change]) -> None:
    """The pairs of words that changed most in the open head."""
    changes = [one for one in changes[:MOST_PAIRS] if abs(one[0]) >= NOTHING]
    if not changes:
        return
    st.markdown(t("compare.pairs"))
    rows = [
        [plain(f"{asks} ⟶ {looks}"), f"{before:.2f}", f"{after:.2f}", signed(change)]
        for change, asks, looks, before, after in changes
    ]
    st.markdown(table([t(f"compare.col_{one}") for one in ("pair", "a", "b", "change")], rows, "---:"))


def _sides(first: Side, second: Side) -> str:
    """What A and B are."""
    rows = [
        [which, plain(side.text), plain(side.name), t(f"rule.{side.rule.name}")]
        for which, side in (("A", first), ("B", second))
    ]
    return table(["", *(t(f"compare.col_{one}") for one in ("text", "model", "rule"))], rows)


def _csv(found: Compared) -> bytes:
    from attnviz.experiments.reading.compare import as_csv

    return as_csv(found).encode("utf-8-sig")
