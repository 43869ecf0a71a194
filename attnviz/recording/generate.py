"""Let a model write on from a text, token by token, and join its steps to one map of prompt and answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from attnviz.adapter.generation import Stepping
from attnviz.adapter.outputs import Layers, Result, as_result, needed, of_encoder
from attnviz.adapter.registered import Run, maps, recording
from attnviz.core.attention import Attention
from attnviz.core.given import check_functions, whole
from attnviz.core.interventions import Intervention, check_tokens
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ArgumentError, ModelError, TextError
from attnviz.guard import guarded, own, sentences
from attnviz.models.load import Model
from attnviz.models.memory import check_run
from attnviz.recording.asked import check_changes, check_model, check_rule
from attnviz.recording.checks import check_ids, check_numbers, why_not
from attnviz.recording.prompts import Asked, open_ended, reply_of
from attnviz.recording.record import changes_of, fits, read, record, trace_of
from attnviz.recording.things.writing import Writing
from attnviz.sounds import Sound
from attnviz.sounds.heard import Heard
from attnviz.systems.protocol import System
from attnviz.text.tokens import Encoded, written
from attnviz.trace import Gap, Trace

if TYPE_CHECKING:
    from attnviz.models.hearing import HearingModel


@sentences
def generate(
    model: Model | System,
    text: str | Encoded | Sound | Heard | Any = None,
    *,
    chat: str | Sequence[Mapping[str, Any]] | None = None,
    pair: str | None = None,
    most: int = 40,
    rule: Rule | None = None,
    interventions: Sequence[Intervention] = (),
    on_token: Callable[[int, str], object] | None = None,
    stop: Callable[[], bool] | None = None,
    temperature: float | None = None,
    seed: int = 0,
    languages: tuple[str | None, str | None] | None = None,
    picture: Any = None,
) -> Trace:
    """What does `model` write after `text`, and who looks at whom while it writes?

    At most `most` tokens, fewer at the model's end-of-sequence token (which is kept), at its longest text, or when
    `stop()`, asked after each, says True; `on_token(count, answer_so_far)` is called before that. The likeliest token
    is taken, after the model's own generation settings (forced first tokens, forbidden words) but with one beam; with
    `temperature` one is drawn, the same for one `seed`. `rule` and `interventions` act in every step, tokens numbered
    from the start of the prompt (from the decoder's start token). `languages` are those of the text and of what is
    written, `pair` is a second text that is read with the first, and `chat` is in place of a text, as `record` takes
    them; the answer becomes a turn of the chat, or goes on with the assistant's where that is the last.

    The trace is that of one run over prompt and answer, `Trace.border` the number of the first token written. A special
    token that the tokenizer puts after the prompt is left off, as it would end the text. An encoder-decoder's trace is
    that of `record(model, text, target=...)`: the cross map, with no border, since the model wrote all of the target.
    A model that keeps its attention to itself, or keeps no cache, is read once more when it has written.

    A model that listens (`HearingModel`) is given a sound in place of the text, as `record` takes it, and writes down
    what it hears, the likeliest token each time; of `languages` the first is what is spoken (it tells by itself unless
    given), the second may be English, which a Whisper of several languages then translates to. Long sound is written
    down window by window (`model.hear(sound, window=1)`), never by more than a window at a time. One that reads a
    `picture` beside the text (`VisionLanguageModel`) answers, or goes on with a caption.

    Raises `TextError` for a text that leaves no room to write, `ModelError` for a model that does not write, and what
    `record` raises.
    """
    model, rule = check_model(model, things=("hearing", "captioning")), check_rule(rule)
    check_functions(on_token=on_token, stop=stop)
    interventions, most = check_changes(interventions), whole("most", most)
    draw, dice = None if temperature is None else Soft(temperature), torch.Generator()
    dice.manual_seed(whole("seed", seed) % 2**64)  # torch takes no longer one, and a negative one as this
    if most < 1:
        raise ArgumentError("argument_most", got=most)
    how = Writing(most, rule or Soft(), interventions, own(on_token), own(stop), draw, dice)
    given = {"chat": chat, "pair": pair, "languages": languages}
    if isinstance(model, Model) and model.kind == "hearing":
        from attnviz.recording.things.sounds import wrote

        return wrote(cast("HearingModel", model), text, how, given)
    if isinstance(model, Model) and (picture is not None or model.kind == "captioning"):
        from attnviz.recording.things.captions import wrote as answered

        return answered(model, text, how, given | {"picture": picture})
    asked = Asked.of(text, chat, pair, None, languages, goes_on=True)
    if not isinstance(model, Model) or model.kind not in ("causal", "seq2seq"):
        raise ModelError("model_writes_nothing", model=model.name)
    if not model.network.can_generate():  # a body without the head that its type has
        raise ModelError("model_writes_nothing", model=model.name)
    changes = changes_of(how.rule, interventions)
    if model.eager and changes:
        raise ModelError("model_read_only", model=model.name)
    with guarded(lambda error: why_not(model)):
        asked = asked.read_by(model)
        source, start, most = begun(model, asked, most)
        writer = _Writer(model, source, start, replace(how, most=most))
        trace = _written(writer, changes, {"rule": how.rule, "changes": interventions})
    return replace(trace, border=len(writer.start.ids)) if writer.source is None else trace


def _written(writer: _Writer, changes: Sequence[Intervention], said: dict[str, Any]) -> Trace:
    """Write, then join the steps to one trace; where they cannot be joined, read once more what was written."""
    model = writer.model
    check_tokens(changes, *writer.sizes)
    with recording(model.network, changes) as run, torch.inference_mode():
        steps = writer.write(run)
    read, answer = writer.read
    if steps.joinable(steps.maps):
        layers = steps.layers()
        fits(layers, model.name, len(read.ids), None if answer is None else len(answer.ids))
        return trace_of(model, read, answer, steps.result(), layers, **said)
    return record(model, read, rule=said["rule"], interventions=said["changes"], target=answer)


@dataclass
class _Writer:
    """One text being written: what it goes on from, and how.

    `source` is what the encoder reads; `start` the prompt, or the decoder's start token.
    """

    model: Model
    source: Encoded | None
    start: Encoded
    how: Writing

    @property
    def sizes(self) -> tuple[int, int | None]:
        """The most tokens that source and target can have; None for a model without a source."""
        longest = len(self.start.ids) + self.how.most
        return (longest, None) if self.source is None else (len(self.source.ids), longest)

    @property
    def read(self) -> tuple[Encoded, Encoded | None]:
        """What the model has read by the end: prompt and answer in one, or source and target."""
        whole = written(self.how.ids, self.model.tokenizer, after=self.start)
        return (whole, None) if self.source is None else (self.source, whole)

    def write(self, run: Run) -> _Steps:
        """Let the model write, one step a token; what the steps recorded."""
        steps = _Steps(self.model, run)
        first = torch.tensor([(self.source or self.start).ids])
        start = None if self.source is None else torch.tensor([self.start.ids])
        Stepping(self.model.network, first, start, self.how.most, self.how.choose, self._ended).run(steps)
        return steps

    def _ended(self, number: int) -> bool:
        return self.how.wrote(number, self.start, self.model.tokenizer)


def begun(model: Model, asked: Asked, most: int) -> tuple[Encoded | None, Encoded, int]:
    """What is read, what is written on from, and how many tokens fit. `TextError` where there is no room for one."""
    encoded, _ = read(model, asked.text, pair=asked.pair)
    source = encoded if model.kind == "seq2seq" else None
    start = open_ended(encoded) if source is None else reply_of(model, asked.target)
    if model.limit is not None:
        most = min(most, model.limit - len(start.ids))
        if most < 1 or (source is None and encoded.cut is not None):
            raise TextError("text_leaves_no_room", model=model.name, limit=model.limit)
    check_ids(model, *(one for one in (source, start) if one is not None))
    sizes = (len(encoded.ids), most) if source is not None else (len(start.ids) + most,)
    check_run(model.network.config, *sizes, eager=model.eager)
    return source, start, most


@dataclass
class _Layer:
    """The calls of one layer over the steps: their queries' rows, and the keys that each step adds.

    Only these are kept, not every step's whole cache. The cross attention's keys, the source's, come with the first.
    """

    cross: bool
    calls: list[Attention] = field(default_factory=list)  # the first, for what all have in common
    queries: list[Tensor] = field(default_factory=list)
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    allowed: list[Tensor | None] = field(default_factory=list)
    bias: list[Tensor | None] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)  # how many keys each step could reach

    def add(self, call: Attention) -> None:
        """One more step."""
        queries, width = call.queries.shape[-2], call.keys.shape[-2]
        if not self.calls:
            self.calls.append(call)
            new = width
        else:
            new = 0 if self.cross else queries
        self.queries.append(call.queries)
        self.keys.append(call.keys[:, width - new :].clone())
        self.values.append(call.values[:, width - new :].clone())
        self.allowed.append(call.allowed)
        self.bias.append(call.bias)
        self.widths.append(width)

    def joined(self) -> Attention:
        """One call over all steps; what a step's cache no longer held, or did not hold yet, is not allowed."""
        queries, keys, values = (torch.cat(parts, dim=-2) for parts in (self.queries, self.keys, self.values))
        allowed = self._placed(self.allowed, torch.zeros(1, queries.shape[-2], keys.shape[-2], dtype=torch.bool))
        bias = None if all(part is None for part in self.bias) else self._placed(self.bias, torch.zeros(allowed.shape))
        return replace(self.calls[0], queries=queries, keys=keys, values=values, allowed=allowed, bias=bias)

    def _placed(self, parts: Sequence[Tensor | None], empty: Tensor) -> Tensor:
        """Masks or biases of the steps in one `[head, query, key]`, each ending at the last key there was by then."""
        heads = max((part.shape[-3] for part in parts if part is not None and part.ndim > 2), default=1)
        whole = empty[:1].repeat(heads, 1, 1)
        row = column = 0
        for part, queries, keys, width in zip(parts, self.queries, self.keys, self.widths, strict=True):
            rows, column = slice(row, row + queries.shape[-2]), column + keys.shape[-2]
            row = rows.stop
            whole[:, rows, column - width : column] = empty.dtype == torch.bool if part is None else part
        return whole


@dataclass
class _Steps:
    """What the steps of one generation recorded.

    `cached`: each goes over the new tokens alone; `blind`: there is nothing to record.
    """

    model: Model
    run: Run
    maps: dict[str, list[_Layer | Gap]] = field(default_factory=dict)
    results: dict[str, list[Any]] = field(default_factory=dict)
    cached: bool = True
    blind: bool = False

    def add(self, result: Mapping[str, Any], *, cached: bool) -> None:
        """One forward pass. Raises `ModelError` for one that gives no numbers."""
        check_numbers(result, self.model.name, self.model.network.dtype)
        self.cached = cached
        found = maps(self.model.network, self.run.steps[-1])
        self.blind = not found and not self.model.eager
        if self.joinable(found):
            self._keep(found, result)
        self.run.next_step()
        self.run.steps[-2].clear()
        if not self.cached:
            self.run.written = 0  # the next goes over everything again

    def joinable(self, found: object) -> bool:
        """Are these calls over the new tokens alone?"""
        return self.cached and bool(found)

    def _keep(self, found: Mapping[str, Layers], result: Mapping[str, Any]) -> None:
        """Hold on to what a trace needs, of hidden states the last alone."""
        for part, layers in found.items():
            empty = [layer if isinstance(layer, Gap) else _Layer(part == "cross") for layer in layers]
            for kept, layer in zip(self.maps.setdefault(part, empty), layers, strict=True):
                if isinstance(kept, _Layer) and isinstance(layer, Attention):
                    kept.add(layer)
        for name, states in needed(result).items():
            self.results.setdefault(name, []).append(states)

    def layers(self) -> dict[str, Layers]:
        """The layers of each map over the whole text."""
        return {
            part: tuple(layer.joined() if isinstance(layer, _Layer) else layer for layer in layers)
            for part, layers in self.maps.items()
        }

    def result(self) -> Result:
        """Logits and last hidden states of all positions; the encoder's as they first were."""
        whole = {
            name: steps[0] if of_encoder(name) else torch.cat(steps, dim=1) for name, steps in self.results.items()
        }
        return as_result(whole)
