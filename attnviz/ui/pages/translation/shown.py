"""What the translation page shows: the translations, their map as it grows, why one weight, BLEU by length."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import (
    Selection,
    alpha_of,
    chance,
    choose_cell,
    choose_head,
    clicked,
    dark,
    draw,
    draw_heatmap,
    head_picture,
    language,
    listen_to_clicks,
    place_in_row,
    plain,
    short,
    sparse_formula,
    style_now,
    t,
    table,
    take_away,
    verdict,
)
from attnviz.ui.pages.translation.choices import (
    KEY,
    RunRequest,
    choice_of,
    figures,
    of_hub,
    sample,
    translated,
    way,
    way_title,
)

if TYPE_CHECKING:
    from attnviz.selection import Style
    from attnviz.trace import Cell, Trace

FRAMES = 8  # steps in which a translation appears, at most: each is a picture that the server draws
PAUSE = 0.1  # seconds between two of them
ROW, LEAST, MOST = 22, 300, 620  # pixels of a row of the map; of a map


def listen() -> None:
    """A click on a cell explains it."""
    listen_to_clicks(KEY, {"cell": KEY + "heatmap"}, on_cell_change=_open_cell)


def _open_cell() -> None:
    """A cell was clicked."""
    if found := clicked(KEY, "cell"):
        st.session_state[KEY + "query"], st.session_state[KEY + "key"] = found


def show_reading(run: Trace, request: RunRequest) -> None:
    """Say how far a long text was read, and that a model was given the wrong language."""
    read = run.looked_at
    if read is None:
        return
    if read.cut is not None:
        tail = plain(read.text[read.cut :].strip()[:24])
        values = {"limit": len(read.ids), "read": read.cut, "characters": len(read.text), "tail": tail}
        st.warning(t("cut", **values), icon=":material/content_cut:")
    chinese = any("\u3400" <= character <= "\u9fff" for character in read.text)
    if not of_hub() and chinese != (way() == "zh-en"):
        st.info(t(f"translation.wrong_{way().replace('-', '_')}"), icon=":material/info:")


def show_answers(run: Trace, request: RunRequest) -> None:
    """The translations beside each other: with the chosen rule, softly, without attention; a true one of a sample."""
    rows = [
        (t("translation.own" if request.target else "translation.with", rule=way_title(request)), plain(_text(run)))
    ]
    if not of_hub():
        rows += [(t(f"translation.{name}"), plain(_text(translated(other)))) for name, other in _others(request)]
    known = sample()
    if known is not None:
        rows.append((t("translation.reference"), plain(" / ".join(known["references"][:3]))))
    st.markdown(table([t("translation.who"), t("translation.what")], [[f"**{who}**", said] for who, said in rows]))
    if known is not None:
        st.caption(t("translation.attribution", who=plain(known["attribution"][0].split("tatoeba.org", 1)[-1].strip())))
    if request.target:
        _show_surprise(run, request)


def _text(run: Trace) -> str:
    return run.text or "–"


def _others(request: RunRequest) -> list[tuple[str, RunRequest]]:
    """The runs to compare with, by the names of their rows."""
    softly = RunRequest(request.name, request.text)
    soft = [] if request == softly else [("soft", softly)]
    return [*soft, ("plain", RunRequest(f"{request.name}-plain", request.text))]


def _show_surprise(run: Trace, request: RunRequest) -> None:
    """How likely the model thinks the reader's translation, beside its own."""
    from attnviz.systems.translation.system import surprise

    mine, own = (
        surprise(run),
        surprise(translated(RunRequest(request.name, request.text, request.rule, request.uniform))),
    )
    st.caption(t("translation.surprise", mine=f"{mine:.2f}", own=f"{own:.2f}"))


def choose_open_head(run: Trace) -> tuple[int, int]:
    """Layer and head; the recurrent models have but one."""
    return choose_head(run, KEY) if of_hub() else (0, 0)


def choose_pair(run: Trace, place: tuple[int, int]) -> tuple[int, int]:
    """Query and key by picker; unless chosen, the cell with the most weight."""
    if choice_of("query") is None or choice_of("key") is None:
        _take_heaviest(run, place)
    return choose_cell(run, KEY, labels=(t("translation.query"), t("translation.key")))


def _take_heaviest(run: Trace, place: tuple[int, int]) -> None:
    """Choose the cell with the most weight, that of marks left out."""
    weights = run.weights(*place).clone()
    for axis, special in ((0, run.special), (1, run.key_special)):
        for number in (number for number, added in enumerate(special) if added):
            weights.select(axis, number).fill_(0.0)
    query, key = divmod(int(weights.argmax()), weights.shape[1])
    st.session_state[KEY + "query"], st.session_state[KEY + "key"] = query, key


def show_why(run: Trace, request: RunRequest, place: tuple[int, int], cell: tuple[int, int]) -> None:
    """Every number on the way to one weight, in the formula."""
    found = run.cell(*place, *cell)
    names = {"query": plain(found.query_label), "key": plain(found.key_label)}
    said = t("why_say", **names, weight=f"{found.weight:.4f}", place=place_in_row(found))
    lines = [said, *(_hub_score(found) if of_hub() else _energy(run, found)), *_after_the_score(found, request)]
    st.markdown("\n\n".join(lines))
    best = t("listed").join(f"**{plain(token)}** {chance(p)}" for token, p in run.predictions(cell[0], 5))
    st.caption(t("translation.candidates_after" if of_hub() else "translation.candidates", **names, best=best))


