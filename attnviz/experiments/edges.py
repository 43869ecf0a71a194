"""What a weight does not say: where it rests and means little, and whether taking it away changes the prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.interventions import ForbidEdge
from attnviz.measures.effect import prediction_change
from attnviz.measures.entropy import normalised
from attnviz.measures.ranks import kendall, ranks, spearman
from attnviz.models.load import Model
from attnviz.recording.record import record
from attnviz.trace import Trace

MOST_EDGES = 40  # runs of the model, one for each edge
SHUFFLES = 2000


@dataclass(frozen=True)
class Edges:
    """One row's keys, the weight of each, and what forbidding its edge did to the prediction, in bits."""

    query: int
    keys: tuple[int, ...]
    weights: tuple[float, ...]
    bits: tuple[float, ...]

    @property
    def rank_agreement(self) -> tuple[float, float]:
        """Spearman's rho and Kendall's tau between weights and bits; NaN where one of them is the same throughout."""
        return spearman(self.weights, self.bits), kendall(self.weights, self.bits)


def token_shares(trace: Trace, tokens: Sequence[int]) -> Float[Tensor, "layer token"]:
    """Which share of a layer's weight goes to each of these keys? `[layer, token]`, 0 to 1, the mean over all heads.

    Over the queries of the text (over all, where there is none) whose row holds any weight; NaN in a layer without
    attention.
    """
    table = torch.full((trace.n_layers, len(tokens)), torch.nan, dtype=torch.float64)
    for layer in trace.open_layers:
        rows = normalised(trace.weights(layer)[:, _asked(trace)])
        held = rows.sum(-1) > 0
        if held.any():
            table[layer] = rows[held][:, list(tokens)].mean(0)
    return table


def even_share(trace: Trace) -> float:
    """Which share would a key get if every query spread its weight evenly over the keys it may see?

    The mean of 1 / (number of keys) over the text's queries, in the first layer that has attention.
    """
    call = trace.attention(trace.open_layers[0], 0)
    counts = (call.scores > -torch.inf).sum(-1)[_asked(trace)].double()
    return (1 / counts[counts > 0]).mean().item()


def _asked(trace: Trace) -> Tensor:
    """The queries that count, `[query]`: the text's own, or all where there is none."""
    text = ~torch.tensor(trace.special)
    return text if text.any() else torch.ones_like(text)


def row_weights(trace: Trace, query: int, layer: int | None = None, head: int | None = None) -> Float[Tensor, " key"]:
    """How much does `query` give to each key: in one head, on average in a layer, or on average in all layers?"""
    layers = trace.open_layers if layer is None else [layer]
    rows = [trace.weights(one, head)[..., query, :].reshape(-1, len(trace.key_tokens)).mean(0) for one in layers]
    return torch.stack(rows).mean(0)


def edge_effects(
    model: Model,
    before: Trace,
    query: int,
    *,
    where: tuple[()] | tuple[int] | tuple[int, int] = (),
    most: int = MOST_EDGES,
    on_edge: Callable[[int, int], object] | None = None,
) -> Edges:
    """Does the prediction at `query` follow the weights that it gives? One run for each key, its edge forbidden.

    The edge is forbidden everywhere, or `where` says: in a (layer,), in a (layer, head); the weights are of the same
    place. `bits` is D(before || after) at `query` (`prediction_change`). At most `most` keys, those with the most
    weight; keys that the query may not see are left out. `on_edge(done, of)` is called after each run. (The knockout of
    Geva et al. 2023; the question of Jain and Wallace 2019, sec. 4.1, who took out words.)

    Raises `ModelError` for a model that predicts nothing or cannot be changed, `AttnvizError` for a place not there.
    """
    before.probabilities(query)  # refuses early
    weights = row_weights(before, query, *where)
    keys = [key for key in weights.argsort(descending=True).tolist() if weights[key] > 0][:most]
    layers, heads = where[:1] or None, where[1:] or None
    source, target = (before.encoded, None) if before.looked_at is None else (before.looked_at, before.encoded)
    bits = []
    for done, key in enumerate(keys):
        change = ForbidEdge(query, key, heads, layers=layers)
        after = record(model, source, target=target, rule=before.rule, interventions=[*before.changes, change])
        bits.append(prediction_change(before, after, query))
        if on_edge is not None:
            on_edge(done + 1, len(keys))
    order = sorted(range(len(keys)), key=lambda place: keys[place])
    return Edges(
        query, tuple(keys[at] for at in order), tuple(weights[keys[at]].item() for at in order),
        tuple(bits[at] for at in order),
    )  # fmt: skip


def by_chance(first: Sequence[float], second: Sequence[float], seed: int = 0) -> float:
    """How far from 0 is Spearman's rho by chance in 95 of 100 cases? The second list shuffled `SHUFFLES` times."""
    a, b = (one - one.mean() for one in (ranks(first), ranks(second)))
    dice = torch.Generator().manual_seed(seed)
    order = torch.rand(SHUFFLES, len(b), generator=dice).argsort(-1)
    found = (b[order] @ a / (a.norm() * b.norm())).abs()
    return torch.quantile(found, 0.95).item()


def strongest_sink(trace: Trace, tokens: Sequence[int]) -> tuple[int, int, float]:
    """Which head gives these keys together the largest share of its weight? (layer, head, share)."""
    best = (trace.open_layers[0], 0, -1.0)
    for layer in trace.open_layers:
        rows = normalised(trace.weights(layer)[:, _asked(trace)])[..., list(tokens)].sum(-1).mean(-1)
        head = int(rows.argmax())
        best = max(best, (layer, head, rows[head].item()), key=lambda one: one[2])
    return best
