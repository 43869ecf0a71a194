"""What one run of a model recorded: the one thing that every picture, measure and export is drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.attention import Attention
from attnviz.errors import AttnvizError, ModelError
from attnviz.interventions import Intervention
from attnviz.rules import Entmax, Rule, Soft, Sparsemax
from attnviz.states import Block
from attnviz.streaming import part
from attnviz.tokens import Encoded

MANY = 512  # queries; of more than that a cell's row alone is computed


@dataclass(frozen=True)
class Cell:
    """Every number behind one weight: who looks at whom, and how the weight came about.

    `product` is q.k, `score` = product x scale (soft-capped) + bias (-inf where not allowed), `soft` the softmax weight
    (at the rule's temperature) from which a hard rule keeps or cuts, `weight` the one after `rule`; `rank` 1 is the
    query's highest score, of `keys` allowed keys. `log_total` is ln of the softmax's sum, a sink's part included;
    `tau` the threshold of sparsemax and entmax, NaN for the other rules.
    """

    layer: int
    head: int
    query: int
    key: int
    query_label: str
    key_label: str
    product: float
    scale: float
    bias: float
    score: float
    soft: float
    weight: float
    rank: int
    keys: int
    log_total: float
    tau: float
    rule: Rule


@dataclass(frozen=True)
class Gap:
    """A layer that has no attention weights: `reason` is a message id (`gap.<reason>`), `kind` what stands there."""

    reason: str
    kind: str


@dataclass(frozen=True)
class Trace:
    """What one run recorded, frozen. Layers, heads and positions count from 0.

    `layers` hold queries, keys, values `[head, position, d_head]` and masks; weights are made when asked for.
    `logits` is `[token, vocabulary]` or None, `outputs` `[token, width]` the last hidden state, `boundaries`
    `[token]` the probability that a word begins at each token, or None where the model has no such head.

    A model with several stacks of attention gives a map for each, named in `parts` ("encoder", "decoder", "cross";
    "self" where there is but one), and `map` goes from one to another. In "cross" the queries are `encoded`, the
    target's tokens, and the keys are `looked_at`, the source's. `border` is the number of the first token that the
    model wrote itself. `blocks` is what each layer's attention did to the stream of states, empty where a run was not
    asked for it (`record(..., states=True)`).
    """

    model: str
    kind: str
    encoded: Encoded
    rule: Rule
    layers: tuple[Attention | Gap, ...]
    outputs: Tensor
    logits: Tensor | None = None
    boundaries: Tensor | None = None
    blank: int | None = None
    name_piece: Callable[[int], str] = field(default=str, repr=False)
    part: str = "self"
    looked_at: Encoded | None = None
    others: Mapping[str, Trace] = field(default_factory=dict, repr=False)
    changes: tuple[Intervention, ...] = ()
    border: int | None = None
    blocks: tuple[Block | None, ...] = field(default=(), repr=False)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of this run's maps, this one's first."""
        return (self.part, *self.others)

    def map(self, part: str) -> Trace:
        """Another map of the same run. Raises `AttnvizError` for one that the model does not have."""
        if part == self.part:
            return self
        if part not in self.others:
            raise AttnvizError("no_such_part", part=part, parts=", ".join(self.parts))
        rest = {self.part: replace(self, others={}), **self.others}
        found = rest.pop(part)
        return replace(found, others=rest)

    @property
    def text(self) -> str:
        """The text as it was read."""
        return self.encoded.text

    @property
    def tokens(self) -> list[str]:
        """Readable labels `[token]`, [MASK] where the run was asked about a blank."""
        return list(self.encoded.labels)

    @property
    def key_tokens(self) -> list[str]:
        """The labels of what is looked at `[key]`: the tokens themselves, but for cross attention."""
        return self.tokens if self.looked_at is None else list(self.looked_at.labels)

    @property
    def key_special(self) -> tuple[bool, ...]:
        """`special` for what is looked at."""
        return self.special if self.looked_at is None else self.looked_at.special

    @property
    def special(self) -> tuple[bool, ...]:
        """Which tokens the tokenizer added by itself `[token]`: [CLS], [SEP], <s>, ..."""
        return self.encoded.special

    @property
    def n_layers(self) -> int:
        """How many layers there are, those without attention counted."""
        return len(self.layers)

    @property
    def open_layers(self) -> list[int]:
        """The layers that have attention weights."""
        return [number for number, layer in enumerate(self.layers) if isinstance(layer, Attention)]

    @property
    def n_heads(self) -> int:
        """How many heads the widest layer has."""
        return max((layer.n_heads for layer in self.layers if isinstance(layer, Attention)), default=0)

    def attention(self, layer: int, head: int | None = None, rule: Rule | None = None) -> Attention:
        """One layer's attention `[head, query, key]`, or one head's `[query, key]`, under this run's rule or another.

        Raises `AttnvizError` for a layer or head that the model does not have, and for a layer without attention.
        """
        self._check("layer", layer, self.n_layers)
        whole = self.layers[layer]
        if isinstance(whole, Gap):
            raise AttnvizError("layer_gap", layer=layer, kind=whole.kind)
        chosen = whole.rule if rule is None else rule
        if head is None:
            return replace(whole, rule=chosen.at(layer))
        self._check("head", head, whole.n_heads)
        return replace(whole.only(head), rule=chosen.at(layer, head))

    def weights(
        self, layer: int, head: int | None = None, rule: Rule | None = None
    ) -> Float[Tensor, "*head query key"]:
        """Who looks at whom: `[query, key]` of one head, `[head, query, key]` of a layer; float32.

        With `rule`, the scores of this run re-weighted; the run itself is not repeated.
        """
        return self.attention(layer, head, rule).weights.float()

    def scores(self, layer: int, head: int | None = None) -> Float[Tensor, "*head query key"]:
        """q.k x scale + bias, -inf where a key is not allowed; the same axes as `weights`."""
        return self.attention(layer, head).scores

    def block(self, layer: int) -> Block:
        """What did the attention of this layer read, and what did it add? (`record(..., states=True)`)

        Raises `AttnvizError` for a layer that the model does not have or that has no attention, and where the run did
        not keep it or it could not be seen.
        """
        self.attention(layer)  # raises
        if not self.blocks:
            raise AttnvizError("states_not_kept")
        found = self.blocks[layer]
        if found is None:
            raise AttnvizError("block_not_seen", layer=layer)
        return found

    def cell(self, layer: int, head: int, query: int, key: int, rule: Rule | None = None) -> Cell:
        """Why does `query` give `key` this weight? Every number on the way to it."""
        found = self.attention(layer, head, rule)
        self._check("query", query, found.queries.shape[-2])
        self._check("key", key, found.keys.shape[-2])
        temperature = found.rule.temperature if isinstance(found.rule, Soft) else 1.0
        one, at = found, query
        if found.queries.shape[-2] > MANY:
            one, at = part(found, query, query + 1), 0
        row, weights = one.scores[at], one.weights[at]
        product, score = one.products[at, key].item(), row[key].item()
        places = one.with_sink(one.scores)[at].double()
        total = torch.logsumexp(places / temperature, 0).item()
        return Cell(
            layer, head, query, key, self.tokens[query], self.key_tokens[key],
            product=product, scale=found.scale,
            bias=0.0 if one.bias is None else one.bias.expand_as(one.products)[at, key].item(),
            score=score, soft=0.0 if score == -math.inf else math.exp(score / temperature - total),
            weight=weights[key].item(), rank=int((row > row[key]).sum()) + 1, keys=int((row > -math.inf).sum()),
            log_total=total, tau=_threshold(found.rule, places), rule=found.rule,
        )  # fmt: skip

    def probabilities(self, position: int) -> Float[Tensor, " vocabulary"]:
        """What does this run predict at `position`? (Causal models: for the token that follows it.)

        Raises `ModelError` where the model predicts no tokens.
        """
        if self.logits is None:
            raise ModelError("model_predicts_nothing", model=self.model)
        self._check("position", position, len(self.encoded.ids))
        return torch.softmax(self.logits[position].float(), dim=-1)

    def predictions(self, position: int, top: int = 5) -> list[tuple[str, float]]:
        """The `top` likeliest tokens at `position` with their probabilities, the likeliest first."""
        best = self.probabilities(position).topk(min(top, self.probabilities(position).shape[-1]))
        return [(self.name_piece(int(i)), float(p)) for p, i in zip(best.values, best.indices, strict=True)]

    def _check(self, what: str, number: int, count: int) -> None:
        if not 0 <= number < count:
            raise AttnvizError(f"no_such_{what}", number=number, last=count - 1)


def _threshold(rule: Rule, scores: Tensor) -> float:
    """The tau of sparsemax or entmax for one row `[place]`, read off its heaviest place; NaN for other rules."""
    alpha = 2.0 if isinstance(rule, Sparsemax) else rule.alpha if isinstance(rule, Entmax) else 1.0
    if alpha == 1:  # softmax has none
        return math.nan
    weights = rule.weigh(scores)
    top = int(weights.argmax())
    return float((alpha - 1) * scores[top].item() - weights[top].item() ** (alpha - 1))
