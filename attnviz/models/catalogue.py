"""Models that are worth a look: the built-in ones and a short list of the Hub's, by family (`catalogue.toml`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One model of the list.

    `megabytes` (10^6 bytes) is what is downloaded; a built-in model is on the machine already. `licence` is an SPDX id.
    `title` and `about` are by language ("zh", "en"). `revision` is the one that has safetensors, where main has none.
    """

    name: str
    family: str
    megabytes: int
    licence: str
    title: dict[str, str]
    about: dict[str, str]
    revision: str | None = None


@cache
def catalogue() -> tuple[Entry, ...]:
    """Which models does the project recommend? In the order in which they are to be shown, families together."""
    text = Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    return tuple(Entry(**entry) for entry in tomllib.loads(text)["model"])


def recommended_revision(name: str) -> str | None:
    """The revision of a listed model that has safetensors, where main has none."""
    return next((entry.revision for entry in catalogue() if entry.name == name), None)
