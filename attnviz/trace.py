"""What one run of a model recorded: the one thing that every picture, measure and export is drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.answers import Answer
from attnviz.axes import Axis, Beside, Illustrated
from attnviz.core.attention import Attention
from attnviz.core.blocks import part
from attnviz.core.interventions import Intervention
from attnviz.core.rules import Entmax, Rule, Soft, Sparsemax
from attnviz.core.states import Block
from attnviz.errors import AttnvizError, ModelError
from attnviz.saved import read, write
from attnviz.saved.names import Names, named
from attnviz.saved.size import held, unwrapped
from attnviz.text.tokens import Encoded

SHOWN = 60  # characters of a text in a trace's `repr`
MANY = 512  # queries; of more than that a cell's row alone is computed


@dataclass(frozen=True)
class Cell:
    """Every number behind one weight: who looks at whom, and how the weight came about.

    `product` is q.k, `score` = product x scale (soft-capped) + bias (-inf where not allowed), `soft` the softmax weight
    (at the rule's temperature) from which a hard rule keeps or cuts, `weight` the one after `rule`; `rank` 1 is the
    query's highest score, of `keys` allowed keys. `log_total` is ln of the softmax's sum, a sink's part included;
    `tau` the threshold of sparsemax and entmax, NaN for the other rules. `alike` counts other allowed keys
    of the same weight.
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
    alike: int = 0


@dataclass(frozen=True)
class Gap:
    """A layer that has no attention weights: `reason` is a message id (`gap.<reason>`), `kind` what stands there."""

    reason: str
    kind: str


@dataclass(frozen=True, repr=False)
class Trace:
    """What one run recorded, frozen. Layers, heads and positions count from 0.

    `queries` and `keys` are the two sides of its maps, the very same object where a thing looks at itself. `layers`
    hold queries, keys, values `[head, position, d_head]` and masks; weights are made when asked for. `logits` is
    `[query, vocabulary]` or None, `outputs` `[query, width]` the last hidden state, `boundaries` `[query]` the
    probability that a word begins at each token, or None where the model has no such head.

    A model with several stacks of attention gives a map for each, named in `parts` ("encoder", "decoder", "cross", the
    name of a tower; "self" where there is but one), and `map` goes from one to another. In "cross" the queries are the
    target's tokens, and the keys the source's. `border` is the number of the first token that the model wrote itself.
    `answer` is what a trained head said of the text (a label, tags, a span), None in models without one.
    `blocks` is what each layer's attention did to the stream of states, empty where a run was not asked for it
    (`record(..., states=True)`).

    Where a side is tokens of a text, `encoded` and `looked_at` hand it out as such.

    >>> from attnviz.axes import Items
    >>> Trace(Items(("tea", "cup")), Items(("spoon",)), ()).key_tokens
    ['spoon']
    """

    queries: Axis
    keys: Axis
    layers: tuple[Attention | Gap, ...]
    model: str = field(default="", kw_only=True)
    kind: str = field(default="plain", kw_only=True)
    rule: Rule = field(default=Soft(), kw_only=True)
    outputs: Tensor = field(default_factory=lambda: torch.zeros(0, 0), kw_only=True)
    logits: Tensor | None = field(default=None, kw_only=True)
    boundaries: Tensor | None = field(default=None, kw_only=True)
    blank: int | None = field(default=None, kw_only=True)
    name_piece: Callable[[int], str] = field(default=str, kw_only=True)
    part: str = field(default="self", kw_only=True)
    others: Mapping[str, Trace] = field(default_factory=dict, kw_only=True)
    changes: tuple[Intervention, ...] = field(default=(), kw_only=True)
    border: int | None = field(default=None, kw_only=True)
    blocks: tuple[Block | None, ...] = field(default=(), kw_only=True)
    answer: Answer | None = field(default=None, kw_only=True)

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
    def text_map(self) -> Trace:
        """The map in which the text that was read looks at itself: an encoder-decoder's encoder's, else this one.

        >>> from attnviz.axes import Items
        >>> tea = Items(("tea",))
        >>> Trace(tea, tea, (), part="decoder", others={"encoder": Trace(tea, tea, (), part="encoder")}).text_map.part
        'encoder'
        """
        return self.map("encoder") if "encoder" in self.parts else self

    @property
    def crossed(self) -> bool:
        """Does one thing look at another? False where a thing looks at itself."""
        return self.keys is not self.queries

    @property
    def encoded(self) -> Encoded:
        """The queries as tokens of a text, less places beside them. Raises `AttnvizError` where they are none."""
        return _tokens(self.queries)

    @property
    def looked_at(self) -> Encoded | None:
        """The keys as tokens of a text, None where the text looks at itself. Raises `AttnvizError` for other keys."""
        return _tokens(self.keys) if self.crossed else None

    @property
    def text(self) -> str:
        """The text as it was read, "" where the queries stand for none."""
        return self.queries.text

    @property
    def tokens(self) -> list[str]:
        """Readable labels of the queries `[query]`: tokens, [MASK] where the run was asked about a blank; or others."""
        return list(self.queries.labels)

    @property
    def key_tokens(self) -> list[str]:
        """The labels of what is looked at `[key]`: the queries themselves, unless the map is `crossed`."""
        return list(self.keys.labels)

    @property
    def key_special(self) -> tuple[bool, ...]:
        """`special` for what is looked at."""
        return self.keys.special

    @property
    def special(self) -> tuple[bool, ...]:
        """Which queries are none of the thing itself `[query]`: [CLS], [SEP], <s>, a register, ..."""
        return self.queries.special

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
        first = getattr(whole.rule, "first_query", 0)  # of later queries alone (`core.blocks.part`) it is their number
        if head is None:
            return replace(whole, rule=chosen.at(layer, query=first))
        self._check("head", head, whole.n_heads)
        return replace(whole.only(head), rule=chosen.at(layer, head, first))

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
        return self._cell(self.attention(layer, head, rule), (layer, head, query, key))

    def cells(self, layer: int, head: int, query: int, key: int, rules: Iterable[Rule]) -> list[Cell]:
        """What does `cell` say under each of some rules? The scores are computed once for all of them."""
        found = self.attention(layer, head)
        return [self._cell(found.under(rule.at(layer, head)), (layer, head, query, key)) for rule in rules]

    def _cell(self, found: Attention, where: tuple[int, int, int, int]) -> Cell:
        """The numbers of one pair of an open head."""
        layer, head, query, key = where
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
            alike=int(((weights == weights[key]) & (row > -math.inf)).sum()) - (score > -math.inf),
        )  # fmt: skip

    def probabilities(self, position: int) -> Float[Tensor, " vocabulary"]:
        """What does this run predict at `position`? (Causal models: for the token that follows it.)

        Of a model with a trained head one number a label: of the whole text wherever one asks, of a tagger at the
        token, of a question that an answer starts and that it ends there; of a regression the numbers themselves.
        Raises `ModelError` where the model predicts nothing.
        """
        if self.logits is None and self.answer is None:
            raise ModelError("model_predicts_nothing", model=self.model)
        if self.answer is not None:
            self._check("position", position, max(len(self.queries), len(self.answer.read)))
            return self.answer.values(position)
        assert self.logits is not None
        self._check("position", position, len(self.queries))
        return torch.softmax(self.logits[position].float(), dim=-1)

    def predictions(self, position: int = 0, top: int = 5) -> list[tuple[str, float]]:
        """The `top` likeliest tokens at `position` with their probabilities, the likeliest first.

        Of a model with a trained head its labels (as `probabilities` has them), or the likeliest answers to a question.
        """
        found = self.probabilities(position)
        if self.answer is not None:
            return self.answer.best(position, top)
        best = found.topk(min(top, found.shape[-1]))
        return [(self.name_piece(int(i)), float(p)) for p, i in zip(best.values, best.indices, strict=True)]

    @property
    def nbytes(self) -> int:
        """How many bytes of memory do this trace's tensors keep alive, all its maps taken together?

        Storage that several tensors share counts once, and a view counts all that it keeps alive. A causal mask that
        is not laid out counts nothing, and neither do labels, the text, and the tokenizer behind `name_piece`.
        """
        return held(self)

    def slim(self) -> Trace:
        """This map without what no picture of weights needs: values, outputs, predictions, the run's other maps.

        Of a long text the predictions alone (tokens x vocabulary) would take gigabytes. What is kept is copied where it
        lies in storage that is mostly for something else.
        """
        layers = unwrapped(
            [
                replace(one, values=one.values[..., :0].clone()) if isinstance(one, Attention) else one
                for one in self.layers
            ]
        )
        return replace(
            self, layers=tuple(layers), outputs=self.outputs[:0].clone(), logits=None, boundaries=None, name_piece=str,
            others={}, blocks=(), answer=None,
        )  # fmt: skip

    def save(self, file: str | Path) -> None:
        """Write everything into a file of safetensors: tensors as they are, the rest as JSON in its header.

        Predictions go on working: the names of the vocabulary are saved with them (`saved.names`). Raises
        `AttnvizError` for a rule, mask, similarity or axis that is not attnviz's own, and where it cannot be written.
        """
        write(named(self), Path(file), (Trace, Gap, Answer))

    @classmethod
    def load(cls, file: str | Path) -> Trace:
        """Read what `save` wrote. Nothing in the file is executed.

        Raises `AttnvizError` for a file that is not there, is no saved trace, or was damaged.
        """
        found: Trace = read(Path(file), (Trace, Gap, Answer), lambda found: isinstance(found, Trace) and found._fits())
        return found

    def _fits(self) -> bool:
        """Does everything have a row for each query and a column for each key, in all maps?"""
        rows = (self.logits, self.boundaries, *([self.outputs] if self.outputs.numel() else []))
        places = (self.blank, self.border)
        return (
            all(one is None or one.shape[:1] == (len(self.queries),) for one in rows)
            and all(one.fits(len(self.queries), len(self.keys)) for one in self.layers if isinstance(one, Attention))
            and (self.answer is None or self.answer.fits())
            and (self.name_piece is str or isinstance(self.name_piece, Names))
            and all(place is None or 0 <= place <= len(self.queries) for place in places)
            and all(part == one.part != self.part and one._fits() for part, one in self.others.items())
        )

    def __repr__(self) -> str:
        said = self.text if len(self.text) <= SHOWN else self.text[: SHOWN - 1] + "…"
        sides = _counted(self.queries) + (f" x {_counted(self.keys)}" if self.crossed else "")
        return "\n".join(
            [
                f"Trace of {self.model or 'no named model'} ({self.kind})" + (f": {said!r}" if said else ""),
                f"  {sides}, {self.n_layers} layers x {self.n_heads} heads, map {', '.join(self.parts)}",
                f"  {', '.join(map(str, (self.rule, *self.changes)))}; {self.nbytes / 1e6:.1f} MB",
            ]
        )

    def _repr_html_(self) -> str | None:
        """The page of `attnviz.show`, for a notebook whose cell ends with this trace.

        The package is asked by name: what shows a trace stands above it, and a record knows nothing above.
        """
        shown: str | None = import_module(f"{__package__}.notebook.show").cell(self)
        return shown

    def _check(self, what: str, number: int, count: int) -> None:
        if not 0 <= number < count:
            raise AttnvizError(f"no_such_{what}", number=number, last=count - 1)


