"""What the page on pictures shows: what the model says, the picture lighting up, all heads, the numbers behind them."""

from __future__ import annotations

import html
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    SOFT,
    Rests,
    Selection,
    bar_cell,
    cell_table,
    draw_heatmap,
    language,
    lit_picture,
    numbers_of,
    patch_maps,
    picture_address,
    place_boxes,
    plain,
    rule_title,
    runs,
    say_notes,
    style_now,
    t,
    take_away,
    tiles_sent,
    weights_sent,
)
from attnviz.ui.pages.seeing import choices, lit, run
from attnviz.ui.pages.seeing.choices import KEY, now

if TYPE_CHECKING:
    from attnviz.pictures import Picture
    from attnviz.trace import Trace
    from attnviz.ui.pages.seeing.choices import Request

FEW = 5  # labels
BAR = 5  # rem of a probability of 1
OPEN = ("place", "most", "picked", "weight", "layer", "head", "n")  # filled in by the browser
STYLE = """<style>
.st-key-seeing-samples img { height: 28px !important; max-height: none !important; vertical-align: middle; }
.st-key-seeing-samples img { image-rendering: pixelated; }
</style>"""


def notes(picture: Picture) -> None:
    """What was done to the picture when it was opened."""
    st.html(STYLE)
    say_notes(picture)


def say_answer(before: Trace, after: Trace, request: Request) -> None:
    """First of all: what the model says of the picture, as it is and as it was changed."""
    if before.answer is None or after.answer is None:
        st.markdown(t("seeing.says_nothing", model=plain(request.name)))
        return
    (label, share), (told, probability) = before.answer.best(0, 1)[0], after.answer.best(0, 1)[0]
    words = {"model": plain(request.name), "label": plain(label), "share": f"{share:.1%}"}
    if not request.changed:
        st.markdown(t("seeing.says", **words))
    else:
        after_words = {"told": plain(told), "probability": f"{probability:.1%}", "how": _how(after, request)}
        st.markdown(t("seeing.says_still" if told == label else "seeing.says_now", **words, **after_words))
    st.html(_table(before, after, request.changed))


def say_truth(picture: Picture, before: Trace) -> None:
    """What a sample truly shows, and whether the model says so."""
    known = run.samples().get(picture.name)
    if known is None or before.answer is None or choices.pictures().own:
        return
    true = choices.named(known["label"], language())
    right = before.answer.best(0, 1)[0][0] == true
    st.caption(t("seeing.truth" if right else "seeing.truth_other", label=plain(true), number=known["number"]))


def _how(after: Trace, request: Request) -> str:
    """What was changed, in a few words."""
    found = [] if request.rule == SOFT else [plain(rule_title(after.rule))]
    found += [t("seeing.how_without", count=len(request.without))] if request.without else []
    found += [t("seeing.how_hidden", count=len(request.hidden))] if request.hidden else []
    found += [t("seeing.how_shuffled")] if request.order else []
    return t("seeing.comma").join(found)


def _table(before: Trace, after: Trace, changed: bool) -> str:
    """The likeliest labels of both runs with their probabilities."""
    from attnviz.measures import candidates

    named = [t("col_before"), t("col_after")] if changed else [t("seeing.probability")]
    rows = []
    for label, first, second in candidates(before, after, 0, FEW)[:FEW]:
        shown = [("before", first), ("after", second)] if changed else [("after", first)]
        rows.append((label, [bar_cell(share, name, BAR) for name, share in shown]))
    return cell_table([t("col_label"), *named], rows)


def show_shuffled(picture: Picture, after: Trace) -> None:
    """The picture as the model was given it."""
    if now("order"):
        mixed = picture_address(run.mixed(picture, after.keys), 300)
        alt = html.escape(t("seeing.alt_shuffled"))
        st.html(f"<img src='{mixed}' alt='{alt}' style='height:96px;image-rendering:pixelated'>")
        st.caption(t("seeing.shuffled"))


def draw_picture(picture: Picture, trace: Trace, head: tuple[int, int]) -> None:
    """The picture, lit where the chosen place looks; pointing at patches moves it, all in the browser."""
    shown = lit.chosen(trace, str(now("view") or "head"), *head)
    lit_picture("seeing")(
        key=KEY + "picture",
        data=data_of(picture, trace, shown, bool(now("specials"))),
        on_picked_change=partial(choices.CLICKS.take_number, "picked", "place"),
        on_head_change=choices.CLICKS.take_head,
        on_hidden_change=choices.CLICKS.take_hidden,
        on_pasted_change=choices.take_pasted,
    )
    say_map(trace, shown)


def place_of(trace: Trace) -> int:
    """The place that looks, or the first where there is none of that number."""
    found = lit.places(trace, (int(now("place")),))
    return found[0] if found else 0


