"""The panel in which a page asks what an answer rests on: it runs on a press, watched, and stopped on another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit.charts import style_now
from attnviz.ui.kit.effect import cell_table
from attnviz.ui.kit.export_menu import offer_file
from attnviz.ui.kit.languages import language, t
from attnviz.ui.kit.markdown import plain
from attnviz.ui.kit.opening import made_once
from attnviz.ui.kit.pictures import picture_address
from attnviz.ui.kit.rests.told import as_csv, correlation, ranked, shared_top
from attnviz.ui.kit.work import Halted, Tell

if TYPE_CHECKING:
    from attnviz.axes import Axis, Box
    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.figures.attribution.rows import Way
    from attnviz.measures.reading import Agreement
    from attnviz.pictures import Picture

CUT = ("edges_shared", "edges_lost")
YARDSTICKS = ("occluded_mean", "occluded_zero", "occluded_other", *CUT)  # of a picture
OWN_ABOUT = ("integrated_gradients", "largest")  # ways of which other things are said where there is no text
LIKELIEST = -1  # no label is chosen, or none to compare with
USUAL, TOP, SHAKY, NAMED = "weights", 3, 0.1, 3
SMALL = 320  # pixels of a picture that stands below each way


def choose_explained(key: str, names: Mapping[int, str], likeliest: int) -> tuple[int, int | None]:
    """Which of some answers is explained, and against which other, None for none; by their numbers."""
    left, right = st.columns(2, gap="small")
    with left:
        others = [one for one in names if one != likeliest]
        piece = choose_answer(key + "explain", t("rests.explain"), others, names, names[likeliest])
    own = likeliest if piece is None else piece
    with right:
        rivals = [one for one in names if one != own]
        none = t("reasons.against_none")
        return own, choose_answer(key + "against", t("rests.against"), rivals, names, none)


def choose_answer(
    key: str, title: str, options: Sequence[int], names: Mapping[int, str], usual: str, about: str | None = None
) -> int | None:
    """One of the answers by its number, or what is `usual`: None."""
    if st.session_state[key] not in options:
        st.session_state[key] = LIKELIEST
    st.selectbox(
        title, [LIKELIEST, *options], key=key, help=about,
        format_func=lambda one: usual if one == LIKELIEST else names[one],
    )  # fmt: skip
    chosen = int(st.session_state[key])
    return None if chosen == LIKELIEST else chosen


def choose_covered(key: str, thing: str, options: Sequence[str] = YARDSTICKS) -> str:
    """What each place is put to, or how it is looked away from: what every way of reading is held to."""
    names = {way: name_of(way, thing) for way in options}
    st.selectbox(
        t("rests.held"), options, key=key + "held", format_func=names.__getitem__, help=t(f"rests.held_help_{thing}")
    )
    return str(st.session_state[key + "held"])


def name_of(way: str, thing: str) -> str:
    """What a way of reading is called, of a `thing` ("picture", "series")."""
    return t(f"rests.way_{way}_{thing}") if way.startswith("occluded") else t(f"reasons.way_{way}")


@dataclass(frozen=True)
class Rests:
    """One answer as a page asks about it: `key` begins the keys, `thing` is "picture" or "series", `kept` is what
    caches know it by. `read` finds the rows, held to `yardstick`; `places` are so many.
    """

    key: str
    thing: str
    kept: tuple[object, ...]
    name: str
    places: int
    yardstick: str
    read: Callable[[Tell, Halted], Attributions]

    def found(self) -> Attributions | None:
        """The rows, once they were asked for by a press; None before, and where their reader stopped them."""
        wanted = self.key + "rests"
        if st.session_state.get(wanted) != self.kept:
            st.button(
                t(f"rests.go_{self._manner}", count=self.places), key=self.key + "rests_go",
                on_click=partial(st.session_state.__setitem__, wanted, self.kept), icon=":material/play_arrow:",
            )  # fmt: skip
            return None
        return made_once(self.key + "rests_way", self.kept, self._words, self.read)

    @property
    def _manner(self) -> str:
        """Which sentences speak of what really happens: those of a thing's places, or those of edges."""
        return "edges" if self.yardstick in CUT else self.thing

    def _words(self, done: object, runs: object) -> str:
        return t("rests.working", model=plain(self.name), done=done, runs=runs)

    def show(self, found: Attributions, explained: str, draw: Callable[[Sequence[Way]], None]) -> None:
        """The verdict, what is `explained`, every way drawn by `draw`, and how well each foresees what happens;
        or why this model cannot be held to that.
        """
        if (reason := found.missing.get(self.yardstick)) is not None:
            st.info(t("rests.no_yardstick", reason=reason.say(language(), plain)))
            return
        self._say(found)
        st.caption(explained)
        draw(self.ways(found))
        st.caption(t(f"rests.maps_{self.thing}", yardstick=name_of(self.yardstick, self.thing)))
        self._table(found)
        offer_file("csv", t("rests.file"), partial(as_csv, found), self.key + "rests_", t("reasons.take"))

    def ways(self, found: Attributions) -> list[Way]:
        """The rows in the order in which they are shown: the yardstick, then the best of the others first."""
        from attnviz.figures.attribution.rows import Way

        first = [Way(name_of(self.yardstick, self.thing), found[self.yardstick])]
        order = ranked(found, self.yardstick)
        return [*first, *(Way(name_of(way, self.thing), found.rows[way], told.spearman) for way, told in order)]

    def _say(self, found: Attributions) -> None:
        """Which way read this answer best, by how much, and what the mean of the weights came to."""
        order, seen = ranked(found, self.yardstick), int(found.seen.sum())
        if not order or math.isnan(order[0][1].spearman):
            st.markdown(t(f"rests.nothing_{self._manner}"))
            return
        best, told = order[0]
        said = t(
            f"rests.verdict_{self._manner}", way=name_of(best, self.thing), rank=correlation(told.spearman),
            top=of_top(told, seen),
        )  # fmt: skip
        near = [name_of(way, self.thing) for way, one in order[1:] if told.spearman - one.spearman < SHAKY]
        said += " " + t("rests.near", ways=t("reasons.comma").join(near)) if near else ""
        usual = dict(order).get(USUAL)
        if usual is not None and best != USUAL:
            said += " " + t("reasons.verdict_weights", rank=correlation(usual.spearman), top=of_top(usual, seen))
        st.markdown(said)
        st.caption(t("rests.no_winner"))

    def _table(self, found: Attributions) -> None:
        """Each way: how well it foresees what happens, what it looks at and leaves out; and why one is missing."""
        top = min(TOP, int(found.seen.sum()))
        head = [t("reasons.col_way"), t("reasons.col_rank"), t("reasons.col_top", top=top), t("reasons.col_about")]
        rows = [
            (name_of(way, self.thing), [*_figures(told, top), self._about(way)])
            for way, told in ranked(found, self.yardstick)
        ]
        if rows:
            st.html(f"<div style='overflow-x:auto' tabindex='0'>{cell_table(head, rows)}</div>")
        for way, reason in found.missing.items():
            named = name_of(way, self.thing)
            st.caption(t("reasons.missing", way=named, reason=reason.say(language(), plain)))

    def _about(self, way: str) -> str:
        said = t(f"rests.about_{way}_{self.thing}") if way in OWN_ABOUT else t(f"reasons.about_{way}")
        return f"<td style='white-space:normal;min-width:min(14rem, 40vw)'>{said}</td>"


