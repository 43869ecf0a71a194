"""Beijing's air in windows, split by time: until 2012 to learn from, 2013 to choose by, 2014 held out.

The file is UCI's PRSA_data_2010.1.1-2014.12.31.csv (Chen 2015, https://archive.ics.uci.edu/dataset/381, CC BY 4.0).
A window belongs to the part in which all hours that are to be forecast lie; its past may reach into the part before.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.systems.series.air import WINDS, Air
from attnviz.systems.series.network import Given
from attnviz.training import loop

PAST, AHEAD = 72, 24  # hours
PARTS = {
    "train": (datetime(2010, 1, 1), datetime(2013, 1, 1)),
    "validation": (datetime(2013, 1, 1), datetime(2014, 1, 1)),
    "test": (datetime(2014, 1, 1), datetime(2015, 1, 1)),
}
LEAST_SEEN = 24  # hours of the past that must have been measured
HIDDEN = 0.3  # of the windows learnt from lose a stretch of their past
BARE = 0.2  # of them are given no weather
SHAKEN = 0.1  # the deviation of what is added to weather and values that are learnt from


def read_air(file: Path) -> Air:
    """The whole file: 43,824 hours, 2,067 of them without PM2.5."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    dust = [float("nan") if row["pm2.5"] == "NA" else float(row["pm2.5"]) for row in rows]
    weather = [
        [float(row["TEMP"]), float(row["DEWP"]), float(row["PRES"]), float(row["Iws"]),
         float(row["Is"]) + float(row["Ir"])] for row in rows
    ]  # fmt: skip
    first = datetime(*(int(rows[0][name]) for name in ("year", "month", "day", "hour")))  # type: ignore[arg-type]
    return Air(first, torch.tensor(dust), torch.tensor(weather), torch.tensor([WINDS.index(r["cbwd"]) for r in rows]))


@dataclass(frozen=True)
class Lesson:
    """Windows with what came: `truth` is in micrograms, NaN where nothing was measured."""

    given: Given
    truth: Float[Tensor, "window ahead"]


class Windows:
    """All windows of an air, cut when they are asked for by the hour at which the forecast begins."""

    def __init__(self, air: Air) -> None:
        self.air, self.logs = air, air.dust.log1p()
        self.beside, self.seasons = air.beside(), air.clock.seasons(0, len(air))

    def starts(self, part: str) -> Int64[Tensor, " window"]:
        """The hours of a part at which a forecast can begin."""
        first, last = (self.air.clock.number(moment) for moment in PARTS[part])
        seen = ~self.air.dust.isnan()
        counts = torch.cat([torch.zeros(1, dtype=torch.long), seen.long().cumsum(0)])
        starts = torch.arange(max(first, PAST), last - AHEAD + 1)
        measured = counts[starts] - counts[starts - PAST] >= LEAST_SEEN
        return starts[measured & (counts[starts + AHEAD] > counts[starts])]

    def at(self, starts: Int64[Tensor, " window"]) -> Lesson:
        """The windows whose forecasts begin there."""
        past = starts[:, None] + torch.arange(-PAST, 0)
        coming = starts[:, None] + torch.arange(AHEAD)
        values = self.logs[past]
        given = Given(
            values.nan_to_num(0.0), ~values.isnan(), self.beside[past], self.seasons[past], self.seasons[coming]
        )
        return Lesson(given, self.air.dust[coming])

    def lessons(self, many: int, seed: int) -> Iterator[Lesson]:
        """Batches to learn from, without end; some windows lose a stretch of up to a day and a half, or the weather."""
        starts = self.starts("train")
        for some, chance in loop.rounds(len(starts), many, seed, whole=True):
            lesson = self.at(starts[some])
            seen = lesson.given.seen & ~_stretches(many, chance)
            bare = torch.rand(many, 1, 1, generator=chance) < BARE
            given = lesson.given
            values = given.values + SHAKEN * torch.randn(given.values.shape, generator=chance)
            beside = given.beside + SHAKEN * torch.randn(given.beside.shape, generator=chance)
            yield Lesson(Given(values, seen, beside.masked_fill(bare, 0.0), given.seasons, given.coming), lesson.truth)


def _stretches(many: int, chance: torch.Generator) -> Tensor:
    """Stretches of the past that are hidden `[window, past]`, none in most windows."""
    long = torch.randint(1, 37, (many, 1), generator=chance)
    begin = torch.randint(-24, PAST, (many, 1), generator=chance)
    hours = torch.arange(PAST)
    inside = (hours >= begin) & (hours < begin + long)
    return inside & (torch.rand(many, 1, generator=chance) < HIDDEN)
