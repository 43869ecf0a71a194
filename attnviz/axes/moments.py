"""A series of numbers in time: hours, days, months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from attnviz.axes.axis import Seconds, Wordless, check_lengths, check_special
from attnviz.axes.units import Units
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Moments(Wordless):
    """The steps by their `labels`, each from a time of `starts` (ISO 8601) on to the next; () without times.

    `unit` is what one step is called: hour, day, month. Places can be taken together by calendar day. Raises
    `ValueError` for a time that is none, for another number of times than labels, and for one before the one before it.

    >>> Moments(("1st, 23:00", "2nd, 0:00"), ("2014-01-01T23:00", "2014-01-02T00:00")).grouped("date").labels
    ('2014-01-01', '2014-01-02')
    """

    labels: tuple[str, ...]
    starts: tuple[str, ...] = ()
    unit: str = "hour"

    def __post_init__(self) -> None:
        check_special(self.labels)
        if self.starts:
            check_lengths("moments", labels=self.labels, starts=self.starts)
        for before, after in zip(self.times, self.times[1:], strict=False):
            if after < before:
                raise ValueError(f"moments stand in the order of time; {after} comes after {before}")

    @cached_property
    def times(self) -> tuple[datetime, ...]:
        """When each begins."""
        return tuple(datetime.fromisoformat(one) for one in self.starts)

    @property
    def special(self) -> tuple[bool, ...]:
        """None is."""
        return (False,) * len(self.labels)

    def stands_for(self, place: int) -> Seconds | None:
        """The stretch from the beginning of the axis, in seconds; the last is as long as the one before it."""
        if len(self.times) < 2:
            return None
        number = range(len(self.times))[place]
        at = [(one - self.times[0]).total_seconds() for one in self.times]
        at.append(2 * at[-1] - at[-2])
        return Seconds(at[number], at[number + 1])

    @property
    def groupings(self) -> tuple[str, ...]:
        return (self.unit, "date") if self.starts else (self.unit,)

    def grouped(self, by: str) -> Units:
        """Places by calendar day, where they have times and `by` is "date"."""
        if by != "date" or not self.starts:
            return self.alone()
        days = [str(one.date()) for one in self.times]
        names = list(dict.fromkeys(days))
        return Units(tuple(map(names.index, days)), tuple(names), (False,) * len(names))
