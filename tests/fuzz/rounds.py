"""Inputs one after the other, each new kind of finding made as small as hypothesis can make it."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from tests.fuzz.outcome import Outcome, tried
from tests.fuzz.strategies import inputs

QUICK = "hang", "memory"  # kinds that are not made smaller: each try would take as long again


class Found(AssertionError):
    """A finding, on its way to be made smaller."""


@dataclass(frozen=True)
class Finding:
    """One kind, what was said, and the smallest input that was found for it."""

    kind: str
    said: str
    code: str


@dataclass
class Tally:
    """What has come so far. `begin` hears of each input before it is tried, `end` of what came of it."""

    begin: Callable[[str], object] = lambda code: None
    end: Callable[[Outcome], object] = lambda outcome: None
    done: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)
    codes: set[int] = field(default_factory=set)  # the different inputs, by their hashes

    def one(self, code: str) -> Outcome:
        """Try one input."""
        self.begin(code)
        outcome = tried(code)
        self.end(outcome)
        return outcome


def search(tally: Tally, count: int, first: int, asked: SearchStrategy[str] | None = None) -> Tally:
    """Try so many inputs, the same for one `first` seed; those of `asked`, unless all that this package makes."""
    number = 0
    while tally.done < count:
        before = tally.done
        _round(tally, count - tally.done, first + number, inputs() if asked is None else asked)
        number += 1
        if tally.done == before:
            break
    return tally


def _round(tally: Tally, count: int, number: int, asked: SearchStrategy[str]) -> None:
    """Inputs until a new kind of finding is there and small, or there were enough."""
    small: dict[str, Finding] = {}

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), verbosity=Verbosity.quiet, report_multiple_bugs=False,
    )  # fmt: skip
    @given(asked)
    def attempt(code: str) -> None:
        outcome = tally.one(code)
        if not small:
            tally.done += 1
            tally.codes.add(zlib.crc32(code.encode("utf-8", "backslashreplace")) << 32 | len(code))
            tally.said[outcome.message or outcome.kind or "a result"] += 1
        if not outcome.finding or outcome.kind in tally.findings or (small and outcome.kind not in small):
            return
        finding = Finding(outcome.kind, outcome.said, code)
        if outcome.kind.startswith(QUICK):
            tally.findings[outcome.kind] = finding
            return
        small[outcome.kind] = finding
        raise Found(outcome.kind)

    with suppress(Found, HypothesisException):  # what does not come again on the same input counts as well
        attempt()
    tally.findings |= small