def _energy(run: Trace, cell: Cell) -> list[str]:
    """The energy of Bahdanau et al. 2015 and of what it is the sum."""
    from attnviz.systems.translation.system import terms

    units = terms(run, cell.query, cell.key)
    up, down = float(units.clamp_min(0).sum()), float(units.clamp_max(0).sum())
    return [
        t("translation.energy", energy=short(cell.product)),
        t("translation.units", count=len(units), up=f"{up:.3f}", down=f"{-down:.3f}"),
    ]


def _hub_score(cell: Cell) -> list[str]:
    """The scaled dot product of a Transformer."""
    product = f"({short(cell.product)})" if cell.product < 0 else short(cell.product)
    values = {"product": product, "scale": short(cell.scale), "score": short(cell.score)}
    return [t("why_product", product=short(cell.product)), t("why_score", **values)]


def _after_the_score(cell: Cell, request: RunRequest) -> list[str]:
    """From the score to the weight."""
    if request.uniform:
        return [t("translation.why_uniform", keys=cell.keys, weight=short(cell.weight))]
    if alpha_of(cell.rule) > 1:
        return [t("translation.sparse_score"), f"${sparse_formula(cell)}$"]
    return [f"{t('why_soft')} ${_softmax(cell)}$", *verdict(cell)]


def _softmax(cell: Cell) -> str:
    """The softmax of one energy (Bahdanau et al. 2015, eq. 6)."""
    temperature = getattr(cell.rule, "temperature", 1.0)
    over = "" if temperature == 1.0 else f"/{temperature:g}"
    sign = "" if temperature == 1.0 else "/T"
    name = "s" if of_hub() else "e"
    return (
        rf"\frac{{\exp({name}_{{ij}}{sign})}}{{\sum_k\exp({name}_{{ik}}{sign})}}"
        rf"=\frac{{\exp({short(cell.score)}{over})}}{{\exp({short(cell.log_total)})}}={short(cell.soft)}"
    )


def draw_lengths(run: Trace) -> None:
    """BLEU by the length of the sentence, with attention and without, on sentences that were held out."""
    if of_hub():
        return
    from attnviz.figures import Line, lines

    told = figures(way())
    drawn = [
        Line(t(f"translation.line_{name}"), told["lengths"], told["bleu_by_length"][name], dashed=name == "uniform")
        for name in ("attention", "plain", "uniform")
    ]
    length = len(run.key_tokens) - 1
    here = [(float(length), t("translation.here"))] if length <= 1.2 * told["lengths"][-1] else []
    st.markdown(f"**{t('translation.lengths')}**")
    figure = lines(
        drawn, x_title=t("translation.length"), y_title="BLEU", marks=here, dark=dark(), language=language(),
        height=270,
    )  # fmt: skip
    figure.update_layout(legend={"y": 1.12}, margin={"t": 64})  # room for the word at the upright line
    draw(figure, key=KEY + "lengths", alt=t("translation.alt_lengths", **_long(told)))
    st.caption(t("translation.lengths_say", **_long(told)))


def _long(told: dict[str, object]) -> dict[str, str]:
    """The figures that the plot's words name."""
    attention, without = told["attention"], told["plain"]
    assert isinstance(attention, dict) and isinstance(without, dict)
    return {
        "sentences": str(told["sentences"]), "median": f"{told['median']:g}", "ratio": f"{told['ratio_long']:.2f}",
        "with_long": f"{attention['bleu_long']:.1f}", "plain_long": f"{without['bleu_long']:.1f}",
        "with_all": f"{attention['bleu']:.1f}", "plain_all": f"{without['bleu']:.1f}",
    }  # fmt: skip


def draw_map(
    picture: DeltaGenerator, run: Trace, request: RunRequest, place: tuple[int, int], cell: tuple[int, int]
) -> None:
    """The map in its place; a translation that was not shown yet appears token by token."""
    if not of_hub() and st.session_state.get(KEY + "shown") != request:
        st.session_state[KEY + "shown"] = request
        _replay(picture, run)
    with picture.container():
        _caption(run, request, place)
        selection, style = Selection(*place, *cell), _style(run)
        draw_heatmap(run, selection, style, key=KEY + "heatmap")
        take_away(run, selection, style, chart=KEY + "heatmap")


def _replay(picture: DeltaGenerator, run: Trace) -> None:
    """The translation as it was written, a few tokens at a time."""
    from attnviz.systems.translation.system import so_far

    count = len(run.tokens)
    for number in range(1, count, -(-count // FRAMES)):
        part = so_far(run, number)
        with picture.container():
            st.markdown(t("translation.so_far", text=plain(part.text)))
            figure, alt = head_picture(part, Selection(), _style(part))
            draw(figure, None, alt)
        time.sleep(PAUSE)


def _caption(run: Trace, request: RunRequest, place: tuple[int, int]) -> None:
    """Whose weights these are."""
    values = {"model": plain(run.model), "rule": way_title(request), "layer": place[0], "head": place[1]}
    st.caption(t("translation.map_hub" if of_hub() else "translation.map", **values))


def _style(run: Trace) -> Style:
    """The map is as high as it has rows."""
    return style_now(height=min(max(LEAST, 130 + ROW * len(run.tokens)), MOST))
