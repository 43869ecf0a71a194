"""What the settings let in: which models, and whether any path of this machine is followed. Keeps `attnviz.doors`."""

from __future__ import annotations

import os
import re
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from threading import Lock

from attnviz import doors, settings, shipped
from attnviz.errors import AttnvizError, ModelError, veils

MILLION = 1e6
_asking: ContextVar[bool] = ContextVar("attnviz_asking", default=False)  # a wrong setting is itself told in a sentence
PATH = re.compile(r"""(?<![\w./\\:])(?:[A-Za-z]:)?(?:[/\\][^\s/\\'":,()]+)+[/\\]([^\s/\\'":,()]+)""")


def keep(kind: doors.Kind, name: doors.Place, revision: str = "") -> None:
    """Raises `ModelError` for a model, `AttnvizError` for a path that stays outside."""
    now = settings.now()
    if kind == "path" and (now.folders or _ours(name)):
        return
    named = str(name)
    if shipped.has(named) or wanted(named, revision) is not None:
        return
    if kind == "path":
        raise AttnvizError("settings_path")
    if not (now.any_model and (now.folders or not _leads_here(named))):
        raise ModelError("settings_model", models=", ".join(sorted({*_own(), *now.revisions})))


def wanted(name: str, revision: str = "") -> str | None:
    """The revision of an allowed model that is meant by what a person named; None for one that is not allowed by name.

    Another revision than the one that is allowed is not.
    """
    allowed = settings.now().revisions
    plain, _, named = name.partition("@")
    if plain not in allowed or (named and revision and named != revision):
        return None
    said = named or revision
    return allowed[plain] if said in ("", allowed[plain]) else said if not allowed[plain] else None


def offered() -> tuple[str, ...] | None:
    """The models that may be named beside those that come with the package; None for any."""
    now = settings.now()
    return None if now.any_model else tuple(now.revisions)


def open_folders() -> bool:
    """May a path of this machine be named?"""
    return settings.now().folders


@cache  # some names: 3 kB
def _own() -> tuple[str, ...]:
    """What comes with the package."""
    return tuple(place.name for place in shipped.WEIGHTS.iterdir() if shipped.has(place.name))


def _ours(name: doors.Place) -> bool:
    """Does a path lead into the folder of shipped weights, whatever links or dots stand in it?"""
    try:
        return Path(os.path.realpath(name)).is_relative_to(os.path.realpath(shipped.WEIGHTS))
    except (OSError, ValueError):
        return False


def _leads_here(name: str) -> bool:
    """May a name mean a place of this machine? Only an id of the Hub does not."""
    from attnviz.models.address import AT

    return AT.fullmatch(name) is None or name.startswith(".") or Path(name).exists()


class Quota:
    """What is fetched from the Hub while this server runs, in bytes."""

    def __init__(self) -> None:
        self.fetched, self._lock = 0, Lock()

    def take(self, name: str, need: int) -> None:
        """So much is to be fetched for a model. Raises `ModelError` where the settings have no room for it."""
        with self._lock:
            most = settings.now().downloads_mb * MILLION
            if most and self.fetched + need > most:
                left = max(most - self.fetched, 0) / MILLION
                raise ModelError("settings_downloads", model=name, need=f"{need / MILLION:.0f}", left=f"{left:.0f}")
            self.fetched += need


@cache  # one number: 200 bytes
def quota() -> Quota:
    """The one quota of this server."""
    return Quota()


def veil(said: str) -> str:
    """A sentence's word without the way to a file of this machine, where people may know nothing of it: its name alone.

    >>> os.environ["ATTNVIZ_FOLDERS"] = "0"
    >>> veil("[Errno 2] No such file: '/srv/app/lab-4/config.json'"), veil("https://hf.co/a/b"), veil("a/b")
    ("[Errno 2] No such file: 'config.json'", 'https://hf.co/a/b', 'a/b')
    >>> del os.environ["ATTNVIZ_FOLDERS"]
    """
    if _asking.get() or not PATH.search(said):
        return said
    before = _asking.set(True)
    try:
        return said if settings.now().folders else PATH.sub(lambda found: found[1], said)
    finally:
        _asking.reset(before)


if keep not in doors.keepers:
    doors.keepers.append(keep)
    veils.append(veil)
