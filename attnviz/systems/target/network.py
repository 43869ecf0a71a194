"""The five similarities of target attention, each with small projections of its own, and the states that they read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule
from attnviz.core.similarity import Additive, Cosine, Dot, General, Similarity
from attnviz.models import Model

SIMILARITIES = ("dot", "scaled", "general", "additive", "cosine")


def projection(width: int, inner: int, wide: int) -> nn.Sequential:
    """A small network with one hidden layer, from a state to a query, a key or a value."""
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, wide))


class Look(nn.Module):
    """One similarity with what it was trained with: projections to queries, keys and values, and a table of words.

    `width` is that of the states, `wide` that of queries, keys and values (d), `words` how many tokens the table has.
    """

    def __init__(self, name: str, *, width: int, inner: int, wide: int, words: int) -> None:
        super().__init__()
        if name not in SIMILARITIES:
            raise ValueError(f"a similarity is one of {SIMILARITIES}, not {name!r}")
        self.name, self.wide = name, wide
        self.query, self.key, self.value = (projection(width, inner, wide) for _ in range(3))
        self.words = nn.Parameter(torch.randn(words, wide) / math.sqrt(wide))
        if name == "general":
            self.weight = nn.Parameter(torch.eye(wide) / math.sqrt(wide))
        if name == "additive":
            self.query_weight, self.key_weight = (
                nn.Parameter(torch.randn(wide, wide) / math.sqrt(wide)) for _ in range(2)
            )
            self.vector = nn.Parameter(torch.randn(wide) / math.sqrt(wide))
        if name == "cosine":
            self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    @property
    def similarity(self) -> Similarity:
        """How a query and a key are compared."""
        if self.name == "general":
            return General(self.weight)
        if self.name == "additive":
            return Additive(self.query_weight, self.key_weight, self.vector)
        if self.name == "cosine":
            return Sharpened(self.log_scale.exp()) if self.training else Cosine()
        return Dot()

    @property
    def scale(self) -> float:
        """What the products are multiplied by: 1/sqrt(d) for the scaled dot product, learned for the cosine, else 1."""
        if self.name == "cosine" and not self.training:
            return float(self.log_scale.detach().exp())
        return self.wide**-0.5 if self.name == "scaled" else 1.0

    def forward(self, target: Tensor, text: Tensor, *, rule: Rule) -> Attention:
        """States of the target `[..., query, width]` look at states of the text `[..., key, width]`."""
        return attend(
            self.query(target), self.key(text), self.value(text), rule=rule, scale=self.scale,
            similarity=self.similarity,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sharpened(Cosine):
    """The cosine times a `sharpness` that is being learned; `Attention.scale`, a plain number, learns nothing."""

    sharpness: Tensor

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        return super().__call__(queries, keys) * self.sharpness


def states_of(model: Model, ids: Tensor, layers: Sequence[int]) -> Tensor:
    """What the reader makes of tokens `[text, token]`: states `[text, token, width]` of the layers, side by side.

    Layer 0 is the embedding, before any token has seen another. Each layer's state has mean 0 and variance 1. Read
    between [CLS] and [SEP], which are then left out.
    """
    first, last = (
        torch.full((len(ids), 1), int(i)) for i in (model.tokenizer.cls_token_id, model.tokenizer.sep_token_id)
    )
    with torch.no_grad():
        result = model.network(input_ids=torch.cat([first, ids, last], dim=1), output_hidden_states=True)
    chosen = [result.hidden_states[layer][:, 1:-1] for layer in layers]
    return torch.cat([F.layer_norm(state, state.shape[-1:]) for state in chosen], dim=-1)
