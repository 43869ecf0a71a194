"""When each step of a series is: hours, days, months from a start, or rows without a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Moments

SEASONS = 9  # numbers that say what hour, weekday and season it is
WITHOUT_YEAR = (1.0,) * 6 + (0.0, 0.0, 1.0)
DAYS = 365.2425  # of a year
LONG = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "month": DAYS * 7200.0, "row": 0.0}
FORMS = {
    "second": "%m-%d %H:%M:%S",
    "minute": "%m-%d %H:%M",
    "hour": "%m-%d %H:%M",
    "day": "%Y-%m-%d",
    "month": "%Y-%m",
}
EPOCH = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Clock:
    """Every so many units from `start`; a "row" has no time, and its label is its number from 1.

    >>> Clock(datetime(2014, 1, 31), "month").label(1), Clock(datetime(1700, 1, 1), "month", 12).label(2)
    ('2014-02', '1702')
    """

    start: datetime = EPOCH
    unit: str = "row"
    count: int = 1

    @property
    def name(self) -> str:
        """What one step is called: hour, day, week, month, year, row."""
        return {("day", 7): "week", ("month", 12): "year"}.get((self.unit, self.count), self.unit)

    @property
    def seconds(self) -> float:
        """How long a step is, of months on average; 0 for rows."""
        return LONG[self.unit] * self.count

    def at(self, number: int) -> datetime:
        """When a step begins."""
        if self.unit == "month":
            months = self.start.year * 12 + self.start.month - 1 + number * self.count
            return datetime(months // 12, months % 12 + 1, 1)
        return self.start + timedelta(seconds=number * self.seconds)

    def number(self, moment: datetime) -> int:
        """The step that begins nearest to a moment; it may lie before the first."""
        if self.unit == "month":
            months = (moment.year - self.start.year) * 12 + moment.month - self.start.month
            return round((months + (moment.day > 15)) / self.count)
        return round((moment - self.start).total_seconds() / self.seconds) if self.seconds else 0

    def label(self, number: int) -> str:
        """What a step is called on an axis."""
        if self.unit == "row":
            return str(number + 1)
        form = "%Y" if self.name == "year" else FORMS[self.unit]
        at = self.at(number)
        return at.strftime(form.replace("%Y", f"{at.year:04d}"))

    def axis(self, first: int, count: int) -> Moments:
        """Some steps as one side of a map."""
        numbers = range(first, first + count)
        starts = () if self.unit == "row" else tuple(self.at(one).isoformat(timespec="minutes") for one in numbers)
        return Moments(tuple(self.label(one) for one in numbers), starts, self.name)

    def seasons(self, first: int, count: int) -> Float[Tensor, "step season"]:
        """What hour, weekday and season some steps are: two waves of the day, one of the week and one of the year, and
        whether it is Saturday or Sunday; all 0 for rows.

        Of hours the wave of the year is 0: hour, weekday and season together name a moment of the few years that a
        network has seen, and it learnt them by heart (the quantile score of 2013 rose from the 500th step on).
        """
        if self.unit == "row":
            return torch.zeros(count, SEASONS)
        found = torch.tensor([_season(self.at(number)) for number in range(first, first + count)]).view(count, SEASONS)
        return found if self.unit in ("day", "month") else found * torch.tensor(WITHOUT_YEAR)


def _season(at: datetime) -> list[float]:
    """The numbers of one moment."""
    day, week = at.hour + at.minute / 60, at.weekday() * 24 + at.hour
    year = (at - datetime(at.year, 1, 1)).total_seconds() / 86400 / DAYS
    turns = (day / 24, day / 12, week / 168, year)
    waves = [wave(2 * math.pi * turn) for turn in turns for wave in (math.sin, math.cos)]
    return [*waves, float(at.weekday() >= 5)]
