"""What stands under the sound: the part that was listened to, who heard a moment, heads, times, numbers, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import Selection, draw_heatmap, file_name, joined, plain, style_now, t, table, take_away
from attnviz.ui.pages.hearing import choices, run
from attnviz.ui.pages.hearing.bring import KEY
from attnviz.ui.pages.hearing.choices import now, word_now

if TYPE_CHECKING:
    from attnviz.sounds import Sound
    from attnviz.trace import Trace
    from attnviz.ui.pages.hearing.run import Request
    from attnviz.ui.pages.hearing.views import Map, Row, View

FIGURES = ("soft", "hard", "ahead")
TOP = 12  # heads, and rows that heard a moment, of those that are listed


def _name(row: Row) -> str:
    """A word as it is called in a sentence: what ends the digits is called so."""
    return t("hearing.end") if row.special and row.text == "</s>" else plain(row.text)


def show_listened(request: Request, sound: Sound, view: View, shown: Map) -> None:
    """Only the part that the open word listened to, to be heard and taken away; and the whole with it marked."""
    from attnviz.sounds import cut, marked, spans_above

    word, share, reach = word_now(view), choices.choose_share(), run.reach(request.name)
    weights, seconds = view.columns.by_time(shown.weights[word])
    spans, name = spans_above(weights, seconds, share, reach), _name(view.rows[word])
    if not spans:
        st.caption(t("hearing.listened_nothing", word=name))
        return
    said = t("hearing.comma").join(f"{start:.2f}–{end:.2f}" for start, end in spans)
    st.markdown(t("hearing.listened", word=name, share=f"{share:.0%}", spans=said, reach=f"{reach:.2f}"))
    begin, given = run.part_of(request, sound).begin, run.heard(request, sound)
    inside = [(max(0.0, start - begin), end - begin) for start, end in spans]
    part, file = cut(given, inside), file_name(view.trace, Selection(shown.layer, shown.head))
    st.audio(part.wav(), format="audio/wav")
    for column, (kind, made) in zip(st.columns(2), (("part", part), ("marked", marked(given, inside))), strict=True):
        column.download_button(
            t(f"hearing.take_{kind}"), made.wav(), f"{file}-{kind}.wav", "audio/wav", key=f"{KEY}take_{kind}",
            on_click="ignore", width="stretch", help=t(f"hearing.take_{kind}_help"),
        )  # fmt: skip


def show_moment(view: View, shown: Map) -> None:
    """Which words heard the chosen moment, in numbers."""
    moment = int(now("moment"))
    if not 0 <= moment < len(view.columns.seconds):
        st.caption(t("hearing.no_moment"))
        return
    column = np.nan_to_num(shown.weights[:, moment])
    places = range(len(column)) if len(column) <= TOP else sorted(column.argsort()[::-1][:TOP].tolist())
    rows = [[_name(view.rows[place]), f"{column[place]:.4f}"] for place in places]
    st.markdown(t("hearing.heard_at", time=view.columns.names[moment]))
    st.markdown(table([t("hearing.col_word"), t("hearing.col_weight")], rows, "---:"))


def show_heads(request: Request, sound: Sound, trace: Trace) -> None:
    """The heads by which words listen, the one that follows the sound best first; and when each word was heard."""
    if "cross" not in trace.parts:
        return
    found = run.following(request, trace.map("cross"))
    with st.expander(t("hearing.heads")):
        st.button(
            t("hearing.open_best", layer=found[0].layer, head=found[0].head), key=KEY + "best",
            on_click=choices.open_head, args=(found[0].layer, found[0].head),
        )  # fmt: skip
        rows = [
            [str(one.layer), f"{one.head}{' ★' if one.named else ''}", f"{one.tau:.2f}", f"{one.follows:.2f}"]
            for one in found[:TOP]
        ]
        names = ("layer", "head", "tau", "follows")
        st.markdown(table([t(f"hearing.col_{name}") for name in names], rows, "---:"))
        said = [t("hearing.heads_say", shown=len(rows), count=len(found))]
        named = any(one.named for one in found)
        st.caption(joined([*said, t("hearing.heads_named")] if named else said))
    if run.foreign(request.name) is not None:
        _show_times(request, sound, trace.map("cross"), named)


def _show_times(request: Request, sound: Sound, trace: Trace, named: bool) -> None:
    """From when to when each word was heard."""
    times = run.times(request, sound)
    rows = [
        [plain(text), f"{one.start:.2f}", f"{one.end:.2f}"]
        for text, one in zip(trace.tokens, times, strict=True) if one is not None
    ]  # fmt: skip
    with st.expander(t("hearing.times")):
        if rows:
            st.markdown(table([t(f"hearing.col_{name}") for name in ("word", "from", "to")], rows, "---:"))
        st.caption(t("hearing.times_named" if named else "hearing.times_found"))


def draw_numbers(trace: Trace, view: View, shown: Map) -> None:
    """The open head as a map of numbers, the decoder's own map, and what can be taken away."""
    part, query, sound_alone = view.trace, view.rows[word_now(view)].places[0], not view.columns.filled
    selection = Selection(shown.layer, shown.head, query=query, specials=sound_alone)
    style, chart = style_now("row", 380), KEY + "map"
    with st.expander(t("hearing.numbers")):
        draw_heatmap(part, selection, style, key=chart)
        take_away(part, selection, style, chart=chart)
        if "decoder" in trace.parts:
            own = trace.map("decoder")
            chosen = Selection(min(shown.layer, own.n_layers - 1), min(shown.head, own.n_heads - 1))
            st.markdown(t("hearing.decoder", layer=chosen.layer, first=plain(own.tokens[0])))
            draw_heatmap(own, chosen, style_now("row", 300), key=KEY + "decoder")


def show_held_out(request: Request) -> None:
    """The figures of the card: error rates of known and unseen voices, and how monotonic each head is."""
    if request.name != run.BUILT_IN:
        return
    figures = shipped.figures(run.BUILT_IN)
    with st.expander(t("hearing.held")):
        known, unseen = figures["known"], figures["unseen"]
        rows = [
            [t(f"hearing.held_{way}"), f"{known[way]['rate']:.2%}", f"{unseen[way]['rate']:.2%}"] for way in FIGURES
        ]
        st.markdown(table([t("hearing.col_way"), t("hearing.col_known"), t("hearing.col_unseen")], rows, "---:"))
        st.caption(t("hearing.held_say", strings=figures["strings"], digits=known["soft"]["digits"]))
        heads = [
            [str(one["layer"]), str(one["head"]), f"{one['forward']:.0%}", f"{one['inside']:.0%}"]
            for one in figures["heads"]
        ]
        names = ("layer", "head", "forward", "inside")
        st.markdown(table([t(f"hearing.col_{name}") for name in names], heads, "---:"))
        st.caption(t("hearing.held_heads", even=f"{figures['even']:.0%}"))
