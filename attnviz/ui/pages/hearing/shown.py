"""What the page on speech shows: the digits, the sound lighting up, the part that was listened to, the numbers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import (
    SOFT,
    Selection,
    draw_heatmap,
    file_name,
    language,
    lit_picture,
    plain,
    rule_title,
    style_now,
    t,
    table,
    take_away,
    weights_sent,
)
from attnviz.ui.pages.hearing import choices, run, told
from attnviz.ui.pages.hearing.bring import KEY
from attnviz.ui.pages.hearing.choices import now

if TYPE_CHECKING:
    from attnviz.sounds import Sound
    from attnviz.systems.speech.system import Said
    from attnviz.trace import Trace
    from attnviz.ui.pages.hearing.run import Map, Request
    from attnviz.ui.pages.hearing.told import Told

OPEN = ("time", "most", "layer", "head", "n")  # filled in by the browser
WIDE, HIGH = 900, 150  # the spectrogram as boxes know it
SMALL = 64  # frames, and queries, of a head drawn small
FIGURES = ("soft", "hard", "ahead")


def notes(sound: Sound, heard: Sound) -> None:
    """What was done to the sound: channels put together, cut to what the model reads."""
    said = [note.say(language(), plain) for note in sound.notes]
    if sound.seconds - heard.seconds > 0.01:
        said.append(t("hearing.cut", whole=f"{sound.seconds:.1f}", read=f"{heard.seconds:.1f}"))
    if sound.rate != heard.rate:
        said.append(t("hearing.rate", rate=sound.rate, read=heard.rate))
    if not heard.samples.any():
        said.append(t("hearing.silent"))
    if said:
        st.caption(_joined(said))


def _joined(sentences: list[str]) -> str:
    """Sentences one after the other, as the reader's language writes them."""
    return ("" if language() == "zh" else " ").join(sentences)


def say_words(runs: tuple[Trace, Trace], request: Request, said: Said | None) -> None:
    """First of all: what is written down, whether it is right, and what a change made of it."""
    first, after = (told.told(one, said) for one in runs)
    found = [_written(first, request)]
    if said is not None:
        words = {"wrong": first.wrong, "missed": len(first.missed), "said": "".join(map(str, said.digits))}
        found.append(t("hearing.right") if first.whole else t("hearing.not_right", **words))
    if request.changed:
        same, how = first.digits == after.digits, _how(runs[1], request)
        found.append(t("hearing.still" if same else "hearing.now", how=how, words=_said(after)))
    st.markdown(_joined(found))


def _written(found: Told, request: Request) -> str:
    """What a run wrote down."""
    name = "hearing.writes" if found.digits else "hearing.writes_nothing"
    return t(name, model=plain(request.name), words=_said(found))


def _said(found: Told) -> str:
    """The words in bold; or that there are none."""
    words = [plain(one.text) for one in found.words if one.digit is not None]
    return t("hearing.nothing") if not words else f"**{('' if choices.spoken() == 'zh' else ' ').join(words)}**"


def _how(after: Trace, request: Request) -> str:
    """What was changed, in a few words."""
    found = [] if request.rule == SOFT else [t(f"hearing.how_rule_{request.scope}", rule=plain(rule_title(after.rule)))]
    found += [t("hearing.how_ahead")] if request.ahead else []
    found += [t("hearing.how_without", count=len(request.without))] if request.without else []
    if request.hidden:
        found.append(t("hearing.how_noise" if request.noise else "hearing.how_silence", count=len(request.hidden)))
    return t("hearing.comma").join(found)


def say_listening(trace: Trace, shown: Map, said: Said | None) -> None:
    """Of the map that is drawn: does it move on, and does it listen where its digits are said?"""
    found = [_map_name(trace, shown)]
    if trace.part == "cross":
        moved, steps = told.ahead(shown, trace)
        found += [t("hearing.moves", moved=moved, steps=steps)] if steps else []
        right = told.told(trace, said)
        shares = {} if said is None else told.inside(shown, right, said, trace)
        if said is not None and shares:
            even = told.even(said, run.seconds_of(trace)[-1][1])
            found.append(
                t("hearing.inside", share=f"{np.mean(list(shares.values())):.0%}", even=f"{even:.0%}")
            )  # fmt: skip
    st.caption(_joined(found))


def _map_name(trace: Trace, shown: Map) -> str:
    """Which map is shown, and under which rule, in a sentence."""
    where = t(f"hearing.map_{shown.mean}", layer=shown.layer, head=shown.head, part=t(f"hearing.part_{trace.part}"))
    return t("hearing.shown", map=where, rule=plain(rule_title(trace.rule)))


