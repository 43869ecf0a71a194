"""A network that someone else has in memory: where it is found, and how its attention is sent another way and back."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attnviz.adapter.checks import embedding_rows
from attnviz.errors import ModelError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

# Where others keep a network: SentenceTransformer's first module; torch.compile; DataParallel; a pipeline, a Trainer,
# CrossEncoder, peft; a model of ours.
SHELLS = ("auto_model", "_orig_mod", "module", "model", "network")
TOKENIZERS = ("tokenizer", "processing_class", "processor")
DEEPEST = 4  # shells around one another
Names = tuple[tuple["PretrainedConfig", str | None], ...]
# What configurations said before they were first changed, by their ids: a notebook's cell may be run twice.
_FIRST: dict[int, tuple[weakref.ref[Any], str | None]] = {}


def network_in(given: object) -> PreTrainedModel:
    """The network of transformers that was given, or that is inside of what was. Raises `ModelError` for none."""
    from transformers import PreTrainedModel

    inside = [given]
    for _ in range(DEEPEST):
        if found := next((one for one in inside if isinstance(one, PreTrainedModel)), None):
            return found
        inside = [part for one in inside for part in _parts(one)]
    if isinstance(given, str):
        raise ModelError("wrap_name", model=given)
    raise ModelError("wrap_no_network", kind=type(given).__name__)


def _parts(one: object) -> Iterator[object]:
    """What may be a network in a thing that is none."""
    for name in SHELLS:
        part = getattr(one, name, None)
        if part is not None:
            yield part
    if hasattr(one, "children") and hasattr(one, "named_children"):
        yield from one.children()


def tokenizer_in(given: object, network: object) -> PreTrainedTokenizerBase:
    """The tokenizer that was given, or that comes with the network. Raises `ModelError` for none."""
    from transformers import PreTrainedTokenizerBase

    found = given
    if found is None:
        found = next((one for name in TOKENIZERS if (one := getattr(network, name, None)) is not None), None)
    if found is None:
        raise ModelError("wrap_no_tokenizer", kind=type(network).__name__)
    for one in (found, getattr(found, "tokenizer", None)):  # a processor has one
        if isinstance(one, PreTrainedTokenizerBase):
            return one
    raise ModelError("wrap_tokenizer_unknown", kind=type(found).__name__)


def check_guest(name: str, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Do the two go together, and is there text to be read? Raises `ModelError` where not."""
    if any(one.is_meta for one in network.parameters()):
        raise ModelError("wrap_no_weights", model=name)
    if network.main_input_name != "input_ids":
        raise ModelError("not_text", model=name, type=network.config.model_type)
    if getattr(network.base_model, "attention_type", "") == "block_sparse":  # it would rebuild itself for a short text
        raise ModelError("wrap_block_sparse", model=name)
    added = tokenizer.get_added_vocab()
    own = [number for token, number in tokenizer.get_vocab().items() if token not in added]
    if not own:
        raise ModelError("wrap_tokenizer_empty", model=name)
    rows = embedding_rows(network)
    if max(own) >= rows:
        raise ModelError("wrap_tokenizer_larger", model=name, tokens=max(own) + 1, rows=rows)


def before(network: PreTrainedModel) -> Names:
    """Every configuration that a network's modules read, with the implementation that it named at first."""
    return tuple((config, _said(config)) for config in _configs(network))


def change(names: Names, implementation: str) -> None:
    """Send the attention of these configurations through another implementation."""
    for config, said in names:
        _FIRST[id(config)] = (weakref.ref(config), said)
        config._attn_implementation_internal = implementation


def restore(names: Names) -> None:
    """Put back what the configurations named at first."""
    for config, said in names:
        config._attn_implementation_internal = said
        _FIRST.pop(id(config), None)


def _configs(network: PreTrainedModel) -> list[PretrainedConfig]:
    """The configurations of a network's modules, and those inside of them."""
    from transformers import PretrainedConfig

    waiting = [getattr(module, "config", None) for module in network.modules()]
    found: dict[int, PretrainedConfig] = {}
    while waiting:
        config = waiting.pop()
        if isinstance(config, PretrainedConfig) and id(config) not in found:
            found[id(config)] = config
            waiting += [getattr(config, part, None) for part in config.sub_configs]
    return list(found.values())


def _said(config: PretrainedConfig) -> str | None:
    """The implementation that a configuration named before it was first changed here."""
    held, first = _FIRST.get(id(config), (None, None))
    return first if held is not None and held() is config else config._attn_implementation
