"""What is behind the page on detectors: the samples with what is truly there, and what one run of the model is."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from attnviz import shipped

if TYPE_CHECKING:
    from attnviz.axes import Box
    from attnviz.pictures import Picture

BUILT_IN = "detr-cells"  # in whose folder the samples lie
Head = tuple[str, int, int]  # which map, layer, head


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


@cache  # six labels: 1 kB
def names() -> dict[str, Any]:
    """The labels of the built-in model, by language."""
    return dict(shipped.config(shipped.folder(BUILT_IN)).get("label_names", {}))


def heads_of(text: str) -> tuple[Head, ...]:
    """Heads as a link writes them: cross.0.1-encoder.1.3."""
    found = (one.split(".") for one in text.split("-") if one)
    return tuple((part, int(layer), int(head)) for part, layer, head in found)
