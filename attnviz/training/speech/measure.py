"""How well digits are written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnviz.core.interventions import Reweigh
from attnviz.core.rules import Argmax
from attnviz.measures.listening import forward, inside_spans
from attnviz.sounds import Sound
from attnviz.systems.speech.mel import RATE
from attnviz.systems.speech.network import Listener
from attnviz.systems.speech.system import System
from attnviz.systems.speech.text import BEGIN, DIGITS, END, LONGEST
from attnviz.trace import Trace
from attnviz.training.speech.data import HELD_OUT, Batch, Clips, Joiner, Spoken


def error_rate(network: Listener, strings: Sequence[Spoken]) -> float:
    """Edits that make what was written what was said, for each digit said."""
    network.eval()
    with torch.inference_mode():
        said = [list(one.digits) for one in strings]
        found = [row for some in parts(strings) for row in answers(network, Batch.of(some))]
    network.train()
    wrong = sum(edits(one, other) for one, other in zip(found, said, strict=True))
    return wrong / sum(map(len, said))


def parts(strings: Sequence[Spoken], many: int = 20) -> list[Sequence[Spoken]]:
    """So many at a time."""
    return [strings[first : first + many] for first in range(0, len(strings), many)]


def answers(network: Listener, batch: Batch) -> list[list[int]]:
    """The digits written down for each sound of a batch, the likeliest at each step."""
    heard = network.hear(batch.mel, batch.real)
    ids = torch.full((len(batch.mel), 1), BEGIN)
    for _ in range(LONGEST):
        logits: Tensor = network.out(network.write(ids, heard, batch.real)[:, -1])
        logits[:, BEGIN] = -torch.inf
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    return [row[: row.index(END)] if END in row else row for row in ids[:, 1:].tolist()]


def edits(one: Sequence[int], other: Sequence[int]) -> int:
    """How many digits must be put in, left out or changed to make one string another? (Levenshtein 1966)

    >>> edits([1, 2, 3], [1, 3, 3, 4])
    2
    """
    row = list(range(len(other) + 1))
    for number, digit in enumerate(one, 1):
        left, row[0] = row[0], number
        for place, wanted in enumerate(other, 1):
            left, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, left + (digit != wanted))
    return row[-1]


@dataclass(frozen=True)
class Heard:
    """What a system wrote of one string: the digits, and the run."""

    string: Spoken
    digits: tuple[int, ...]
    trace: Trace

    @property
    def right(self) -> bool:
        """Was it what was said?"""
        return self.digits == self.string.digits


def listen(system: System, strings: Sequence[Spoken], way: str) -> list[Heard]:
    """What a system writes of strings: as it was trained, with the heaviest frame alone, or never listening back."""
    changes = [Reweigh(Argmax(), part="cross")] if way == "hard" else []
    found = []
    for one in strings:
        trace = system.read(Sound(one.wave, RATE), monotonic=way == "ahead", changes=changes)
        digits = tuple(number for number in trace.encoded.ids if number < DIGITS)
        found.append(Heard(one, digits, trace.slim() if way != "soft" else trace))
    return found


def rates(found: Sequence[Heard]) -> dict[str, float]:
    """The digit error rate, the share of strings that are right as a whole, and the digits that were said."""
    digits = sum(len(one.string.digits) for one in found)
    wrong = sum(edits(one.digits, one.string.digits) for one in found)
    return {
        "rate": round(wrong / digits, 5), "whole": round(sum(one.right for one in found) / len(found), 4),
        "digits": digits,
    }  # fmt: skip


def heads(found: Sequence[Heard]) -> list[dict[str, float]]:
    """Of each cross-attention head, over strings that are right: how often it moves on, how much it has inside."""
    rows: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for one in found:
        if not one.right:
            continue
        count = len(one.digits)
        for layer in one.trace.open_layers:
            weights = one.trace.weights(layer)[:, :count]
            ahead = forward(weights, one.trace.keys)
            inside = inside_spans(weights, one.trace.keys, one.string.spans).mean(-1)
            for head in range(len(weights)):
                rows.setdefault((layer, head), []).append((float(ahead[head]), float(inside[head])))
    return [
        {
            "layer": layer, "head": head, "forward": round(sum(a for a, _ in seen) / len(seen), 4),
            "inside": round(sum(b for _, b in seen) / len(seen), 4),
        }
        for (layer, head), seen in sorted(rows.items())
    ]  # fmt: skip


def even(strings: Sequence[Spoken]) -> float:
    """What a digit's time is of its sound in the mean: what a head that listens everywhere alike has inside."""
    shares = [(end - start) / (len(one.wave) / RATE) for one in strings for start, end in one.spans]
    return round(sum(shares) / len(shares), 4)


def silent(system: System, clips: Clips, count: int = 60) -> float:
    """Of sounds without any digit (noise, and every third nothing at all), how many are left without a word?"""
    joiner = Joiner(clips, HELD_OUT, 5)
    waves = [joiner.string(0).wave * (number % 3 != 0) for number in range(count)]
    empty = [not system.read(Sound(wave.astype("float32"), RATE)).text for wave in waves]
    return round(sum(empty) / count, 4)
