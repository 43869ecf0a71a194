"""What is behind the page on pictures: the samples, the picture that is looked at, and its runs, kept by names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import SOFT, RuleChoice, as_rule, language, model_store, named_label, plain, runs, t

if TYPE_CHECKING:
    from attnviz.axes import Axis, Patches
    from attnviz.core.interventions import Intervention
    from attnviz.pictures import Picture
    from attnviz.trace import Trace

SAMPLES_OF = "vit-4"  # in whose folder the samples lie


@dataclass(frozen=True)
class Request:
    """One run as caches know it: the picture by its fingerprint, patches hidden, heads without effect, their order."""

    name: str
    picture: str
    rule: RuleChoice = SOFT
    hidden: tuple[int, ...] = ()
    without: tuple[tuple[int, int], ...] = ()
    order: int = 0

    @property
    def untouched(self) -> Request:
        """The same run with nothing changed."""
        return Request(self.name, self.picture)

    @property
    def changed(self) -> bool:
        """Is anything changed?"""
        return self != self.untouched


@cache  # a dozen names: at most 10 kB
def samples() -> dict[str, dict[str, Any]]:
    """The held-out pictures by name, each with its place on the sheet, its number in the test set and its label."""
    return {one["name"]: {**one, "place": place} for place, one in enumerate(shipped.samples(SAMPLES_OF))}


@cache  # a dozen pictures of 28 x 28: at most 60 kB
def sample(name: str) -> Picture:
    """One of the held-out pictures."""
    from attnviz.pictures import open_picture

    sheet = open_picture(shipped.WEIGHTS / SAMPLES_OF / "samples.png").pixels
    side, place = sheet.shape[0], samples()[name]["place"]
    return open_picture(sheet[:, place * side : (place + 1) * side].copy(), name=name)


def pairs(text: str) -> tuple[tuple[int, int], ...]:
    """Heads as a link writes them: 0.1-3.2."""
    found = (one.split(".") for one in text.split("-") if one)
    return tuple((int(layer), int(head)) for layer, head in found)


@cache  # ten labels: 1 kB
def _names() -> Mapping[str, tuple[str, ...]]:
    found: Mapping[str, tuple[str, ...]] = shipped.config(shipped.folder(SAMPLES_OF)).get("label_names", {})
    return found


def named(label: str, spoken: str, names: Mapping[str, Any] | None = None) -> str:
    """A label in the reader's language, where the model's configuration has its names; of the samples without any."""
    return named_label(label, spoken, _names() if names is None else names)


def read(request: Request, picture: Picture) -> Trace:
    """What the model does with the picture, kept for everyone who asks the same. Raises `AttnvizError`."""
    with st.spinner(t("running", model=plain(request.name)), show_time=True):
        return _looked(request, language(), picture)


@runs.kept
def _looked(request: Request, spoken: str, _picture: Picture) -> Trace:
    """The same, its labels in a language; `_picture` is the one of the request's fingerprint."""
    from attnviz.core.interventions import HideToken, RemoveHeads
    from attnviz.errors import ModelError
    from attnviz.models import DetectionModel, VisionModel
    from attnviz.recording.record import record

    model = model_store().take(request.name)
    if not isinstance(model, VisionModel):
        raise ModelError("model_blind", model=request.name)
    if isinstance(model, DetectionModel):
        raise ModelError("model_boxes", model=request.name)
    seen = model.see(_picture)
    if request.order:
        seen = seen.shuffled(request.order)
    changes: list[Intervention] = [HideToken(place) for place in _placed(seen.axis, request.hidden)]
    changes += [RemoveHeads((head,), layers=(layer,)) for layer, head in request.without]
    trace = record(model, seen, rule=as_rule(request.rule), interventions=changes)
    if trace.answer is None:
        return trace
    names = getattr(model.network.config, "label_names", None) or {}
    labels = tuple(named(label, spoken, names) for label in trace.answer.labels)
    return replace(trace, answer=replace(trace.answer, labels=labels))


def _placed(axis: Patches, numbers: tuple[int, ...]) -> list[int]:
    """Where patches lie now that are known by their numbers where nothing is shuffled."""
    first = len(axis.first)
    where = {first + number: first + place for place, number in enumerate(axis.order)}
    return [where.get(number, number) for number in numbers if number < len(axis)]


def mixed(picture: Picture, axis: Axis) -> Picture:
    """The picture with its patches where they were put, as the model was given it."""
    from attnviz.axes import Patches
    from attnviz.pictures import open_picture

    if not isinstance(axis, Patches) or not axis.order:
        return picture
    image, order = picture.image(), axis.order
    ordered, first = replace(axis, order=()), len(axis.first)
    cut = [ordered.stands_for(first + number) for number in range(len(order))]
    before = image.copy()
    for place, number in enumerate(order):
        here, there = cut[place], cut[number]
        if here is None or there is None:
            continue
        left, top, right, bottom = (round(side) for side in here)
        size = max(1, right - left), max(1, bottom - top)
        image.paste(before.crop(tuple(round(side) for side in there)).resize(size), (left, top))  # type: ignore[arg-type]
    return open_picture(image)
