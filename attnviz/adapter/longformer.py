"""Longformer's weights by token: what transformers returns by distance, laid out as queries and keys.

Longformer (Beltagy et al. 2020) computes a window of w tokens on each side and returns a column for each distance from
-w to w, after a column for each token with global attention. LED's encoder is the same. A pair outside the window was
never computed: it is not allowed, which is not a weight of 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.attention import Observed
from attnviz.core.masks import Global, Mask, Window

# Where transformers returns them, by the name of the map: the columns by distance, and the rows of global tokens.
FIELDS = {"self": ("attentions", "global_attentions"), "encoder": ("encoder_attentions", "encoder_global_attentions")}


def by_token(
    local: Float[Tensor, "head query column"],
    chosen: Sequence[int] = (),
    rows: Float[Tensor, "head key global"] | None = None,
) -> tuple[Float[Tensor, "head query key"], Bool[Tensor, "query key"]]:
    """Who looks at whom, and who may? Weights `[head, query, key]` and the pairs that were computed.

    The columns are those of the `chosen` tokens, which have global attention, then the distances -w ... w. Their own
    rows stand in `rows`, a column for each of them. Raises `ValueError` where the columns are not as many as that.
    """
    tokens, distances = local.shape[-2], local.shape[-1] - len(chosen)
    if distances % 2 == 0 or distances < 1 or (bool(chosen) and rows is None):
        raise ValueError(f"{local.shape[-1]} columns are not {len(chosen)} global tokens and the distances -w ... w")
    reach = distances // 2
    wide = local.new_zeros(*local.shape[:-1], tokens + 2 * reach)
    places = torch.arange(tokens)[:, None] + torch.arange(distances)  # in a text with w more on each side
    wide.scatter_(-1, places.expand(*local.shape[:-1], distances), local[..., len(chosen) :])
    weights = wide[..., reach : reach + tokens].clone()
    allowed: Mask = Window(reach)
    for number, token in enumerate(chosen):
        weights[..., token] = local[..., number]
    if rows is not None and chosen:
        weights[..., list(chosen), :] = rows[..., :tokens, :].transpose(-1, -2)
        allowed = allowed | Global(tuple(chosen))
    return weights, allowed.allowed(tokens, tokens)


def layers(result: Mapping[str, Any], part: str, chosen: Sequence[int] = ()) -> tuple[Observed, ...]:
    """The layers of one map of a run over one text, from what the model returned."""
    by_distance, by_global = FIELDS[part]
    returned = result[by_distance]
    rows = result.get(by_global) or (None,) * len(returned)
    return tuple(
        _observed(*by_token(local[0], chosen, None if own is None else own[0]))
        for local, own in zip(returned, rows, strict=True)
    )


def _observed(weights: Tensor, allowed: Tensor) -> Observed:
    """A call of which the weights are known, and which pairs it computed, whatever became 0 among them."""
    return replace(Observed.of(weights), allowed=allowed.expand(weights.shape))