def _figures(told: Agreement, top: int) -> tuple[str, str]:
    return f"<td>{correlation(told.spearman)}</td>", f"<td>{shared_top(told, top)} / {top}</td>"


def of_top(told: Agreement, seen: int) -> str:
    """Of the highest places of both, how many are the same?"""
    top = min(TOP, seen)
    return t("reasons.of_top", same=shared_top(told, top), top=top)


def patch_maps(picture: Picture, axis: Axis, ways: Sequence[Way], frame: Box | None = None) -> None:
    """The picture once for each way, its patches under a colour as strong as they count; a box of it framed."""
    from attnviz.figures.attribution.patches import Ground, maps

    places = [place for place in range(len(axis)) if axis.stands_for(place) is not None]
    boxes: list[Any] = [axis.stands_for(place) for place in places]
    labels = [axis.labels[place] for place in places]
    alts = []
    for way in ways:
        strongest = way.values.abs().topk(min(NAMED, len(places))).indices.tolist()
        most = t("reasons.comma").join(f"{labels[one]} ({way.values[one]:.3g})" for one in strongest)
        alts.append(t("rests.alt_map", way=way.titled, most=most))
    ground = Ground(picture_address(picture, SMALL), picture.width, picture.height, boxes, frame)
    st.html(maps(ways, ground, alts, style_now()))
