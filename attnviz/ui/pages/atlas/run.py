"""What the atlas computes: sums over the sentences, and what is lost without each head; watched, stopped on a click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from attnviz.errors import AttnvizError
from attnviz.ui.kit import RuleChoice, address, as_rule, made_once, model_store, open_model, plain, runs, t, work

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.experiments.atlas import Atlas, Copying, Effects, Needed, SoftGates
    from attnviz.trace import Trace

KEY = "atlas."
ASKED_FOR = ("effect", "copying")  # measured only when that is asked for
MOST_REMOVED = 24  # sentences that are read again without each head
MOST_NEEDED = 8  # sentences that are read again at every step
Made = TypeVar("Made")


@dataclass(frozen=True)
class Asked:
    """What the atlas is of, as caches know it."""

    name: str
    texts: tuple[str, ...]
    rule: RuleChoice


@dataclass(frozen=True)
class Brought:
    """The heads of a whole corpus, from a file that somebody brought, and what that is called."""

    file: str
    atlas: Atlas


def keep_brought(content: bytes, file: str) -> str:
    """Open a file of heads, for all who have its name in their link: the beginning of its checksum.

    Raises `AttnvizError`.
    """
    from attnviz.experiments.corpus.table import of_bytes

    name = sha256(content).hexdigest()[:16]
    runs.traces().put((KEY, "brought", name), Brought(file, of_bytes(content, file)))
    return name


def brought(name: str) -> Brought | None:
    """What was opened under that name, if it is still there."""
    found: Brought | None = runs.traces().get((KEY, "brought", name))
    return found


@dataclass(frozen=True)
class More:
    """What is measured only when it is asked for."""

    effects: Effects | None = None
    copying: Copying | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(name for name in ASKED_FOR if self.values(name) is not None)

    def values(self, measure: str) -> Tensor | None:
        """One of them, `[layer, head]`; None where it was not measured."""
        found = {"effect": self.effects, "copying": self.copying}[measure]
        return None if found is None else found.mean


def atlas_of(asked: Asked) -> Atlas | None:
    """The sums over all sentences; None once stopped. Raises `AttnvizError`."""
    open_model(asked.name)
    return _made("read", asked, _read)


def effects_of(asked: Asked) -> Effects | None:
    """What is lost without each head; None once stopped. Raises `AttnvizError`."""
    return _made("without", asked, _without)


def copying_of(asked: Asked) -> Copying | None:
    """How far each head copies; None once stopped. Raises `AttnvizError`."""
    return _made("copying", asked, _copying)


def needed_of(asked: Asked, by: str) -> Needed | None:
    """What is lost as heads are taken away in an order; None once stopped. Raises `AttnvizError`."""
    return _made(f"needed_{by}", asked, partial(_needed, by))


def gates_of(asked: Asked) -> SoftGates | None:
    """Gates pushed open and shut; None once stopped. Raises `AttnvizError`."""
    return _made("gates", asked, _gates)


def without(heads: Sequence[tuple[int, int]]) -> dict[str, str]:
    """What a link to *Any model* says so that these heads are removed."""
    return {"change": ";".join(f"-{layer}.{head}" for layer, head in sorted(heads))} if heads else {}


def link_of(asked: Asked) -> dict[str, str]:
    """What a link to *Any model* says of the model and its first sentence."""
    return {"lang": address.now().get("lang", ""), "id": asked.name, "text": asked.texts[0]}


def trace(asked: Asked) -> Trace:
    """One sentence's run, for the picture of a head: the first that can be read. Raises `AttnvizError`."""
    for text in asked.texts:
        try:
            return _trace(Asked(asked.name, (text,), asked.rule))
        except AttnvizError as reason:
            refused = reason
    raise refused


@runs.kept
def _trace(what: Asked) -> Trace:
    from attnviz.recording.record import record

    run = record(model_store().take(what.name), what.texts[0], rule=as_rule(what.rule), predictions=False)
    return run.text_map


def _made(which: str, asked: Asked, make: Callable[[Asked, work.Tell, work.Halted], Made]) -> Made | None:
    """Made once, with a bar and, when it takes long, a button that stops it."""

    def words(done: object, count: object) -> str:
        return t(f"atlas.working_{which.split('_')[0]}", model=plain(asked.name), done=done, count=count)

    kept = runs.key_of(KEY + which, asked, asked.name)
    return made_once(KEY + which, kept, words, partial(make, asked))


def _read(asked: Asked, tell: work.Tell, stop: work.Halted) -> Atlas:
    from attnviz.experiments.atlas import atlas

    count = len(asked.texts)
    return atlas(
        model_store().take(asked.name), asked.texts, rule=as_rule(asked.rule), stop=stop,
        on_text=lambda done: tell(done, count),
    )  # fmt: skip


def _without(asked: Asked, tell: work.Tell, stop: work.Halted) -> Effects:
    from attnviz.experiments.atlas import head_effects

    return head_effects(
        model_store().take(asked.name), asked.texts[:MOST_REMOVED], rule=as_rule(asked.rule), stop=stop,
        on_head=tell,
    )  # fmt: skip


def _needed(by: str, asked: Asked, tell: work.Tell, stop: work.Halted) -> Needed:
    from attnviz.experiments.atlas import heads_needed

    return heads_needed(
        model_store().take(asked.name), asked.texts[:MOST_NEEDED], by=by,  # type: ignore[arg-type]
        rule=as_rule(asked.rule), stop=stop, on_head=tell,
    )  # fmt: skip


def _gates(asked: Asked, tell: work.Tell, stop: work.Halted) -> SoftGates:
    from attnviz.experiments.atlas import soft_gates

    return soft_gates(
        model_store().take(asked.name), asked.texts[:MOST_NEEDED], rule=as_rule(asked.rule), stop=stop, on_step=tell
    )


def _copying(asked: Asked, tell: work.Tell, stop: work.Halted) -> Copying:
    from attnviz.experiments.atlas import copying

    return copying(
        model_store().take(asked.name), asked.texts[:MOST_REMOVED], rule=as_rule(asked.rule), stop=stop, on_text=tell
    )
