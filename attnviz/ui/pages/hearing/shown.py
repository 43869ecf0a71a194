"""What the page on speech shows: what is said of the sound, and the sound lighting up."""

from __future__ import annotations

from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attnviz.ui.kit import joined, lit_picture, plain, rule_title, t, weights_sent
from attnviz.ui.pages.hearing import choices, run, told
from attnviz.ui.pages.hearing.bring import KEY
from attnviz.ui.pages.hearing.choices import now, word_now
from attnviz.ui.pages.hearing.listed import draw_numbers, show_heads, show_held_out, show_listened, show_moment
from attnviz.ui.pages.hearing.verdict import notes, say_words

if TYPE_CHECKING:
    from attnviz.sounds import Sound
    from attnviz.systems.speech.system import Said
    from attnviz.ui.pages.hearing.run import Request
    from attnviz.ui.pages.hearing.views import Columns, Map, View

__all__ = [
    "draw_numbers", "draw_sound", "notes", "say_words", "show_heads", "show_held_out", "show_listened", "show_moment",
]  # fmt: skip
OPEN = ("time", "most", "layer", "head", "n")  # filled in by the browser
WIDE, HIGH = 900, 150  # the spectrogram as boxes know it
MANY = 60  # words: of more, when each was heard stands in the list alone


def draw_sound(request: Request, sound: Sound, view: View, shown: Map, said: Said | None) -> None:
    """The spectrogram, lit where the open word or moment listens; all in the browser."""
    lit_picture("hearing")(
        key=KEY + "picture",
        data=data_of(request, sound, view, shown, said),
        on_picked_change=partial(choices.CLICKS.take_number, "picked", "word"),
        on_place_change=partial(choices.CLICKS.take_number, "place", "moment", -1),
        on_head_change=choices.CLICKS.take_head,
        on_hidden_change=choices.CLICKS.take_hidden,
    )
    _say_listening(request, view, shown, said)


def data_of(request: Request, sound: Sound, view: View, shown: Map, said: Said | None) -> dict[str, Any]:
    """All that the browser needs."""
    part, columns, words = run.part_of(request, sound), view.columns, view.name == "words"
    given, (weights, top) = run.heard(request, sound), weights_sent(shown.weights)
    places, picked = len(columns.seconds), word_now(view)
    seconds = given.seconds if run.foreign(request.name) else columns.seconds[-1][1]
    moment = min(int(now("moment")), places - 1)
    return {
        "view": view.name, "image": run.spectrogram(request, sound), "width": WIDE, "height": HIGH,
        "begin": part.begin, "seconds": seconds, "flat": not columns.heights, "across": columns.across,
        "sound": f"{request.sound}{request.window}{request.hidden}{request.noise}{given.rate}",
        "audio": run.address_of(given), "boxes": boxes(columns, part.begin, seconds), "names": columns.names,
        "weights": weights, "top": top, "queries": len(view.rows), "keys": places, "picked": picked,
        "moment": moment, "looking": moment if moment >= 0 else _loudest(request, sound, view.columns),
        "hidden": [one for one in request.hidden if one < places],
        "truth": [*(_truth(view, said) if said else []), *(_heard(request, sound, view) if words else [])],
        "queries_said": _words_of(request, view, shown, said) if words else [], "tiles": _tiles(request, view),
        "without": [list(one[1:]) for one in request.without if one[0] == view.part],
        "open": [shown.layer, shown.head] if shown.mean == "head" else [-1, -1],
        "alt": _alt(view, shown, picked if words else max(0, moment)), "words": _browser_words(not columns.heights),
    }  # fmt: skip


def boxes(columns: Columns, begin: float, seconds: float) -> list[list[float]]:
    """Where each place lies in the picture, in its pixels: left, top, right, bottom."""
    found = []
    for number, (start, end) in enumerate(columns.seconds):
        low, high = columns.heights[number] if columns.heights else (0.0, 1.0)
        sides = [WIDE * min(max((one - begin) / seconds, 0.0), 1.0) for one in (start, end)]
        found.append([sides[0], HIGH * (1 - high), sides[1], HIGH * (1 - low)])
    return found


def _loudest(request: Request, sound: Sound, columns: Columns) -> int:
    """The place at which the sound is loudest: the moment that looks while nobody has chosen one."""
    loud, part = run.loud(request, sound), run.part_of(request, sound)
    whole = loud.sum(0)
    at = int(whole.argmax())
    second = part.begin + (at + 0.5) / len(whole) * part.sound.seconds
    fits = [number for number, (start, end) in enumerate(columns.seconds) if start <= second <= end] or [0]
    if not columns.heights:
        return fits[0]
    pitch = (int(loud[:, at].argmax()) + 0.5) / len(loud)
    return min(fits, key=lambda number: abs(sum(columns.heights[number]) / 2 - pitch))


def _truth(view: View, said: Said) -> list[dict[str, Any]]:
    """When each digit is truly said; those that were not written by the model of digits are marked."""
    digits = view.name == "words" and view.trace.kind == "speech"
    missed = told.told(view.trace, said).missed if digits else ()
    return [
        {"text": str(digit), "from": start, "to": end, "mark": "missed" if place in missed else ""}
        for place, (digit, (start, end)) in enumerate(zip(said.digits, said.spans, strict=True))
    ]


def _heard(request: Request, sound: Sound, view: View) -> list[dict[str, Any]]:
    """When each word of a model of the Hub or a folder was heard, where it can be said."""
    spans = run.spans_of(request, sound, view)
    if len(spans) > MANY:
        return []
    return [
        {"text": view.rows[row].text, "from": start, "to": end, "mark": "when"} for row, (start, end) in spans.items()
    ]


