"""A world as a picture: walls, doors, keys, balls, boxes and the goal as minigrid's players know them, by Pillow alone.

Shapes tell kinds apart, and beside its colour each coloured thing bears its first letter (R, G, B, P, Y; grey is S for
"slate", since G is taken), so that nobody needs to tell hues apart.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attnviz.systems.acting.scene import AHEAD, Scene, Thing

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

TILE = 24  # pixels of a cell
DRAWN = 4  # drawn so many times larger, then made smaller: smooth edges
FLOOR, LINE, WALL, INK = (250, 249, 246), (224, 222, 216), (122, 122, 128), (28, 28, 32)
AGENT, LIGHT = (214, 48, 49), (92, 40, 190)
INKS = {
    "red": (214, 60, 50), "green": (60, 160, 70), "blue": (50, 100, 215), "purple": (140, 70, 180),
    "yellow": (226, 178, 30), "grey": (120, 124, 132),
}  # fmt: skip
LETTERS = {"red": "R", "green": "G", "blue": "B", "purple": "P", "yellow": "Y", "grey": "S"}
GOAL = (150, 214, 150)


def picture(scene: Scene, *, tile: int = TILE) -> Image:
    """A scene, `tile` pixels a cell, without light."""
    from PIL import Image, ImageDraw

    edge, whole = tile * DRAWN, scene.size * tile * DRAWN
    canvas = Image.new("RGB", (whole, whole), FLOOR)
    pen = ImageDraw.Draw(canvas)
    for number, thing in enumerate(scene.cells):
        row, column = divmod(number, scene.size)
        _draw(pen, thing, column * edge, row * edge, edge)
    _agent(pen, scene, edge)
    return canvas.resize((scene.size * tile,) * 2, Image.Resampling.BOX)


def lit(scene: Scene, weights: NDArray[Any], *, tile: int = TILE) -> Image:
    """A scene with light on each cell as strong as its weight `[cell]`, and a frame round those above a tenth."""
    from PIL import Image, ImageDraw

    base = picture(scene, tile=tile).convert("RGBA")
    cover = Image.new("RGBA", base.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(cover)
    for number, weight in enumerate(np.clip(weights, 0, 1)):
        row, column = divmod(number, scene.size)
        box = (column * tile, row * tile, (column + 1) * tile - 1, (row + 1) * tile - 1)
        pen.rectangle(
            box, fill=(*LIGHT, int(170 * weight**0.7)), outline=(*LIGHT, 255) if weight > 0.1 else None,
            width=1 + round(3 * float(weight)),
        )  # fmt: skip
    return Image.alpha_composite(base, cover).convert("RGB")


def animated(scenes: Sequence[Scene], weights: NDArray[Any], *, tile: int, milliseconds: int) -> bytes:
    """An animated GIF: each scene lit by the weights `[step, cell]` with which it was seen, the last one without."""
    dark = np.zeros((len(scenes) - len(weights), len(scenes[0].cells)))
    frames = [lit(scene, row, tile=tile) for scene, row in zip(scenes, [*weights, *dark], strict=True)]
    file = io.BytesIO()
    times = [milliseconds] * (len(frames) - 1) + [4 * milliseconds]
    frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)
    return file.getvalue()


def _draw(pen: ImageDraw, thing: Thing, left: int, top: int, edge: int) -> None:
    """One thing on its cell."""

    def at(a: float, b: float) -> tuple[float, float]:
        return left + a * edge, top + b * edge

    def box(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
        return *at(a, b), left + c * edge - 1, top + d * edge - 1

    pen.rectangle(box(0, 0, 1, 1), fill=WALL if thing.kind == "wall" else FLOOR, outline=LINE, width=DRAWN)
    ink, line = INKS.get(thing.colour, INK), max(1, edge // 12)
    if thing.kind == "goal":
        pen.rectangle(box(0.04, 0.04, 0.96, 0.96), fill=GOAL)
        pen.line([at(0.3, 0.2), at(0.3, 0.85)], fill=INK, width=line)
        pen.polygon([at(0.3, 0.2), at(0.75, 0.34), at(0.3, 0.5)], fill=INK)
    elif thing.kind == "ball":
        pen.ellipse(box(0.16, 0.16, 0.84, 0.84), fill=ink)
    elif thing.kind == "box":
        pen.rectangle(box(0.14, 0.14, 0.86, 0.86), fill=FLOOR, outline=ink, width=2 * line)
        pen.rectangle(box(0.14, 0.44, 0.86, 0.54), fill=ink)
    elif thing.kind == "key":
        pen.ellipse(box(0.38, 0.08, 0.78, 0.48), outline=ink, width=2 * line)
        pen.rectangle(box(0.52, 0.46, 0.64, 0.92), fill=ink)
        pen.rectangle(box(0.36, 0.62, 0.54, 0.7), fill=ink)
        pen.rectangle(box(0.36, 0.8, 0.54, 0.88), fill=ink)
    elif thing.kind == "door":
        _door(pen, thing, box, line)
    if thing.kind in ("ball", "box", "door", "key") and thing.state != "open":
        _letter(pen, thing, left, top, edge)


def _door(pen: ImageDraw, thing: Thing, box: Any, line: int) -> None:
    """Open: a leaf at the side. Closed: a filled frame with a handle; locked: with a keyhole."""
    ink = INKS[thing.colour]
    if thing.state == "open":
        pen.rectangle(box(0, 0, 0.16, 1), fill=ink)
        return
    pen.rectangle(box(0, 0, 1, 1), fill=ink)
    pen.rectangle(box(0.1, 0.1, 0.9, 0.9), outline=INK, width=line)
    if thing.state == "locked":
        pen.ellipse(box(0.66, 0.38, 0.82, 0.54), fill=INK)
        pen.rectangle(box(0.71, 0.5, 0.77, 0.68), fill=INK)
    else:
        pen.ellipse(box(0.68, 0.44, 0.8, 0.56), fill=INK)


def _letter(pen: ImageDraw, thing: Thing, left: int, top: int, edge: int) -> None:
    """The letter of a thing's colour."""
    from PIL import ImageFont

    at = {"key": (0.2, 0.28), "box": (0.5, 0.3), "door": (0.38, 0.5)}.get(thing.kind, (0.5, 0.5))
    font = ImageFont.load_default(size=edge * 0.3)
    pen.text((left + at[0] * edge, top + at[1] * edge), LETTERS[thing.colour], fill=INK, font=font, anchor="mm")


def _agent(pen: ImageDraw, scene: Scene, edge: int) -> None:
    """A triangle that points ahead, and what it carries, small, on its back."""
    ahead = np.array(AHEAD[scene.direction])
    right = np.array((-ahead[1], ahead[0]))
    middle = (np.array(scene.agent) + 0.5) * edge
    corners = [ahead * 0.4, -ahead * 0.34 + right * 0.32, -ahead * 0.34 - right * 0.32]
    pen.polygon([tuple(middle + edge * one) for one in corners], fill=AGENT, outline=INK, width=max(1, edge // 24))
    if scene.carrying is not None:
        size = int(edge * 0.42)
        corner = (np.array(scene.agent) * edge + edge * 0.58).astype(int)
        corner[1] -= int(edge * 0.58)
        _draw(pen, scene.carrying, int(corner[0]), int(corner[1]), size)
