"""The pictures that the detector learns from, and the recipe that decides how.

BCCD (Shenggan 2017, MIT): 364 micrographs of blood, 640 x 480, a box round every red cell, white cell and platelet;
github.com/Shenggan/BCCD_Dataset has them and the official lists. Trained on `trainval`, measured on `test`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from attnviz.training.loop import rounds

LABELS = ("RBC", "WBC", "Platelets")  # as the annotations write them; a label is its place here
NAMES = {"zh": ("红细胞", "白细胞", "血小板"), "en": ("Red cell", "White cell", "Platelet")}
WIDE, HIGH = 192, 144
KEPT = 1.25  # pictures are kept so much larger than they are read, for what zooms in
MEAN, SPREAD = 0.5, 0.25
LEAST = 2.0  # pixels; a handful of the annotations are lines
NONE = -1  # the label of a place in a batch that has no box
LEFT = 0.35  # a box of which less than that is left after zooming in is no longer a cell to be found


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights."""

    width: int = 128
    heads: int = 4
    inner: int = 384
    encoder: int = 2
    decoder: int = 3
    columns: int = 8  # of the grid in which the queries begin
    rows: int = 6
    groups: int = 3  # sets of queries that learn beside each other (group DETR); the first is kept
    steps: int = 1_800
    pictures_a_step: int = 6
    rate: float = 3e-3
    elsewhere: float = 0.4  # times the rate, for what is no matrix inside the layers
    warm_up: int = 100
    weight_decay: float = 0.01
    average: float = 0.995
    zoom: float = 1.35
    colour: float = 0.15
    seed: int = 20


@dataclass(frozen=True)
class Cells:
    """Pictures with their boxes (centre and size, as shares of the picture) and labels, filled up with `NONE`."""

    names: tuple[str, ...]
    pictures: UInt8[Tensor, "picture 3 high wide"]
    boxes: Float[Tensor, "picture box 4"]
    labels: Int64[Tensor, "picture box"]


@dataclass(frozen=True)
class Batch:
    """Pictures as the network is given them, with what is to be found."""

    pixels: Float[Tensor, "picture 3 high wide"]
    boxes: Float[Tensor, "picture box 4"]
    labels: Int64[Tensor, "picture box"]

    @property
    def real(self) -> Bool[Tensor, "picture box"]:
        """Which places have a box."""
        return self.labels != NONE


def listed(folder: Path, part: str) -> tuple[str, ...]:
    """The names of an official list: "train", "val", "trainval" or "test"."""
    return tuple((folder / "ImageSets" / "Main" / f"{part}.txt").read_text().split())


def read_cells(folder: Path, part: str, size: tuple[int, int] | None = None) -> Cells:
    """The pictures of an official list, brought to a size (width, height), with their boxes."""
    names = listed(folder, part)
    size = size or (round(WIDE * KEPT), round(HIGH * KEPT))
    pictures = torch.stack([_pixels(folder / "JPEGImages" / f"{name}.jpg", size) for name in names])
    found = [read_boxes(folder / "Annotations" / f"{name}.xml") for name in names]
    most = max(len(labels) for _, labels in found)
    boxes, labels = torch.zeros(len(names), most, 4), torch.full((len(names), most), NONE)
    for at, (some, kinds) in enumerate(found):
        boxes[at, : len(kinds)], labels[at, : len(kinds)] = some, kinds
    return Cells(names, pictures, boxes, labels)


def _pixels(file: Path, size: tuple[int, int]) -> UInt8[Tensor, "3 high wide"]:
    with Image.open(file) as opened:
        small = opened.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    raw = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8)
    return raw.view(size[1], size[0], 3).permute(2, 0, 1)


def read_boxes(file: Path) -> tuple[Float[Tensor, "box 4"], Int64[Tensor, " box"]]:
    """The boxes of one annotation, as shares of the picture, and their labels."""
    tree = ElementTree.parse(file)
    wide, high = (float(tree.findtext(f"size/{side}", "0")) for side in ("width", "height"))
    boxes, labels = [], []
    for one in tree.findall("object"):
        x0, y0, x1, y1 = (float(one.findtext(f"bndbox/{side}", "0")) for side in ("xmin", "ymin", "xmax", "ymax"))
        if min(x1 - x0, y1 - y0) >= LEAST:
            boxes.append(((x0 + x1) / 2 / wide, (y0 + y1) / 2 / high, (x1 - x0) / wide, (y1 - y0) / high))
            labels.append(LABELS.index(one.findtext("name", "")))
    return torch.tensor(boxes).view(-1, 4), torch.tensor(labels, dtype=torch.long)


