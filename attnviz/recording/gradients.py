"""How does a prediction follow the weights, the heads and the words? A run that can be differentiated.

The gradient of one number with respect to every weight (what Chefer et al. 2021 multiply with the weights), to a gate
at 1 on every head's output (Michel et al. 2019) and to the word embeddings. Nothing is left on the model: gradients
are asked of this run's own tensors, and parameters take no part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.adapter import outputs
from attnviz.adapter.machine import home, placed
from attnviz.adapter.registered import Call, by_map
from attnviz.core.attention import Attention
from attnviz.core.interventions import Intervention, check_tokens
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ArgumentError, AttnvizError, ModelError, shown
from attnviz.models.load import Model
from attnviz.models.memory import check_run
from attnviz.models.seeing import VisionModel
from attnviz.recording.asked import THINGS
from attnviz.recording.following import Following
from attnviz.recording.record import Watch, changes_of, fits, read, run, trace_of
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace


@dataclass(frozen=True)
class Outcome:
    """What a run came to, still to be differentiated: `logits` (None where a model predicts nothing), last states.

    Of a trained head `logits` are its scores: `[1, label]` of a text or a picture, `[token, label]` of tags or of start
    and end, `[query, label]` of a detector, whose `boxes` are middle x and y, width and height, as shares of what the
    network was given. Of a forecast `logits` are its quantiles `[step, quantile]`, of a loaded model what it expects of
    each column in the mean `[step, column]`, in the series' own unit.
    """

    logits: Float[Tensor, "place vocabulary"] | None
    outputs: Float[Tensor, "token width"]
    boxes: Float[Tensor, "query 4"] | None = None


Target = Callable[[Outcome], Tensor]
SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class Logit:
    """The logit of piece `token` at `position`; with `against`, how far it is above that of another piece there."""

    position: int
    token: int
    against: int | None = None

    def __call__(self, outcome: Outcome) -> Tensor:
        if outcome.logits is None:
            raise AttnvizError("target_no_logits")
        positions, pieces = outcome.logits.shape
        if not 0 <= self.position < positions:
            raise AttnvizError("no_such_position", number=self.position, last=positions - 1)
        for piece in (self.token, *(() if self.against is None else (self.against,))):
            if not 0 <= piece < pieces:
                raise AttnvizError("no_such_piece", number=piece, last=pieces - 1)
        row = outcome.logits[self.position]
        return row[self.token] if self.against is None else row[self.token] - row[self.against]


@dataclass(frozen=True)
class BoxSide:
    """Where one side of a detector's box lies: `query` is its number, `side` "left", "top", "right" or "bottom".

    As a share of the picture that the network was given, from its left or upper end.

    >>> outcome = Outcome(None, torch.zeros(1, 1), torch.tensor([[0.5, 0.5, 0.2, 0.4]]))
    >>> round(float(BoxSide(0, "left")(outcome)), 3), round(float(BoxSide(0, "bottom")(outcome)), 3)
    (0.4, 0.7)
    """

    query: int
    side: str

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise ArgumentError("argument_side", got=shown(self.side), sides=", ".join(SIDES))

    def __call__(self, outcome: Outcome) -> Tensor:
        if outcome.boxes is None:
            raise AttnvizError("target_no_boxes")
        if not 0 <= self.query < len(outcome.boxes):
            raise AttnvizError("no_such_position", number=self.query, last=len(outcome.boxes) - 1)
        number, box = SIDES.index(self.side), outcome.boxes[self.query]
        return box[number % 2] + (number // 2 - 0.5) * box[2 + number % 2]


@dataclass(frozen=True)
class Gradients:
    """The gradient of one number, `value`, in one map (`part`); `map` goes to the others.

    `layers` hold d value / d weights `[head, query, key]`, the weights taken as free, not as what a softmax gives;
    `gates` d value / d gate `[head]`. Both are None for a layer without attention. `inputs` is d value / d word
    embedding `[token, width]` of the text, before positions are added (None where it was not seen how the model
    looks its words up), `target_inputs` that of an encoder-decoder's target.
    """

    value: float
    part: str
    layers: tuple[Tensor | None, ...]
    gates: tuple[Tensor | None, ...]
    inputs: Float[Tensor, "token width"] | None
    target_inputs: Float[Tensor, "target width"] | None = None
    others: Mapping[str, Gradients] = field(default_factory=dict, repr=False)

    def map(self, part: str) -> Gradients:
        """Those of another map. Raises `AttnvizError` for one that the model does not have."""
        if part == self.part:
            return self
        if part not in self.others:
            raise AttnvizError("no_such_part", part=part, parts=", ".join((self.part, *self.others)))
        rest = {self.part: replace(self, others={}), **self.others}
        return replace(rest.pop(part), others=rest)


@dataclass(frozen=True, eq=False)
class Differentiable:
    """A run that can be differentiated as often as one likes; its memory is held until it is let go.

    `trace` is the run as `record` gives it, and holds nothing of that memory. Of weights over several things that went
    through the model together, as the channels of PatchTST, those of `_row` are the trace's.
    """

    trace: Trace
    _outcome: Outcome = field(repr=False)
    _weights: Mapping[str, tuple[Tensor | None, ...]] = field(repr=False)
    _gates: Mapping[str, tuple[Tensor | None, ...]] = field(repr=False)
    _inputs: tuple[Tensor | None, Tensor | None] = field(repr=False)
    _last: Tensor | None = field(default=None, repr=False)
    _row: int = field(default=0, repr=False)

    def followed(self, target: Target) -> Bool[Tensor, " token"] | None:
        """Which last states does `target` follow at all? None where it cannot be said.

        A head may read one place (a class token) or the mean of all.
        """
        if self._last is None or not self._last.requires_grad:
            return None
        with torch.inference_mode(False), torch.enable_grad():
            value = target(self._outcome).sum()
            (found,) = torch.autograd.grad(value, self._last, retain_graph=True, allow_unused=True)
        return None if found is None else (found[0] != 0).any(-1)

    def gradients(self, target: Target) -> Gradients:
        """How does `target`, a `Logit` or one number made from an `Outcome`, follow weights, heads and words?

        Raises `AttnvizError` for a position or piece that is not there, `ValueError` for more than one number.
        """
        groups = [*self._weights.values(), *self._gates.values(), self._inputs]
        asked = [one for group in groups for one in group if one is not None]
        with torch.inference_mode(False), torch.enable_grad():
            value = target(self._outcome)
            if value.numel() != 1:
                raise ValueError(f"gradients needs a target of one number; got the shape {tuple(value.shape)}")
            found = torch.autograd.grad(value.sum(), asked, retain_graph=True, allow_unused=True)
        both = zip(asked, found, strict=True)
        by = {id(one): home(torch.zeros_like(one) if grad is None else grad) for one, grad in both}

        def of(group: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
            return tuple(None if one is None else by[id(one)] for one in group)

        inputs, target_inputs = of(self._inputs)
        made = {}
        for part in self.trace.parts:
            layers = tuple(None if one is None else one[self._row] for one in of(self._weights[part]))
            made[part] = Gradients(value.item(), part, layers, of(self._gates[part]), inputs, target_inputs)
        first = made.pop(self.trace.part)
        return replace(first, others=made)


def differentiable(
    model: Model,
    text: str | Encoded | Any,
    *,
    rule: Rule | None = None,
    blank: int | None = None,
    interventions: Sequence[Intervention] = (),
    target: str | Encoded | None = None,
    pair: str | None = None,
) -> Differentiable:
    """Run `model` on `text` as `record` does, so that the outcome can be differentiated.

    It takes the memory of all weights and states at once, as training does. Rules that choose (top-k, argmax, sampled)
    are differentiated where they are smooth: a choice has no gradient. A model that looks at pictures is given one in
    place of the text; there are no word embeddings then. Raises what `record` raises, and `ModelError` for a model that
    keeps its attention to itself.

    >>> import attnviz as av
    >>> run = av.differentiable(av.load("lab-4"), "南京市[MASK]江大桥")
    >>> run.gradients(av.Logit(position=4, token=100)).layers[0].shape
    torch.Size([4, 9, 9])
    """
    if isinstance(model, VisionModel):
        from attnviz.recording.things.glances import differentiated  # which gives what stands here

        return differentiated(model, text, rule, interventions)
    if isinstance(model, Model) and model.kind in THINGS:
        raise ModelError(THINGS[model.kind], model=model.name)
    if model.eager:
        raise ModelError("model_keeps_blocks", model=model.name)
    encoded, reply = read(model, text, target, blank, pair)
    decoded = None if reply is None else reply.ids
    sizes = len(encoded.ids), None if decoded is None else len(decoded)
    changes = changes_of(rule, interventions)
    check_tokens(changes, *sizes)
    check_run(model.network.config, sizes[0], sizes[1] or 0, eager=True)  # the weights of all layers at once
    tape = Tape()
    with torch.inference_mode(False), torch.enable_grad():
        given = outputs.inputs(model.network, encoded.ids, encoded.types, decoded)
        inputs: dict[str, Any] = placed(model.network, given)
        tape.texts = [inputs[name] for name in ("input_ids", "decoder_input_ids") if name in inputs]
        result, found = run(model.network, changes, name=model.name, watch=Watch(follow=tape), **inputs)
        fits(found, model.name, *sizes)
        asked: dict[str, Any] = {"rule": rule or Soft(), "changes": tuple(interventions), "blank": blank}
        live = trace_of(model, encoded, reply, result, found, **asked)
    weights, gates = tape.by_map(found)
    said = live.logits if live.answer is None else live.answer.scores
    return Differentiable(still(live), Outcome(said, live.outputs), weights, gates, tape.embedded)


@dataclass(frozen=True, eq=False)
class _Held:
    """What is asked of one call: its weights `[1, head, query, key]`, and a gate `[head]` on each head's output."""

    weights: Tensor
    gates: Tensor

    @classmethod
    def of(cls, call: Attention) -> _Held:
        """Those of a call. Weights that nothing flows through, those of a choice, begin here."""
        weights = call.weights
        if not weights.requires_grad:
            weights = weights.detach().requires_grad_()
        return cls(weights, weights.new_ones(call.n_heads).requires_grad_())


