"""Traces made by hand, so that a picture is compared with weights that no model had a part in."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from plotly.io.json import to_json_plotly

from attnviz.core.attention import attend
from attnviz.core.rules import Rule, Soft
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace

DOG = ("[CLS]", "the", "cat", "saw", "the", "dog", "[SEP]")


def made(
    labels: Sequence[str] = DOG, *, layers: int = 2, heads: int = 3, rule: Rule | None = None, causal: bool = False,
    text: str = "the cat saw the dog", sharpness: float = 1.5,
) -> Trace:  # fmt: skip
    """A trace of random queries and keys over these labels; [CLS] and [SEP] are what the tokenizer added."""
    rule, count = Soft() if rule is None else rule, len(labels)
    random = torch.Generator().manual_seed(7)
    allowed = torch.ones(1, count, count, dtype=torch.bool).tril() if causal else None
    calls = []
    for layer in range(layers):
        q, k, v = (torch.randn(heads, count, 4, generator=random) * sharpness for _ in range(3))
        calls.append(attend(q, k, v, rule=rule.at(layer), allowed=allowed))
    special = tuple(label in ("[CLS]", "[SEP]") for label in labels)
    encoded = Encoded(text, tuple(range(count)), tuple(labels), (None,) * count, special, None)
    return Trace(encoded, encoded, tuple(calls), model="made by hand", rule=rule, outputs=torch.zeros(count, 4))


def numbered(count: int, **changes: object) -> Trace:
    """A trace over `count` different tokens, none of them special."""
    return made([f"t{place}" for place in range(count)], **changes)


def sent(figure: go.Figure) -> dict:
    """The figure as the browser receives it."""
    return json.loads(to_json_plotly(figure))


def tile(figure: go.Figure, place: int, size: int, *, of: np.ndarray | None = None) -> np.ndarray:
    """The bytes (or those cells of another array) around the `place`-th point of a grid: what a click there opens."""
    cells, points, *_ = figure.data
    left, top = ((centre[place] - (size - 1) / 2) for centre in (points.x, points.y))
    assert left == int(left) and top == int(top), "the point must stand in the middle of the tile"
    return (np.asarray(cells.z) if of is None else of)[int(top) : int(top) + size, int(left) : int(left) + size]
