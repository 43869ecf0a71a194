"""Five encoders trained alike but for how they are told positions: read a text in its order, in another, or without.

    load("positions-rotary").read("狗咬人。", order=(0, 3, 2, 1, 4, 5)).tokens
    ['[CLS]', '人', '咬', '狗', '。', '[SEP]']

The weights come from `attnviz.training.positions.train`; the tokenizer is lab-4's, with whose texts they were trained.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz import shipped
from attnviz.core.attention import Attention
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ModelError, TextError
from attnviz.models import load as load_model
from attnviz.systems.positions import ENCODINGS, NAMES
from attnviz.systems.positions.network import Network, Shape
from attnviz.text.labels import piece_label
from attnviz.text.tokens import Encoded, encode
from attnviz.trace import Gap, Trace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "ENCODINGS", "NAMES", "Order", "Positioned", "inverse", "load", "open_folder", "reordered", "restored", "shuffled",
    "swapped", "weight_by_distance",
]  # fmt: skip

TOKENIZER = "lab-4"  # the one whose tokenizer cut the training texts
Order = tuple[int, ...]


@dataclass(frozen=True)
class Positioned:
    """One of the five, loaded: never changed after loading. `limit` is the longest text in tokens."""

    name: str
    network: Network
    tokenizer: PreTrainedTokenizerBase
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    @property
    def encoding(self) -> str:
        """How it is told positions: one of `ENCODINGS`."""
        return self.network.shape.encoding

    @property
    def limit(self) -> int:
        """The longest text in tokens: the longest of the training."""
        return self.network.shape.longest

    def encode(self, text: str) -> Encoded:
        """The text as this model reads it. Raises `TextError` for one that cannot be read."""
        return encode(text, self.tokenizer, self.limit)

    def read(
        self, text: str | Encoded, *, rule: Rule | None = None, order: Sequence[int] | None = None,
        positions: bool = True,
    ) -> Trace:  # fmt: skip
        """What does every head do with `text`, with its tokens in another `order`, or with nothing said of positions?

        `order` holds, for each place, the number of the token that is put there (`shuffled`, `swapped`); the trace's
        tokens then stand in the new order (`restored` brings them back). `positions` False leaves the position vector,
        the rotation or the bias out of the trained model. `rule` acts in every layer (soft unless given); [MASK] in the
        text is a blank. Raises `TextError` for a text that cannot be read and for an order that is none of its tokens.
        """
        encoded = text if isinstance(text, Encoded) else self.encode(text)
        if order is not None:
            encoded = reordered(encoded, order)
        layers: list[Attention] = []
        ids = torch.tensor(encoded.ids)
        where = torch.arange(len(ids)) if positions else None
        chosen = Soft() if rule is None else rule
        with torch.inference_mode():
            outputs = self.network.encoder(ids, where, rule=chosen, keep=layers.append)
            logits, begins = self.network.filled(outputs), self.network.begins(outputs)
        return Trace(
            encoded, encoded, tuple(layers), model=self.name, kind="masked", rule=chosen, outputs=outputs,
            logits=logits, boundaries=begins, name_piece=partial(piece_label, tokenizer=self.tokenizer),
        )  # fmt: skip


@cache
def load(name: str) -> Positioned:
    """One of the five by its name, "positions-none", "-sinusoidal", "-learned", "-rotary" or "-alibi".

    Raises `ModelError` for another name, and where the weights are not there.
    """
    if name not in NAMES:
        raise ModelError("positions_unknown", model=name, names=", ".join(NAMES))
    return open_folder(shipped.folder(name))


def open_folder(folder: Path) -> Positioned:
    """A folder that `attnviz.training.positions.train` wrote. Raises `ModelError` where its files are not there."""
    with shipped.damaged(folder):
        network = Network(Shape(**shipped.config(folder)))
        network.load_state_dict(shipped.tensors(folder))
    return Positioned(folder.name, network.eval(), _tokenizer(), shipped.licence(folder))


@cache
def _tokenizer() -> PreTrainedTokenizerBase:
    """The tokenizer of all five."""
    return load_model(TOKENIZER).tokenizer


def reordered(encoded: Encoded, order: Sequence[int]) -> Encoded:
    """The tokens in another order, each with its label and its place in the text. `order[i]` is put at place i.

    Raises `TextError` for what is no order of these tokens.
    """
    if sorted(order) != list(range(len(encoded.ids))):
        raise TextError("positions_order", tokens=len(encoded.ids))
    return replace(
        encoded,
        ids=tuple(encoded.ids[number] for number in order),
        labels=tuple(encoded.labels[number] for number in order),
        spans=tuple(encoded.spans[number] for number in order),
        special=tuple(encoded.special[number] for number in order),
    )


def shuffled(encoded: Encoded, seed: int = 0) -> Order:
    """The text's tokens in a random order, [CLS] and [SEP] staying where they are.

    The same for the same seed and text; another than the text's own wherever two of its tokens differ.
    """
    rng = random.Random(seed)
    free = [place for place, special in enumerate(encoded.special) if not special]
    order = list(range(len(encoded.ids)))
    if len({encoded.ids[place] for place in free}) < 2:
        return tuple(order)
    while [encoded.ids[number] for number in order] == list(encoded.ids):
        for place, number in zip(free, rng.sample(free, len(free)), strict=True):
            order[place] = number
    return tuple(order)


def swapped(order: Sequence[int], first: int, second: int) -> Order:
    """The order with what stands at two places exchanged.

    >>> swapped((0, 1, 2), 0, 2)
    (2, 1, 0)
    """
    found = list(order)
    found[first], found[second] = found[second], found[first]
    return tuple(found)


def inverse(order: Sequence[int]) -> Order:
    """At which place does each token stand? The order that undoes an order.

    >>> inverse((0, 3, 1, 2))
    (0, 2, 3, 1)
    """
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def restored(trace: Trace, order: Sequence[int]) -> Trace:
    """A run of reordered tokens, its rows and columns put back into the text's own order; no number is changed."""
    back = list(inverse(order))

    def put(layer: Attention | Gap) -> Attention | Gap:
        if isinstance(layer, Gap):
            return layer
        bias = None if layer.bias is None else layer.bias[..., back, :][..., back]
        queries, keys, values = (one[..., back, :] for one in (layer.queries, layer.keys, layer.values))
        return replace(layer, queries=queries, keys=keys, values=values, bias=bias)

    encoded = reordered(trace.encoded, back)
    return replace(
        trace, queries=encoded, keys=encoded, layers=tuple(map(put, trace.layers)),
        outputs=trace.outputs[back],
        logits=None if trace.logits is None else trace.logits[back],
        boundaries=None if trace.boundaries is None else trace.boundaries[back],
    )  # fmt: skip


def weight_by_distance(trace: Trace, furthest: int) -> tuple[Float[Tensor, " offset"], Float[Tensor, " offset"]]:
    """How much weight goes to the token `d` places on? Sum over pairs and number of pairs, d = -furthest .. furthest.

    Averaged over heads and layers; pairs of the text's own tokens only, rows not scaled again, so that what rests on
    [CLS] and [SEP] is missing.
    """
    text = [place for place, special in enumerate(trace.special) if not special]
    weights = torch.stack([trace.weights(layer).mean(0) for layer in trace.open_layers]).mean(0)  # [query, key]
    offsets = torch.tensor(text)[None, :] - torch.tensor(text)[:, None]
    near = offsets.abs() <= furthest
    places = (offsets + furthest)[near]
    inside = weights[text][:, text][near].double()
    size = 2 * furthest + 1
    sums = torch.zeros(size, dtype=torch.float64).index_add_(0, places, inside)
    return sums, torch.bincount(places, minlength=size).double()
