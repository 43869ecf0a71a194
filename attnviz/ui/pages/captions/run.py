"""What is behind the page on captions: scenes as links write them, and what each model says of one, kept by names."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING

from attnviz import shipped
from attnviz.systems.captions.names import BY_NAME, THINGS
from attnviz.ui.kit import runs

if TYPE_CHECKING:
    from attnviz.pictures import Picture
    from attnviz.systems.captions.scene import Scene
    from attnviz.systems.captions.system import System
    from attnviz.trace import Trace

MODELS = ("words-soft", "words-hard")
LOOKS = ("trained", "soft", "drawn", "argmax", "blind")
PART = re.compile(r"([a-z]+)\.(\d{1,2})\.(\d{1,2})")
TRIES = 400


@dataclass(frozen=True)
class Asked:
    """What is looked at and how: a scene as links write it, or a person's own picture by its fingerprint."""

    scene: str
    look: str
    seed: int
    own: str = ""


def as_text(link: str) -> str:
    """A scene as the system reads it: "cat.4.2-dog.36.34" is "cat 4 2, dog 36 34"."""
    return link.replace("-", ", ").replace(".", " ")


def things(link: str) -> list[tuple[str, int, int]]:
    """The things of a scene as links write it. Raises `ValueError` for what is none, and for unknown things."""
    found = [PART.fullmatch(part) for part in link.split("-")] if link else []
    if not all(one and one[1] in BY_NAME for one in found):
        raise ValueError(link)
    return [(one[1], int(one[2]), int(one[3])) for one in found if one]


def scene_of(link: str) -> Scene:
    """The scene itself. Raises `AttnvizError` for one that cannot be."""
    from attnviz.systems.captions.system import scene_of

    return scene_of(as_text(link))


def as_link(scene: Scene) -> str:
    """A scene as links write it."""
    return "-".join(f"{one.name}.{one.left}.{one.top}" for one in scene.things)


def samples() -> tuple[str, ...]:
    """Held-out scenes as links write them."""
    return tuple(one["text"].replace(", ", "-").replace(" ", ".") for one in shipped.samples(MODELS[0]))


def another(number: int) -> str:
    """A scene that nobody has made: two to four things at random places."""
    from attnviz.errors import AttnvizError
    from attnviz.systems.captions.scene import DRAWN, SIDE, Put, Scene

    random = Random(number)
    names = random.sample(sorted(BY_NAME), random.choice((2, 3, 3, 4)))
    for _ in range(TRIES):
        edges = [(random.randrange(0, SIDE - DRAWN + 1, 2), random.randrange(0, SIDE - DRAWN + 1, 2)) for _ in names]
        try:
            found = Scene(tuple(Put(name, *edge) for name, edge in zip(names, edges, strict=True)))
        except AttnvizError:
            continue
        if all(abs(2 * one.top + DRAWN - SIDE) > 4 for one in found.things):  # no row in doubt
            return as_link(found)
    return as_link(Scene((Put(names[0], 20, 20),)))


def free_place(link: str, name: str) -> str:
    """The same scene with a thing more, at the first place that is free. Raises `AttnvizError` where there is none."""
    from attnviz.errors import AttnvizError
    from attnviz.systems.captions.scene import DRAWN, SIDE, Put, Scene

    before = scene_of(link).things if link else ()
    refusal: AttnvizError | None = None
    for top in range(4, SIDE - DRAWN + 1, 4):
        for left in range(4, SIDE - DRAWN + 1, 4):
            try:
                return as_link(Scene((*before, Put(name, left, top))))
            except AttnvizError as reason:
                refusal = reason
    assert refusal is not None
    raise refusal


def system(name: str) -> System:
    """One of the models."""
    from attnviz.systems.captions.system import load

    return load(name)


def read(name: str, asked: Asked, language: str, picture: Picture | None) -> Trace:
    """What a model says in a language, kept for everyone who asks the same. Raises `AttnvizError`."""
    return _read(name, asked.own or asked.scene, _look(name, asked.look), asked.seed, language, picture)


def _look(name: str, look: str) -> str:
    """How a model looks: as it was trained, unless said otherwise."""
    return ("soft" if name.endswith("soft") else "drawn") if look == "trained" else look


@runs.kept
def _read(name: str, given: str, look: str, seed: int, language: str, _picture: Picture | None) -> Trace:
    """The same; `_picture` is the one of the fingerprint `given`, None for a scene."""
    from attnviz.core.rules import Argmax, Sample, Soft

    rule = {"drawn": Sample(seed), "argmax": Argmax()}.get(look, Soft())
    seen = scene_of(given) if _picture is None else _picture
    return system(name).read(seen, rule=rule, language=language, blind=look == "blind")


@runs.kept
def opened(content: bytes, name: str) -> Picture:
    """A picture that was brought. Raises `PictureError`."""
    from attnviz.pictures import open_picture

    return open_picture(content, name=name)


@cache  # 80 drawings of 24 x 24: 150 kB
def drawing(name: str) -> str:
    """One thing as an image that a page holds in itself."""
    from attnviz.pictures import Picture

    pixels = system(MODELS[0]).drawings[BY_NAME[name]].permute(1, 2, 0).numpy().copy()
    return address(Picture(pixels))


def address(picture: Picture) -> str:
    """A picture inside the page itself."""
    file = BytesIO()
    picture.image().save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def canvas(asked: Asked, picture: Picture | None) -> Picture:
    """What the models are given, 64 x 64 pixels."""
    from attnviz.pictures import Picture as Made
    from attnviz.systems.captions.system import on_canvas

    if picture is None:
        return system(MODELS[0]).draw(scene_of(asked.scene))
    return Made(on_canvas(picture).permute(1, 2, 0).numpy().copy())


def names(language: str) -> dict[str, str]:
    """All things by their English names: sign and name in a language."""
    return {one.en: f"{one.sign} {one.named(language)}" for one in THINGS}
