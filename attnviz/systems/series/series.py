"""A table as a series of evenly spaced numbers: sorted, doubled times made one, gaps left open, all of it said."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import mean

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.errors import TextError
from attnviz.systems.series.clock import Clock
from attnviz.systems.series.columns import Table
from attnviz.systems.series.text import MOST_ROWS, rows_of

LEAST = 40  # steps that were measured
MOST_GAPS = 0.5  # of the steps
OFF = 0.25  # of a step that a time may lie beside its place
UNEVEN = 0.05  # of the times may lie farther off
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
Row = tuple[datetime, float]


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers at the even steps of a clock, NaN for a gap; `notes` name what was done to the table, with counts."""

    name: str
    clock: Clock
    values: Float[Tensor, " step"]
    notes: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)


def table_of(text: str) -> Table:
    """A text as a table. Raises `TextError` for one that holds no numbers."""
    return Table.of(rows_of(text))


def time_of(table: Table) -> int | None:
    """The column that times are taken from unless another is chosen: -1 for several together, None for none."""
    if table.parted:
        return -1
    return next(iter(table.time_columns), None)


def series_of(table: Table, value: int, time: int | None, least: int = LEAST) -> Series:
    """The series of a column of numbers, over a column of times; None for rows without a time.

    `least` steps must have a value: as many as something is learnt from. Raises `TextError` for a series that is too
    short, that stands still, whose times are uneven or mostly missing.
    """
    column = table.columns[value]
    numbers = [math.nan if one is None else one for one in column.numbers]
    notes = {"strange": column.strange} if column.strange else {}
    if time is None:
        return _checked(Series(table.name(value), Clock(), torch.tensor(numbers), notes), least)
    times = table.times(time)
    rows = [(at, one) for at, one in zip(times, numbers, strict=True) if at is not None]
    if lost := len(times) - len(rows):
        notes["untimed"] = lost
    if len(rows) < 2:
        raise TextError("series_few_steps", steps=len(rows), least=least)
    if any(b[0] < a[0] for a, b in pairwise(rows)):
        notes["sorted"] = sum(b[0] < a[0] for a, b in pairwise(rows))
    return _checked(_laid_out(table.name(value), rows, notes, least), least)


def _laid_out(name: str, rows: Sequence[Row], notes: dict[str, int], least: int) -> Series:
    """Rows with times at the even steps that fit them."""
    by_time: dict[datetime, list[float]] = defaultdict(list)
    for at, one in rows:
        by_time[at].append(one)
    if doubled := len(rows) - len(by_time):
        notes["doubled"] = doubled
    times = sorted(by_time)
    if len(times) < 2:
        raise TextError("series_few_steps", steps=len(times), least=least)
    clock = clock_of(times)
    places = [clock.number(at) for at in times]
    if places[-1] >= 2 * MOST_ROWS:
        raise TextError("series_uneven", step=clock.name)
    off = sum(
        abs((clock.at(n) - at).total_seconds()) > OFF * clock.seconds for n, at in zip(places, times, strict=True)
    )
    if off > UNEVEN * len(times) and clock.unit != "month":
        raise TextError("series_uneven", step=clock.name)
    values = torch.full((places[-1] + 1,), math.nan)
    for place, at in zip(places, times, strict=True):
        known = [one for one in by_time[at] if not math.isnan(one)]
        if known:
            values[place] = mean(known)
    return Series(name, clock, values, notes)


def clock_of(times: Sequence[datetime]) -> Clock:
    """The steps that fit sorted times: the difference that is there most often, whole months where they fit.

    >>> clock_of([datetime(2014, 1, 1), datetime(2014, 1, 1, 1), datetime(2014, 1, 1, 3)])
    Clock(start=datetime.datetime(2014, 1, 1, 0, 0), unit='hour', count=1)
    """
    steps = Counter((b - a).total_seconds() for a, b in pairwise(times))
    common = steps.most_common(1)[0][0]
    days = common / 86400
    for months, (least, most) in {1: (28, 31), 3: (90, 92), 12: (365, 366)}.items():
        if least <= days <= most and len({at.day for at in times}) == 1:
            return Clock(times[0], "month", months)
    for unit, long in UNITS:
        if common >= long and common % long == 0:
            return Clock(times[0], unit, int(common // long))
    return Clock(times[0], "second", max(1, round(common)))


def _checked(series: Series, least: int) -> Series:
    """The series with its gaps counted. Raises `TextError` for one from which nothing can be learnt."""
    known = series.values[~series.values.isnan()]
    if len(known) < least:
        raise TextError("series_few_steps", steps=len(known), least=least)
    if float(known.max() - known.min()) <= 1e-9 * max(1.0, float(known.abs().max())):
        raise TextError("series_constant", value=float(known[0]))
    gaps = len(series) - len(known)
    if gaps > MOST_GAPS * len(series):
        raise TextError("series_gaps", gaps=gaps, steps=len(series), step=series.clock.name)
    notes = {**series.notes, **({"gaps": gaps} if gaps else {})}
    return Series(series.name, series.clock, series.values, notes)
