"""The network that writes digits down: a transformer of an encoder that hears and a decoder that writes.

After Vaswani et al. 2017 with the norm before each block (Xiong et al. 2020), and a front of two convolutions over the
mel spectrogram as in Whisper (Radford et al. 2022, sec. 2.2), each of which halves the frames:

    x_f = conv(conv(mel)) + place_f               frames of 40 ms; sinusoids say where each stands
    encoder   x += heads(x, x);  x += inner(x)
    decoder   y_t = E[token] + place_t
              y += heads(y, y before it);  y += heads(y, x);  y += inner(y)
    p(next) = softmax(O y + b)

Every map is `attend`. Nothing in the network says that a later digit is heard later: that is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from attnviz.core.attention import Attention
from attnviz.core.attention import attend as attended
from attnviz.core.positions import sinusoidal
from attnviz.core.rules import Soft
from attnviz.systems.speech.text import KINDS

Look = Callable[[str, int, Attention], Attention]  # part, layer, and the call as it would be: the call as it shall be
STRIDE = 4  # frames of the spectrogram to one of the encoder's
LOUD = 0.2  # what is taken from the spectrogram's 0 to 1, so that it lies round 0


@dataclass(frozen=True)
class Shape:
    """The sizes of the network; `bands` are those of the spectrogram."""

    bands: int = 40
    width: int = 128
    heads: int = 4
    inner: int = 512
    encoder: int = 3
    decoder: int = 2
    dropout: float = 0.1


class Convolution(nn.Module):
    """A convolution over time of 5 frames that keeps every second, its weights one matrix `[out, in x 5]`."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(made, given * 5) * (given * 5) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(made))

    def forward(self, heard: Float[Tensor, "*sound channel frame"]) -> Float[Tensor, "*sound made half"]:
        weight = self.weight.view(len(self.weight), -1, 5)
        return F.gelu(F.conv1d(F.pad(heard, (2, 2)), weight, self.bias, stride=2))


class Heads(nn.Module):
    """The queries of one stream, the keys and values of another or of the same, and what is made of the heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.asking = nn.Linear(shape.width, shape.width, bias=False)
        self.offering = nn.Linear(shape.width, 2 * shape.width, bias=False)
        self.taking = nn.Linear(shape.width, shape.width, bias=False)

    def look(self, asks: Tensor, offers: Tensor, allowed: Tensor | None) -> Attention:
        """Who looks at whom, softly: axes `[sound, head, position, d_head]`."""
        queries = self.asking(asks).unflatten(-1, (self.heads, -1)).transpose(-3, -2)
        keys, values = self.offering(offers).unflatten(-1, (2, self.heads, -1)).movedim(-3, 0).transpose(-3, -2)
        return attended(queries, keys, values, rule=Soft(), allowed=allowed)

    def taken(self, found: Attention) -> Tensor:
        """What the heads bring to the stream."""
        made: Tensor = self.taking(found.output.transpose(-3, -2).flatten(-2))
        return made


class Layer(nn.Module):
    """One layer: a map of its own, in the decoder one over the sound, and an inner network."""

    def __init__(self, shape: Shape, crossed: bool) -> None:
        super().__init__()
        self.own_norm, self.own = nn.LayerNorm(shape.width), Heads(shape)
        if crossed:
            self.cross_norm, self.cross = nn.LayerNorm(shape.width), Heads(shape)
        self.inner_norm = nn.LayerNorm(shape.width)
        self.inner = nn.Sequential(nn.Linear(shape.width, shape.inner), nn.GELU(), nn.Linear(shape.inner, shape.width))
        self.dropout = nn.Dropout(shape.dropout)

    def think(self, states: Tensor) -> Tensor:
        """The states after the inner network."""
        done: Tensor = states + self.dropout(self.inner(self.inner_norm(states)))
        return done


def as_it_is(part: str, layer: int, call: Attention) -> Attention:
    """Change nothing."""
    return call


class Listener(nn.Module):
    """The whole network."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        front = [Convolution(shape.bands, shape.width), Convolution(shape.width, shape.width)]
        self.front = nn.ModuleDict({"layers": nn.ModuleList(front)})
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(Layer(shape, False) for _ in range(shape.encoder))})
        self.decoder = nn.ModuleDict({"layers": nn.ModuleList(Layer(shape, True) for _ in range(shape.decoder))})
        self.heard_norm, self.written_norm = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.tokens = nn.Embedding(KINDS, shape.width)
        self.out = nn.Linear(shape.width, KINDS)
        nn.init.normal_(self.tokens.weight, std=0.5)

    def hear(
        self, mel: Float[Tensor, "*sound band frame"], real: Bool[Tensor, "*sound place"] | None = None,
        look: Look = as_it_is,
    ) -> Float[Tensor, "*sound place width"]:  # fmt: skip
        """What the encoder makes of spectrograms, a place for every four frames; `real` says which places are sound."""
        states = mel - LOUD
        for convolution in _layers(self.front):
            states = convolution(states)
        states = states.transpose(-2, -1)
        states = states + places(states)
        allowed = None if real is None else real[..., None, None, :]
        for number, layer in enumerate(_layers(self.encoder)):
            normed = layer.own_norm(states)
            found = look("encoder", number, layer.own.look(normed, normed, allowed))
            states = layer.think(states + layer.dropout(layer.own.taken(found)))
        heard: Tensor = self.heard_norm(states)
        return heard

    def write(
        self, ids: Int64[Tensor, "*sound token"], heard: Float[Tensor, "*sound place width"],
        real: Bool[Tensor, "*sound place"] | None = None, look: Look = as_it_is,
    ) -> Float[Tensor, "*sound token width"]:  # fmt: skip
        """The states from which the token after each is told."""
        states = self.tokens(ids)
        states = states + places(states)
        count = ids.shape[-1]
        before = torch.ones(count, count, dtype=torch.bool).tril()
        sounding = None if real is None else real[..., None, None, :]
        for number, layer in enumerate(_layers(self.decoder)):
            normed = layer.own_norm(states)
            found = look("decoder", number, layer.own.look(normed, normed, before))
            states = states + layer.dropout(layer.own.taken(found))
            found = look("cross", number, layer.cross.look(layer.cross_norm(states), heard, sounding))
            states = layer.think(states + layer.dropout(layer.cross.taken(found)))
        written: Tensor = self.written_norm(states)
        return written


def _layers(stack: nn.ModuleDict) -> Iterator[Any]:
    """The layers of a stack, the lowest first."""
    yield from cast("nn.ModuleList", stack["layers"])


def places(states: Tensor) -> Tensor:
    """The sinusoids that say where each of the states `[..., position, width]` stands."""
    return sinusoidal(torch.arange(states.shape[-2]), states.shape[-1]).to(states.dtype)
