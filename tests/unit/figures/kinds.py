"""Traces of every kind of map that a model may give: cross attention, gaps, sinks, windows, weights alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from attnviz.core.attention import Attention, Observed, attend
from attnviz.core.rules import Rule, Soft
from attnviz.text.tokens import Encoded
from attnviz.trace import Gap, Trace

SOURCE = ("The", "cat", "sat", "on", "the", "mat", "and", "it", "was", "very", "warm", "</s>")
TARGET = ("<pad>", "Die", "Katze", "sie", "</s>")
CHINESE = "来到清华大学"
MAMBA = Gap("state_space", "MambaMixer")


def read(labels: Sequence[str]) -> Encoded:
    """A text whose tokens are its words, </s> and <pad> the tokenizer's own."""
    special = tuple(label.startswith("<") for label in labels)
    text, spans = "", list[tuple[int, int] | None]()
    for label, added in zip(labels, special, strict=True):
        spans.append(None if added else (len(text), len(text) + len(label)))
        text += "" if added else label + " "
    return Encoded(text, tuple(range(len(labels))), tuple(labels), tuple(spans), special, None)


def call(heads: int, queries: int, keys: int, *, seed: int = 0, **how: Tensor) -> Attention:
    """Random attention of one layer."""
    random = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(heads, count, 4, generator=random) * 1.5 for count in (queries, keys))
    return attend(q, k, k, rule=Soft(), **how)


def of(labels: Sequence[str], layers: Sequence[Attention | Gap], rule: Rule | None = None, **said: object) -> Trace:
    """A trace of these tokens and layers."""
    queries = read(labels)
    return Trace(
        **{
            "queries": queries, "keys": queries, "layers": tuple(layers), "model": "made", "kind": "causal",
            "rule": rule or Soft(), "outputs": torch.zeros(len(labels), 4), **said,
        }
    )  # fmt: skip


def cross(target: Sequence[str] = TARGET, source: Sequence[str] = SOURCE, heads: Sequence[int] = (3, 2)) -> Trace:
    """Cross attention; the second layer has fewer heads than the first."""
    layers = [call(count, len(target), len(source), seed=count) for count in heads]
    return of(target, layers, keys=read(source), part="cross")


def windowed(count: int, reach: int) -> Tensor:
    """Which keys a causal query may look at that reaches `reach` tokens back."""
    whole = torch.ones(1, count, count, dtype=torch.bool)
    return whole.tril() & whole.triu(1 - reach)


def seen(weights: Tensor) -> Observed:
    """A layer of which only the weights are known."""
    return Observed.of(weights)


def chinese(**how: torch.Tensor) -> Trace:
    """来到 | 清华大学, one token a character, in the tokenizer's [CLS] and [SEP]."""
    spans = (None, *((place, place + 1) for place in range(6)), None)
    labels = ("[CLS]", *CHINESE, "[SEP]")
    encoded = Encoded(CHINESE, tuple(range(8)), labels, spans, (True, *(False,) * 6, True), None)
    return Trace(encoded, encoded, (call(2, 8, 8, **how),), model="made", kind="masked", outputs=torch.zeros(8, 4))
