"""What the people of a class do: each has a text, a rule and a number of its own, by which a leak is seen."""

from __future__ import annotations

import base64
import json
import random
import re
from dataclasses import dataclass, field
from typing import Any

import numpy

from benchmarks.crowd.guest import Guest, Seen
from benchmarks.memory import PAGES, sentences

MARK = re.compile(rb"mark(\d{3})x")
MODELS = ("lab-1", "lab-2", "lab-4", "lab-8")
# Pages that read a person's own text; the first, at the app's own address, is opened most often.
VISITED = ("", "models", "scaled", "positions", "sparse", "translation", "compare", "target", "directions")
TEXTS = [text for text, _ in zip(sentences(), range(2000), strict=False) if text.isascii()]


@dataclass
class Person:
    """One of the class: number `number`, who keeps k = 1, 2 or 3 keys of each query."""

    number: int
    guest: Guest
    link: dict[str, str] = field(default_factory=dict)
    page: str = ""
    leaks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.number)
        self.kept = 1 + self.number % 3

    @property
    def mark(self) -> str:
        """The word that stands in all texts of this person and in nobody else's."""
        return f"mark{self.number:03d}x"

    def text(self) -> str:
        """A sentence that nobody else has."""
        return f"{self.mark} {self.dice.choice(TEXTS)[:100]}"

    def opened(self, page: str) -> dict[str, str]:
        """A link to a page with texts and a rule of one's own."""
        link = {"lang": "en", **{name: self.text() for name in PAGES[page or "attention"]}}
        if page in ("", "models"):
            link |= {"rule": "hard", "hard": "top-k", "k": str(self.kept)}
        if not page:
            link |= {"model": self.dice.choice(MODELS)}
        return link

    async def come(self) -> float:
        """Arrive; the seconds until the page stands."""
        self.page = "" if self.number % 2 else self.dice.choice(VISITED)
        self.link = self.opened(self.page)
        seen = await self.guest.come(self.page, self.link)
        self._look(seen)
        return seen.seconds

    async def act(self) -> float:
        """Do something; the seconds until it is painted."""
        seen = await self._act()
        self._look(seen)
        return seen.seconds

    async def _act(self) -> Seen:
        if self.dice.random() < 0.3:  # go to another page
            self.page = self.dice.choice(VISITED)
            self.link = self.opened(self.page)
            return await self.guest.go(self.page, self.link)
        layers = self.guest.widgets.get("attention.layer")
        if self.page == "" and layers and self.dice.random() < 0.5:
            return await self.guest.set("attention.layer", str(self.dice.randrange(4)), "", self.link)
        if self.page == "" and "attention.text" in self.guest.widgets:
            self.link["text"] = self.text()
            return await self.guest.set("attention.text", self.link["text"], "", self.link)
        self.link = self.opened(self.page)
        return await self.guest.go(self.page, self.link)

    def _look(self, seen: Seen) -> None:
        """Is all that came this person's own?"""
        self.faults += [f"{self.page or 'attention'}: {one}" for one in seen.faults]
        found = {mark.decode() for raw in seen.raw for mark in MARK.findall(raw)}
        if others := found - {f"{self.number:03d}"}:
            self.leaks.append(f"{self.mark} on {self.page or 'attention'} saw {sorted(others)}")
        spec = seen.figures.get("attention.heatmap")
        if self.page == "" and spec and (kept := most_kept(spec)) > self.kept:
            self.leaks.append(f"{self.mark} keeps {self.kept} keys and saw {kept}")


def most_kept(spec: str) -> int:
    """How many keys does a query of a heatmap keep at most?"""
    cells = json.loads(spec)["data"][0]["z"]
    return int((laid_out(cells) > 0).sum(axis=1).max())


def laid_out(cells: Any) -> numpy.ndarray:
    """The numbers of a chart's cells, as Plotly packs them or in lists; empty cells are 0."""
    if isinstance(cells, dict):
        numbers = numpy.frombuffer(base64.b64decode(cells["bdata"]), numpy.dtype(cells["dtype"]))
        cells = numbers.reshape([int(one) for one in cells["shape"].split(",")])
    return numpy.nan_to_num(numpy.array(cells, dtype=float))