def _words_of(request: Request, view: View, shown: Map, said: Said | None) -> list[dict[str, str]]:
    """Each word, what is right or wrong of it, and where it listens."""
    if run.foreign(request.name) is not None:
        found = []
        for place, row in enumerate(view.rows):
            looks = _looks(view, shown, (place, row.text), None)
            found.append({"text": row.text, "mark": "end" if row.special else "", "looks": looks, "says": looks})
        return found
    return _digits_of(view, shown, said)


def _digits_of(view: View, shown: Map, said: Said | None) -> list[dict[str, str]]:
    """Each word of the model of digits: right or wrong, its share inside its digit's time."""
    right = told.told(view.trace, said)
    shares = {} if said is None else told.inside(shown, right, said, view.trace)
    found = []
    for place, one in enumerate(right.words):
        wrong = right.said is not None and one.digit is not None and one.of is None
        text = t("hearing.end") if one.digit is None else f"{'✗ ' if wrong else ''}{one.text}"
        looks = _looks(view, shown, (place, text), shares.get(place))
        mark = "end" if one.digit is None else "wrong" if wrong else ""
        found.append({"text": text, "mark": mark, "looks": looks, "says": looks})
    return found


def _looks(view: View, shown: Map, word: tuple[int, str], share: float | None) -> str:
    """Where a word listens, in a sentence."""
    place, text = word
    row = np.nan_to_num(shown.weights[place])
    if not row.any():
        return t("hearing.looks_nowhere", word=text)
    peak = view.columns.names[int(row.argmax())]
    name = "hearing.looks" if share is None else "hearing.looks_inside"
    said = t(name, word=text, peak=peak, weight=_weight(float(row.max())), share=f"{share or 0:.0%}")
    filled = shown.filled[place] if view.columns.filled else 0.0
    return said if filled < 0.005 else joined([said, t("hearing.looks_filled", share=f"{filled:.0%}")])


def _weight(weight: float) -> str:
    """A weight to two decimals, a small one to two digits."""
    return f"{weight:.2f}" if weight >= 0.1 else f"{weight:.2g}"


def _say_listening(request: Request, view: View, shown: Map, said: Said | None) -> None:
    """Which map it is, and where its rows listen."""
    found = [_map_name(view, shown), t("hearing.scaled")]
    if view.name == "words":
        moved, steps = told.ahead(shown, view)
        found += [t("hearing.moves", moved=moved, steps=steps)] if steps else []
        if said is not None and run.foreign(request.name) is None:
            found += _say_inside(view, shown, said)
        found += [t("hearing.letters")] if run.kind(request.name) == "letters" else []
        rows = {"count": view.count, "shown": len(view.rows)}
        found += [t("hearing.rows_cut", **rows)] if view.count > len(view.rows) else []
    if view.columns.filled:
        found.append(t("hearing.filled", share=f"{shown.filled.mean():.0%}", count=len(view.columns.filled)))
    if view.columns.first:
        found.append(t("hearing.on_first", share=f"{shown.first.mean():.0%}"))
    st.caption(joined(found))


def _say_inside(view: View, shown: Map, said: Said) -> list[str]:
    """How much of their weight right words have while their digit is said."""
    shares = told.inside(shown, told.told(view.trace, said), said, view.trace)
    if not shares:
        return []
    even = told.even(said, view.columns.seconds[-1][1])
    return [t("hearing.inside", share=f"{np.mean(list(shares.values())):.0%}", even=f"{even:.0%}")]


def _map_name(view: View, shown: Map) -> str:
    """Which map is shown, and under which rule, in a sentence."""
    where = t(f"hearing.map_{shown.mean}", layer=shown.layer, head=shown.head)
    return t("hearing.shown", map=where, rule=plain(rule_title(view.trace.rule)))


def _tiles(request: Request, view: View) -> dict[str, Any]:
    """Every head's whole map small, each row in shares of its full colour."""
    layers = run.heads_small(request, view.name, view)
    most = max(len(one) for one in layers.values())
    shares = [np.pad(one, ((0, most - len(one)), (0, 0), (0, 0))) for one in layers.values()]
    return {
        "shares": b64encode(np.stack(shares).tobytes()).decode(), "all": True, "layers": list(layers),
        "size": list(shares[0].shape[1:]), "heads": [len(one) for one in layers.values()], "columns": most,
    }  # fmt: skip


def _browser_words(flat: bool) -> dict[str, str]:
    """What the browser says; what stands in braces it fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN}
    names = (
        "label", "label_moments", "point", "point_help", "hide", "hide_help", "colour", "colour_help", "spot",
        "spot_help", "show_all", "hears", "hears_nobody", "moment", "tile", "tile_gone", "comma", "player",
    )  # fmt: skip
    return {name: t(f"hearing.{name}", **open_) for name in names} | {
        "layer": t("hearing.tile_layer", **open_), "head": t("hearing.tile_head", **open_),
        "tiles": t("hearing.tiles" if flat else "hearing.tiles_patches"),
    }  # fmt: skip


def _alt(view: View, shown: Map, query: int) -> str:
    """The picture in a sentence."""
    row, names = np.nan_to_num(shown.weights[query]), view.columns.names
    most = t("hearing.comma").join(f"{names[key]} {row[key]:.3f}" for key in row.argsort()[::-1][:3])
    return t("hearing.alt", map=_map_name(view, shown), who=view.rows[query].text, most=most)
