"""Scenes as text and as pictures, and which words of a sentence about one are right; nothing here draws or asks."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from attnviz import shipped
from attnviz.errors import AttnvizError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnviz.pictures import Picture
    from attnviz.systems.captions.scene import Put, Scene
    from attnviz.trace import Trace

SAMPLE = "chair 35 13, cactus 1 16, guitar 26 38"  # the scene that is shown first
SOFT_MODEL, HARD_MODEL = "words-soft", "words-hard"
MODELS = (SOFT_MODEL, HARD_MODEL)
CORNERS = ((4, 4), (36, 4), (4, 36), (36, 36))  # left and upper edges at which four things have room
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SPREAD = 4  # pixels by which a thing of a scene made by chance is off its corner, at most


@cache  # a dozen texts: 1 kB
def samples() -> tuple[str, ...]:
    """Held-out scenes as text: two new combinations, two of pairs never seen together, two with a thing seen alone."""
    found = [str(one["text"]) for one in shipped.samples(SOFT_MODEL)]
    return tuple(found[place] for place in (0, 2, 4, 6, 9, 10))


@cache  # six pictures of 64 x 64: 75 kB
def sample(text: str) -> Picture:
    """A scene as a picture, for whoever looks at pictures."""
    from attnviz.systems.captions.system import scene_of

    return canvas(scene_of(text))


@cache  # 80 names twice: 4 kB
def known() -> dict[str, tuple[str, str]]:
    """The things that can be drawn, by English name, each with its Chinese name and the emoji."""
    from attnviz.systems.captions.names import THINGS

    return {one.en: (one.zh, one.sign) for one in THINGS}


def named(thing: str, language: str) -> str:
    """A thing in a language, by its English name."""
    return known()[thing][0] if language == "zh" else thing


def things_of(text: str) -> tuple[Put, ...]:
    """The things of a scene as text; none where it cannot be drawn."""
    from attnviz.systems.captions.system import scene_of

    try:
        return scene_of(text).things
    except AttnvizError:
        return ()


def text_of(things: Sequence[Put]) -> str:
    """A scene as a link writes it: cat 4 2, lemon 36 34."""
    return ", ".join(f"{one.name} {one.left} {one.top}" for one in things)


def with_thing(text: str, name: str) -> str:
    """The scene with one more thing, where there is room; where there is none, all of them in the corners."""
    from attnviz.systems.captions.scene import DRAWN, MOST, SIDE, Put

    things = things_of(text)
    if len(things) >= MOST or any(one.name == name for one in things):
        return text
    edges = range(0, SIDE - DRAWN + 1)
    for left, top in (*CORNERS, *((left, top) for top in edges for left in edges)):
        put = Put(name, left, top)
        if not any(put.covers(one) for one in things):
            return text_of((*things, put))
    ordered = sorted(things, key=lambda one: (not one.upper, one.left))
    names = [*(one.name for one in ordered), name]
    return text_of([Put(one, *corner) for one, corner in zip(names, CORNERS, strict=False)])


def by_chance(seed: int) -> str:
    """A scene of two to four things, the same for the same seed."""
    from attnviz.systems.captions.scene import Put

    random = Random(seed)
    names = random.sample(sorted(known()), random.choice((2, 3, 3, 4)))
    corners = random.sample(CORNERS, len(names))
    made = []
    for name, (left, top) in zip(names, corners, strict=True):
        made.append(Put(name, left + random.randint(-SPREAD, SPREAD), top + random.randint(-SPREAD, SPREAD)))
    return text_of(made)


def canvas(given: Scene | Picture) -> Picture:
    """The canvas as a model sees it, 64 x 64 pixels."""
    from attnviz.pictures import Picture
    from attnviz.systems.captions.system import load, on_canvas

    if isinstance(given, Picture):
        return Picture(on_canvas(given).permute(1, 2, 0).numpy().copy(), given.name)
    return load(SOFT_MODEL).draw(given)


@dataclass(frozen=True)
class Word:
    """A word that was said: is it right, which thing does it name, where did it look?

    `right` is None where no sentence is known, as for a picture that was brought. `thing` is the English name of what
    it names, `of` that thing's number in the scene, None where it is not there; `inside` the share of the word's weight
    inside each thing's box.
    """

    text: str
    right: bool | None = None
    thing: str | None = None
    of: int | None = None
    inside: tuple[float, ...] = ()

    @property
    def most(self) -> int:
        """The thing that has most of its weight."""
        return max(range(len(self.inside)), key=self.inside.__getitem__)


@dataclass(frozen=True)
class Told:
    """A sentence that was said, word by word (its end left out), and the words of the true one that it left out."""

    words: tuple[Word, ...]
    missing: tuple[str, ...] = ()
    true: int = 0

    @property
    def wrong(self) -> int:
        """How many of its words are wrong?"""
        return sum(one.right is False for one in self.words)

    @property
    def whole(self) -> bool:
        """Is it the true sentence?"""
        return not self.wrong and not self.missing

    @property
    def inside(self) -> float | None:
        """The share of weight inside their own things, the mean of the words that name one of the scene."""
        found = [one.inside[one.of] for one in self.words if one.of is not None]
        return sum(found) / len(found) if found else None


def told(trace: Trace, scene: Scene | None, language: str) -> Told:
    """Compare what was said with what is true of the scene."""
    english = {name: thing for thing, (zh, _) in known().items() for name in (thing, zh)}
    said = [text for text, special in zip(trace.tokens, trace.special, strict=True) if not special]
    if scene is None:
        return Told(tuple(Word(text, thing=english.get(text)) for text in said))
    true = [word.text for word in scene.sentence(language)]
    kept = SequenceMatcher(None, true, said, autojunk=False).get_matching_blocks()
    right = {block.b + step for block in kept for step in range(block.size)}
    held = {block.a + step for block in kept for step in range(block.size)}
    weights = trace.weights(0, 0)
    places = {put.name: number for number, put in enumerate(scene.things)}
    words = tuple(
        Word(
            text, number in right, english.get(text), places.get(english.get(text, "")),
            tuple(float(scene.inside(weights[number], one)) for one in range(len(scene.things))),
        )
        for number, text in enumerate(said)
    )  # fmt: skip
    return Told(words, tuple(text for place, text in enumerate(true) if place not in held), len(true))


def chance_of(trace: Trace) -> float:
    """How probable are all the places that it looked at most, drawn one after another?"""
    from attnviz.systems.captions.system import path, path_probability

    return path_probability(path(trace))


def scene_in(given: Scene | Picture) -> Scene | None:
    """The scene that is looked at; None for a picture that was brought."""
    from attnviz.systems.captions.scene import Scene

    return given if isinstance(given, Scene) else None


def figures() -> dict[str, dict[str, Any]]:
    """What the card's command measured, by model."""
    return {name: shipped.figures(name) for name in MODELS}


def likely(chance: float) -> str:
    """A probability however small, as in 3.2×10⁻⁹.

    >>> likely(0.25), likely(3.2e-9)
    ('0.25', '3.2×10⁻⁹')
    """
    if chance >= 0.001:
        return f"{chance:.2g}"
    digits, _, power = f"{chance:.1e}".partition("e")
    return f"{digits}×10{str(int(power)).translate(SUPERSCRIPTS)}"
