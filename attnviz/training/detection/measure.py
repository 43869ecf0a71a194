"""How well does a detector find what is there, and does it look at what it finds? Average precision as in PASCAL VOC.

The area under precision and recall, precision made never to rise (all points, as from VOC 2010 on); a box is right
where it overlaps a true one of its label by a half, once (`measures.matched`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from attnviz.axes import Box
from attnviz.measures import Found, found, inside, matched, overlap
from attnviz.models import DetectionModel
from attnviz.pictures import open_picture
from attnviz.recording.record import record
from attnviz.trace import Trace
from attnviz.training.detection.data import LABELS, NAMES, listed, read_boxes

LEAST = 0.005  # what is said with less is left out of the curve
SURE = 0.3  # from which a box is drawn, and its query's look is measured
SUPPRESSED = 0.6  # the overlap with a surer box of the same label from which one is taken for the same thing
True_ = tuple[Box, str]


def average_precision(said: Sequence[tuple[float, bool]], true: int) -> float:
    """The area under precision and recall of what was said with some confidence, right or not, of so many true things.

    >>> round(average_precision([(0.9, True), (0.8, False), (0.7, True)], 2), 3)
    0.833
    """
    if not true:
        return float("nan")
    right = np.array([one[1] for one in sorted(said, key=lambda one: -one[0])], dtype=float)
    hits = right.cumsum()
    precision = hits / np.arange(1, len(right) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((highest * right).sum() / true)


def truth(annotation: Path, width: int, height: int) -> tuple[True_, ...]:
    """The true boxes of a picture, in its pixels, by the English names of their labels."""
    boxes, labels = read_boxes(annotation)
    size = np.array([width, height, width, height], dtype=float)
    found = []
    for (x, y, wide, high), label in zip((boxes.numpy() * size).tolist(), labels.tolist(), strict=True):
        found.append((Box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2), NAMES["en"][label]))
    return tuple(found)


def alone(things: Sequence[Found]) -> tuple[Found, ...]:
    """Things, the surest first, without those that are a surer one over again (non-maximum suppression)."""
    kept: list[Found] = []
    for thing in things:
        same = (one for one in kept if one.label == thing.label)
        if all(overlap(one.box, thing.box) < SUPPRESSED for one in same):
            kept.append(thing)
    return tuple(kept)


@dataclass
class Tally:
    """What was said of one label so far, with and without suppression; how many are true; where queries looked."""

    said: list[tuple[float, bool]] = field(default_factory=list)
    alone: list[tuple[float, bool]] = field(default_factory=list)
    true: int = 0
    inside: list[Tensor] = field(default_factory=list)  # `[layer, head]` of each thing
    area: list[float] = field(default_factory=list)

    def figures(self, layer: int, head: int) -> dict[str, float]:
        """Average precision; which share of a found box's look lies in it, by one head and by all of the last layer,
        beside the box's own share of the picture.
        """
        looks = torch.stack(self.inside).mean(0) if self.inside else torch.full((layer + 1, head + 1), torch.nan)
        return {
            "ap50": round(average_precision(self.said, self.true), 4),
            "ap50_alone": round(average_precision(self.alone, self.true), 4),
            "inside": round(float(looks[layer, head]), 4),
            "inside_mean": round(float(looks[-1].mean()), 4),
            "area": round(float(np.mean(self.area)) if self.area else float("nan"), 4),
            "true": self.true,
        }


def measured(model: DetectionModel, data: Path, part: str = "test") -> dict[str, dict[str, float]]:
    """The figures of each label, by its English name, over an official list of BCCD."""
    tallies = {name: Tally() for name in NAMES["en"]}
    for trace, true, size in _runs(model, data, part):
        things = found(trace, LEAST)
        for name, tally in tallies.items():
            own = [one for one in true if one[1] == name]
            tally.true += len(own)
            for kept, way in ((things, tally.said), (alone(things), tally.alone)):
                some = [thing for thing in kept if thing.label == name]
                right = {at for at, _ in matched([(one.box, one.label) for one in some], own).pairs}
                way.extend((thing.confidence, at in right) for at, thing in enumerate(some))
            _looks(trace, tally, [thing for thing in things if thing.label == name], own, size)
    layer, head = clearest(tally.inside for tally in tallies.values())
    figures = {name: tally.figures(layer, head) for name, tally in tallies.items()}
    return figures | {"head": {"layer": layer, "head": head}}


def clearest(looks: Iterable[Sequence[Tensor]]) -> tuple[int, int]:
    """Layer and head that look most inside what they found, every label counting alike."""
    means = [torch.stack(list(one)).mean(0) for one in looks if one]
    if not means:
        return 0, 0
    both = torch.stack(means).mean(0)
    layer, head = divmod(int(both.argmax()), both.shape[1])
    return layer, head


def _runs(model: DetectionModel, data: Path, part: str) -> Iterator[tuple[Trace, tuple[True_, ...], int]]:
    """The run over each picture of a list, what is truly there, and how many pixels it has."""
    for name in tqdm(listed(data, part), disable=None):
        picture = open_picture(data / "JPEGImages" / f"{name}.jpg")
        true = truth(data / "Annotations" / f"{name}.xml", picture.width, picture.height)
        yield record(model, picture, values=False), true, picture.width * picture.height


def _looks(trace: Trace, tally: Tally, things: Sequence[Found], true: Sequence[True_], size: int) -> None:
    """Note where queries looked that surely and rightly found something."""
    sure = [thing for thing in things if thing.confidence >= SURE]
    for at, _ in matched([(one.box, one.label) for one in sure], true).pairs:
        box = sure[at].box
        tally.inside.append(torch.stack([inside(trace, layer, sure[at].slot) for layer in range(trace.n_layers)]))
        tally.area.append((box.right - box.left) * (box.bottom - box.top) / size)


def shown(figures: dict[str, dict[str, float]]) -> str:
    """The figures in a few lines."""
    known, at = dict(zip(NAMES["en"], LABELS, strict=True)), figures["head"]
    said = f"looks inside most: layer {at['layer']:.0f}, head {at['head']:.0f}"
    return "\n".join(
        [
            said,
            *(
                f"{known[name]:10} AP50 {one['ap50']:.3f} (alone {one['ap50_alone']:.3f}) of {one['true']:.0f}, "
                f"look inside {one['inside']:.3f} "
                f"(all heads of the last layer {one['inside_mean']:.3f}, area {one['area']:.3f})"
                for name, one in figures.items()
                if name in known
            ),
        ]
    )
