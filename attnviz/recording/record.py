"""Run a model once and record its attention, as it is or with changes made inside the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter import longformer, outputs
from attnviz.adapter.classes import HEAD_KINDS
from attnviz.adapter.gaps import instead
from attnviz.adapter.heads import answer_of, decoder_ids, without_cache
from attnviz.adapter.machine import brought, is_rough, placed
from attnviz.adapter.outputs import (
    Layers,
    hears_last,
    last_states,
    may_skip,
    other_shape,
    put_encoders,
    put_last,
    returned,
)
from attnviz.adapter.registered import (
    ATTENTION,
    BY_DISTANCE,
    UNREADABLE,
    Call,
    Follow,
    maps,
    one_text,
    recording,
)
from attnviz.adapter.vision.windows import Windows
from attnviz.core.attention import Attention
from attnviz.core.given import check_functions, switch
from attnviz.core.interventions import Intervention, Reweigh, check_tokens
from attnviz.core.rules import Rule, Soft
from attnviz.core.states import Block
from attnviz.errors import ModelError, Stopped, TextError
from attnviz.guard import guarded, own, sentences
from attnviz.models.load import Model
from attnviz.models.memory import check_run, n_calls
from attnviz.pictures import Picture, Seen
from attnviz.recording.asked import THINGS, check_blank, check_changes, check_model, check_rule, check_text
from attnviz.recording.checks import check_ids, check_numbers, why_not
from attnviz.recording.dataflow import Dataflow
from attnviz.recording.looks import Look, looked
from attnviz.recording.prompts import Asked, reply_of
from attnviz.recording.systems import read as read_system
from attnviz.sounds import Sound
from attnviz.sounds.heard import Heard
from attnviz.systems.protocol import System
from attnviz.text.labels import piece_label
from attnviz.text.tokens import Encoded, encode
from attnviz.trace import Trace

LONG = 1024  # tokens; longer texts are recorded without their values, and without the states between layers


@sentences
def record(
    model: Model | System,
    text: str | Encoded | Picture | Seen | Sound | Heard | Any = None,
    *,
    chat: str | Sequence[Mapping[str, Any]] | None = None,
    pair: str | None = None,
    rule: Rule | None = None,
    blank: int | None = None,
    interventions: Sequence[Intervention] = (),
    target: str | Encoded | Any = None,
    languages: tuple[str | None, str | None] | None = None,
    picture: Any = None,
    values: bool | None = None,
    predictions: bool = True,
    states: bool = False,
    on_layer: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Trace:
    """What does every head of `model` do with `text`, or with a picture?

    `rule` acts in every layer while the model computes, so later layers and the prediction follow it (soft unless
    given); `interventions` change heads, edges and tokens, or the rule in chosen layers. `blank` puts [MASK] on that
    token and asks the model to fill it. An encoder-decoder also reads `target`, what it has written so far (nothing
    unless given); its trace is the cross attention's, `Trace.map` gives the others. A text that is too long is read as
    far as the model reaches (`Trace.encoded.cut`). With `pair`, a second text, both are read as one, token for token as
    the tokenizer joins them (questions and passages, premises and hypotheses); `Trace.queries.segments` tells them
    apart. Text and target may be the `encoded` of another trace (one that the model wrote, say), which are then read
    token for token. `languages` are the codes of those that the text is in and the target is to be in, of
    `model.languages` (None: the model's usual one): ("eng_Latn", "zho_Hans"). A `chat`, in place of a text, is turns
    ({"role": "user", "content": "Hi"}, ...) or lines that begin with a role ("user: Hi"), which the tokenizer's own
    template makes one text of, up to the head of the answer unless the assistant has the last turn;
    `Trace.queries.roles` says whose each token is.

    `values` of the layers are kept up to 1,024 tokens unless it is said here; weights never need them. Without
    `predictions` there are no `logits`, and a decoder leaves them out (a number for each token and each piece of its
    vocabulary: 5 GB for 8,192 tokens of Qwen2.5). With `states` the run keeps what each attention block read from the
    stream of states and added to it, and its output projection (`Trace.block`). `on_layer` hears how many layers have
    come, of how many; `stop` is asked in each whether to go on, and the model stays as it was. (Models that are `eager`
    do not tell, and show no states; nor do systems.) A system (`attnviz.systems`) reads as its own `read` does: it can
    be given a `rule`, and a `target` where it reads two texts.

    A model that looks at pictures (`VisionModel`) is given one in place of the text: what `open_picture` gave or takes,
    or what `model.see` made of it. Both sides of its map are the picture's `Patches`, tokens are places among them, and
    `Trace.answer` is what its trained head says. One that listens (`HearingModel`) is given a sound in place of the
    text (`open_sound`, `(samples, rate)`, `model.hear`), and `target` where it writes; one of values over time
    (`ForecastModel`) an array `[step, channel]`, or what `model.past` made of it, and as `target` what really came. One
    that reads both together (`VisionLanguageModel`) takes a `picture` beside the text, and as `target` what it has
    written: its trace has both in one row (`Illustrated`), or is the words' map over the `Patches` (BLIP).

    Raises `Stopped` where `stop` said so, `TextError` for a text that cannot be read, `ModelError` for a model whose
    attention cannot, `AttnvizError` for an intervention on a layer, head or token that is not there, and for what a
    system cannot be asked for.

    >>> import attnviz as av
    >>> av.record(av.load("lab-4"), "南京市长江大桥").tokens[:4]
    ['[CLS]', '南', '京', '市']
    """
    model, rule = check_model(model, things=True), check_rule(rule)
    interventions, blank = check_changes(interventions), check_blank(blank)
    values = None if values is None else switch("values", values)
    predictions, states = switch("predictions", predictions), switch("states", states)
    check_functions(on_layer=on_layer, stop=stop)
    if isinstance(model, Model) and (model.kind in THINGS or picture is not None):
        look = Look(rule or Soft(), interventions, values, predictions, states, on_layer, stop)
        given = {"chat": chat, "pair": pair, "blank": blank, "target": target, "languages": languages}
        given["picture"] = picture
        return looked(model, text, look, given)
    target = None if target is None else check_text("target", target)
    if chat is None:
        check_text("text", text)
    asked = Asked.of(text, chat, pair, target, languages)
    if isinstance(model, System):
        beyond = {
            "blank": blank is not None,
            "interventions": bool(interventions),
            "values": values is False,
            "states": states,
            "pair": pair is not None,
            "languages": asked.languages != (None, None),
            "chat": chat is not None,
            "picture": picture is not None,
        }
        return read_system(model, asked.text, rule, target, beyond | {"predictions": not predictions})
    changes = changes_of(rule, interventions)
    said = {"rule": rule or Soft(), "changes": interventions, "blank": blank}
    with guarded(lambda error: why_not(model)):
        asked = asked.read_by(model)
        texts = [one for one in read(model, asked.text, asked.target, blank, asked.pair) if one is not None]
        sizes, inputs = _prepared(model, changes, predictions, *texts)
        watch = Watch.over(model.network, max(sizes), values, own(on_layer), own(stop))
        watch = watch.closer(model) if states else watch
        result, found = run(model.network, changes, eager=model.eager, name=model.name, watch=watch, **inputs)
        fits(found, model.name, sizes[0], sizes[1] if len(sizes) > 1 else None)
        reply = texts[1] if len(texts) > 1 else None
        trace = trace_of(model, texts[0], reply, result, found, predictions=predictions, **said)
        return trace if not isinstance(watch.follow, Dataflow) else with_blocks(trace, watch.follow.blocks(found))


def read(
    model: Model,
    text: str | Encoded,
    target: str | Encoded | None = None,
    blank: int | None = None,
    pair: str | None = None,
) -> tuple[Encoded, Encoded | None]:
    """What does the model read: the text or both, with its blank, and, where there is a decoder, the decoder's text?"""
    if isinstance(text, Encoded):
        if pair is not None:
            raise TextError("pair_already_read")
        encoded = text
    else:
        encoded = encode(text, model.tokenizer, model.limit, pair=pair)
    if blank is not None:
        encoded = _blanked(encoded, blank, model)
    if model.kind in HEAD_KINDS:
        return encoded, _moved_on(encoded, model)
    return encoded, reply_of(model, target) if model.kind == "seq2seq" else None


def _moved_on(encoded: Encoded, model: Model) -> Encoded | None:
    """The text as the decoder of a trained head reads it: one place on. None where the head has no decoder."""
    ids = decoder_ids(model.network, encoded.ids)
    if ids is None:
        return None
    first = piece_label(ids[0], model.tokenizer)
    return replace(
        encoded, ids=ids, labels=(first, *encoded.labels[:-1]), spans=(None, *encoded.spans[:-1]),
        special=(True, *encoded.special[:-1]), types=(),
        pair=encoded.pair and replace(encoded.pair, segments=(None, *encoded.pair.segments[:-1])),
        chat=encoded.chat and replace(encoded.chat, turns=(None, *encoded.chat.turns[:-1])),
    )  # fmt: skip


def changes_of(rule: Rule | None, interventions: Sequence[Intervention]) -> tuple[Intervention, ...]:
    """All that a run changes, its rule among it."""
    return (*([] if rule is None or rule == Soft() else [Reweigh(rule)]), *interventions)


def with_blocks(trace: Trace, blocks: Mapping[str, tuple[Block | None, ...]]) -> Trace:
    """The trace and those of the other maps, with what their blocks did."""
    others = {part: replace(other, blocks=blocks[part]) for part, other in trace.others.items()}
    return replace(trace, blocks=blocks[trace.part], others=others)


def _prepared(
    model: Model, changes: Sequence[Intervention], predictions: bool, *read: Encoded
) -> tuple[list[int], dict[str, Any]]:
    """How long text and reply are, and what the network is given. Raises what `record` raises before a run."""
    check_ids(model, *read)
    sizes = [len(one.ids) for one in read]
    check_tokens(changes, sizes[0], sizes[1] if len(sizes) > 1 else None)
    text, reply = read[0], read[1] if len(read) > 1 else None
    inputs: dict[str, Any] = outputs.inputs(model.network, text.ids, text.types, None if reply is None else reply.ids)
    skips = not predictions and may_skip(model.network)
    check_run(model.network.config, *sizes, eager=model.eager, predictions=not skips and model.kind not in HEAD_KINDS)
    return sizes, inputs | ({"logits_to_keep": 1} if skips else {})


@dataclass(frozen=True)
class Watch:
    """How a run is followed: whether values are kept, whether all hidden states are, and who hears of each layer.

    A run over several texts (`batches.py`) leaves its layers as they are, over all of them; a `light` one keeps their
    shapes alone. `windows` are those of a picture, `parts` names maps by modules (`things/captions.py`).
    """

    values: bool = True
    states: bool = True
    on_call: Callable[[int], object] | None = None
    follow: Follow | None = None
    texts: int = 1
    windows: Windows | None = None
    parts: Callable[[str], str] | None = None
    light: bool = False

    def closer(self, model: Model) -> Watch:
        """So that blocks are seen too. Raises `ModelError` for a model that keeps its attention to itself."""
        if model.eager:
            raise ModelError("model_keeps_blocks", model=model.name)
        return replace(self, follow=Dataflow())

    @classmethod
    def over(
        cls, network: Any, tokens: int, values: bool | None, on_layer: Callable[[int, int], object] | None,
        stop: Callable[[], bool] | None,
    ) -> Watch:  # fmt: skip
        """How a run over so many tokens is followed. Raises `Stopped` where it shall not begin."""
        total, short = n_calls(network.config), tokens <= LONG

        def told(count: int) -> None:
            if on_layer is not None and count:
                on_layer(min(count, total) if total else count, total or count)
            if stop is not None and stop():
                raise Stopped("run_stopped")

        told(0)
        return cls(short if values is None else values, short or not hears_last(network), told)


def run(
    network: Any, changes: Sequence[Intervention] = (), *, eager: bool = False, name: str = "",
    watch: Watch = Watch(), **inputs: Any,
) -> tuple[Any, dict[str, Layers]]:  # fmt: skip
    """One forward pass of a network: its own result, and the layers of each map (`interface.maps`).

    An `eager` network returns its weights instead of calling `attend`: they can be looked at, not changed. Raises
    `ModelError` where there is no attention to be seen, or none that can be changed.
    """
    if network.config.model_type in UNREADABLE:
        raise ModelError("model_not_by_token", model=name)
    if eager and changes:
        raise ModelError("model_read_only", model=name)
    asked = {"output_hidden_states": watch.states, **without_cache(network)}
    asked |= {"output_attentions": True} if eager else {}
    heard = recording(network, changes, values=watch.values, on_call=watch.on_call, follow=watch.follow)
    with heard as seen, watch.follow or torch.inference_mode():
        seen.windows, seen.parts, seen.light = watch.windows, watch.parts, watch.light
        result = brought(network(**placed(network, inputs), **asked))
    put_encoders(result, seen.last)
    if not watch.states and not put_last(result, seen.last):
        return run(network, changes, eager=eager, name=name, watch=replace(watch, states=True), **inputs)
    check_numbers(result, name, network.dtype)
    found = (
        returned(result, rough=is_rough(network))
        if eager
        else maps(network, seen.steps[-1], watch.texts, one_text if watch.texts == 1 else _as_it_is)
    )
    if part := BY_DISTANCE.get(network.config.model_type):
        found |= {part: longformer.layers(result, part)}
    if not found:
        if not eager and network.config._attn_implementation != ATTENTION:
            raise ModelError("model_restored", model=name)
        raise _refusal(network, name, result, seen.steps[-1])
    return result, found


def _as_it_is(call: Attention) -> Attention:
    return call


def fits(found: Mapping[str, Layers], name: str, source: int, target: int | None) -> None:
    """Refuse a map that does not have a row and a column for each token: one padded (BigBird) or pooled (CANINE)."""
    queries = {"self": source, "encoder": source, "decoder": target, "cross": target}
    keys = {**queries, "cross": source}
    for part, layers in found.items():
        if part not in queries:  # several stacks, run in turn over the same text: HRM's two modules
            raise ModelError("model_no_attention", model=name)
        if _sizes(layers) - {(queries[part], keys[part])}:
            raise ModelError("model_not_by_token", model=name)


def _refusal(network: Any, name: str, result: Mapping[str, Any], calls: Sequence[Call]) -> ModelError:
    """Why is there no map? Because nothing in the model is attention, or it has another shape, or it is kept."""
    kind = instead(network)
    if kind:
        return ModelError("model_without_attention", model=name, kind=kind)
    windows = any(len(call.attention.queries) > 1 for call in calls)
    if windows or other_shape(result) or network.config.model_type in BY_DISTANCE:
        return ModelError("model_not_by_token", model=name)
    return ModelError("model_no_attention", model=name)


def _sizes(layers: Layers) -> set[tuple[int, int]]:
    """How many queries and keys the layers of a map have."""
    return {(layer.queries.shape[-2], layer.keys.shape[-2]) for layer in layers if isinstance(layer, Attention)}


def trace_of(
    model: Model, encoded: Encoded, reply: Encoded | None, result: Any, found: Mapping[str, Layers],
    *, predictions: bool = True, **said: Any,
) -> Trace:  # fmt: skip
    """The trace of a run from what it returned; of an encoder-decoder that of the cross attention, with the others."""
    if predictions:
        said["answer"] = answer_of(model.kind, model.network.config, result, encoded)
    make = _Maker(model, dict(said))
    heard = predictions and model.kind not in ("plain", *HEAD_KINDS) and "logits" in result  # not in a wrapped T5Model
    logits = result.logits[0] if heard else None
    if reply is None:
        hidden = last_states(result)
        traces = {part: make(part, encoded, layers, hidden, logits) for part, layers in found.items()}
        first = next(iter(traces))
    else:
        source, target = last_states(result, "encoder"), last_states(result, "decoder")
        axes: dict[str, tuple[Encoded, Tensor, Tensor | None]] = {
            "encoder": (encoded, source, None), "decoder": (reply, target, logits), "cross": (reply, target, logits),
        }  # fmt: skip
        traces = {part: make(part, axes[part][0], layers, *axes[part][1:]) for part, layers in found.items()}
        first = "cross" if "cross" in traces else next(iter(traces))
        if "cross" in traces:
            traces["cross"] = replace(traces["cross"], keys=encoded)
    others = {part: trace for part, trace in traces.items() if part != first}
    whole = replace(traces[first], others=others)
    for change in whole.changes:
        refuse_places(change, whole)
    return whole


@dataclass(frozen=True)
class _Maker:
    """Makes a trace for each map of one run."""

    model: Model
    said: dict[str, Any]

    def __call__(self, part: str, encoded: Encoded, layers: Layers, outputs: Tensor, logits: Tensor | None) -> Trace:
        model = self.model
        boundary = model.boundary if part == "self" else None
        name = partial(piece_label, tokenizer=model.tokenizer)
        return Trace(
            encoded, encoded, layers, model=model.name, kind=model.kind, outputs=outputs, logits=logits,
            boundaries=None if boundary is None else boundary.begins(outputs), name_piece=name, part=part, **self.said,
        )  # fmt: skip


def refuse_places(change: Intervention, trace: Trace) -> None:
    """Refuse a change in a map or layer that is not there, or in a layer without attention."""
    parts = [part for part in trace.parts if change.meant(part)]
    if change.part is not None and not parts:
        trace.map(change.part)  # raises
    for layer in change.layers or ():
        if parts and not any(layer in trace.map(part).open_layers for part in parts):
            trace.map(parts[0]).attention(layer)  # raises


def _blanked(encoded: Encoded, blank: int, model: Model) -> Encoded:
    """The same text with [MASK] in the place of one token."""
    if model.mask_id is None:
        raise ModelError("model_fills_no_blanks", model=model.name)
    if not 0 <= blank < len(encoded.ids):
        raise TextError("no_such_position", number=blank, last=len(encoded.ids) - 1)
    if encoded.special[blank]:
        raise TextError("blank_special", token=encoded.labels[blank])
    ids, labels = list(encoded.ids), list(encoded.labels)
    ids[blank], labels[blank] = model.mask_id, model.tokenizer.mask_token
    return replace(encoded, ids=tuple(ids), labels=tuple(labels))