def draw_sound(request: Request, sound: Sound, part: Trace, shown: Map, said: Said | None) -> None:
    """The spectrogram, lit where the open word or moment listens; all in the browser."""
    lit_picture("hearing")(
        key=KEY + "picture",
        data=data_of(request, sound, part, shown, said),
        on_picked_change=partial(choices.CLICKS.take_number, "picked", "word"),
        on_place_change=partial(choices.CLICKS.take_number, "place", "moment", -1),
        on_head_change=choices.CLICKS.take_head,
        on_hidden_change=choices.CLICKS.take_hidden,
    )
    say_listening(part, shown, said)


def data_of(request: Request, sound: Sound, part: Trace, shown: Map, said: Said | None) -> dict[str, Any]:
    """All that the browser needs."""
    given = run.heard(request, sound)
    frames, words = len(part.keys), part.part == "cross"
    times, (weights, top) = run.seconds_of(part), weights_sent(shown.weights)
    names, seconds = [f"{sum(one) / 2:.2f} s" for one in times], times[-1][1]
    picked, moment = word_now(part) if words else 0, min(int(now("moment")), frames - 1)
    return {
        "view": "words" if words else "moments", "image": run.spectrogram(request, sound),
        "width": WIDE, "height": HIGH,
        "seconds": seconds, "sound": f"{request.sound}{request.hidden}{request.noise}", "audio": run.address_of(given),
        "boxes": [[WIDE * start / seconds, 0, WIDE * end / seconds, HIGH] for start, end in times], "names": names,
        "weights": weights, "top": top, "queries": len(part.queries), "keys": frames, "picked": picked,
        "moment": moment, "looking": moment if moment >= 0 else _loudest(request, sound, frames),
        "hidden": [one for one in request.hidden if one < frames], "truth": _truth(part, said) if said else [],
        "queries_said": _words_of(part, shown, said) if words else [], "tiles": _tiles(part),
        "without": [list(one[1:]) for one in request.without if one[0] == part.part],
        "open": [shown.layer, shown.head] if shown.mean == "head" else [-1, -1],
        "alt": _alt(part, shown, picked if words else max(0, moment)), "words": _browser_words(),
    }  # fmt: skip


def word_now(trace: Trace) -> int:
    """The word that is open, or the last where there are fewer."""
    return min(int(now("word")), len(trace.queries) - 1)


def _loudest(request: Request, sound: Sound, frames: int) -> int:
    """The frame at which the sound is loudest: the moment that looks while nobody has chosen one."""
    loud = run.system(request.name).spectrogram(run.heard(request, sound)).sum(0)
    return int(loud.reshape(frames, -1).sum(1).argmax())


def _truth(trace: Trace, said: Said) -> list[dict[str, Any]]:
    """When each digit is truly said; those that were not written are marked."""
    missed = told.told(trace, said).missed if trace.part == "cross" else ()
    return [
        {"text": str(digit), "from": start, "to": end, "mark": "missed" if place in missed else ""}
        for place, (digit, (start, end)) in enumerate(zip(said.digits, said.spans, strict=True))
    ]


def _words_of(trace: Trace, shown: Map, said: Said | None) -> list[dict[str, str]]:
    """Each word, what is right or wrong of it, and where it listens."""
    right = told.told(trace, said)
    shares = {} if said is None else told.inside(shown, right, said, trace)
    found = []
    for place, one in enumerate(right.words):
        wrong = right.said is not None and one.digit is not None and one.of is None
        text = t("hearing.end") if one.digit is None else f"{'✗ ' if wrong else ''}{one.text}"
        looks = _looks(trace, shown, (place, text), shares.get(place))
        mark = "end" if one.digit is None else "wrong" if wrong else ""
        found.append({"text": text, "mark": mark, "looks": looks, "says": looks})
    return found


def _looks(trace: Trace, shown: Map, word: tuple[int, str], share: float | None) -> str:
    """Where a word listens, in a sentence."""
    place, text = word
    row = np.nan_to_num(shown.weights[place])
    if not row.any():
        return t("hearing.looks_nowhere", word=text)
    peak = f"{sum(run.seconds_of(trace)[int(row.argmax())]) / 2:.2f}"
    said = "hearing.looks" if share is None else "hearing.looks_inside"
    return t(said, word=text, peak=peak, weight=f"{row.max():.2f}", share=f"{share or 0:.0%}")


def _tiles(trace: Trace) -> dict[str, Any]:
    """Every head's whole map small, each row as shares of its strongest place."""
    from base64 import b64encode

    layers = {layer: np.nan_to_num(run.layer_of(trace, layer)) for layer in trace.open_layers}
    down, across = min(SMALL, len(trace.queries)), min(SMALL, len(trace.keys))
    found = [_small(heads / np.maximum(heads.max(-1, keepdims=True), 1e-9), down, across) for heads in layers.values()]
    shares = np.rint(255 * np.stack(found)).astype(np.uint8)
    return {
        "shares": b64encode(shares.tobytes()).decode(), "all": True, "layers": list(layers), "size": [down, across],
        "heads": [len(one) for one in layers.values()], "columns": max(len(one) for one in layers.values()),
    }  # fmt: skip


