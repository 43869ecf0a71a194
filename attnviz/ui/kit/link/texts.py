"""Texts too long for an address: a short name stands there, the text itself stays in the session and in the tab.

A server refuses an address of some 60 kB, mail programs cut much shorter ones. So the longest values of an address give
way to a hash (`text.kept=1b4f…`) until the rest fits. Nothing that was typed is written to a disk or a log here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlencode

MOST = 5_800  # bytes of the encoded values; with the host and the path the address stays below 6,000
ROOM = 4_000_000  # bytes of texts that one session holds
KEPT = ".kept"  # after the name of a value that does not stand in the address itself


def name_of(text: str) -> str:
    """The name of a text: the same text has the same name everywhere.

    >>> name_of("南京")
    'c690fe6240419c660085'
    """
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def length(values: Mapping[str, str]) -> int:
    """The bytes of an address that says this, as a browser writes it: 9 for a Chinese character."""
    return len(urlencode(values, errors="surrogatepass"))


def fitted(values: Mapping[str, str], most: int = MOST) -> tuple[dict[str, str], dict[str, str]]:
    """Values that fit into an address, and the texts, by their names, that had to give way, the longest first."""
    found, texts = dict(values), {}
    for name in sorted(values, key=lambda name: length({name: values[name]}), reverse=True):
        if length(found) <= most:
            break
        texts[name_of(values[name])] = found.pop(name)
        found[name + KEPT] = name_of(values[name])
    return found, texts


def wanted(values: Mapping[str, str]) -> dict[str, str]:
    """The names of the texts that an address points to, each by the name of its value."""
    return {name.removesuffix(KEPT): value for name, value in values.items() if name.endswith(KEPT)}


class Texts:
    """The long texts of one session, by their names; the least used go when there is no more room."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self._found: OrderedDict[str, str] = OrderedDict()

    def put(self, text: str) -> None:
        """Hold on to a text."""
        self._found[name_of(text)] = text
        self._found.move_to_end(name_of(text))
        while sum(len(one.encode("utf-8", "surrogatepass")) for one in self._found.values()) > self.room:
            self._found.popitem(last=False)

    def get(self, name: str) -> str | None:
        """The text of that name, if it is still there."""
        if name in self._found:
            self._found.move_to_end(name)
        return self._found.get(name)
