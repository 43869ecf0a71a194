"""Who notices that the words are shuffled? One sentence in five encoders, in order or not, with positions or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz import shipped
from attnviz.core import positions as say_where
from attnviz.core.rules import Rule
from attnviz.systems.positions.system import Order, Positioned, restored
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace

BEGINS = 0.5  # the least probability at which a token is taken as the beginning of a word
TRAINED = 64  # positions of the learned table that every other training text reaches
# What is done to a reading: (are the tokens shuffled?, are the positions said?)
READINGS = {"order": (False, True), "shuffled": (True, True), "unsaid": (False, False), "both": (True, False)}
Point = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Reading:
    """One run: `trace` in the text's own order, its logits dropped; the words it saw as it read; what fills the blank.

    `answers` are the likeliest tokens of the first [MASK] with their probabilities, empty where there is none.
    """

    trace: Trace
    words: tuple[str, ...]
    answers: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Noticed:
    """What one model did with a sentence in the four ways of `READINGS`."""

    encoding: str
    readings: Mapping[str, Reading]

    def moved(self, before: str, after: str) -> float:
        """How far did the outputs of the text's own tokens turn on average? 1 - cosine, 0 to 2."""
        first, second = (self.readings[name].trace for name in (before, after))
        text = [place for place, special in enumerate(first.special) if not special]
        apart = 1 - torch.cosine_similarity(first.outputs[text].double(), second.outputs[text].double(), dim=-1)
        return float(apart.mean().clamp(0, 2))

    def head(self, before: str, after: str) -> tuple[int, int]:
        """In which layer and head does one weight change most?"""
        first, second = (self.readings[name].trace for name in (before, after))
        gaps = torch.stack(
            [(first.weights(layer) - second.weights(layer)).abs().amax((-2, -1)) for layer in first.open_layers]
        )  # [layer, head]
        layer, head = divmod(int(gaps.argmax()), gaps.shape[-1])
        return layer, head

    def changed(self, before: str, after: str) -> int:
        """How many of the text's own tokens begin a word in one reading and not in the other?"""
        first, second = (self.readings[name].trace for name in (before, after))
        assert first.boundaries is not None and second.boundaries is not None
        flipped = (first.boundaries >= BEGINS) != (second.boundaries >= BEGINS)
        return sum(bool(one) for one, special in zip(flipped, first.special, strict=True) if not special)


def noticed(model: Positioned, encoded: Encoded, order: Order, rule: Rule | None = None) -> Noticed:
    """One sentence in one model: in order and reordered, with positions and without, all under one rule.

    Raises `TextError` for an order that is none of the sentence's tokens.
    """
    found = {}
    for name, (mixed, said) in READINGS.items():
        run = model.read(encoded, rule=rule, order=order if mixed else None, positions=said)
        blank = next((place for place, label in enumerate(run.tokens) if label == "[MASK]"), None)
        answers = () if blank is None else tuple(run.predictions(blank, 5))
        back = restored(run, order) if mixed else run
        found[name] = Reading(replace(back, logits=None), words(run), answers)
    return Noticed(model.encoding, found)


def words(trace: Trace) -> tuple[str, ...]:
    """How does the model cut the tokens, in the order in which it read them, into words?

    A word begins where its probability is 0.5 or more, at the first token, and after a special one.
    """
    assert trace.boundaries is not None
    found: list[str] = []
    goes_on = False
    for label, special, begins in zip(trace.tokens, trace.special, trace.boundaries.tolist(), strict=True):
        if special:
            goes_on = False
            continue
        if goes_on and begins < BEGINS:
            found[-1] = _joined(found[-1], label)
        else:
            found.append(label.removeprefix("##"))
        goes_on = True
    return tuple(found)


def _joined(word: str, label: str) -> str:
    """A word with one more token: Latin letters that are no piece of a word keep their space."""
    piece = label.removeprefix("##")
    apart = piece == label and word[-1:].isascii() and piece[:1].isascii() and piece[:1].isalnum()
    return f"{word} {piece}" if apart else word + piece


def alike(model: Positioned, furthest: int = 40) -> dict[int | None, Point]:
    """How alike does the encoding make a query at i and a key at j, by j - i = -furthest .. furthest? x and y of lines.

    Sinusoidal: the exact cosine of two positions. Learned: the mean cosine of the table's rows i and j, both below 64.
    Rotary: the product of a query and a key of equal pairs, `positions.kernel` of the head's width. ALiBi: the bias, a
    line for each head (their keys here). None where nothing is said.
    """
    shape = model.network.shape
    offsets = torch.arange(-furthest, furthest + 1).double()
    x = offsets.tolist()
    if model.encoding == "alibi":
        return {
            head: (x, (-slope * offsets.abs()).tolist()) for head, slope in enumerate(say_where.slopes(shape.heads))
        }
    if model.encoding == "learned":
        return {None: (x, _mean_cosines(vectors(model, TRAINED), furthest).tolist())}
    if model.encoding == "none":
        return {}
    width = shape.width if model.encoding == "sinusoidal" else shape.width // shape.heads
    return {None: (x, say_where.kernel(offsets, width).tolist())}


def _mean_cosines(table: Float[Tensor, "position width"], furthest: int) -> Float[Tensor, " offset"]:
    """The mean cosine of two rows at each offset."""
    unit = torch.nn.functional.normalize(table.double(), dim=-1)
    cosines = unit @ unit.T
    return torch.stack([cosines.diagonal(offset).mean() for offset in range(-furthest, furthest + 1)])


def vectors(model: Positioned, count: int) -> Float[Tensor, "position width"]:
    """The vectors that the trained model adds at the first positions. Raises `ValueError` where it adds none."""
    with torch.inference_mode():
        return model.network.encoder.added(torch.arange(count)).float()


def angles(model: Positioned, count: int) -> Float[Tensor, "position pair"]:
    """By how many radians each pair of a head's dimensions is turned at the first positions: m theta_i (rotary)."""
    shape = model.network.shape
    return say_where.angles(torch.arange(count), shape.width // shape.heads)


def bias(model: Positioned, count: int) -> Float[Tensor, "head query key"]:
    """What is added to the scores of each head between the first positions (ALiBi)."""
    where = torch.arange(count)
    return say_where.alibi(model.network.shape.heads, where, where)


def held_out(name: str) -> dict[str, Any] | None:
    """What `attnviz.training.positions.card` measured on held-out sentences; None where it was not run."""
    return shipped.figures(name) or None
