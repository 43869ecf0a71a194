"""Record many texts in few forward passes. What fills the shorter ones up to the longest is never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.classes import HEAD_KINDS
from attnviz.adapter.machine import homed
from attnviz.adapter.outputs import Layers, Result, as_result, filled, hears_last, needed, of_encoder, takes_types
from attnviz.adapter.registered import Call, one_text
from attnviz.core.attention import Attention
from attnviz.core.causal import CausalMask
from attnviz.core.given import switch
from attnviz.core.interventions import Intervention, check_tokens
from attnviz.core.rules import Rule, Soft
from attnviz.errors import AttnvizError
from attnviz.guard import guarded, sentences
from attnviz.models.load import Model
from attnviz.models.memory import check_run
from attnviz.recording.asked import (
    check_blank,
    check_changes,
    check_model,
    check_rule,
    check_text,
    check_texts,
    one_each,
)
from attnviz.recording.checks import check_ids, why_not
from attnviz.recording.prompts import Asked, Languages, as_languages
from attnviz.recording.record import Watch, changes_of, fits, read, record, run, trace_of
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace

MOST = 512  # tokens of a pass, those that fill up counted: more of them leave the processor's caches and gain nothing
PASS = 48  # tokens whose time a pass costs beside its tokens
# Models that mix neighbouring tokens beside their attention, so that what fills up a text would reach its last one.
ALONE = frozenset({"mobilebert"})


@dataclass(frozen=True)
class Reading:
    """One text of many: what the model reads, and its number among them."""

    number: int
    encoded: Encoded
    reply: Encoded | None
    blank: int | None

    @property
    def sizes(self) -> tuple[int, int | None]:
        """How many tokens text and target have."""
        return len(self.encoded.ids), None if self.reply is None else len(self.reply.ids)


@sentences
def record_batch(
    model: Model,
    texts: Sequence[str | Encoded],
    *,
    rule: Rule | None = None,
    blanks: Sequence[int | None] | None = None,
    interventions: Sequence[Intervention] = (),
    targets: Sequence[str | Encoded | None] | None = None,
    predictions: bool = True,
    languages: tuple[str | None, str | None] | None = None,
) -> list[Trace]:
    """What does every head of `model` do with each of these texts? Their traces, in the order of the texts.

    Each is what `record` gives for that text alone, to rounding (1e-5): texts of like length go through the model
    together, and no trace holds a row or column of what filled it up. `blanks` and `targets` have one entry a text.
    `rule` and `interventions` act on each text as in a run of its own, the tokens they name being those of each text;
    interventions cost part of the time gained. Models that are `eager`, those with a trained head, those
    that mix neighbouring tokens by convolutions, and texts of more than 512 tokens are run one by one. A text may be
    the `encoded` of a pair. `languages` are those of all texts and of all targets, as `record` takes them.

    Raises what `record` raises, for the first text that it would refuse, before anything is run where that can be told.

    >>> import attnviz as av
    >>> [len(trace.tokens) for trace in av.record_batch(av.load("lab-4"), ["南京市长江大桥", "the cat sat"])]
    [9, 5]
    """
    if not isinstance(check_model(model), Model):
        raise AttnvizError("system_cannot", model=model.name, what="record_batch")
    texts, changes = check_texts("texts", texts), check_changes(interventions)
    places, replies = one_each("blanks", blanks, texts), one_each("targets", targets, texts)
    batch = Batch(
        model, check_rule(rule) or Soft(), changes, switch("predictions", predictions), as_languages(languages)
    )
    with guarded(lambda error: why_not(model)):
        return _recorded(
            batch,
            [_reading(batch, number, *one) for number, one in enumerate(zip(texts, replies, places, strict=True))],
        )


def _reading(
    batch: Batch, number: int, text: str | Encoded, target: str | Encoded | None, blank: int | None
) -> Reading:
    """What the model reads of one text. Raises what `record` raises before a run."""
    if target is not None:
        check_text("targets", target)
    asked = Asked(text, target=target, languages=batch.languages).read_by(batch.model)
    encoded, reply = read(batch.model, asked.text, asked.target, check_blank(blank))
    reading = Reading(number, encoded, reply, check_blank(blank))
    check_ids(batch.model, *(one for one in (encoded, reply) if one is not None))
    check_tokens(batch.interventions, *reading.sizes)
    return reading


def _recorded(batch: Batch, readings: Sequence[Reading]) -> list[Trace]:
    """The traces of texts, in their order."""
    traces: dict[int, Trace] = {}
    groups = passes(readings) if together(batch.model) else [[one] for one in readings]
    batch.check(groups)
    for group in groups:
        traces |= {one.number: trace for one, trace in zip(group, batch.traces(group), strict=True)}
    return [traces[number] for number in range(len(readings))]


def together(model: Model) -> bool:
    """Can texts go through the model together, without what fills them up being seen?"""
    config = model.network.config
    headed = model.kind in HEAD_KINDS  # a head looks for the last token by itself
    if model.eager or config.model_type in ALONE or headed:
        return False
    return "attention_mask" in signature(model.network.forward).parameters


def passes(readings: Sequence[Reading]) -> list[list[Reading]]:
    """Which texts go through the model together? The cut of the texts, by length, that costs the least.

    A pass costs its tokens, those that fill up counted, and `PASS` more; it has at most `MOST`, or one text.
    """
    ordered = sorted(readings, key=lambda one: (one.sizes[0] + (one.sizes[1] or 0), one.sizes[0], one.number))
    best: list[tuple[int, int]] = [(0, 0)]  # cost of the first n texts, and where their last pass begins
    for end in range(1, len(ordered) + 1):
        source = target = 0
        found = []
        for begin in range(end - 1, -1, -1):
            source = max(source, ordered[begin].sizes[0])
            target = max(target, ordered[begin].sizes[1] or 0)
            tokens = (source + target) * (end - begin)
            if tokens > MOST and begin < end - 1:
                break
            found.append((best[begin][0] + PASS + tokens, begin))
        best.append(min(found))
    groups, end = [], len(ordered)
    while end:
        begin = best[end][1]
        groups.append(ordered[begin:end])
        end = begin
    return groups[::-1]


@dataclass(frozen=True)
class Batch:
    """How each of the texts is recorded."""

    model: Model
    rule: Rule
    interventions: tuple[Intervention, ...]
    predictions: bool
    languages: Languages = (None, None)

    def check(self, groups: Sequence[Sequence[Reading]]) -> None:
        """Refuse passes that would not fit into the memory; texts alone are asked for when it comes to them."""
        sizes = [
            (len(group) * _longest(group)[0], len(group) * _longest(group)[1]) for group in groups if len(group) > 1
        ]
        if sizes:
            check_run(self.model.network.config, *max(sizes), eager=False, predictions=self.predictions)

    def traces(self, group: Sequence[Reading]) -> list[Trace]:
        """The traces of texts that go through the model together."""
        if len(group) == 1:
            return [self.alone(group[0])]
        network, model = self.model.network, self.model
        follow = Each(changes_of(self.rule, self.interventions), group) if self.interventions else None
        changes = () if follow else changes_of(self.rule, ())
        watch = Watch(states=not hears_last(network), follow=follow, texts=len(group))
        result, found = run(network, changes, name=model.name, watch=watch, **self.inputs(group))
        cut = Cut(group)
        said = {"rule": self.rule, "changes": self.interventions}
        traces = []
        for row, one in enumerate(group):
            layers = cut.layers(found, row) if follow is None else follow.layers(found, row)
            fits(layers, model.name, *one.sizes)
            own = cut.result(result, row, self.predictions)
            traces.append(
                trace_of(
                    model, one.encoded, one.reply, own, layers, predictions=self.predictions, blank=one.blank, **said
                )
            )
        return traces

    def alone(self, one: Reading) -> Trace:
        """The trace of one text by itself."""
        trace = record(
            self.model, one.encoded, rule=self.rule, interventions=self.interventions,
            target=one.reply if self.model.kind == "seq2seq" else None, predictions=self.predictions,
        )  # fmt: skip
        others = {part: replace(other, blank=one.blank) for part, other in trace.others.items()}
        return replace(trace, blank=one.blank, others=others)

    def inputs(self, group: Sequence[Reading]) -> dict[str, Any]:
        """The texts one under the other, filled up on the right, and where that was done."""
        config = self.model.network.config
        numbers = (getattr(config, "pad_token_id", None), self.model.tokenizer.pad_token_id, 0)
        filler = next(number for number in numbers if isinstance(number, int))
        sources, types = [one.encoded.ids for one in group], [one.encoded.types for one in group]
        told = [one or (0,) * len(ids) for one, ids in zip(types, sources, strict=True)] if any(types) else []
        told = told if all(takes_types(self.model.network, one) for one in told) else []
        return filled(sources, [one.reply.ids for one in group if one.reply is not None], filler, told)


def _longest(group: Sequence[Reading]) -> tuple[int, int]:
    """The tokens of the longest text and of the longest target."""
    return max(one.sizes[0] for one in group), max(one.sizes[1] or 0 for one in group)


@dataclass
class Cut:
    """Takes one text's part out of what was computed for all; copies, so that no trace holds the others' memory."""

    group: Sequence[Reading]
    _masks: dict[tuple[int, int, int, int], Tensor | None] = field(default_factory=dict)

    def layers(self, found: Mapping[str, Layers], row: int) -> dict[str, Layers]:
        """The layers of each map for one text."""
        return {
            part: tuple(
                one_text(self.call(layer, part, row)) if isinstance(layer, Attention) else layer for layer in layers
            )
            for part, layers in found.items()
        }

    def call(self, call: Attention, part: str, row: int) -> Attention:
        """A call over all texts as it is for one, with a batch axis of 1."""
        source, target = self.group[row].sizes
        queries = target if target is not None and part in ("decoder", "cross") else source
        keys = target if target is not None and part == "decoder" else source
        sink = call.sink if call.sink is None or len(call.sink) == 1 else call.sink[row : row + 1]
        return replace(
            call,
            queries=call.queries[row : row + 1, :, :queries].clone(),
            keys=call.keys[row : row + 1, :, :keys].clone(),
            values=call.values[row : row + 1, :, :keys].clone(),
            allowed=self._allowed(call.allowed, row, queries, keys),
            bias=None if call.bias is None else _part(call.bias, row, queries, keys).clone(),
            sink=sink,
        )

    def _allowed(self, mask: Tensor | None, row: int, queries: int, keys: int) -> Tensor | None:
        """A mask in the form that a run of this text alone would have: none, or not laid out, where it can be."""
        if mask is None:
            return None
        place = (id(mask), row, queries, keys)  # the layers share their masks, which outlive this
        if place not in self._masks:
            self._masks[place] = _short(mask, row, queries, keys)
        return self._masks[place]

    def result(self, result: Mapping[str, Any], row: int, predictions: bool) -> Result:
        """What the model would have returned for one text, as far as a trace is made of it."""
        source, target = self.group[row].sizes
        found = {name: state for name, state in needed(result).items() if predictions or name != "logits"}
        sizes = {name: source if target is None or of_encoder(name) else target for name in found}
        return as_result({name: state[row : row + 1, : sizes[name]].clone() for name, state in found.items()})


class Each:
    """Changes each text's calls as in a run of its own (`interface.Follow`)."""

    def __init__(self, changes: Sequence[Intervention], group: Sequence[Reading]) -> None:
        self.changes = changes
        self.group = group

    def __enter__(self) -> Each:
        self._cut = Cut(self.group)
        self._changed: dict[int, list[Attention]] = {}
        self._still = torch.inference_mode()
        self._still.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._still.__exit__(*failure)

    def output(self, seen: Call, call: Attention) -> Tensor:
        """The outputs of all texts, one computed after the other."""
        calls = [self._cut.call(call, seen.place.part, row) for row in range(len(self.group))]
        for change in self.changes:
            if change.acts(seen.place.part, seen.place.layer):
                calls = [change.change(one, seen.place) for one in calls]
        self._changed.setdefault(id(seen.attention), [homed(one) for one in calls])
        shape = call.queries.shape
        output = call.values.new_zeros(shape[0], shape[2], shape[1], call.values.shape[-1])
        for row, one in enumerate(calls):
            output[row, : one.queries.shape[-2]] = one.output[0].transpose(0, 1)
        return output

    def layers(self, found: Mapping[str, Layers], row: int) -> dict[str, Layers]:
        """The layers of each map for one text."""
        return {
            part: tuple(
                one_text(self._changed[id(layer)][row]) if isinstance(layer, Attention) else layer for layer in layers
            )
            for part, layers in found.items()
        }


def _part(table: Tensor, row: int, queries: int, keys: int) -> Tensor:
    """One text's part of a table `[text, head, query, key]`, whose first three axes may be 1."""
    own = table if len(table) == 1 or table.ndim < 4 else table[row : row + 1]
    return own[..., : queries if own.shape[-2] > 1 else 1, :keys]


def _short(mask: Tensor, row: int, queries: int, keys: int) -> Tensor | None:
    """One text's part of a mask; None where everything is allowed, not laid out where it is a causal one."""
    if isinstance(mask, CausalMask):
        return CausalMask(queries, keys, first=mask.first, device=mask.device)
    own = _part(mask, row, queries, keys)
    if bool(own.all()):
        return None
    causal = CausalMask(queries, keys, device=own.device)
    if queries == keys and bool((own == causal.dense()).all()):
        return causal
    return own.clone()