class Tape(Following):
    """Follows one run (`interface.Follow`), with gradients flowing through all but the model's own parameters."""

    def __init__(self) -> None:
        super().__init__(gradients=True)
        self._begin()

    def _begin(self) -> None:
        self._held: dict[int, _Held] = {}
        self._calls: list[Call] = []

    @property
    def embedded(self) -> tuple[Tensor | None, Tensor | None]:
        """The word embeddings `[token, width]` of text and target, where they were seen."""
        return self.seen.get(0), self.seen.get(1)

    def __enter__(self) -> Self:
        self._begin()
        return super().__enter__()

    def output(self, seen: Call, call: Attention) -> Tensor:
        """weights @ values x gates, from weights that can be asked for later."""
        held = self._held.get(id(seen))
        if held is None:  # else the same map for other values (DiffLlama)
            held = self._held[id(seen)] = _Held.of(call)
            self._calls.append(seen)
        output = (held.weights @ call.values.to(held.weights.dtype)) * held.gates[:, None, None]
        return output.to(call.values.dtype).transpose(1, 2).contiguous()

    def by_map(
        self, found: Mapping[str, Sequence[object]], texts: int = 1
    ) -> tuple[dict[str, tuple[Tensor | None, ...]], dict[str, tuple[Tensor | None, ...]]]:
        """Weights and gates of every layer of every map, over so many texts at once."""
        weights: dict[str, tuple[Tensor | None, ...]] = {}
        gates: dict[str, tuple[Tensor | None, ...]] = {}
        calls = by_map(self._calls, texts)
        for part, layers in found.items():
            own = [calls[part].get(layer) for layer in range(len(layers))]
            held = [None if call is None else self._held[id(call)] for call in own]
            weights[part] = tuple(None if one is None else one.weights for one in held)
            gates[part] = tuple(None if one is None else one.gates for one in held)
        return weights, gates

    def looked_up(self, text: int, words: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings of a text's words, from which the gradient begins."""
        found = words[0].requires_grad_()
        return found, found


def still(trace: Trace) -> Trace:
    """A trace that holds nothing but numbers."""
    return replace(
        trace,
        layers=tuple(_numbers(layer) if isinstance(layer, Attention) else layer for layer in trace.layers),
        outputs=trace.outputs.detach(),
        logits=None if trace.logits is None else trace.logits.detach(),
        answer=trace.answer and replace(trace.answer, scores=trace.answer.scores.detach()),
        boundaries=None if trace.boundaries is None else trace.boundaries.detach(),
        others={part: still(other) for part, other in trace.others.items()},
    )


def _numbers(call: Attention) -> Attention:
    """A call that holds nothing but numbers."""
    given = {one.name: getattr(call, one.name) for one in fields(call)}
    tensors: dict[str, Any] = {name: one.detach() for name, one in given.items() if isinstance(one, Tensor)}
    return replace(call, **tensors)
