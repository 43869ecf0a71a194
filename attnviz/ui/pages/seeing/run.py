"""What is behind the page on pictures: the samples, and where their patches lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from attnviz import shipped

if TYPE_CHECKING:
    from attnviz.axes import Axis, Patches
    from attnviz.pictures import Picture

SAMPLES_OF = "vit-4"  # in whose folder the samples lie


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
def names() -> Mapping[str, tuple[str, ...]]:
    """The labels of the samples, by language."""
    found: Mapping[str, tuple[str, ...]] = shipped.config(shipped.folder(SAMPLES_OF)).get("label_names", {})
    return found


def placed(axis: Patches, numbers: tuple[int, ...]) -> list[int]:
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