def seen(pictures: Float[Tensor, "picture 3 high wide"]) -> Float[Tensor, "picture 3 high wide"]:
    """Pictures of pixels from 0 to 255 as the network is given them."""
    return (pictures / 255 - MEAN) / SPREAD


def moved(cells: Cells, chosen: Int64[Tensor, " picture"], recipe: Recipe, generator: torch.Generator) -> Batch:
    """Some pictures, each mirrored, zoomed into and recoloured by chance, with the boxes that are still there."""
    count = len(chosen)
    mirror = torch.randint(2, (count, 2), generator=generator) * 2.0 - 1
    zoom = 1 + (recipe.zoom - 1) * torch.rand(count, 1, generator=generator)
    zoom = zoom * (1 + 0.1 * torch.rand(count, 2, generator=generator))  # a little more one way than the other
    shift = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - 1 / zoom)
    across = torch.zeros(count, 2, 3)
    across[:, 0, 0], across[:, 1, 1] = (mirror / zoom).unbind(-1)
    across[:, :, 2] = shift
    grid = F.affine_grid(across, [count, 3, HIGH, WIDE], align_corners=False)
    pixels = F.grid_sample(cells.pictures[chosen].float(), grid, align_corners=False, padding_mode="border")
    boxes, labels = cut(cells.boxes[chosen], cells.labels[chosen], mirror / zoom, shift)
    return Batch(seen(_recoloured(pixels, recipe.colour, generator)), boxes, labels)


def _recoloured(
    pixels: Float[Tensor, "picture 3 high wide"], most: float, generator: torch.Generator
) -> Float[Tensor, "picture 3 high wide"]:
    """Pictures with the strength of each colour, the light and the contrast changed by up to so much."""

    def chance(channels: int) -> Tensor:
        return most * (2 * torch.rand(len(pixels), channels, 1, 1, generator=generator) - 1)

    mean = pixels.mean((1, 2, 3), keepdim=True)
    return (mean + (pixels - mean) * (1 + 2 * chance(1))) * (1 + chance(3) / 2) * (1 + chance(1))


def cut(
    boxes: Float[Tensor, "picture box 4"],
    labels: Int64[Tensor, "picture box"],
    scale: Float[Tensor, "picture 2"],
    shift: Float[Tensor, "picture 2"],
) -> tuple[Float[Tensor, "picture box 4"], Int64[Tensor, "picture box"]]:
    """The boxes in a picture whose places are scale x place + shift of the old one (-1 to 1); gone what lies outside.

    >>> whole = torch.tensor([[[0.5, 0.5, 0.2, 0.2]]])
    >>> box, _ = cut(whole, torch.zeros(1, 1).long(), torch.full((1, 2), 0.5), torch.zeros(1, 2))
    >>> [round(value, 2) for value in box[0, 0].tolist()]
    [0.5, 0.5, 0.4, 0.4]
    """
    low, high = boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2
    ends = [((2 * end - 1 - shift[:, None]) / scale[:, None] + 1) / 2 for end in (low, high)]
    low, high = torch.minimum(*ends), torch.maximum(*ends)
    area = (high - low).prod(-1)
    low, high = low.clamp(0, 1), high.clamp(0, 1)
    left = (high - low).clamp_min(0).prod(-1) >= LEFT * area
    kept = torch.where(left, labels, NONE)
    inside = torch.cat(((low + high) / 2, (high - low)), -1)
    return torch.where((kept != NONE)[..., None], inside, torch.zeros(())), kept


def batches(cells: Cells, recipe: Recipe) -> Iterator[Batch]:
    """Without end: pictures changed by chance; all pictures in random order, again and again."""
    for chosen, generator in rounds(len(cells.names), recipe.pictures_a_step, recipe.seed, whole=True):
        yield moved(cells, chosen, recipe, generator)
