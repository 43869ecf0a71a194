"""Captions: a small scene gets its sentence, and each word looks at the picture once (Xu et al. 2015).

system = av.load("words-soft")
trace = system.read("cat 4 2, egg 36 34", language="en")
trace.text                       # "a cat above an egg"
trace.weights(0, 0)              # [word, place]: where each word looked, on a grid of 8 x 8 places

The queries are the writer's states, the keys and values the picture net's annotations; the equations stand in
`network.py`. ``words-soft`` was trained with all places weighed, ``words-hard`` by REINFORCE with one place drawn for
each word, which is what the rule `Sample` does: `system.usual` is the rule that a model was trained with.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from attnviz import shipped
from attnviz.axes import Patches
from attnviz.core.rules import Rule, Sample, Soft
from attnviz.errors import ArgumentError, TextError, shown
from attnviz.pictures import Picture
from attnviz.systems.captions import NAMES
from attnviz.systems.captions.names import BY_NAME, LANGUAGES, THINGS
from attnviz.systems.captions.network import Captioner, Shape
from attnviz.systems.captions.scene import DRAWINGS, GRID, SIDE, Put, Scene
from attnviz.systems.captions.text import BEGIN, END, LONGEST, SPECIALS, WORDS, written
from attnviz.trace import Trace

__all__ = ["NAMES", "Step", "System", "load", "path", "scene_of"]

ONE = re.compile(r"\s*([A-Za-z]+)\s+(\d{1,3})\s+(\d{1,3})\s*")


@dataclass(frozen=True)
class Step:
    """What one word looked at in one place: the place, row after row, and the probability that it was drawn."""

    place: int
    probability: float


@dataclass(frozen=True)
class System:
    """A trained captioner with the drawings of all things that it knows; never changed after loading."""

    name: str
    network: Captioner
    drawings: UInt8[Tensor, "thing 3 24 24"]
    kind: str
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    @property
    def usual(self) -> Rule:
        """The rule that it was trained with: soft, or one place drawn."""
        return Soft() if self.kind == "soft" else Sample()

    def draw(self, scene: Scene) -> Picture:
        """The picture of a scene."""
        return Picture(scene.drawn(self.drawings).permute(1, 2, 0).numpy().copy(), scene.sentence("en")[-1].text)

    def read(
        self, text: str | Scene | Picture, *, rule: Rule | None = None, language: str = "en", blind: bool = False
    ) -> Trace:
        """What does it say of a scene or a picture, in "zh" or "en", and where does each word look?

        A scene may be given as text, each thing with its left and upper edge on a canvas of 64 x 64 pixels: "cat 4 2,
        egg 36 34". A picture is scaled to the canvas, laid on white where it is not square. The likeliest word is
        written at each step, until the end or 20 words; `rule` acts in each (soft unless given). `blind` gives it a
        white canvas in place of the picture.

        The trace's part is "cross": queries are the words written, keys the 8 x 8 places. Raises `TextError` for a text
        that names no scene, `AttnvizError` for a scene that cannot be.

        >>> load("words-soft").read("cat 4 2, dog 36 34").text
        'a cat above a dog'
        """
        if language not in LANGUAGES:
            raise ArgumentError("scene_language", got=shown(language))
        seen = self._pixels(scene_of(text) if isinstance(text, str) else text)
        with torch.inference_mode():
            writer = _Writer(self, torch.full_like(seen, 255) if blind else seen, rule or Soft(), language)
            while len(writer.ids) < LONGEST and writer.ids[-1:] != [END]:
                writer.step()
            return writer.trace()

    def _pixels(self, given: Scene | Picture) -> UInt8[Tensor, "3 64 64"]:
        """What the picture net is given."""
        if isinstance(given, Scene):
            return given.drawn(self.drawings)
        if not isinstance(given, Picture):
            raise ArgumentError("scene_kind", got=shown(given))
        return on_canvas(given)


def on_canvas(picture: Picture) -> UInt8[Tensor, "3 64 64"]:
    """A picture of any size in the middle of the canvas, its longer side 64 pixels, white beside it."""
    from PIL import Image

    share = SIDE / max(picture.width, picture.height)
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    small = picture.image().resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    canvas = Image.new("RGB", (SIDE, SIDE), "white")
    canvas.paste(small, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return torch.from_numpy(np.array(canvas)).permute(2, 0, 1)


def scene_of(text: str) -> Scene:
    """The scene that a text names: "cat 4 2, egg 36 34". Raises `TextError` for a text that names none.

    >>> scene_of("cat 4 2").things
    (Put(name='cat', left=4, top=2),)
    """
    if not text.strip():
        raise TextError("text_empty")
    found = [ONE.fullmatch(part) for part in text.split(",")]
    if not all(found):
        raise TextError("scene_text", text=shown(text))
    return Scene(tuple(Put(one[1], int(one[2]), int(one[3])) for one in found if one))


def written_on(
    network: Captioner, words: Int64[Tensor, "text 1"], before: tuple[Tensor, Tensor], rule: Rule
) -> tuple[Float[Tensor, "text state"], Float[Tensor, "text word"]]:
    """One step of writing, from the last word of each text: its state, and the scores of the next word.

    `before` are the states before the step and the pictures' annotations. A word that begins a language is never said.
    """
    state, annotations = before
    state = network.states(words, state)[:, 0]
    found = network.look(state[:, None], annotations, rule)
    logits = network.logits(state, found.output[:, 0])
    logits[:, 1 : len(SPECIALS)] = -torch.inf
    return state, logits


@dataclass
class _Writer:
    """A sentence being written: the states from which each word looked, and its scores."""

    system: System
    picture: Tensor
    rule: Rule
    language: str
    ids: list[int] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        network = self.system.network
        self.annotations = network.read(self.picture[None])
        self.state = network.first(self.annotations)

    def step(self) -> None:
        """Write one more word."""
        before = torch.tensor([[self.ids[-1] if self.ids else BEGIN[self.language]]])
        rule = self.rule.at(0, 0, len(self.ids))
        self.state, logits = written_on(self.system.network, before, (self.state, self.annotations), rule)
        self.states.append(self.state[0])
        self.logits.append(logits[0])
        self.ids.append(int(logits[0].argmax()))

    def trace(self) -> Trace:
        """What has been recorded."""
        states = torch.stack(self.states)
        layer = self.system.network.look(states[None], self.annotations, self.rule)
        return Trace(
            written(self.ids, self.language), Patches(SIDE, SIDE, GRID, GRID), (layer,), model=self.system.name,
            kind="captions", rule=self.rule, outputs=states, logits=torch.stack(self.logits),
            name_piece=WORDS.__getitem__, part="cross",
        )  # fmt: skip


def path(trace: Trace) -> list[Step]:
    """Which place did each word look at most, and how probable was it to be drawn? The softmax before the rule.

    The probability of a whole path is the product of its steps'.
    """
    places = trace.weights(0, 0).argmax(-1)
    chances: Float[Tensor, "word place"] = trace.weights(0, 0, Soft())
    return [Step(int(place), float(chances[word, place])) for word, place in enumerate(places)]


def path_probability(steps: Sequence[Step]) -> float:
    """How probable is it that all of these places are drawn?"""
    return math.prod(step.probability for step in steps)


def names(trace: Trace, scene: Scene) -> list[int | None]:
    """Which thing of the scene does each word name, in either language? None for a word that names none of them."""
    numbers = {put.thing.named(language): number for number, put in enumerate(scene.things) for language in LANGUAGES}
    return [numbers.get(WORDS[number]) for number in trace.encoded.ids]


def things_said(trace: Trace) -> list[str]:
    """The things that a sentence names, by their English names, in its order."""
    english = {one.named(language): one.en for one in THINGS for language in LANGUAGES}
    return [english[WORDS[number]] for number in trace.encoded.ids if WORDS[number] in english]


@cache
def load(name: str) -> System:
    """One of the models of `NAMES`, or a folder like theirs; loaded once. Raises `ModelError` where there is none."""
    from PIL import Image

    place = shipped.folder(name)
    with shipped.damaged(place):
        shape = shipped.config(place)
        network = Captioner(Shape(**{**shape, "channels": tuple(shape["channels"])}))
        network.load_state_dict(shipped.tensors(place))
        with Image.open(place / DRAWINGS) as opened:
            strip = torch.from_numpy(np.array(opened.convert("RGB"))).permute(2, 0, 1)
        drawings = strip.unflatten(2, (len(BY_NAME), -1)).permute(2, 0, 1, 3).contiguous()
        kind = str(shipped.recipe(place)["kind"])
        return System(name, network.eval().requires_grad_(False), drawings, kind, shipped.licence(place))
