"""Record a model that reads a picture and a text together: which places of the picture each word looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.captioning.kinds import MERGED, answered, asks, captioned, in_a_row
from attnviz.adapter.captioning.prompts import prompt
from attnviz.adapter.captioning.reading import Sight, illustrated
from attnviz.adapter.generation import Stepping
from attnviz.adapter.outputs import Layers
from attnviz.adapter.registered import recording
from attnviz.adapter.vision.kinds import both
from attnviz.axes import Axis
from attnviz.core.interventions import check_tokens
from attnviz.errors import AttnvizError, ModelError, TextError
from attnviz.guard import guarded, own
from attnviz.models.memory import check_picture, check_run
from attnviz.models.seeing import VisionLanguageModel
from attnviz.pictures import Picture, Seen
from attnviz.recording.checks import check_rows
from attnviz.recording.looks import Look, beyond
from attnviz.recording.prompts import open_ended
from attnviz.recording.record import Watch, changes_of, fits, refuse_places, run, trace_of
from attnviz.recording.things.writing import Passing, Writing
from attnviz.text.labels import piece_label
from attnviz.text.tokens import Encoded, check_size, clean, encode, encode_whole, written
from attnviz.trace import Trace


@dataclass(frozen=True)
class Words:
    """What a model reads beside a picture: the `question` of one that has an encoder for it (BLIP), None of any other,
    and the tokens that its decoder begins with (`start`) and goes on to (`whole`).

    In these one token stands for the whole picture, or for a tile of it.
    """

    sight: Sight
    question: Encoded | None
    start: Encoded
    whole: Encoded

    @property
    def more(self) -> int:
        """How many tokens are written after the start."""
        return len(self.whole.ids) - len(self.start.ids)

    def after(self, ids: Sequence[int], model: VisionLanguageModel) -> Words:
        """The same with so many tokens written after the start."""
        return replace(self, whole=written(ids, model.tokenizer, after=self.start))


def told(model: Any, text: Any, look: Look, given: Mapping[str, Any]) -> Trace:
    """What does every head do with a picture and a text? `given` is what was asked for beside, by its names: the
    `picture`, and what was written so far as `target`.

    Raises `AttnvizError` for a model that reads no picture, and for what cannot be asked for with one.
    """
    model, words = _read(model, text, given, ("picture", "target"))
    with guarded(lambda error: ModelError("picture_run_failed", model=model.name)):
        target = given.get("target")
        if target is not None and not isinstance(target, str):
            raise AttnvizError("picture_beside_cannot", model=model.name, what="target")
        said = clean(target) if target else ""
        check_size(said)
        ids = model.tokenizer(said, add_special_tokens=False, verbose=False)["input_ids"] if said else []
        return _recorded(model, words.after(ids, model), look)


def wrote(model: Any, text: Any, how: Writing, given: Mapping[str, Any]) -> Trace:
    """Let a model answer, or go on with a caption, then read once more what it wrote: the trace of that.

    Raises `ModelError` for a model that does not write, and what `told` raises.
    """
    model, words = _read(model, text, given, ("picture",))
    if model.kind not in ("causal", "captioning"):
        raise ModelError("model_writes_nothing", model=model.name)
    with guarded(lambda error: ModelError("picture_run_failed", model=model.name)):
        if model.limit is not None:
            how.most = min(how.most, model.limit - len(_axis(model, words.start, words.sight)))
        if how.most < 1:
            raise TextError("text_leaves_no_room", model=model.name, limit=model.limit)
        _checked(model, words, how.most)
        _write(model, words, how)
        look = Look(how.rule, how.interventions, None, True, False, None, None)
        return _recorded(model, words.after(how.ids, model), look)


def _read(model: Any, text: Any, given: Mapping[str, Any], may: Sequence[str]) -> tuple[VisionLanguageModel, Words]:
    """The picture and the text as the model reads them, once they are such."""
    if not isinstance(model, VisionLanguageModel):
        raise ModelError("picture_beside", model=model.name)
    picture = given.get("picture")
    if isinstance(text, (Picture, Seen)):
        text, picture = None, text
    if picture is None:
        raise ModelError("model_captions", model=model.name)
    if more := beyond(given, may):
        raise AttnvizError("picture_beside_cannot", model=model.name, what=more)
    if text is not None and not isinstance(text, str):
        raise AttnvizError("picture_beside_cannot", model=model.name, what="text")
    with guarded(lambda error: ModelError("picture_run_failed", model=model.name)):
        check_size(text or "")
        return model, _words(model, model.see(picture), clean(text or "").strip())


def _words(model: VisionLanguageModel, sight: Sight, text: str) -> Words:
    """What is read beside a picture before anything is written."""
    tokenizer: Any = model.tokenizer
    if not model.across:
        asked = prompt(
            model.name, model.network.config.model_type, tokenizer, model.template, model.picture_token, text
        )
        start = _cut(model, asked.replace(model.picture_token, sight.stands, 1))
        return Words(sight, None, start, start)
    begin = int(model.network.config.text_config.bos_token_id)
    if asks(model.network):
        start = written((begin,), tokenizer)
        return Words(sight, encode(text, tokenizer, model.limit), start, start)
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] if text else []
    start = written((begin, *ids), tokenizer)
    return Words(sight, None, start, start)


def _cut(model: VisionLanguageModel, text: str) -> Encoded:
    """A prompt in tokens; one that begins with the token for a beginning, or has it after the picture, as it is."""
    tokenizer: Any = model.tokenizer
    begin = tokenizer.bos_token
    if begin and begin in text:
        return encode_whole(text, tokenizer, None)
    return open_ended(encode(text, tokenizer, None))


def _axis(model: VisionLanguageModel, encoded: Encoded, sight: Sight) -> Axis:
    """What the decoder reads, the picture's places among it where they stand there."""
    return encoded if model.across else illustrated(model.name, encoded, sight, model.picture_id)