def data_of(picture: Picture, trace: Trace, shown: lit.Map, specials: bool) -> dict[str, Any]:
    """All that the browser needs."""
    picked, names, found = place_of(trace), names_of(trace), lit.marks(trace, shown)
    boxes, (weights, top) = place_boxes(trace.keys), weights_sent(shown.weights)
    layers = {layer: lit.allowed_weights(trace, layer) for layer in trace.open_layers}
    off = [] if specials else found
    drawn = [box is not None and place not in off for place, box in enumerate(boxes)]
    chips = [place for place, box in enumerate(boxes) if box is None and trace.keys.special[place]] if specials else []
    return {
        "image": picture_address(picture), "width": picture.width,
        "height": picture.height, "boxes": boxes, "names": names, "weights": weights, "top": top,
        "queries": len(trace.queries), "keys": len(trace.keys), "picked": picked, "patches": lit.patches(trace),
        "chips": [*chips, *(found if specials else [])], "sinks": found if specials else [], "off": off,
        "hidden": lit.places(trace, numbers_of(str(now("hidden")))), "tiles": tiles_sent(layers, picked, drawn),
        "open": [shown.layer, shown.head] if shown.view == "head" else [-1, -1],
        "alt": _alt(trace, shown, picked, names), "words": _words(),
    }  # fmt: skip


def names_of(trace: Trace) -> list[str]:
    """What each place is called in the reader's language."""
    labels = trace.keys.labels
    return [
        _special_name(label) if special else t("seeing.patch", place=label)
        for label, special in zip(labels, trace.keys.special, strict=True)
    ]


def _special_name(label: str) -> str:
    """[CLS] and registers by their names; what else there is as it is called."""
    bare = label.strip("[]<>").lower()
    if bare in ("cls", "class"):
        return t("seeing.class_token")
    if bare.startswith(("reg", "register")):
        return t("seeing.register", number="".join(filter(str.isdigit, bare)) or "1")
    if bare.startswith("dist"):
        return t("seeing.distillation")
    return label


def _words() -> dict[str, str]:
    """What the browser says; what stands in braces it fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN}
    names = (
        "label", "point", "point_help", "hide", "hide_help", "colour", "colour_help", "spot", "spot_help", "show_all",
        "looks", "looks_nowhere", "gets", "is_hidden", "tiles", "tile", "comma",
    )  # fmt: skip
    return {name: t(f"seeing.{name}", **open_) for name in names} | {
        "layer": t("seeing.tile_layer", **open_), "head": t("seeing.tile_head", **open_),
    }  # fmt: skip


def _map_name(shown: lit.Map) -> str:
    """Which map is shown, in words."""
    return t(f"seeing.map_{shown.view}", layer=shown.layer, head=shown.head)


def _alt(trace: Trace, shown: lit.Map, picked: int, names: list[str]) -> str:
    """The picture in a sentence."""
    row = shown.weights[picked]
    order = sorted((key for key in range(len(row)) if row[key] > 0), key=lambda key: -row[key])[:3]
    most = t("seeing.comma").join(f"{names[key]} {row[key]:.3f}" for key in order)
    return t("seeing.alt", map=_map_name(shown), place=names[picked], most=most)


def say_map(trace: Trace, shown: lit.Map) -> None:
    """Which map it is, and which patches collect the weight of many."""
    names, found = names_of(trace), lit.marks(trace, shown)
    said = t("seeing.shown", map=_map_name(shown), rule=plain(rule_title(trace.rule)))
    if found:
        received = shown.weights[:, found]
        shares = [f"{names[place]} {share:.1%}" for place, share in zip(found, received.mean(0), strict=True)]
        said += " " + t("seeing.sinks", places=t("seeing.comma").join(shares))
    st.caption(said)


def draw_numbers(trace: Trace, head: tuple[int, int]) -> None:
    """The open head as a map of numbers, and what can be taken away."""
    selection = Selection(*head, query=place_of(trace), specials=bool(now("specials")))
    style = style_now("row", 460)
    chart = KEY + "map"
    with st.expander(t("seeing.numbers")):
        draw_heatmap(trace, selection, style, key=chart)
        take_away(trace, selection, style, chart=chart)


def show_rest(picture: Picture, trace: Trace, request: Request) -> None:
    """What the answer rests on, once that is asked: every way of reading, held to what happens without each patch."""
    if trace.answer is None:
        return
    with st.expander(t("rests.title")):
        st.markdown(t("rests.look_picture"))
        about = choices.choose_rest(trace)
        kept = runs.key_of("seeing.rests", (request, about), request.name)
        read = partial(choices.rest_of, request, picture, about)
        places = sum(box is not None for box in place_boxes(trace.keys))
        rests = Rests(KEY, "picture", kept, request.name, places, about[2], read)
        found = rests.found()
        if found is not None:
            rests.show(found, _explained(trace, about, found.value), partial(patch_maps, picture, trace.keys))


def _explained(trace: Trace, about: tuple[int, int | None, str], value: float) -> str:
    """What is explained, and its number."""
    assert trace.answer is not None
    label, against, _ = about
    said = {"model": plain(trace.model), "label": plain(trace.answer.labels[label]), "value": f"{value:.3f}"}
    if against is None:
        return t("rests.explained", **said)
    return t("rests.explained_against", other=plain(trace.answer.labels[against]), **said)
