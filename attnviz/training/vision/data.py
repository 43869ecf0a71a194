"""The pictures that the vision transformers learn from, and the recipe that decides how.

Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, MIT): 60,000 pictures of clothes of 28 x 28 grey pixels to train with,
10,000 to measure with; github.com/zalandoresearch/fashion-mnist has the four files.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from attnviz.training.loop import rounds

NAMES = {
    "zh": ("T恤", "裤子", "套头衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴"),
    "en": (
        "T-shirt", "Trousers", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
}  # fmt: skip
SIDE = 28
PATCH = 4
MEAN, SPREAD = 0.286, 0.353  # of the training pictures' pixels, 1 being white
FILES = {"train": "train", "test": "t10k"}
SIZES = 4  # numbers before the pixels: the magic one, then pictures, rows, columns
FLIPPED = 0.5


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, the same for all but `heads` and `positions`.

    `kept` patches of the 49 are read in each step but those of the last share `whole` (as in Liu et al. 2022): half the
    cost, and a model that has met pictures with parts hidden.
    """

    heads: int
    positions: bool = True
    layers: int = 4
    width: int = 96
    inner: int = 192
    steps: int = 9_000
    pictures_a_step: int = 64
    kept: int = 24
    shift: int = 1
    whole: float = 0.2
    rate: float = 4e-3
    init: float = 0.06
    warm_up: int = 100
    weight_decay: float = 0.02
    seed: int = 20


@dataclass(frozen=True)
class Clothes:
    """Grey pictures with what each shows, by its number in `NAMES`."""

    pictures: UInt8[Tensor, "picture 28 28"]
    labels: Int64[Tensor, " picture"]


def read_clothes(folder: Path, part: str) -> Clothes:
    """The pictures of `part`, "train" or "test", out of the official files."""
    name = FILES[part]
    pixels = _bytes(folder / f"{name}-images-idx3-ubyte.gz")[4 * SIZES :]
    labels = _bytes(folder / f"{name}-labels-idx1-ubyte.gz")[8:]
    return Clothes(pixels.view(-1, SIDE, SIDE), labels.long())


def _bytes(file: Path) -> UInt8[Tensor, " byte"]:
    with gzip.open(file) as opened:
        return torch.frombuffer(bytearray(opened.read()), dtype=torch.uint8)


def seen(pictures: UInt8[Tensor, "picture 28 28"]) -> Float[Tensor, "picture 3 28 28"]:
    """Pictures as a model is given them: three equal channels, normalised."""
    grey = (pictures.float() / 255 - MEAN) / SPREAD
    return grey[:, None].expand(-1, 3, -1, -1)


def moved(
    pictures: UInt8[Tensor, "picture 28 28"], shift: int, generator: torch.Generator
) -> UInt8[Tensor, "picture 28 28"]:
    """Each picture shifted by up to so many pixels, black coming in, and half of them mirrored."""
    count = len(pictures)
    mirrored = torch.rand(count, generator=generator) < FLIPPED
    turned = torch.where(mirrored[:, None, None], pictures.flip(-1), pictures)
    wide = F.pad(turned, (shift,) * 4)
    row, column = torch.randint(2 * shift + 1, (2, count, 1), generator=generator) + torch.arange(SIDE)
    return wide[torch.arange(count)[:, None, None], row[:, :, None], column[:, None, :]]


def batches(clothes: Clothes, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    """Without end: pictures moved a little, and their labels; all pictures in random order, again and again."""
    for chosen, generator in rounds(len(clothes.labels), recipe.pictures_a_step, recipe.seed):
        yield seen(moved(clothes.pictures[chosen], recipe.shift, generator)), clothes.labels[chosen]
