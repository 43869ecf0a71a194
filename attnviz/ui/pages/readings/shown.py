"""What the readings page shows: the two readings, how every head leans, two heads opened, context, head counts."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import streamlit as st

from attnviz.text.segmentation import Lattice, Reading, same_text, within
from attnviz.text.segmentation import cases as known_cases
from attnviz.ui.kit import MODELS, SOFT, bold, clicked, dark, figure_text, listen_to_clicks, plain, style_now, t, table
from attnviz.ui.pages.readings.choices import KEY, choice_of, glosses, own_words, percent, put
from attnviz.ui.stores import runs

if TYPE_CHECKING:
    from attnviz.figures.readings import View
    from attnviz.measures.readings import Lean
    from attnviz.trace import Trace

HEIGHT = 350
Place = tuple[int, int]


@dataclass(frozen=True)
class Leaning:
    """One run and its lean, with the readings of the whole text that the model read."""

    trace: Trace
    lean: Lean

    @property
    def readings(self) -> tuple[Reading, Reading]:
        """Reading A and B of the whole text."""
        return self.lean.first, self.lean.second


@runs.kept
def measured(name: str, first: str, second: str, before: str, after: str) -> Leaning:
    """How the heads of a model lean between two written readings. Raises `TextError` where they are not two."""
    from attnviz.measures.readings import lean

    a, b = (within(reading, before, after) for reading in parsed(first, second))
    trace = runs.trace(name, a.text, SOFT)
    return Leaning(trace, lean(trace, a, b))


def parsed(first: str, second: str) -> tuple[Reading, Reading]:
    """Two written readings of one text, without what stands around it. Raises `TextError` where they are not that."""
    readings = Reading.parse(first), Reading.parse(second)
    same_text(*readings)
    return readings


def shares(leaning: Leaning, alone: tuple[Reading, Reading]) -> tuple[list[str], list[str]]:
    """What the model's word boundaries and the dictionary think of A and of B, each as a line; empty where nothing."""
    from attnviz.experiments.sentences import share

    part = share(leaning.trace, *leaning.readings)
    model = ["", ""] if part is None else [t("reading_model", share=f"{p:.1%}") for p in (part, 1 - part)]
    if any(character.isspace() for character in alone[0].text.strip()):
        return model, ["", ""]
    lattice = Lattice.of(alone[0].text, own=[*own_words(), *(word for reading in alone for word in reading.words)])
    found = [lattice.probability(reading) for reading in alone]
    return model, [t("reading_dictionary", share=percent(p)) for p in found]


def draw_readings(leaning: Leaning, alone: tuple[Reading, Reading], places: tuple[object, object]) -> None:
    """Under each reading its gloss and how probable it is."""
    from attnviz.figures.readings import side_colours

    for side, (place, gloss, colour, *lines) in enumerate(
        zip(places, glosses(), side_colours(dark()), *shares(leaning, alone), strict=True)
    ):
        facts = " · ".join(filter(None, (plain(gloss), *lines)))
        words = "".join(
            f"<span style='border:2px solid {colour};border-radius:4px;padding:0 .3em;margin-right:.25em'>"
            f"{html.escape(word)}</span>"
            for word in alone[side].words
        )
        with place:  # type: ignore[attr-defined]
            st.html(f"<div style='line-height:1.9'>{words}</div>")
            st.caption(facts or " ")


def heads_now(leaning: Leaning) -> tuple[Place, Place]:
    """The heads that are open: those clicked, else the strongest for each reading."""
    found = []
    for side, name in enumerate(("left", "right")):
        written = choice_of(name)
        place = tuple(map(int, written.split("."))) if written else None
        rows, columns = leaning.lean.bits.shape
        valid = place is not None and place[0] < rows and place[1] < columns
        found.append(place if valid else leaning.lean.strongest(side))
    return found[0], found[1]  # type: ignore[return-value]


def draw_lean(leaning: Leaning, open_heads: tuple[Place, Place]) -> None:
    """The lean of every head; a click opens one on its side."""
    from attnviz.figures.readings import lean_grid

    lean = leaning.lean
    rows, columns = lean.bits.shape
    layer, head = lean.strongest(0)
    st.plotly_chart(
        lean_grid(lean.bits, lean.clear, selected=open_heads, style=style_now(height=HEIGHT)),
        key=KEY + "lean", theme=None, config={"displayModeBar": False},
        alt=t("figure.alt_lean", layers=rows, heads=columns, layer=layer, head=head, bits=bits_text(lean, layer, head)),
    )  # fmt: skip
    count = {"first": int((lean.bits > lean.high).sum()), "second": int((lean.bits < lean.low).sum())}
    st.caption(t("lean_count", **count, heads=rows * columns, chance=f"{0.05 * rows * columns:.1f}"))


def bits_text(lean: Lean, layer: int, head: int) -> str:
    """The bits of a head with their sign."""
    return f"{lean.bits[layer, head]:+.2f}"


