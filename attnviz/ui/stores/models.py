"""The models that readers have opened, shared by all of them: loaded once, the least used put away."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from attnviz import doors, settings, shipped
from attnviz.ui.stores import allowed
from attnviz.ui.stores.sizes import network_bytes, room
from attnviz.ui.stores.store import Store
from attnviz.ui.stores.turns import Turns, server_turns

if TYPE_CHECKING:
    from attnviz.models import Model

SHARE = 0.3  # of the memory, unless the settings say otherwise


class ModelStore:
    """Models by name, revision, what their files were, and where and in what they compute (`machine`).

    Two readers who ask for one at once wait for one loading. A folder whose files have changed since, as one that was
    trained again, is another model.
    """

    def __init__(
        self, room: int, size: Callable[[Any], int] = network_bytes, turns: Callable[[], Turns] | None = None
    ) -> None:
        self.store = Store(room, size, turns)

    def has(self, name: str, revision: str = "") -> bool:
        """Is it there already?"""
        return self.store.has(_key(*meant(name, revision)))

    def take(self, name: str, revision: str = "", progress: Callable[[Any], None] | None = None) -> Model:
        """The model, loaded if nobody has. Raises what `load` raises."""
        name, revision = meant(name, revision)
        found: Model = self.store.take(_key(name, revision), partial(_load, name, revision, progress))
        return found

    def let_go(self, need: int) -> int:
        """Put away the least used, for a run or another model that needs so many bytes; how many there were.

        The last used stays for a run, which it may be the model of; not where another model is being loaded.
        """
        freed = self.store.let_go(need, keep=0 if self.store.busy else 1)
        if freed:
            gc.collect()  # a network's parts refer to one another
        return freed


def meant(name: str, revision: str) -> tuple[str, str]:
    """The model and revision that a person means: of one that is allowed in one revision, that. Raises what `load` does
    for a model that may not be opened, before anything is looked at.
    """
    doors.check("model", name, revision)
    chosen = None if shipped.has(name) else allowed.wanted(name, revision)
    return (name, revision) if chosen is None else (name.partition("@")[0], chosen)


def _key(name: str, revision: str) -> tuple[object, ...]:
    return name, revision, stamped(name, revision), machine()


def stamped(name: str, revision: str = "") -> tuple[object, ...]:
    """What changes when the files of a local model do; () for any other, and for one that may not be looked at."""
    if shipped.has(name) or not doors.lets_in("model", name):  # asked before PyTorch is loaded for it
        return ()
    from attnviz.models.place import stamp

    return stamp(name, revision or None)


def machine() -> tuple[str, str]:
    """The device and the number type that the app's models compute on and in."""
    now = settings.now()
    return now.device, now.dtype


def _load(name: str, revision: str, progress: Callable[[Any], None] | None) -> Model:
    from attnviz.models import load

    device, dtype = machine()
    return load(name, revision=revision or None, progress=progress, device=device, dtype=dtype)


@cache  # one ModelStore, bounded in bytes by itself
def model_store() -> ModelStore:
    """The one store of models of this server."""
    from attnviz.models import memory
    from attnviz.models.fetch import before_fetching

    found = ModelStore(room(settings.now().models_mb, SHARE), turns=server_turns)
    memory.make_room.append(found.let_go)
    before_fetching.append(allowed.quota().take)
    return found
