"""What the page on detectors shows: boxes on the picture and where their queries looked, all heads, the numbers."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz import shipped
from attnviz.threads import cached_property
from attnviz.ui.kit import (
    SOFT,
    Rests,
    Selection,
    cell_table,
    draw_heatmap,
    file_name,
    lit_picture,
    numbers_of,
    offer_file,
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
from attnviz.ui.pages.finding import choices, lit, run, told
from attnviz.ui.pages.finding.choices import KEY, now

if TYPE_CHECKING:
    from attnviz.axes import Axis
    from attnviz.pictures import Picture
    from attnviz.trace import Trace
    from attnviz.ui.pages.finding.choices import Request
    from attnviz.ui.pages.finding.run import Head

FEW = 5  # kinds of thing named in the first sentence
# Filled in by the browser.
OPEN = ("place", "most", "share", "area", "map", "layer", "head", "n", "level", "levels", "far")
STYLE = """<style>
.st-key-finding-samples img { height: 44px !important; max-height: none !important; vertical-align: middle; }
</style>"""


@dataclass(frozen=True)
class Shown:
    """A run as it is shown: what it found, what the unchanged run found, what is truly there."""

    request: Request
    picture: Picture
    trace: Trace
    untouched: Trace
    least: float

    @cached_property
    def true(self) -> tuple[told.True_, ...]:
        """The true boxes, where the picture is known."""
        return run.truth(self.picture) if self.request.name == run.BUILT_IN else ()

    @cached_property
    def after(self) -> told.Seen:
        """What was found."""
        return told.seen(self.trace, self.least, self.true)

    @cached_property
    def before(self) -> told.Seen:
        """What is found when nothing is changed."""
        return told.seen(self.untouched, self.least, self.true)

    @property
    def size(self) -> tuple[int, int]:
        """The picture's pixels."""
        return self.picture.width, self.picture.height

    def label(self, name: str) -> str:
        """A label in the reader's language."""
        return choices.named(name, self.request.name)

    def box(self) -> int:
        """The query that is shown: the one chosen, or the surest; -1 where nothing was found."""
        if 0 <= now("box") < len(self.after.things):
            return int(now("box"))
        return self.after.shown[0].slot if self.after.shown else -1

    @cached_property
    def axis(self) -> Axis:
        """The axis whose first places are those of the picture."""
        if (own := lit.places(self.trace)) is not None:
            return own
        return choices.axis_of(self.request.name, self.request.picture, self.picture)

    @property
    def count(self) -> int:
        """How many places the picture has."""
        return len(self.axis) - (0 if "cross" in self.trace.parts else len(self.after.things))

    def looking(self, view: lit.View) -> tuple[Axis, int]:
        """The axis whose first places can look, and how many: those of the picture, or of one level of its features."""
        spread = view.name == "places" and view.pointed
        return (view.trace.queries, len(view.trace.queries)) if spread else (self.axis, self.count)

    def place(self, view: lit.View) -> int:
        """The place of the picture that looks: the one chosen, or that in the middle."""
        axis, count = self.looking(view)
        rows = getattr(axis, "rows", 1)
        first = len(getattr(axis, "first", ()))
        usual = first + (rows // 2) * getattr(axis, "columns", 1) + getattr(axis, "columns", 1) // 2
        return int(now("place")) if 0 <= now("place") < count else min(usual, count - 1)


def notes(picture: Picture) -> None:
    """What was done to the picture when it was opened."""
    st.html(STYLE)
    say_notes(picture)


def say(shown: Shown) -> None:
    """The verdict, what a change did, and what the built-in model knows."""
    _say_found(shown.after, shown.before, shown.true, shown.request, shown.least)
    _say_change(shown.before, shown.after, shown.trace, shown.request)
    if shown.request.name == run.BUILT_IN:
        figures = shipped.figures(run.BUILT_IN)
        right = t("finding.comma").join(
            t("finding.right", label=shown.label(label), share=f"{one['ap50']:.2f}")
            for label, one in figures.items()
            if "ap50" in one
        )
        st.caption(t("finding.knows", right=right))


def draw_picture(shown: Shown, view: lit.View, head: Head, beside: tuple[bool, bool]) -> None:
    """The boxes on the picture, lit where the chosen one looked; pointing asks no server."""
    lit_picture("finding", "points")(
        key=KEY + "picture",
        data=data_of(shown, view, head, beside),
        on_picked_change=partial(choices.CLICKS.take_number, "picked", "box"),
        on_place_change=partial(choices.CLICKS.take_number, "place", "place"),
        on_head_change=choices.CLICKS.take_head,
        on_hidden_change=choices.CLICKS.take_hidden,
        on_pasted_change=choices.take_pasted,
    )
    here = {"map": _map_name(head, view), "rule": plain(rule_title(shown.trace.rule))}
    st.caption(t("finding.shown_here" if view.pointed else "finding.shown", **here))
    if lit.samples(shown.trace):
        st.caption(t(f"finding.points_{view.name}" if view.pointed else "finding.points_chosen"))


def data_of(shown: Shown, view: lit.View, head: Head, beside: tuple[bool, bool]) -> dict[str, Any]:
    """All that the browser needs."""
    mean, (part, layer, number) = str(now("mean")), head
    values = view.weights(mean, layer, number)
    weights, top = weights_sent(values)
    grid = place_boxes(shown.axis)[: shown.count]
    boxes = [list(one.box) for one in shown.after.things] if view.name == "asks" else grid
    spots = _spots(shown, view, head) if view.pointed else None
    asks = asking(shown, view)
    cells = place_boxes(view.trace.queries) if spots and view.name == "places" else None
    return {
        "image": picture_address(shown.picture), "width": shown.picture.width, "height": shown.picture.height,
        "view": view.name, "boxes": boxes, "grid": grid, "weights": weights, "top": top, "queries": values.shape[0],
        "keys": values.shape[1], "picked": shown.box(), "place": shown.place(view), "places": _place_names(shown, view),
        "spots": spots, "cells": cells,
        "things": [_thing(one, shown) for one in shown.after.things], "ghosts": ghosts(shown, beside[1]),
        "every": beside[0], "legend": _legend(shown, view, beside[1]), "hidden": list(numbers_of(str(now("hidden")))),
        "tiles": _tiles(view, max(asks, 0), boxes),
        "without": [[layer, number] for name, layer, number in shown.request.without if name == part],
        "open": [layer, number] if mean == "head" else [-1, -1], "map": _map_name(head, view),
        "alt": _alt(shown), "words": _words(), "file": f"{file_name(shown.trace)}.png",
    }  # fmt: skip


def asking(shown: Shown, view: lit.View) -> int:
    """Who looks: the place of the picture that is chosen, or the open box's query; -1 where there is none."""
    return shown.place(view) if view.name == "places" else shown.box()


def _tiles(view: lit.View, asks: int, boxes: Sequence[object]) -> dict[str, Any]:
    """All heads for the browser; where it is points that are drawn, `_spots` has them."""
    if view.pointed:
        return tiles_sent(view.of(asks).layers(), 0, [True])
    return tiles_sent(view.layers(), asks, [one is not None for one in boxes])


def _spots(shown: Shown, view: lit.View, head: Head) -> dict[str, Any]:
    """The points that boxes' queries, or places of the picture, chose; of the one that looks those of every head."""
    asks, mean = asking(shown, view), str(now("mean"))
    boxes = {one.slot for one in shown.after.shown} | ({asks} - {-1})
    slots = lit.sent(view, mean, head[1], asks) if view.name == "places" else sorted(boxes)
    found = lit.chosen(view, mean, *head[1:], slots)
    levels, each = lit.per_level(view)
    every = lit.tiles(view, max(asks, 0))
    return {
        "slots": slots, "count": found.shape[1], "levels": levels, "each": each,
        "rows": b64encode(found.tobytes()).decode(), "heads": b64encode(every.tobytes()).decode(),
    }  # fmt: skip


def _place_names(shown: Shown, view: lit.View) -> list[str]:
    """What each place of the picture is called that can look."""
    axis, count = shown.looking(view)
    name = "finding.place" if axis is shown.axis else "finding.place_level"
    labels = list(zip(axis.labels, axis.special, strict=True))[:count]
    return [label if special else t(name, place=label, level=now("level")) for label, special in labels]


def _thing(one: told.Thing, shown: Shown) -> dict[str, Any]:
    """One query's thing for the browser."""
    name = shown.label(one.label)
    words = t("finding.box", label=name, share=f"{one.confidence:.0%}")
    mark = t("finding.comma") + t(f"finding.mark_{one.mark}") if one.mark else ""
    return {
        "slot": one.slot, "box": list(one.box), "name": name, "label": _kind(one.label, shown), "mark": one.mark,
        "confidence": one.confidence, "shown": one.shown, "of": one.of, "said": words + mark,
        "called": choices.called(one, shown.request.name),
    }  # fmt: skip


def _kind(label: str, shown: Shown) -> int:
    """The number of a label, which gives its colour."""
    assert shown.trace.answer is not None
    return shown.trace.answer.labels.index(label)


def ghosts(shown: Shown, before: bool) -> list[dict[str, Any]]:
    """Boxes that nobody can click: the true ones, and where boxes were before a change."""
    found = []
    for number, (box, _) in enumerate(shown.true):
        found.append({"box": list(box), "mark": "missed" if number in shown.after.missed else "hit", "of": number})
    return found + [{"box": list(one.box), "mark": "before", "of": None} for one in shown.before.shown if before]


def _legend(shown: Shown, view: lit.View, before: bool) -> list[dict[str, str]]:
    """The marks that are on the picture, and what they mean."""
    marks = [one.mark for one in shown.after.shown if one.mark]
    marks += ["missed"] if shown.after.missed else []
    marks += ["true"] if shown.true else []
    marks += ["before"] if before else []
    found = [{"mark": mark, "text": t(f"finding.legend_{mark}")} for mark in dict.fromkeys(marks)]
    levels = lit.per_level(view)[0] if view.pointed else 0
    return found + [
        {"mark": f"level{one}", "text": t("finding.legend_level", level=one)} for one in range(1, levels + 1)
    ]


def _words() -> dict[str, str]:
    """What the browser says; what stands in braces it fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN}
    names = (
        "label", "label_grid", "point", "point_help", "hide", "hide_help", "colour", "colour_help", "spot", "spot_help",
        "show_all", "save", "looks", "looks_nowhere", "inside", "asks", "tiles", "tile", "tile_gone", "comma", "none",
        "nobody", "by_level", "level_share", "mark_hit", "mark_twice", "mark_nothing",
    )  # fmt: skip
    return {name: t(f"finding.{name}", **open_) for name in names} | {
        "layer": t("finding.tile_layer", **open_), "head": t("finding.tile_head", **open_),
    }  # fmt: skip


def _map_name(head: Head, view: lit.View) -> str:
    """Which map is shown, in words."""
    part, layer, number = head
    name = "points" if view.pointed and part == "encoder" else part
    return t(f"finding.map_{now('mean')}", part=t(f"finding.part_{name}"), layer=layer, head=number)


def _alt(shown: Shown) -> str:
    """The picture in a sentence."""
    things = t("finding.comma").join(
        t("finding.box", label=shown.label(one.label), share=f"{one.confidence:.0%}") for one in shown.after.shown
    )
    return t("finding.alt", things=things) if things else t("finding.alt_nothing")


def draw_numbers(shown: Shown, view: lit.View, head: Head) -> None:
    """Every box in numbers, the open head as a map of numbers, and what can be taken away."""
    looks = inside(shown)
    with st.expander(t("finding.things")):
        _show_table(shown.after, looks, shown.size, shown.request.name)
        text = told.table(shown.after.shown, [share for share, _ in looks], shown.size)
        offer_file("csv", t("finding.boxes_name"), text.encode, KEY + "boxes_", t("finding.boxes_csv"))
    selection = Selection(head[1], head[2], query=max(0, asking(shown, view)))
    style, chart = style_now("row", 460), KEY + "map"
    read = lit.named(view.trace, t("finding.slot"), t("finding.chosen_point", level=r"\1", point=r"\2"))
    with st.expander(t("finding.numbers")):
        draw_heatmap(read, selection, style, key=chart)
        take_away(view.trace, selection, style, chart=chart)


def show_rest(shown: Shown) -> None:
    """What the open box rests on, once that is asked: every way of reading, held to what happens without each place."""
    with st.expander(t("rests.title")):
        slot, anew = shown.box(), bool(getattr(choices.model_of(shown.request.name), "proposes", False))
        if anew or slot < 0:
            st.caption(t("rests.chosen_anew" if anew else "rests.no_box"))
            return
        st.markdown(t("rests.look_box"))
        thing = shown.after.things[slot]
        box = plain(choices.called(thing, shown.request.name))
        asked = (slot, _kind(thing.label, shown), *choices.choose_about(box))
        kept = runs.key_of("finding.rests", (shown.request, asked), shown.request.name)
        read = partial(choices.rest_of, shown.request, shown.picture, asked)
        axis = choices.axis_of(shown.request.name, shown.request.picture, shown.picture)
        places = sum(one is not None for one in place_boxes(axis))
        rests = Rests(KEY, "picture", kept, shown.request.name, places, asked[3], read)
        if (found := rests.found()) is not None:
            said = choices.say_explained(box, asked[2], found.value)
            rests.show(found, said, partial(patch_maps, shown.picture, axis, frame=thing.box))


def inside(shown: Shown) -> Sequence[tuple[float, str]]:
    """For each box that is shown, which share of its look lies inside with the head that looks inside most; and which
    head that is.
    """
    from attnviz.measures import inside as shares

    trace, found = lit.view(shown.trace, "looks").trace, []
    for one in shown.after.shown:
        every = {
            (layer, head): share
            for layer in trace.open_layers
            for head, share in enumerate(shares(trace, layer, one.slot).nan_to_num().tolist())
        }
        layer, head = max(every, key=every.__getitem__)
        found.append((every[layer, head], t("finding.map_head", part="", layer=layer, head=head)))
    return found


def _say_found(after: told.Seen, before: told.Seen, true: Sequence[told.True_], request: Request, least: float) -> None:
    """First of all: what was found, and of a picture that is known, how much of what is there."""
    words = {"model": plain(request.name), "least": f"{least:.0%}"}
    if true:
        st.markdown(t("finding.verdict", **words, **_counts(after, true, request.name)))
    elif after.shown:
        kinds = Counter(choices.named(one.label, request.name) for one in after.shown).most_common(FEW)
        listed = t("finding.comma").join(t("finding.kind", label=plain(label), count=count) for label, count in kinds)
        st.markdown(t("finding.found", **words, count=len(after.shown), kinds=listed))
    else:
        st.markdown(t("finding.found_nothing", **words))
    if request.changed and true:
        st.caption(t("finding.verdict_before", **_counts(before, true, request.name)))


def _counts(seen: told.Seen, true: Sequence[told.True_], model: str) -> dict[str, object]:
    """How many true things were found, in all and of each kind; misses, doubles, and boxes with nothing under them."""
    hits = Counter(true[one.of][1] for one in seen.shown if one.mark == "hit" and one.of is not None)
    kinds = Counter(label for _, label in true).most_common()
    each = [
        t("finding.of", label=plain(choices.named(label, model)), found=hits[label], true=count)
        for label, count in kinds
    ]
    return {
        "found": hits.total(), "true": len(true), "kinds": t("finding.comma").join(each), "missed": len(seen.missed),
        "twice": seen.marked("twice"), "nothing": seen.marked("nothing"),
    }  # fmt: skip


def _say_change(before: told.Seen, after: told.Seen, trace: Trace, request: Request) -> None:
    """What a change did to the boxes, in a sentence."""
    if not request.changed:
        return
    moved, how = told.moved(before, after), _how(trace, request)
    same = not (moved.gone or moved.new or moved.renamed) and moved.most < 0.5
    st.markdown(t(
        "finding.changed_nothing" if same else "finding.changed", how=how, stayed=moved.stayed, gone=moved.gone,
        new=moved.new, renamed=moved.renamed, mean=f"{moved.mean:.1f}", most=f"{moved.most:.1f}",
    ))  # fmt: skip


def _how(trace: Trace, request: Request) -> str:
    """What was changed, in a few words."""
    found = [] if request.rule == SOFT else [plain(rule_title(trace.rule))]
    found += [t("finding.how_without", count=len(request.without))] if request.without else []
    hidden = "finding.how_painted" if request.painted else "finding.how_hidden"
    found += [t(hidden, count=len(request.hidden))] if request.hidden else []
    return t("finding.comma").join(found)


def _show_table(seen: told.Seen, looks: Sequence[tuple[float, str]], size: tuple[int, int], model: str) -> None:
    """Every thing that was found: how sure, how much of its look lies inside its box, what it turned out to be."""
    head = [t(f"finding.col_{name}") for name in ("thing", "confidence", "inside", "area", "best", "agrees")]
    rows = []
    for one, (inside, best) in zip(seen.shown, looks, strict=True):
        cells = [f"{one.confidence:.0%}", f"{inside:.0%}", f"{told.area(one.box, *size):.1%}", best, _mark(one)]
        rows.append((choices.called(one, model), [f"<td>{cell}</td>" for cell in cells]))
    st.html(cell_table(head, rows))


def _mark(thing: told.Thing) -> str:
    return t(f"finding.mark_{thing.mark}") if thing.mark else ""
