"""A model that is in memory already: looked at as it is.

Nothing is changed but the function that its attention goes through, which is one name in its configurations
(`_attn_implementation` of transformers); `Wrapped.restore` puts it back. Training goes on as before, with the same
parameters, modes, hooks and devices.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attnviz.adapter.checks import embedding_rows
from attnviz.adapter.opening import EAGER, taken
from attnviz.adapter.registered import ATTENTION, register
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded
from attnviz.models.load import Model
from attnviz.notices import Notice, warn

if TYPE_CHECKING:
    from types import TracebackType

    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

# Where others keep a network: SentenceTransformer's first module; torch.compile; DataParallel; a pipeline, a Trainer,
# CrossEncoder, peft; a model of ours.
SHELLS = ("auto_model", "_orig_mod", "module", "model", "network")
TOKENIZERS = ("tokenizer", "processing_class", "processor")
DEEPEST = 4  # shells around one another
Names = tuple[tuple["PretrainedConfig", str | None], ...]
# What configurations said before they were first changed, by their ids: a notebook's cell may be run twice.
_FIRST: dict[int, tuple[weakref.ref[Any], str | None]] = {}


@dataclass(frozen=True)
class Wrapped(Model):
    """A model made by `wrap`: like any other, and the network that was given can be had back as it was.

    with av.wrap(network, tokenizer) as model:
        trace = av.record(model, text)
    """

    before: Names = field(default=(), kw_only=True, repr=False, compare=False)

    def restore(self) -> None:
        """Let the network's attention go through what it went through before it was first wrapped."""
        for config, said in self.before:
            config._attn_implementation_internal = said
            _FIRST.pop(id(config), None)

    def __enter__(self) -> Wrapped:
        _change(self.before, EAGER if self.eager else ATTENTION)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()


def wrap(network: Any, tokenizer: Any = None, *, name: str | None = None) -> Wrapped:
    """Look at a model that you have in memory: what `load` gives for one that lies in a folder.

    `network` is a model of transformers; a SentenceTransformer, a pipeline, a Trainer, a compiled or a peft model will
    do, of which the network inside is taken (and the tokenizer, unless one is given). `name` is what messages call it.
    It computes where and in what it did (a run of a network in training mode is one in evaluation mode, and the mode is
    put back), and nothing of it is changed but the implementation of its attention, which `restore()` puts back, as
    does the end of a `with`. Raises `ModelError` where there is no network of transformers, or no tokenizer that
    fits it.

        model = av.wrap(network, tokenizer)
        av.record(model, "the cat sat").tokens
    """
    register()
    shown = type(network).__name__
    with guarded(lambda reason: ModelError("wrap_failed", kind=shown, reason=first_line(reason))):
        found, reader = _network(network), _tokenizer(tokenizer, network)
        name = str(name or found.name_or_path or type(found).__name__)
        _check(name, found, reader)
        read = taken(name, found, reader)
        notices = (*_unwrapped(name, network, found), *read.notices)
        before = tuple((config, _said(config)) for config in _configs(found))
        _change(before, EAGER if read.eager else ATTENTION)
    warn(notices)
    return Wrapped(
        name, read.kind, read.network, read.tokenizer, None, read.limit, read.eager, notices=notices, before=before
    )


def _network(given: object) -> PreTrainedModel:
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
        if part is not None and not callable(getattr(part, "startswith", None)):
            yield part
    if hasattr(one, "children") and hasattr(one, "named_children"):
        yield from one.children()


def _tokenizer(given: object, network: object) -> PreTrainedTokenizerBase:
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


def _check(name: str, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Do the two go together, and is there text to be read? Raises `ModelError` where not."""
    if any(one.is_meta for one in network.parameters()):
        raise ModelError("wrap_no_weights", model=name)
    if network.main_input_name != "input_ids":
        raise ModelError("not_text", model=name, type=network.config.model_type)
    added = tokenizer.get_added_vocab()
    own = [number for token, number in tokenizer.get_vocab().items() if token not in added]
    if not own:
        raise ModelError("wrap_tokenizer_empty", model=name)
    rows = embedding_rows(network)
    if max(own) >= rows:
        raise ModelError("wrap_tokenizer_larger", model=name, tokens=max(own) + 1, rows=rows)


def _unwrapped(name: str, given: object, network: PreTrainedModel) -> tuple[Notice, ...]:
    """One line where something else was given than what is looked at."""
    if given is network or isinstance(given, Model):
        return ()
    said = {"model": name, "given": type(given).__name__, "taken": type(network).__name__}
    return (Notice("wrapped_inside", said),)


def _configs(network: PreTrainedModel) -> list[PretrainedConfig]:
    """Every configuration that a network's modules read, those inside of others too."""
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


def _change(before: Names, implementation: str) -> None:
    """Send the attention of these configurations through another implementation."""
    for config, said in before:
        _FIRST[id(config)] = (weakref.ref(config), said)
        config._attn_implementation_internal = implementation
