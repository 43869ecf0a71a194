"""The drawings and scenes that the captioner learns from, composed afresh all the time, and those kept from it.

Noto emoji (Google, Apache-2.0) as the sheet of 32 pixels of iamcal/emoji-data (MIT): ``noto_32.png`` and
``emoji.json``. What is kept from training, decided before anything was measured:

* every eighth combination of three or four things, and every eighth place of one thing, by a hash of their names;
* one pair of things in seven, never seen together (`apart`);
* eight things seen only alone (`ALONE`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

from attnviz.systems.captions.names import ALONE, LANGUAGES, THINGS
from attnviz.systems.captions.scene import DRAWN, MOST, SIDE, Put, Scene, cover
from attnviz.systems.captions.text import BEGIN, END, NUMBERS

SHEET = "noto_32.png"
CELL, EDGE, WIDE = 34, 1, 32  # pixels of a cell of the sheet, of the edge around a drawing, of the drawing
PARTS = ("one", "new", "pairs", "alone")
NAMES = tuple(one.en for one in THINGS)
TOGETHER = tuple(name for name in NAMES if name not in ALONE)
SIZES = (1, 2, 3, 4)
SHARES = (0.15, 0.3, 0.3, 0.25)  # of scenes of each size in training
CLEAR = 2


def read_drawings(folder: Path) -> UInt8[Tensor, "thing 3 24 24"]:
    """The drawings of all things, in their order, 24 pixels wide, on white."""
    rows = {row["unified"].removesuffix("-FE0F"): row for row in json.loads((folder / "emoji.json").read_text("utf-8"))}
    with Image.open(folder / SHEET) as opened:
        sheet = opened.convert("RGBA")
    found = []
    for thing in THINGS:
        left, top = (CELL * rows[thing.code][f"sheet_{axis}"] + EDGE for axis in "xy")
        drawing = sheet.crop((left, top, left + WIDE, top + WIDE)).resize((DRAWN, DRAWN), Image.Resampling.LANCZOS)
        white = Image.new("RGBA", drawing.size, "white")
        shown = Image.alpha_composite(white, drawing).convert("RGB")
        found.append(torch.from_numpy(np.array(shown)).permute(2, 0, 1))
    return torch.stack(found)


@cache
def _chance(*names: str) -> int:
    """A number from 0 to 839 that is always the same for these names, in whatever order: 840 = 7 x 8 x 15."""
    return int.from_bytes(hashlib.sha256(" ".join(sorted(names)).encode()).digest()[:8], "big") % 840


def apart(names: Sequence[str]) -> bool:
    """Are two of these never seen together in training, both of them seen with others?"""
    return any(_chance(*pair) % 7 == 0 for pair in combinations(names, 2) if not set(pair) & set(ALONE))


def part(scene: Scene) -> str | None:
    """Which part of the held-out scenes does one belong to? None for one that may be trained on."""
    names = [one.name for one in scene.things]
    if len(names) == 1:
        box = scene.things[0]
        return "one" if _chance(box.name, str(box.left), str(box.top)) % 8 == 0 else None
    if set(names) & set(ALONE):
        return "alone"
    if apart(names):
        return "pairs"
    return "new" if len(names) > 2 and _chance(*names) % 8 == 0 else None


def scene(random: Random, size: int, names: Sequence[str]) -> Scene:
    """A scene of so many different things out of some; one thing anywhere, more in two rows at random places.

    No middle lies within `CLEAR` pixels of the middle of the canvas, so that the row of each is plain to see.
    """
    chosen, most = random.sample(list(names), size), SIDE - DRAWN
    if size == 1:
        return Scene((Put(chosen[0], random.randint(0, most), random.randint(0, most)),))
    upper = random.randint(max(0, size - 2), min(2, size))
    while True:
        tops = [
            random.randint(0, most // 2 - CLEAR) + (number >= upper) * (most // 2 + CLEAR) for number in range(size)
        ]
        put = [Put(name, random.randint(0, most), top) for name, top in zip(chosen, tops, strict=True)]
        if not any(one.covers(other) for one, other in combinations(put, 2)):
            random.shuffle(put)
            return Scene(tuple(put))


def training_scene(random: Random, size: int | None = None) -> Scene:
    """A scene that may be trained on, of so many things, or of as many as training has in the mean."""
    size = random.choices(SIZES, SHARES)[0] if size is None else size
    while True:
        found = scene(random, size, NAMES if size == 1 else TOGETHER)
        if part(found) is None:
            return found


def held_out(named: str, count: int, seed: int = 16) -> list[Scene]:
    """Scenes of one of the `PARTS` that are kept from training, the same for the same seed."""
    random = Random(f"{named} {seed}")
    found: list[Scene] = []
    while len(found) < count:
        size = 1 if named == "one" else random.choice((3, 4) if named == "new" else (2, 3, MOST))
        one = scene(random, size, TOGETHER if named in ("new", "pairs") else NAMES)
        if part(one) == named:
            found.append(one)
    return found


@dataclass(frozen=True)
class Batch:
    """Pictures, and the sentences of all in Chinese, then of all in English.

    `words` begins with the language and ends with `END`, which fills shorter ones too; `real` says which are of the
    sentence; `of` is the thing that each names, -1 for none, `scenes` what the pictures are of.
    """

    pictures: UInt8[Tensor, "picture 3 64 64"]
    words: Int64[Tensor, "text word"]
    real: Tensor
    scenes: tuple[Scene, ...]

    @classmethod
    def of(cls, scenes: Sequence[Scene], drawings: UInt8[Tensor, "thing 3 24 24"]) -> Batch:
        """The pictures and sentences of scenes."""
        texts = [
            [BEGIN[language], *(NUMBERS[word.text] for word in one.sentence(language)), END]
            for language in BEGIN for one in scenes
        ]  # fmt: skip
        longest = max(map(len, texts))
        words = torch.tensor([text + [END] * (longest - len(text)) for text in texts])
        real = torch.tensor([[n < len(text) for n in range(longest)] for text in texts])
        return cls(torch.stack([one.drawn(drawings) for one in scenes]), words, real, tuple(scenes))


def batches(drawings: UInt8[Tensor, "thing 3 24 24"], count: int, seed: int) -> Iterator[Batch]:
    """Without end: scenes that may be trained on, made afresh."""
    random = Random(seed)
    while True:
        yield Batch.of([training_scene(random) for _ in range(count)], drawings)


def singles(
    drawings: UInt8[Tensor, "thing 3 24 24"], count: int, seed: int
) -> Iterator[tuple[UInt8[Tensor, "picture 3 64 64"], Int64[Tensor, " picture"]]]:
    """Without end: pictures of one thing that may be trained on, with its number."""
    random = Random(seed)
    while True:
        found = [training_scene(random, 1) for _ in range(count)]
        yield (
            torch.stack([one.drawn(drawings) for one in found]),
            torch.tensor([NAMES.index(one.things[0].name) for one in found]),
        )


def inside(weights: Tensor, batch: Batch) -> Tensor:
    """The mean share of a naming word's weight inside its picture, `weights` `[text, word, place]`."""
    boxes = [[cover(one.left, one.top) for one in scene.things] for scene in batch.scenes]
    at, box = [], []
    for text in range(len(batch.words)):
        number = text % len(batch.scenes)
        language = LANGUAGES[text // len(batch.scenes)]
        for place, word in enumerate(batch.scenes[number].sentence(language)):
            if word.of is not None:
                at.append((text, place))
                box.append(boxes[number][word.of])
    rows = weights[torch.tensor(at).unbind(-1)]
    return (rows * torch.stack(box)).sum(-1).mean()
