"""The numbers of the page on words for pictures: each naming word's share, every way side by side, held-out figures."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    SOFT,
    Selection,
    bar_cell,
    bold,
    cell_table,
    draw_heatmap,
    figure_text,
    plain,
    style_now,
    t,
    table,
    take_away,
)
from attnviz.ui.pages.captions import choices, run
from attnviz.ui.pages.captions.choices import FIGURES, KEY, now
from attnviz.ui.pages.captions.run import ARGMAX, HARD_MODEL, MODELS, SOFT_MODEL, Request, Told
from attnviz.ui.pages.captions.shown import Runs, how, mark, picked_of

if TYPE_CHECKING:
    from attnviz.pictures import Picture
    from attnviz.systems.captions.scene import Scene
    from attnviz.trace import Trace

BAR = 4  # rem of a share of 1
PARTS = ("one", "new", "pairs", "alone")
COLUMNS = {SOFT_MODEL: ("soft", "drawn", "argmax", "blind"), HARD_MODEL: ("drawn", "argmax", "soft", "blind")}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def show_shares(runs: Runs, given: Scene | Picture) -> None:
    """Each word that names a thing, with the share of its weight inside that thing, or the one that it looked at."""
    from attnviz.systems.captions.scene import SHARE

    rows, scene = [], run.scene_in(given)
    if scene is None:
        return
    for request, _, told in runs:
        for word in told.words:
            if word.thing and word.inside:
                inside = word.most if word.of is None else word.of
                thing = run.named(scene.things[inside].name, request.language)
                who = f"{request.name} · {_marked(word.text, word.right)}"
                rows.append(
                    (
                        who,
                        [
                            f"<td>{html.escape(thing)}</td>",
                            bar_cell(word.inside[inside], "after", BAR),
                            f"<td>{SHARE:.3f}</td>",
                        ],
                    )
                )
    if rows:
        st.html(
            cell_table(
                [t("captions.col_word"), t("captions.col_thing"), t("captions.col_inside"), t("captions.col_canvas")],
                rows,
            )
        )


def _marked(text: str, right: bool | None) -> str:
    """A word as plain text, one that is wrong with its sign."""
    return f"✗ {text}" if right is False else text


def show_ways(given: Scene | Picture) -> None:
    """What the sentence becomes: each model as it was trained, made hard or soft, at its likeliest place, and blind."""
    with st.expander(t("captions.ways"), expanded=True):
        rows = [_way(request, given) for request in ways(given)]
        head = "".join(f"<th>{t(f'captions.col_{name}')}</th>" for name in ("model", "how", "sentence", "path"))
        st.html(f"<table class='words-said'><tr>{head}</tr>{''.join(rows)}</table>")
        st.caption(t("captions.ways_say"))


def ways(given: Scene | Picture) -> list[Request]:
    """The runs that are compared: the chosen rule's too, where it is none of the others."""
    rules = {
        SOFT_MODEL: [SOFT, choices.rule_of(SOFT_MODEL, "swapped"), ARGMAX],
        HARD_MODEL: [choices.rule_of(HARD_MODEL, "trained"), ARGMAX, SOFT],
    }
    found = []
    for name in MODELS:
        own = choices.rule_of(name)
        listed = rules[name] if own in rules[name] else [*rules[name], own]
        found += [choices.request_of(given, name, rule, blind=False) for rule in listed]
        found.append(choices.request_of(given, name, rules[name][0], blind=True))
    return found


def _way(request: Request, given: Scene | Picture) -> str:
    """A row: the model, its rule, its sentence with what is wrong marked, how many words, the path's probability."""
    trace = run.read(request, given)
    told = run.told(trace, run.scene_in(given), request.language)
    sentence = sentence_html(told, request.language)
    path = likely(run.chance_of(trace)) if request.hard else "–"
    cells = (request.name, how(request), sentence, path)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def sentence_html(told: Told, spoken: str) -> str:
    """A sentence, its wrong words under a wave and with a cross; how many words of the true one are left out."""
    parts = [f"<span class='{mark(word)}'>{html.escape(_marked(word.text, word.right))}</span>" for word in told.words]
    said = ("" if spoken == "zh" else " ").join(parts)
    if told.true:
        said += " " + (f"<b>{t('captions.way_whole')}</b>" if told.whole else _counted(told))
    return said


def _counted(told: Told) -> str:
    """How many words are wrong, how many left out."""
    return t("captions.way_wrong", wrong=told.wrong, missing=len(told.missing))


def likely(chance: float) -> str:
    """A probability however small, as in 3.2 · 10⁻⁹.

    >>> likely(0.25), likely(3.2e-9)
    ('0.25', '3.2 · 10⁻⁹')
    """
    if chance >= 0.001:
        return f"{chance:.2g}"
    digits, _, power = f"{chance:.1e}".partition("e")
    return f"{digits} · 10{str(int(power)).translate(SUPERSCRIPTS)}"


def show_held_out() -> None:
    """The figures of the card, of scenes kept from training, and where hard attention trails."""
    with st.expander(t("captions.held")):
        found, spoken = run.figures(), choices.spoken()
        parts = {name: found[name]["parts"] for name in MODELS}
        alone = {name: parts[name]["alone"][way][spoken] for name, way in ((SOFT_MODEL, "soft"), (HARD_MODEL, "drawn"))}
        soft, hard = found[SOFT_MODEL], alone[HARD_MODEL]
        st.markdown(t(
            "captions.trails", soft=figure_text(alone[SOFT_MODEL]["sentence"]), hard=figure_text(hard["sentence"]),
            things=figure_text(hard["things"]), inside=figure_text(hard["inside"]),
        ))  # fmt: skip
        st.selectbox(
            t("captions.figure"), FIGURES, key=KEY + "figure", format_func=lambda name: t(f"captions.figure_{name}")
        )
        st.markdown(
            table(
                [t("captions.col_model"), t("captions.col_how"), *(t(f"captions.part_{part}") for part in PARTS)],
                _figure_rows(spoken),
                "---:",
            )
        )
        st.caption(
            t(
                "captions.held_say",
                scenes=soft["scenes"],
                canvas=f"{soft['share']:.1%}",
                neighbour=figure_text(soft["neighbour"]),
            )
        )


def _figure_rows(spoken: str) -> list[list[str]]:
    """A row for each model and way, the way that it was trained for in bold."""
    figure, found = str(now("figure") or "sentence"), run.figures()
    rows = []
    for name, names in COLUMNS.items():
        for way in names:
            values = [found[name]["parts"][part][way][spoken][figure] for part in PARTS]
            said = [f"{value:.1f}" if figure == "bleu" else figure_text(value) for value in values]
            rows.append(bold([name, t(f"captions.held_{way}"), *said], way == names[0]))
    return rows


def draw_numbers(runs: Runs) -> None:
    """Each run as a map of numbers, words by places, and what can be taken away."""
    for request, trace, _ in runs:
        _numbers(request, trace, picked_of(runs))


def _numbers(request: Request, trace: Trace, picked: int) -> None:
    chart = f"{KEY}map-{request.name}"
    selection, style = Selection(0, 0, query=min(picked, len(trace.tokens) - 1)), style_now("row", 420)
    with st.expander(t("captions.numbers", model=plain(request.name))):
        draw_heatmap(trace, selection, style, key=chart)
        take_away(trace, selection, style, chart=chart)
