"""Every kind of model as people bring it: a folder, opened with `load` and read with `record`.

A tiny random network of each type is saved with a small tokenizer of its own class beside it; the weights of the trace
are compared with those that transformers' eager attention returns of the same folder.
`python -m tests.parity.front_door` prints the table that `test_front_door.py` holds.
"""

from __future__ import annotations

import copy
import json
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attnviz import Attention, AttnvizError, ForecastModel, HearingModel, Trace, VisionModel, load, record
from attnviz.adapter.outputs import Layers
from attnviz.messages import LANGUAGES
from attnviz.models import Model
from attnviz.recording.asked import THINGS
from attnviz.trace import Gap
from tests.parity.architectures import ARCHITECTURES, Architecture, configuration, spread_out
from tests.parity.architectures.compare import as_returned, gap, reference, worst
from tests.parity.front_door import things
from tests.parity.front_door.more import MORE
from tests.parity.front_door.pictures import PICTURE, gaps
from tests.parity.front_door.tokenizers import REPLY, TEXT, tokenizer_for

DOORS: Mapping[str, Architecture] = {**ARCHITECTURES, **MORE}
HUGE = 10_000  # rows: CANINE's tokenizer has a number for every character there is, its network none
# What a checkpoint of each family holds, the first that transformers has for its type.
HEADS = {
    "text encoder": ("MASKED_LM",),
    "decoder": ("CAUSAL_LM", "IMAGE_TEXT_TO_TEXT"),
    "encoder-decoder": ("SEQ_TO_SEQ_CAUSAL_LM", "IMAGE_TEXT_TO_TEXT"),
    "image and text": ("IMAGE_TEXT_TO_TEXT",),
}
HEADS |= dict.fromkeys(("mixture of experts", "hybrid"), HEADS["decoder"])


@dataclass(frozen=True)
class Entered:
    """What came of one type at the front door; all of it can be sent from one process to another.

    `way` is "attend", "eager" (the weights that the model returns) or "not"; then `refused` is the id of the sentence
    and `sentences` say it in each language. `fault` is a traceback, which no folder and no text may cause.
    """

    name: str
    family: str
    saved: str
    tokenizer: str
    way: str = "not"
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    holes: Mapping[int, str] = field(default_factory=dict)
    weights: float = 0.0
    output: float = 0.0
    refused: str | None = None
    sentences: tuple[str, ...] = ()
    fault: str | None = None


def enter(name: str) -> Entered:
    """Save a type as a folder, open it as a person does and compare all that is read with transformers' own."""
    architecture = DOORS[name]
    with TemporaryDirectory() as root:
        folder = Path(root) / name
        tokenizer = save(architecture, folder)
        came = Entered(name, architecture.family, _class_saved(folder), type(tokenizer).__name__)
        try:
            model = load(folder)
            reply = REPLY if model.kind == "seq2seq" else None
            torch.manual_seed(0)
            trace = _recorded(model, reply)
        except AttnvizError as refusal:
            said = tuple(refusal.say(language).replace(str(folder), name) for language in LANGUAGES)
            return _with(came, refused=refusal.message, sentences=said)
        except Exception:
            return _with(came, fault=traceback.format_exc())
        return (compared if model.kind not in THINGS else compared_thing)(came, model, trace, folder)


def _recorded(model: Any, reply: str | None) -> Trace:
    """The trace of what a model of its kind is put to."""
    if isinstance(model, (HearingModel, ForecastModel)):
        return things.recorded(model)
    return record(model, PICTURE) if isinstance(model, VisionModel) else record(model, TEXT, target=reply)


def _with(came: Entered, **found: Any) -> Entered:
    return Entered(**{**vars(came), **found})


def save(architecture: Architecture, folder: Path) -> PreTrainedTokenizerBase:
    """Write config.json, model.safetensors and a tokenizer whose tokens all have their rows."""
    folder.mkdir()
    with TemporaryDirectory() as vocabulary:
        tokenizer = tokenizer_for(architecture.name, architecture.family, Path(vocabulary))
        tokenizer.save_pretrained(folder)
    _network(architecture, tokenizer).save_pretrained(folder)
    return tokenizer


