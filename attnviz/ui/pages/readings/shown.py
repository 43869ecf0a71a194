"""What the readings page shows: the verdict, the sentence twice, every head, two heads opened, context, head counts."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING, cast

import streamlit as st

from attnviz.text.segmentation import Lattice, Reading, same_text, within, without_spaces
from attnviz.text.segmentation import cases as known_cases
from attnviz.ui.kit import (
    SOFT,
    bold,
    clicked,
    draw,
    figure_text,
    listen_to_clicks,
    plain,
    runs,
    signed,
    style_now,
    t,
    table,
)
from attnviz.ui.pages.readings import verdict
from attnviz.ui.pages.readings.choices import (
    KEY,
    OFFERED,
    TAUGHT,
    choice_of,
    glosses,
    model_title,
    offer_other_model,
    own_words,
    put,
    spaces_out,
)
from attnviz.ui.pages.readings.cuts import has_no_spaces, percent
from attnviz.ui.pages.readings.heldout import shares_read_off
from attnviz.ui.pages.readings.verdict import Leaning

if TYPE_CHECKING:
    from attnviz.figures.arcs import Arcs
    from attnviz.figures.readings import View
    from attnviz.measures.readings import Place

HEIGHT = 300
# In rem for each of its pixels, how wide an SVG of a sentence may be: it grows as a projector's text does.
FULL = 1.1 / 16


@runs.kept
def measured(name: str, first: str, second: str, around: tuple[str, str] = ("", ""), bare: bool = False) -> Leaning:
    """How the heads of a model lean between two written readings. Raises `TextError` where they are not two.

    `around` is the text before and after; `bare` takes all spaces out.
    """
    from attnviz.measures.readings import lean

    a, b = (within(reading, *around) for reading in parsed(first, second))
    if bare:
        a, b = without_spaces(a), without_spaces(b)
    trace = runs.trace(name, a.text, SOFT)
    return Leaning(trace, lean(trace, a, b))


def parsed(first: str, second: str) -> tuple[Reading, Reading]:
    """Two written readings of one text, without what stands around it. Raises `TextError` where they are not that."""
    readings = Reading.parse(first), Reading.parse(second)
    same_text(*readings)
    return readings


def alone(first: str, second: str) -> tuple[Reading, Reading]:
    """The two readings as the page shows them: with or without their spaces."""
    one, other = parsed(first, second)
    return (without_spaces(one), without_spaces(other)) if spaces_out() else (one, other)


def tell_verdict(model: str, leaning: Leaning) -> None:
    """The verdict in a sentence."""
    with st.container(key=KEY + "verdict"):
        st.markdown(verdict.verdict(model, leaning), unsafe_allow_html=True)
        if not any(leaning.lean.bits.flatten().tolist()):
            st.caption(t("lean_same"))


def tell_why(model: str) -> None:
    """Why the verdict is what it is; beside it the way to the other model."""
    said, press = st.columns([7, 2], gap="small", vertical_alignment="center")
    if model == TAUGHT:
        said.caption(t("readings.why_taught", **shares_read_off()))
    else:
        said.caption(t("readings.why_plain", model=plain(model)))
    with press:
        offer_other_model(model)


def shares(leaning: Leaning, alone: tuple[Reading, Reading]) -> tuple[list[str], list[str]]:
    """What the model's word boundaries and the dictionary think of A and of B, each as a line; empty where nothing."""
    from attnviz.experiments.sentences import share

    part = share(leaning.trace, *leaning.readings)
    model = ["", ""] if part is None else [t("reading_model", share=f"{p:.1%}") for p in (part, 1 - part)]
    if not has_no_spaces(alone[0].text):
        return model, ["", ""]
    lattice = Lattice.of(alone[0].text, own=[*own_words(), *(word for reading in alone for word in reading.words)])
    found = [lattice.probability(reading) for reading in alone]
    return model, [t("reading_dictionary", share=percent(p)) if p else "" for p in found]


