"""Films as people name them: a list of titles becomes a history; a few letters find titles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from attnviz.errors import TextError, shown
from attnviz.systems.recommendation.films import Films, folded

MOST_LINES, LONGEST_LINE = 2_000, 300  # what somebody pastes is read no further


@dataclass(frozen=True)
class History:
    """Films in the order in which they were seen, by number; what was left out of what was given.

    `films` are the latest that a network reads, `earlier` how many stood before them, `again` how many were named more
    than once: one who rates a film rates it once, so that no network has seen a film twice.
    """

    films: tuple[int, ...]
    earlier: int = 0
    again: int = 0


def history_of(numbers: Iterable[int], longest: int) -> History:
    """The latest films, each at the place where it was named first."""
    given = list(numbers)
    once = list(dict.fromkeys(given))
    return History(tuple(once[-longest:]), max(0, len(once) - longest), len(given) - len(once))


def films_of(text: str, films: Films) -> list[int]:
    """The numbers of the films that a text names, one a line: a title, with its year or without, or IMDb's number.

    Raises `TextError` where none is named, and for a line that names no film of the list.
    """
    lines = [line.strip() for line in str(text).splitlines()[:MOST_LINES]]
    found = [film_of(line, films) for line in lines if line]
    if not found:
        raise TextError("films_none")
    return found


def film_of(name: str, films: Films) -> int:
    """The number of one film; of several with one title that which most people rated. Raises `TextError`."""
    name = name[:LONGEST_LINE]
    if (number := re.fullmatch(r"(?:tt)?(\d{5,8})", name)) and (
        by := films.by_imdb.get(number[1].zfill(7))
    ) is not None:
        return by
    key = folded(name)
    if not key or (found := films.by_title.get(key)) is None:
        near = get_close_matches(key, films.by_title, n=1, cutoff=0.75) if key else []
        if near:
            raise TextError("film_unknown_near", film=shown(name), near=films[films.by_title[near[0]]].label)
        raise TextError("film_unknown", film=shown(name))
    return found


def search(words: str, films: Films, most: int = 12, without: Sequence[int] = ()) -> list[int]:
    """Films whose title or year has all of some words, or their beginnings; the most rated first."""
    asked = folded(words[:LONGEST_LINE]).split()
    if not asked:
        return []
    found = [
        number for number, name in enumerate(films.names)
        if number not in without and all(f" {word}" in name for word in asked)
    ]  # fmt: skip
    exact = " ".join(asked)
    return sorted(found, key=lambda one: (folded(films[one].title) != exact, -films[one].counted, one))[:most]