def _checked(model: VisionLanguageModel, words: Words, more: int = 0) -> Axis:
    """What the decoder reads, once it is known to be no more than it can, with so many tokens to come."""
    axis = _axis(model, words.whole, words.sight)
    for one in (words.whole, *([] if words.question is None else [words.question])):
        known = [place for place, number in enumerate(one.ids) if number != model.picture_id]
        check_rows(model, [one.ids[place] for place in known], [one.labels[place] for place in known])
    if model.limit is not None and len(axis) > model.limit:
        raise TextError("target_too_long", model=model.name, tokens=len(axis), limit=model.limit)
    config: Any = model.network.config
    check_run(config.get_text_config(), len(axis) + more, eager=False)
    check_picture(config.vision_config, {"picture": words.sight.patches})
    return axis


def _recorded(model: VisionLanguageModel, words: Words, look: Look) -> Trace:
    """The trace of one run over a picture and what is read with it."""
    if look.states:
        raise ModelError("model_keeps_blocks", model=model.name)
    axis = _checked(model, words)
    check_tokens(look.interventions, *_sizes(model, words, len(axis)))
    longest = max(len(axis), words.sight.patches)
    watch = Watch.over(model.network, longest, look.values, own(look.on_layer), own(look.stop))
    watch = replace(watch, parts=_parts(model), states=watch.states and not model.across)
    result, found = run(
        model.network, changes_of(look.rule, look.interventions), name=model.name, watch=watch,
        **_given(model, words, axis),
    )  # fmt: skip
    if model.across:
        return _across(model, words, look, result, found)
    return _in_a_row(model, words, axis, look, result, found)


def _sizes(model: VisionLanguageModel, words: Words, longest: int) -> tuple[int, int | None]:
    """How many places changes may name: of the picture and of what is read, or of the one row of both."""
    return (words.sight.patches, longest) if model.across else (longest, None)


def _parts(model: VisionLanguageModel) -> Callable[[str], str]:
    """How the maps of a model are told apart, by the names of its modules."""
    if not model.across:
        return in_a_row
    return answered if asks(model.network) else captioned


def _in_a_row(
    model: VisionLanguageModel, words: Words, axis: Any, look: Look, result: Any, found: Mapping[str, Layers]
) -> Trace:
    """The trace of a model that reads picture and text in one row: that of its decoder."""
    layers = {"self": found.get("self", ())}
    fits(layers, model.name, len(axis), None)
    said = {"rule": look.rule, "changes": look.interventions, "blank": None}
    trace = trace_of(model, axis.of, None, result, layers, predictions=look.predictions, **said)
    return replace(trace, queries=axis, keys=axis, border=len(axis) - words.more if words.more else None)