def draw_sentences(leaning: Leaning, alone: tuple[Reading, Reading]) -> None:
    """The sentence twice, each time as the head reads it that holds that reading best."""
    from attnviz.figures.arcs import arcs_of, room
    from attnviz.measures.held import JOINED

    pictures = [arcs_of(leaning.trace, leaning.lean, leaning.lean.strongest(side), side) for side in (0, 1)]
    arch = max(map(room, pictures))
    told = zip(glosses(alone), *shares(leaning, alone), strict=True)
    for side, (place, (gloss, *facts)) in enumerate(zip(st.columns(2, gap="medium"), told, strict=True)):
        with place, st.container(key=f"{KEY}sentence{side}"):
            words = " / ".join(f"<span>{plain(word)}</span>" for word in alone[side].words)
            st.markdown(
                f"{verdict.coloured(side)} &ensp;**{words}** &ensp;<small>{plain(gloss)}</small>",
                unsafe_allow_html=True,
            )  # fmt: skip
            _draw_arcs(leaning, side, pictures[side], arch)
            lines = [plain(verdict.about_strongest(leaning.lean, side)), *facts]
            st.caption(" · ".join(filter(None, lines)), help=t("readings.arcs", least=JOINED))


def _draw_arcs(leaning: Leaning, side: int, picture: Arcs, arch: float) -> None:
    """Arcs and boxes of one head, as a picture that fits any width."""
    from attnviz.figures.arcs import across, arcs
    from attnviz.measures.held import spelled

    place = leaning.lean.strongest(side)
    drawn, width = arcs(picture, style_now(), arch), across(picture) * FULL
    alt = t(
        "readings.seen_alt", layer=place[0], head=place[1], words=str(spelled(leaning.trace, *place)),
        standing=verdict.about_strongest(leaning.lean, side),
    )  # fmt: skip
    source = "data:image/svg+xml;base64," + b64encode(drawn.encode()).decode()
    st.html(f"<img style='width:100%;max-width:{width:.2f}rem' alt='{escape(alt, quote=True)}' src='{source}'>")


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
    """What every head does; a click opens one on its side."""
    from attnviz.figures.readings import lean_grid

    lean = leaning.lean
    rows, columns = lean.bits.shape
    who = {name: verdict.names(lean.of(name)) for name in ("first", "second", "resting")}
    figure = lean_grid(lean, selected=open_heads, style=style_now(height=HEIGHT))
    draw(figure, KEY + "lean", t("readings.alt_lean", layers=rows, heads=columns, **who), camera=False)
    st.markdown(_legend(leaning), unsafe_allow_html=True)


def _legend(leaning: Leaning) -> str:
    """What the colours mean and whose they are, and how many heads chance would colour."""
    from attnviz.figures.readings import swatches

    lean = leaning.lean
    marks = swatches(style_now())
    reading = lean.bits.numel() - len(lean.of("resting"))
    parts = [
        f"<span style='display:inline-block;width:.9em;height:.9em;border-radius:2px;background:{marks[name]}'></span> "
        f"{plain(said)}"
        for name, said in verdict.legend(lean).items()
    ]
    parts.append(t("readings.chance", chance=f"{0.05 * reading:.1f}"))
    return f"<small>{' &ensp;'.join(parts)}</small>"


def draw_heads(leaning: Leaning, open_heads: tuple[Place, Place], columns: tuple[object, object]) -> None:
    """Two heads side by side, their reading's words boxed; or the difference of the two."""
    view = cast("View", choice_of("view") or "token")
    if view == "word":  # one head under both readings: the one that leans more
        open_heads = (max(open_heads, key=lambda place: abs(float(leaning.lean.bits[place]))),) * 2
    for side, (place, column) in enumerate(zip(open_heads, columns, strict=True)):
        told = verdict.about_open(leaning.lean, side, place, view == "word")
        with column:  # type: ignore[attr-defined]
            st.caption(told)
            figure = _head_figure(leaning, side, open_heads, view)
            draw(figure, f"{KEY}head{side}", told.replace("*", ""), camera=False)


