"""Reads the settings with pydantic-settings; what is wrong with one is a sentence that names it.

pydantic is imported when settings are first asked for: the commands that need none do not wait for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from attnviz.errors import AttnvizError, first_line, shown
from attnviz.settings.names import ANY, FILE, PREFIX, TABLE, option, variable

VARIABLE = variable(FILE)
SHUT = {"folders": (False,), "browse": ("0",)}  # what strangers are never given, whatever else is set
SWITCHES = {option(name) for name, row in TABLE.items() if row.kind == "switch"}
MODEL = re.compile(r"[\w.-]+(/[\w.-]+)?@[\w./-]+", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """All settings as they hold now; `attnviz --help` says what each means. Sizes are in millions of bytes.

    `allow` are models beside those that come with the package, each with its revision (`id@revision`); ("*",) is any.
    `models_mb`, `runs_mb` and `memory_mb` are None where a share of the memory is meant; `characters`, `seconds` and
    `downloads_mb` are 0 for no bound, `at_once` for half of the processor's cores.
    """

    hosted: bool
    allow: tuple[str, ...]
    folders: bool
    browse: str
    characters: int
    models_mb: float | None
    runs_mb: float | None
    memory_mb: float | None
    at_once: int
    seconds: float
    downloads_mb: float
    upload_mb: float
    hosts: str
    frames: str
    metrics: bool
    device: str
    dtype: str

    @property
    def any_model(self) -> bool:
        """May any model be named?"""
        return ANY in self.allow

    @property
    def revisions(self) -> dict[str, str]:
        """The revision of each model that is allowed beside those that come with the package."""
        named = (one.rpartition("@") for one in self.allow if one != ANY)
        return {name or revision: revision if name else "" for name, _, revision in named}


_words: tuple[str, ...] = ()  # what the command line said of settings


def use(words: Sequence[str]) -> Settings:
    """From now on these options of a command line hold too. Raises `AttnvizError` for one that cannot."""
    global _words
    found = _read(tuple(words), _variables())
    _words = tuple(words)
    return found


def now() -> Settings:
    """The settings. Raises `AttnvizError` where a variable, the file or an option is wrong."""
    return _read(_words, _variables())


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of the words of a command line those that are settings, and all others. Raises `AttnvizError` without a value.

    >>> split(["--server.port", "8600", "--hosted", "--models-mb", "500"])
    (['--hosted', '--models-mb', '500'], ['--server.port', '8600'])
    """
    known = {option(name) for name in (*TABLE, FILE)}
    own, others, rest = list[str](), list[str](), list(words)
    while rest:
        word = rest.pop(0)
        name, said, _ = word.partition("=")
        (own if name in known else others).append(word)
        if name in known - SWITCHES and not said:
            if not rest:
                raise AttnvizError("command_no_value", option=name)
            own.append(rest.pop(0))
    return own, others


def _variables() -> tuple[tuple[str, str], ...]:
    """The variables of the environment that are ours and say something."""
    return tuple(sorted((name, said) for name, said in os.environ.items() if name.startswith(PREFIX) and said.strip()))


@lru_cache(maxsize=4)
def _read(words: tuple[str, ...], variables: tuple[tuple[str, str], ...]) -> Settings:
    known = {variable(name) for name in (*TABLE, FILE)}
    for name in (name for name, _ in variables if name not in known):
        raise AttnvizError("settings_unknown", name=name)
    given = _given(words, dict(variables).get(VARIABLE, ""))
    profile = "hosted" if given.get("hosted") else "local"
    found = {name: getattr(row, profile) for name, row in TABLE.items()} | given
    for name in SHUT if found["hosted"] else ():
        if found[name] not in SHUT[name]:
            raise AttnvizError("settings_shut", name=_called(name), given=_said(found[name]))
    for one in found["allow"] if found["hosted"] else ():
        if not MODEL.fullmatch(one):
            raise AttnvizError("settings_revision", name=_called("allow"), given=one)
    return Settings(**found)


def _given(words: tuple[str, ...], file: str) -> dict[str, Any]:
    """What was set, wherever: of the right kind, the rest left out."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from attnviz.settings.table import read

    where, words = _file(words, file)
    try:
        return read([f"{word}=1" if word in SWITCHES else word for word in words], where)
    except ValidationError as error:
        raise _refusal(error.errors()[0]) from None
    except SettingsError as error:
        raise AttnvizError("settings_words", given=" ".join(words), reason=first_line(error)) from None
    except (OSError, ValueError) as error:
        raise AttnvizError("settings_file", file=where, reason=first_line(error)) from None


def _file(words: tuple[str, ...], file: str) -> tuple[Path | None, tuple[str, ...]]:
    """The file of settings that an option names, else a variable, and the other words. Raises where it is none."""
    rest, before = list[str](), ""
    for word in words:
        if before == option(FILE) or word.startswith(f"{option(FILE)}="):
            file = word.removeprefix(f"{option(FILE)}=")
        elif word != option(FILE):
            rest.append(word)
        before = word
    if not file:
        return None, tuple(rest)
    if not Path(file).is_file():  # a pipe is not waited for
        raise AttnvizError("settings_no_file", file=file)
    return Path(file), tuple(rest)


def _refusal(error: Mapping[str, Any]) -> AttnvizError:
    """What is wrong with one setting."""
    name, given = str(error["loc"][0]) if error["loc"] else "", _said(error["input"])
    row = TABLE.get(name)
    if row is None:
        return AttnvizError("settings_unknown", name=name)
    if row.kind == "number":
        return AttnvizError("settings_number", name=_called(name), given=given)
    if row.kind == "switch":
        return AttnvizError("settings_switch", name=_called(name), given=given)
    return AttnvizError("settings_value", name=_called(name), given=given)


def _called(name: str) -> str:
    """A setting by every name that it may have been given."""
    return f"{variable(name)} ({option(name)})"


def _said(value: object) -> str:
    return value if isinstance(value, str) else shown(value)
