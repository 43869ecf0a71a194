"""The networks of the captioner: a picture net, and a writer that looks once for each word.

After Xu et al. 2015 (arXiv 1502.03044), with one change that makes a look count: the writer's state has read words
alone, so what a word knows of a picture it knows from where this word looked (and from `hint`, few numbers about
the layout, in the first state).

    a_p = net(picture) + place_p              annotations of 8 x 8 places, sec. 3.1.1; place_p is learned
    s_0 = tanh(W mean over p of tanh(V a_p))  first state; V gives `hint` numbers
    s_t = GRU(E y_{t-1}, s_{t-1})             state: the words so far
    e_tp = v.tanh(Q s_t + U a_p)              energies
    soft: z_t = sum over p of softmax(e_t)_p a_p      eq. 13
    hard: z_t = a_p, p drawn from softmax(e_t)        eqs. 8 and 9
    p(y_t) = softmax(O tanh(L [s_t; z_t]) + b)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule
from attnviz.core.similarity import Additive

STEPS = (2, 2, 2, 1)  # strides of the convolutions of 3 x 3; a place sees 31 x 31 pixels
BEFORE = (0, 0, 1, 1)  # pixels of edge above and left of each (of 2 in all): place 0 sees 31 pixels round the fourth
SPREAD = 0.25  # of a pixel, 0 to 1


@dataclass(frozen=True)
class Shape:
    """The sizes of a network: words, channels of the picture net, annotation, embedding, state, inner width, hint."""

    words: int
    channels: tuple[int, ...] = (40, 64, 128, 128)
    annotation: int = 128
    embedding: int = 64
    state: int = 224
    inner: int = 96
    hint: int = 16
    places: int = 64


class Convolution(nn.Module):
    """A convolution whose weights are one matrix `[out, in x side x side]`, normed at each place alone."""

    def __init__(self, given: int, made: int, side: int, stride: int, before: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(made, given * side * side) * (given * side * side) ** -0.5)
        self.gain, self.bias = nn.Parameter(torch.ones(made)), nn.Parameter(torch.zeros(made))
        self.side, self.stride = side, stride
        self.edges = (before, side - 1 - before) * 2

    def forward(self, pictures: Tensor) -> Tensor:
        weight = self.weight.view(len(self.weight), -1, self.side, self.side)
        made = F.conv2d(F.pad(pictures, self.edges), weight, stride=self.stride)
        size = made.square().mean(dim=1, keepdim=True).add(1e-5).rsqrt()
        return F.gelu(made * size * self.gain[:, None, None] + self.bias[:, None, None])


class Eye(nn.Module):
    """The picture net: four convolutions of 3 x 3 and one of 1 x 1, from pixels to annotations of 8 x 8 places."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        sizes = (3, *shape.channels)
        layers = [Convolution(sizes[n], sizes[n + 1], 3, STEPS[n], BEFORE[n]) for n in range(len(STEPS))]
        self.layers = nn.ModuleList([*layers, Convolution(sizes[-1], shape.annotation, 1, 1, 0)])

    def forward(self, pictures: UInt8[Tensor, "picture 3 high wide"]) -> Float[Tensor, "picture place annotation"]:
        seen = (pictures.float() / 255 - 1) / SPREAD  # white, what is everywhere, is 0
        for layer in self.layers:
            seen = layer(seen)
        return seen.flatten(2).transpose(1, 2)


class Writer(nn.Module):
    """What says the words: their embedding, the state, where it looks, and what it says of that."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        wide = shape.annotation
        self.embedding = nn.Embedding(shape.words, shape.embedding)
        self.layers = nn.ModuleDict({
            "hint": nn.Linear(wide, shape.hint), "first": nn.Linear(shape.hint, shape.state),
            "words": nn.GRU(shape.embedding, shape.state, batch_first=True),
            "query": nn.Linear(shape.state, shape.inner, bias=False), "key": nn.Linear(wide, shape.inner, bias=False),
            "readout": nn.Linear(shape.state + wide, wide),
        })  # fmt: skip
        self.vector = nn.Parameter(torch.randn(shape.inner) * shape.inner**-0.5)
        self.out = nn.Linear(wide, shape.words)
        self.places = nn.Parameter(torch.randn(shape.places, wide) * 0.3)
        nn.init.normal_(self.embedding.weight, std=shape.embedding**-0.5)


class Captioner(nn.Module):
    """Picture net and writer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, self.eye, self.writer = shape, Eye(shape), Writer(shape)

    @property
    def similarity(self) -> Additive:
        """How well a state and an annotation fit."""
        query, key = (cast("nn.Linear", self.writer.layers[name]).weight for name in ("query", "key"))
        return Additive(query, key, self.writer.vector)

    def read(self, pictures: UInt8[Tensor, "picture 3 64 64"]) -> Float[Tensor, "picture place annotation"]:
        """The annotations of pictures, each place with its own vector."""
        found: Tensor = self.eye(pictures) + self.writer.places
        return found

    def first(self, annotations: Float[Tensor, "picture place annotation"]) -> Float[Tensor, "picture state"]:
        """The state before any word: what a few numbers say of the whole picture."""
        hint = torch.tanh(self.writer.layers["hint"](annotations)).mean(dim=1)
        found: Tensor = torch.tanh(self.writer.layers["first"](hint))
        return found

    def states(
        self, words: Int64[Tensor, "text word"], first: Float[Tensor, "text state"]
    ) -> Float[Tensor, "text word state"]:
        """The state after each word of some texts, the word that begins them included."""
        found: Tensor = self.writer.layers["words"](self.writer.embedding(words), first[None])[0]
        return found

    def look(self, states: Tensor, annotations: Tensor, rule: Rule) -> Attention:
        """Where do states `[..., word, state]` look?"""
        return attend(states, annotations, annotations, rule=rule, similarity=self.similarity)

    def logits(self, states: Tensor, seen: Tensor) -> Tensor:
        """The scores of the next word, from states `[..., state]` and what was seen `[..., annotation]`."""
        inner = torch.tanh(self.writer.layers["readout"](torch.cat([states, seen], dim=-1)))
        found: Tensor = self.writer.out(inner)
        return found
