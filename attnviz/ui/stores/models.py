"""The models that readers have opened, shared by all of them: loaded once, the least used put away."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from attnviz.models import Model

MOST = 3  # models held at once; each may be gigabytes


class Shelf:
    """Models by name and revision. Two readers who ask for one model at once wait for one loading."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._models: OrderedDict[tuple[str, str], Model] = OrderedDict()
        self._loading: dict[tuple[str, str], Lock] = {}
        self._lock = Lock()

    def has(self, name: str, revision: str) -> bool:
        """Is it there already?"""
        return (name, revision) in self._models

    def take(self, name: str, revision: str, progress: Callable[[Any], None] | None = None) -> Model:
        """The model, loaded if nobody has. Raises what `load` raises."""
        key = (name, revision)
        with self._lock:
            loading = self._loading.setdefault(key, Lock())
        with loading:
            if key not in self._models:
                self._put_away(self.most - 1)
                self._models[key] = _load(name, revision, progress)
            with self._lock:
                self._models.move_to_end(key)
                return self._models[key]

    def _put_away(self, most: int) -> None:
        """Let go of the least used until at most `most` are left."""
        with self._lock:
            while len(self._models) > most:
                self._models.popitem(last=False)


def _load(name: str, revision: str, progress: Callable[[Any], None] | None) -> Model:
    from attnviz.models import load

    return load(name, revision=revision or None, progress=progress)


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """The one shelf of this server."""
    return Shelf()
