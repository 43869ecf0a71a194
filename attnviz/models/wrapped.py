"""A model that is in memory already: looked at as it is.

Nothing is changed but the function that its attention goes through, which is one name in its configurations
(`_attn_implementation` of transformers); `Wrapped.restore` puts it back. Training goes on as before, with the same
parameters, modes, hooks and devices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attnviz.adapter import guest
from attnviz.adapter.opening import EAGER, taken
from attnviz.adapter.registered import ATTENTION, register
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded
from attnviz.models.load import Model
from attnviz.notices import Notice, warn

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class Wrapped(Model):
    """A model made by `wrap`: like any other, and the network that was given can be had back as it was.

    with av.wrap(network, tokenizer) as model:
        trace = av.record(model, text)
    """

    before: guest.Names = field(default=(), kw_only=True, repr=False, compare=False)

    def restore(self) -> None:
        """Let the network's attention go through what it went through before it was first wrapped."""
        guest.restore(self.before)

    def __enter__(self) -> Wrapped:
        guest.change(self.before, EAGER if self.eager else ATTENTION)
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
        found, reader = guest.network_in(network), guest.tokenizer_in(tokenizer, network)
        name = str(name or found.name_or_path or type(found).__name__)
        guest.check_guest(name, found, reader)
        read, before = taken(name, found, reader), guest.before(found)
        notices = (*_inside(name, network, type(found).__name__), *read.notices)
        guest.change(before, EAGER if read.eager else ATTENTION)
    warn(notices)
    return Wrapped(
        name, read.kind, read.network, read.tokenizer, None, read.limit, read.eager, notices=notices, before=before
    )


def _inside(name: str, given: object, taken: str) -> tuple[Notice, ...]:
    """One line where something else was given than what is looked at."""
    kind = type(given).__name__
    if kind == taken or isinstance(given, Model):
        return ()
    return (Notice("wrapped_inside", {"model": name, "given": kind, "taken": taken}),)
