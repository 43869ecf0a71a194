"""What is behind the page on detectors: the samples with what is truly there, and runs, kept by names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import SOFT, RuleChoice, as_rule, language, model_store, named_label, plain, runs, t

if TYPE_CHECKING:
    from attnviz.axes import Box
    from attnviz.core.interventions import Intervention
    from attnviz.pictures import Picture
    from attnviz.trace import Trace

BUILT_IN = "detr-cells"  # in whose folder the samples lie
Head = tuple[str, int, int]  # which map, layer, head


@dataclass(frozen=True)
class Request:
    """One run as caches know it: the picture by its fingerprint, places hidden or painted over, heads removed."""

    name: str
    picture: str
    rule: RuleChoice = SOFT
    hidden: tuple[int, ...] = ()
    painted: bool = False
    without: tuple[Head, ...] = ()

    @property
    def untouched(self) -> Request:
        """The same run with nothing changed."""
        return Request(self.name, self.picture)

    @property
    def changed(self) -> bool:
        """Is anything changed?"""
        return replace(self, painted=False) != self.untouched


@cache  # six names and their boxes: at most 40 kB
def samples() -> dict[str, dict[str, Any]]:
    """The held-out pictures by name, each with the boxes and labels that people gave it."""
    return {one["name"]: one for one in shipped.samples(BUILT_IN)}


@cache  # six pictures of 320 x 240: 1.4 MB
def sample(name: str) -> Picture:
    """One of the held-out pictures."""
    from attnviz.pictures import open_picture

    return open_picture(open_picture(shipped.WEIGHTS / BUILT_IN / samples()[name]["file"]).pixels.copy(), name=name)


def truth(picture: Picture) -> tuple[tuple[Box, str], ...]:
    """What is truly in a sample, in its pixels; () for any other picture."""
    from attnviz.axes import Box

    one = samples().get(picture.name)
    if one is None or sample(picture.name).fingerprint != picture.fingerprint:
        return ()
    found = []
    for (x, y, wide, high), label in zip(one["boxes"], one["labels"], strict=True):
        sides = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
        size = (picture.width, picture.height) * 2
        found.append((Box(*(side * length for side, length in zip(sides, size, strict=True))), label))
    return tuple(found)


@cache
def _names() -> dict[str, Any]:
    return dict(shipped.config(shipped.folder(BUILT_IN)).get("label_names", {}))


def named(label: str, model: str) -> str:
    """A label in the reader's language, where it is one of the built-in model's; others as their model has them."""
    return named_label(label, language(), _names()) if model == BUILT_IN else label


def heads_of(text: str) -> tuple[Head, ...]:
    """Heads as a link writes them: cross.0.1-encoder.1.3."""
    found = (one.split(".") for one in text.split("-") if one)
    return tuple((part, int(layer), int(head)) for part, layer, head in found)


def read(request: Request, picture: Picture) -> Trace:
    """What the model does with the picture, kept for everyone who asks the same. Raises `AttnvizError`."""
    with st.spinner(t("running", model=plain(request.name)), show_time=True):
        return _looked(request, picture)


@runs.kept
def _looked(request: Request, _picture: Picture) -> Trace:
    """The same; `_picture` is the one of the request's fingerprint."""
    from attnviz.core.interventions import HideToken, RemoveHeads
    from attnviz.errors import ModelError
    from attnviz.models import DetectionModel, VisionModel
    from attnviz.recording.record import record

    model = model_store().take(request.name)
    if not isinstance(model, VisionModel):
        raise ModelError("finder_blind", model=request.name)
    if not isinstance(model, DetectionModel):
        raise ModelError("finder_names", model=request.name)
    seen = model.see(_picture)
    first = len(seen.axis.first)
    places = [place for place in request.hidden if first <= place < first + seen.axis.rows * seen.axis.columns]
    changes: list[Intervention] = []
    if request.painted:
        seen = seen.without(places)
    else:
        changes += [HideToken(place) for place in places]
    changes += [RemoveHeads((head,), layers=(layer,), part=part) for part, layer, head in request.without]
    return record(model, seen, rule=as_rule(request.rule), interventions=changes)