def _given(model: VisionLanguageModel, words: Words, axis: Any) -> dict[str, Any]:
    """What the network is given, by the names of its arguments."""
    network: Any = model.network
    values = {name: torch.from_numpy(one.copy()) for name, one in words.sight.given.items()}
    told: dict[str, Any] = {
        name: one.to(network.dtype) if one.is_floating_point() else one for name, one in values.items()
    }
    if not model.across:
        ids = torch.tensor([axis.of.ids])
        kind = network.config.model_type
        if kind == "paligemma":  # the prompt sees itself in both directions
            told["token_type_ids"] = (torch.arange(len(axis)) >= len(axis) - words.more).long()[None]
        if kind in MERGED:
            told["mm_token_type_ids"] = (ids == model.picture_id).long()
        return {"input_ids": ids, **told}
    vision = network.config.vision_config
    if tuple(told["pixel_values"].shape[2:]) != both(vision.image_size):
        told["interpolate_pos_encoding"] = True
    ids = torch.tensor([words.whole.ids])
    if words.question is None:
        return told | {"input_ids": ids}
    return told | {"input_ids": torch.tensor([words.question.ids]), "decoder_input_ids": ids}


def _across(
    model: VisionLanguageModel, words: Words, look: Look, result: Any, found: Mapping[str, Layers]
) -> Trace:  # fmt: skip
    """The traces of all maps of a BLIP in one, that of the words to the picture first."""
    axis, asked, said = words.sight.axis, words.question, words.whole
    assert axis is not None
    looks = said if asked is None else asked
    sides: dict[str, tuple[Axis, Axis]] = {"cross": (looks, axis), "encoder": (axis, axis), "decoder": (said, said)}
    sides |= {} if asked is None else {"question": (asked, asked), "asked": (said, asked)}
    logits = result["logits"][0] if look.predictions and "logits" in result else None
    name = str if logits is None else partial(piece_label, tokenizer=model.tokenizer)
    traces = {}
    for part, (queries, keys) in sides.items():
        own = queries is said
        traces[part] = Trace(
            queries, keys, found[part], model=model.name, kind="captioning", rule=look.rule, part=part,
            outputs=result["last_hidden_state"][0] if part == "encoder" else torch.zeros(0, 0),
            logits=logits if own else None, name_piece=name, changes=look.interventions,
            border=len(words.start.ids) if own and words.more else None,
        )  # fmt: skip
    whole = replace(traces["cross"], others={part: one for part, one in traces.items() if part != "cross"})
    for change in look.interventions:
        refuse_places(change, whole)
    return whole


def _write(model: VisionLanguageModel, words: Words, how: Writing) -> None:
    """Write token by token, each step over the new token alone; nothing is kept of the steps but the tokens."""
    network: Any = model.network
    axis = _axis(model, words.start, words.sight)
    check_tokens(how.interventions, *_sizes(model, words, len(axis) + how.most))
    end = int(network.config.text_config.sep_token_id) if model.across else -1

    def choose(scores: Tensor) -> int:
        if not model.across:  # a place of a picture is nothing that can be written
            scores[..., model.picture_id] = -torch.inf
        return how.choose(scores)

    def ended(number: int) -> bool:
        return how.wrote(number, words.start, model.tokenizer) or number == end

    told = _given(model, words, axis)
    with recording(network, changes_of(how.rule, how.interventions), values=False) as seen, torch.inference_mode():
        seen.parts = _parts(model)
        if model.across:
            told = {"input_ids": torch.tensor([words.start.ids]), "encoder_hidden_states": _states(network, told)}
        else:
            told["attention_mask"] = torch.ones_like(told["input_ids"])
        writer = network.text_decoder if model.across else network
        Stepping(writer, told, None, how.most, choose, ended).run(Passing(model, seen))


def _states(network: Any, told: Mapping[str, Any]) -> Tensor:
    """What a BLIP's decoder looks at: the states of the picture, or those of a question that has looked at it."""
    inputs = {name: one.to(network.device) if isinstance(one, Tensor) else one for name, one in told.items()}
    own = {name: inputs[name] for name in ("pixel_values", "interpolate_pos_encoding") if name in inputs}
    found: Tensor = network.vision_model(**own).last_hidden_state
    if not asks(network):
        return found
    read: Tensor = network.text_encoder(input_ids=inputs["input_ids"], encoder_hidden_states=found).last_hidden_state
    return read