def _small(maps: np.ndarray[Any, Any], down: int, across: int) -> np.ndarray[Any, Any]:
    """Maps `[head, query, key]` as so many rows and columns, the largest of each cell."""
    import torch

    return torch.nn.functional.adaptive_max_pool2d(torch.from_numpy(maps), (down, across)).numpy()


def _browser_words() -> dict[str, str]:
    """What the browser says; what stands in braces it fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN}
    names = (
        "label", "label_moments", "point", "point_help", "hide", "hide_help", "colour", "colour_help", "spot",
        "spot_help", "show_all", "hears", "hears_nobody", "moment", "tiles", "tile", "tile_gone", "comma", "player",
    )  # fmt: skip
    return {name: t(f"hearing.{name}", **open_) for name in names} | {
        "layer": t("hearing.tile_layer", **open_), "head": t("hearing.tile_head", **open_),
    }  # fmt: skip


def _alt(part: Trace, shown: Map, query: int) -> str:
    """The picture in a sentence."""
    row = np.nan_to_num(shown.weights[query])
    most = t("hearing.comma").join(f"{part.keys.labels[key]} {row[key]:.3f}" for key in row.argsort()[::-1][:3])
    who = part.queries.labels[query]
    return t("hearing.alt", map=_map_name(part, shown), who=who, most=most)


def show_listened(request: Request, sound: Sound, trace: Trace, shown: Map) -> None:
    """Only the part that the open word listened to, to be heard and taken away; and the whole with it marked."""
    from attnviz.sounds import cut, marked, spans_above
    from attnviz.systems.speech.system import REACH

    word, share = word_now(trace), choices.choose_share()
    row = np.nan_to_num(shown.weights[word])
    spans = spans_above(row.tolist(), run.seconds_of(trace), share, REACH)
    name = t("hearing.end") if trace.special[word] else plain(trace.tokens[word])
    if not spans:
        st.caption(t("hearing.listened_nothing", word=name))
        return
    given = run.heard(request, sound)
    part = cut(given, spans)
    said = t("hearing.comma").join(f"{start:.2f}–{end:.2f}" for start, end in spans)
    st.markdown(t("hearing.listened", word=name, share=f"{share:.0%}", spans=said))
    st.audio(part.wav(), format="audio/wav")
    file = file_name(trace, Selection(shown.layer, shown.head))
    for column, (kind, made) in zip(st.columns(2), (("part", part), ("marked", marked(given, spans))), strict=True):
        column.download_button(
            t(f"hearing.take_{kind}"), made.wav(), f"{file}-{kind}.wav", "audio/wav", key=f"{KEY}take_{kind}",
            on_click="ignore", width="stretch", help=t(f"hearing.take_{kind}_help"),
        )  # fmt: skip


def show_moment(trace: Trace, shown: Map) -> None:
    """Which words heard the chosen moment, in numbers."""
    moment = int(now("moment"))
    if not 0 <= moment < len(trace.keys):
        st.caption(t("hearing.no_moment"))
        return
    column = np.nan_to_num(shown.weights[:, moment])
    rows = [
        [t("hearing.end") if special else plain(text), f"{column[place]:.4f}"]
        for place, (text, special) in enumerate(zip(trace.tokens, trace.special, strict=True))
    ]
    st.markdown(t("hearing.heard_at", time=f"{sum(run.seconds_of(trace)[moment]) / 2:.2f}"))
    st.markdown(table([t("hearing.col_word"), t("hearing.col_weight")], rows, "---:"))


def draw_numbers(trace: Trace, part: Trace, shown: Map) -> None:
    """The open head as a map of numbers, the decoder's own map, and what can be taken away."""
    query = word_now(part) if part.part == "cross" else 0
    selection, style, chart = Selection(shown.layer, shown.head, query=query), style_now("row", 380), KEY + "map"
    with st.expander(t("hearing.numbers")):
        draw_heatmap(part, selection, style, key=chart)
        take_away(part, selection, style, chart=chart)
        st.markdown(t("hearing.decoder", layer=min(shown.layer, trace.map("decoder").n_layers - 1)))
        own = trace.map("decoder")
        chosen = Selection(min(shown.layer, own.n_layers - 1), min(shown.head, own.n_heads - 1))
        draw_heatmap(own, chosen, style_now("row", 300), key=KEY + "decoder")


def show_held_out() -> None:
    """The figures of the card: error rates of known and unseen voices, and how monotonic each head is."""
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