def load_trace(file: str | Path) -> Trace:
    """Read a trace that `Trace.save` wrote. Raises `AttnvizError` for a file that holds none, or a damaged one."""
    return Trace.load(file)


def _counted(axis: Axis) -> str:
    """How many places of what kind: 3 tokens, 17 patches."""
    return f"{len(axis)} {axis.unit}{'es' if axis.unit.endswith('ch') else 's'}"


def _tokens(axis: Axis) -> Encoded:
    """An axis of tokens, less places beside them. Raises `AttnvizError` for one of another kind."""
    axis = axis.of if isinstance(axis, (Beside, Illustrated)) else axis
    if not isinstance(axis, Encoded):
        raise AttnvizError("axis_no_tokens", unit=axis.unit)
    return axis


def _threshold(rule: Rule, scores: Tensor) -> float:
    """The tau of sparsemax or entmax for one row `[place]`, read off its heaviest place; NaN for other rules."""
    alpha = 2.0 if isinstance(rule, Sparsemax) else rule.alpha if isinstance(rule, Entmax) else 1.0
    if alpha == 1:  # softmax has none
        return math.nan
    weights = rule.weigh(scores)
    top = int(weights.argmax())
    return float((alpha - 1) * scores[top].item() - weights[top].item() ** (alpha - 1))
