"""Record a model that listens to a sound, and let one that writes write down what it hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.generation import Stepping
from attnviz.adapter.hearing.prompts import beginning
from attnviz.adapter.hearing.reading import inputs
from attnviz.adapter.outputs import Layers, last_states
from attnviz.adapter.registered import recording
from attnviz.answers import Answer
from attnviz.axes import Axis
from attnviz.core.attention import Attention
from attnviz.core.interventions import check_tokens
from attnviz.errors import AttnvizError, ModelError, TextError
from attnviz.guard import guarded, own
from attnviz.models.hearing import HearingModel
from attnviz.models.memory import check_sound
from attnviz.notices import warn
from attnviz.recording.checks import check_rows
from attnviz.recording.looks import Look, beyond
from attnviz.recording.prompts import as_languages
from attnviz.recording.record import Watch, changes_of, refuse_places, run
from attnviz.recording.things.writing import Passing, Writing
from attnviz.sounds.heard import Heard
from attnviz.text.labels import piece_label
from attnviz.text.tokens import Encoded, check_size, clean, written
from attnviz.trace import Trace


def listened(model: HearingModel, sound: Any, look: Look, given: Mapping[str, Any]) -> Trace:
    """What does every head do with a sound? `given` is what was asked for beside, by its names: of a model that writes
    `target` and `languages`, of no model anything else.

    Raises `ModelError` for a text in the place of the sound, `AttnvizError` for what only a text can be asked for.
    """
    read = _heard(model, sound, given, ("target", "languages") if model.writes else ())
    with guarded(lambda error: ModelError("sound_run_failed", model=model.name)):
        target = _target(model, read, given.get("target"), as_languages(given.get("languages")))
        return _recorded(model, read, target, look)


def _heard(model: HearingModel, sound: Any, given: Mapping[str, Any], may: Sequence[str]) -> Heard:
    """The sound as the model hears it, once it is one; what is asked for beside it must be of these."""
    if sound is None or isinstance(sound, Encoded) or (isinstance(sound, str) and not _is_file(sound)):
        raise ModelError("model_hears", model=model.name)
    if more := beyond(given, may):
        raise AttnvizError("sound_cannot", model=model.name, what=more)
    with guarded(lambda error: ModelError("sound_run_failed", model=model.name)):
        read = model.hear(sound)
    if not isinstance(sound, Heard):
        warn(read.notes)
    return read


def _is_file(text: str) -> bool:
    """Is a text the path of a file, and none that was to be read?"""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # no path: too long, or with a zero in it
        return False


def _recorded(model: HearingModel, read: Heard, target: Encoded | None, look: Look) -> Trace:
    """The trace of one run over a window of a sound, and what was written of it."""
    if look.states:
        raise ModelError("model_keeps_blocks", model=model.name)
    network, frames = model.network, len(read.axis)
    told, written_by = inputs(network, read), 0 if target is None else len(target.ids)
    check_tokens(look.interventions, frames, written_by or None)
    samples = round((read.end - read.begin) * int(model.extractor.sampling_rate))
    check_sound(network.config, frames, written_by, samples)
    if target is not None:
        told["decoder_input_ids"] = torch.tensor([target.ids])
    watch = Watch.over(network, max(frames, written_by), look.values, own(look.on_layer), own(look.stop))
    watch = watch if target is not None else replace(watch, states=False)  # the last ones are heard, after their norm
    result, found = run(network, changes_of(look.rule, look.interventions), name=model.name, watch=watch, **told)
    trace = _trace(model, read.axis, target, look, result, found)
    for change in look.interventions:
        refuse_places(change, trace)
    return trace


def _trace(
    model: HearingModel, frames: Axis, target: Encoded | None, look: Look, result: Any, found: Mapping[str, Layers]
) -> Trace:
    """The traces of all maps in one, that of the tokens to the sound first where there is one."""
    logits = result.logits[0] if target is not None and look.predictions and "logits" in result else None
    name = str if logits is None else partial(piece_label, tokenizer=model.tokenizer)
    answer = _answer(model, frames, result) if look.predictions else None
    traces = {}
    for part, layers in found.items():
        queries: Axis = frames if target is None or part == "encoder" else target
        keys: Axis = target if target is not None and part == "decoder" else frames
        if _sizes(layers) != {(len(queries), len(keys))}:
            raise ModelError("model_not_by_frame", model=model.name)
        states = last_states(result, "" if target is None else "encoder" if part == "encoder" else "decoder")
        traces[part] = Trace(
            queries, keys, layers, model=model.name, kind="hearing", rule=look.rule, part=part, answer=answer,
            outputs=states if len(states) == len(queries) else states[:0],  # an adapter may halve the frames behind
            logits=None if part == "encoder" else logits, name_piece=name, changes=look.interventions,
        )  # fmt: skip
    first = "cross" if "cross" in traces else next(iter(traces))
    return replace(traces[first], others={part: one for part, one in traces.items() if part != first})


def _answer(model: HearingModel, frames: Axis, result: Any) -> Answer | None:
    """What a head said of the whole sound, or of each frame."""
    if model.says not in ("token", "sequence"):
        return None
    scores: Tensor = result["logits"][0] if model.says == "token" else result["logits"][:1]
    fits = model.says == "sequence" or len(scores) == len(frames)
    return Answer("token" if model.says == "token" else "sequence", scores, model.labels, frames) if fits else None


def _sizes(layers: Layers) -> set[tuple[int, int]]:
    """How many queries and keys the layers have."""
    return {(one.queries.shape[-2], one.keys.shape[-2]) for one in layers if isinstance(one, Attention)}


def _target(model: HearingModel, read: Heard, target: Any, languages: tuple[str | None, str | None]) -> Encoded | None:
    """What the decoder reads: the marks that an answer begins with, and the answer so far."""
    if not model.writes:
        return None
    if isinstance(target, Encoded):
        check_rows(model, target.ids, target.labels)
        found = target
    else:
        check_size(target or "")
        begun = beginning(model.name, model.network, inputs(model.network, read), languages)
        said = clean(target) if target else ""
        more = model.tokenizer(said, add_special_tokens=False, verbose=False)["input_ids"] if said else []
        found = written((*begun, *more), model.tokenizer)
    if model.limit is not None and len(found.ids) > model.limit:
        raise TextError("target_too_long", model=model.name, tokens=len(found.ids), limit=model.limit)
    return found


def wrote(model: HearingModel, sound: Any, how: Writing, given: Mapping[str, Any]) -> Trace:
    """Let a model write down what it hears, then read once more what it wrote: the trace of that.

    Raises `ModelError` for a model that does not write, and what `listened` raises.
    """
    read = _heard(model, sound, given, ("languages",))
    if not model.writes:
        raise ModelError("model_writes_nothing", model=model.name)
    with guarded(lambda error: ModelError("sound_run_failed", model=model.name)):
        start = _target(model, read, None, as_languages(given.get("languages")))
        assert start is not None
        if model.limit is not None:
            how.most = min(how.most, model.limit - len(start.ids))
        if how.most < 1:
            raise TextError("text_leaves_no_room", model=model.name, limit=model.limit)
        _write(model, read, start, how)
        look = Look(how.rule, how.interventions, None, True, False, None, None)
        return _recorded(model, read, written(how.ids, model.tokenizer, after=start), look)


def _write(model: HearingModel, read: Heard, start: Encoded, how: Writing) -> None:
    """Write token by token, each step over the new token alone; nothing is kept of the steps but the tokens."""
    changes = changes_of(how.rule, how.interventions)
    check_tokens(how.interventions, len(read.axis), len(start.ids) + how.most)

    def ended(number: int) -> bool:
        return how.wrote(number, start, model.tokenizer)

    told = inputs(model.network, read)
    with recording(model.network, changes, values=False) as seen, torch.inference_mode():
        step = Stepping(model.network, told, torch.tensor([start.ids]), how.most, how.choose, ended)
        step.run(Passing(model, seen))