def draw_heads(leaning: Leaning, open_heads: tuple[Place, Place], columns: tuple[object, object]) -> None:
    """Two heads side by side, their reading's words boxed; or the difference of the two."""
    view = cast("View", choice_of("view") or "token")
    if view == "word":  # one head under both readings: the one that leans more
        open_heads = (max(open_heads, key=lambda place: abs(float(leaning.lean.bits[place]))),) * 2
    for side, (place, column) in enumerate(zip(open_heads, columns, strict=True)):
        layer, head = place
        told = {
            "side": t("reading_first" if side == 0 else "reading_second"), "layer": layer, "head": head,
            "bits": bits_text(leaning.lean, layer, head), "share": f"{leaning.lean.share[layer, head]:.0%}",
            "low": f"{leaning.lean.low[layer, head]:+.2f}", "high": f"{leaning.lean.high[layer, head]:+.2f}",
        }  # fmt: skip
        strongest = place == leaning.lean.strongest(side)
        with column:  # type: ignore[attr-defined]
            st.caption(t("lean_words" if view == "word" else "lean_open" if strongest else "lean_picked", **told))
            st.plotly_chart(
                _head_figure(leaning, side, open_heads, view), key=f"{KEY}head{side}", theme=None,
                config={"displayModeBar": False}, alt=t("lean_picked", **told).replace("*", ""),
            )  # fmt: skip


def _head_figure(leaning: Leaning, side: int, open_heads: tuple[Place, Place], view: View):  # type: ignore[no-untyped-def]
    """One of the two pictures."""
    from attnviz.figures import readings as figures

    which = figures.Opened(open_heads[side], open_heads[1 - side], side, view)
    return figures.opened_head(leaning.trace, leaning.readings[side], which, style_now(height=HEIGHT))


def draw_context(name: str, first: str, second: str, leaning: Leaning) -> None:
    """What surroundings do to the word boundaries, and to every head."""
    st.markdown(f"**{t('context_title')}**")
    found = turned(name, first, second)
    if found is not None:
        around = [f"{before}…{after}" for before, after in (found.towards_first, found.towards_second)]
        st.caption(
            t(
                "context_found" if found.changes else "context_not", count=found.tried,
                most=f"{found.most:.2%}", least=f"{found.least:.2%}", first=plain(around[0]), second=plain(around[1]),
            )
        )  # fmt: skip
        if found.changes or found.most - found.least > 0.01:
            st.button(
                t("context_turns" if found.changes else "context_moves"),
                on_click=_surround,
                args=(found,),
                type="tertiary",
                icon=":material/swap_vert:",
            )
    before, after = choice_of("before") or "", choice_of("after") or ""
    if found is None and not (before or after):
        st.caption(t("context_hint"))
    if before or after:
        _arrows(name, first, second, leaning)


def _arrows(name: str, first: str, second: str, leaning: Leaning) -> None:
    """From without context to with it, each head an arrow."""
    from attnviz.experiments.sentences import share
    from attnviz.figures.readings import arrows

    alone = measured(name, first, second, "", "")
    parts = [share(one.trace, *one.readings) for one in (alone, leaning)]
    if parts[0] is not None and parts[1] is not None:
        st.caption(t("context_share", without=f"{parts[0]:.1%}", with_context=f"{parts[1]:.1%}"))
    st.caption(t("context_arrows"))
    st.plotly_chart(
        arrows(alone.lean.bits, leaning.lean.bits, style_now()), key=KEY + "arrows", theme=None,
        config={"displayModeBar": False}, alt=t("context_arrows"),
    )  # fmt: skip


@runs.kept
def turned(name: str, first: str, second: str):  # type: ignore[no-untyped-def]
    """Which of the case's surroundings turn the model, measured on all of them."""
    from attnviz.experiments.sentences import turn

    case = next((case for case in known_cases().values() if (case.first, case.second) == (first, second)), None)
    return case and turn(runs.model(name), Reading.parse(first), Reading.parse(second), case.contexts)


def _surround(found) -> None:  # type: ignore[no-untyped-def]
    """Put in the surroundings that speak most against what the model reads now."""
    now = (choice_of("before") or "", choice_of("after") or "")
    before, after = found.towards_second if now != found.towards_second else found.towards_first
    put(before=before, after=after)


def show_head_counts(name: str, first: str, second: str, before: str, after: str) -> None:
    """1, 2, 4 and 8 heads side by side: how many lean clearly, how much, how different they are."""
    st.caption(f"**{t('readings_heads_title')}**", help=t("readings_heads_help"))
    text = before + Reading.parse(first).text + after
    distances = runs.head_distances(text)
    columns = (
        "col_heads",
        "heads_first",
        "heads_second",
        "heads_clear",
        "heads_strongest",
        "col_distance",
        "col_boundary",
    )
    rows = []
    for model in MODELS:
        lean = measured(model, first, second, before, after).lean
        card = runs.card(model)
        top = max((lean.bits.max().item(), lean.bits.min().item()), key=abs)
        cells = [
            model.removeprefix("lab-"), str(int((lean.bits > lean.high).sum())), str(int((lean.bits < lean.low).sum())),
            str(lean.bits.numel()), f"{top:+.2f}", figure_text(distances[model]),
            figure_text(card.figures.get("boundary_f1_jieba") if card else None),
        ]  # fmt: skip
        rows.append(bold(cells, model == name))
    st.markdown(table([t(column) for column in columns], rows, "---:"))


def listen() -> None:
    """A click on a tile opens that head on the side to which it leans."""
    listen_to_clicks(KEY, {"head": KEY + "lean"}, on_head_change=_open_head)


def _open_head() -> None:
    """A tile was clicked: (layer, head)."""
    found = clicked(KEY, "head")
    if found is None:
        return
    layer, head = found
    written = [choice_of(name) or "" for name in ("model", "first", "second", "before", "after")]
    side = "left" if measured(*written).lean.bits[layer, head] >= 0 else "right"
    put(**{side: f"{layer}.{head}"})