def _head_figure(leaning: Leaning, side: int, open_heads: tuple[Place, Place], view: View):  # type: ignore[no-untyped-def]
    """One of the two pictures."""
    from attnviz.figures import readings as figures

    which = figures.Opened(open_heads[side], open_heads[1 - side], side, view)
    return figures.opened_head(leaning.trace, leaning.readings[side], which, style_now(height=HEIGHT))


def draw_context(name: str, first: str, second: str, leaning: Leaning) -> None:
    """What surroundings do to the word boundaries, and to every head."""
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

    alone = measured(name, first, second, bare=spaces_out())
    parts = [share(one.trace, *one.readings) for one in (alone, leaning)]
    if parts[0] is not None and parts[1] is not None:
        st.caption(t("context_share", without=f"{parts[0]:.1%}", with_context=f"{parts[1]:.1%}"))
    st.caption(t("context_arrows"))
    draw(arrows(alone.lean.bits, leaning.lean.bits, style_now()), KEY + "arrows", t("context_arrows"), camera=False)


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


def show_head_counts(name: str, written: tuple[str, str], around: tuple[str, str]) -> None:
    """The taught model, then 1, 2, 4 and 8 heads: how many hold a reading clearly, how much, how different they are."""
    bare = spaces_out()
    text = measured(name, *written, around, bare).trace.text
    distances = runs.head_distances(text, OFFERED)
    columns = [
        t("readings.model"), *(verdict.coloured(side) for side in (0, 1)), t("heads_clear"), t("readings.resting"),
        t("heads_strongest"), t("col_distance"), t("col_boundary"),
    ]  # fmt: skip
    rows = []
    for model in OFFERED:
        lean = measured(model, *written, around, bare).lean
        card = runs.card(model)
        top = max((lean.strongest(side) for side in (0, 1)), key=lambda place: abs(float(lean.bits[place])))
        cells = [
            model_title(model), str(len(lean.readers(0))), str(len(lean.readers(1))), str(lean.bits.numel()),
            str(len(lean.of("resting"))), f"{verdict.place_text(top)}: {verdict.bits_text(lean, top)}",
            figure_text(distances[model]), figure_text(card.figures.get("boundary_f1_jieba") if card else None),
        ]  # fmt: skip
        rows.append(bold(cells, model == name))
    st.caption(t("readings_heads_help"))
    st.markdown(table(columns, rows, "---:"), unsafe_allow_html=True)


def show_evidence(leaning: Leaning) -> None:
    """Every head in a table: its bits, their band, how much it rests, its verdict, the words read off its weights."""
    from attnviz.measures.held import spelled

    lean = leaning.lean
    names = ("head", "bits", "band", "rest", "verdict", "reads")
    rows = []
    for layer, verdicts in enumerate(lean.verdicts()):
        for head, found in enumerate(verdicts):
            place = (layer, head)
            told = t(f"figure.verdict_{found}")
            side = {"first": 0, "second": 1}.get(found)
            rows.append([
                verdict.place_text(place), verdict.bits_text(lean, place),
                f"{signed(float(lean.low[place]))} … {signed(float(lean.high[place]))}",
                f"{float(lean.special[place]):.0%}",
                told if side is None else verdict.coloured(side, told),
                " / ".join(map(plain, spelled(leaning.trace, *place).words)),
            ])  # fmt: skip
    st.caption(t("readings.evidence_help"))
    st.markdown(table([t(f"readings.evidence_{name}") for name in names], rows), unsafe_allow_html=True)


def listen() -> None:
    """A click on a tile opens that head on the side to which it leans."""
    listen_to_clicks(KEY, {"head": KEY + "lean"}, on_head_change=_open_head)


def _open_head() -> None:
    """A tile was clicked: (layer, head)."""
    found = clicked(KEY, "head")
    if found is None:
        return
    layer, head = found
    model, first, second, before, after = (
        choice_of(name) or "" for name in ("model", "first", "second", "before", "after")
    )
    lean = measured(model, first, second, (before, after), spaces_out()).lean
    put(**{"left" if lean.bits[layer, head] >= 0 else "right": f"{layer}.{head}"})