def _network(architecture: Architecture, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """The network with random weights, with a row for each token."""
    numbers = with_rows(architecture.numbers, rows(tokenizer))
    fitted = Architecture(architecture.name, architecture.family, numbers, {})
    config = configuration(fitted)
    torch.manual_seed(0)
    return spread_out(maker(architecture, config)(config).float().eval(), architecture.name)


def rows(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many rows does an embedding need for these tokens?"""
    most = max((*tokenizer.get_vocab().values(), *tokenizer.all_special_ids)) + 1
    return most if most < HUGE else 0


def with_rows(numbers: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Numbers whose vocabularies, inner ones too, have at least so many rows."""
    found: dict[str, Any] = copy.deepcopy(dict(numbers))
    for name, value in found.items():
        if isinstance(value, Mapping):
            found[name] = with_rows(value, count)
        elif "vocab_size" in name and isinstance(value, int):
            found[name] = max(value, count)
    return found


def maker(architecture: Architecture, config: Any) -> Any:
    """The class that a checkpoint of this type is saved from."""
    from transformers.models.auto import modeling_auto

    heads = ("CAUSAL_LM",) if architecture.numbers.get("is_decoder") else HEADS.get(architecture.family, ())
    for purpose in (*heads, ""):
        names = getattr(modeling_auto, f"MODEL_{f'FOR_{purpose}_' if purpose else ''}MAPPING_NAMES")
        found = names.get(config.model_type)
        found = found[0] if isinstance(found, (tuple, list)) else found
        if found is not None:
            return getattr(transformers, found)
    return getattr(transformers, modeling_auto.MODEL_FOR_PRETRAINING_MAPPING_NAMES[config.model_type])


def _class_saved(folder: Path) -> str:
    return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"][0])


def compared(came: Entered, model: Model, trace: Trace, folder: Path) -> Entered:
    """How far is a trace from what transformers alone makes of the same folder?"""
    maker = getattr(transformers, came.saved)
    eager = maker.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    given = {"input_ids": torch.tensor([model.tokenizer(TEXT)["input_ids"]])}
    types = getattr(trace.looked_at or trace.encoded, "types", ())
    if types and _takes_types(eager, max(types)):
        given["token_type_ids"] = torch.tensor([types])
    if model.kind == "seq2seq":
        replied = next(trace.map(part) for part in trace.parts if part != "encoder").encoded
        given["decoder_input_ids"] = torch.tensor([replied.ids])
    torch.manual_seed(0)
    with torch.inference_mode():
        plain = eager(**given, output_attentions=True, output_hidden_states=True, use_cache=False)
    maps = {part: trace.map(part).layers for part in trace.parts}
    gaps = [
        gap(as_returned(layers, came.name), reference(eager, plain, part, came.name)) for part, layers in maps.items()
    ]
    holes = {n: one.reason for layers in maps.values() for n, one in enumerate(layers) if isinstance(one, Gap)}
    return _with(
        came, way="eager" if model.eager else "attend", sizes={part: _size(one) for part, one in maps.items()},
        holes=holes, weights=max(gaps), output=max(_output_gaps(trace, plain)),
    )  # fmt: skip


def compared_thing(came: Entered, model: Any, trace: Trace, folder: Path) -> Entered:
    """The same for a picture, a sound or values over time."""
    weights, output = (gaps if isinstance(model, VisionModel) else things.gaps)(model, trace, folder)
    sizes = {part: _size(trace.map(part).layers) for part in trace.parts}
    return _with(came, way="attend", sizes=sizes, weights=weights, output=output)


def _takes_types(network: PreTrainedModel, most: Any) -> bool:
    """Has the network a row for these token types? TAPAS, with seven to a token, does not say how many it has."""
    known = getattr(network.config, "type_vocab_size", None)
    fits = not isinstance(known, int) or most < known
    return fits and "token_type_ids" in signature(network.forward).parameters


def _size(layers: Layers) -> tuple[int, int]:
    """Layers and heads."""
    return len(layers), max(layer.n_heads for layer in layers if isinstance(layer, Attention))


def _output_gaps(trace: Trace, plain: Any) -> list[float]:
    """The last states and the scores of the next token; there is always one of them."""
    states = plain.get("decoder_hidden_states") or plain.get("hidden_states")
    found = [] if states is None else [worst(trace.outputs, states[-1][0])]
    if trace.logits is not None:
        found.append(worst(trace.logits, plain["logits"][0]))
    assert found, "nothing to compare"
    return found
