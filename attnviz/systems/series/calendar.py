"""What a model trained with GluonTS is told of each step beside its value: where it lies in its day, month and year.

Each number runs from -0.5 to 0.5; after them comes the age, log10(2 + how many steps the series has had), as in
`gluonts.time_feature` and `AddAgeFeature` (Alexandrov et al. 2020). Which numbers there are follows from how long a
step is. No folder says which its model was given: by their count alone it is guessed, and said.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.systems.series.clock import Clock

PARTS: dict[str, Callable[[datetime], float]] = {
    "second": lambda at: at.second / 59,
    "minute": lambda at: at.minute / 59,
    "hour": lambda at: at.hour / 23,
    "weekday": lambda at: at.weekday() / 6,
    "day": lambda at: (at.day - 1) / 30,
    "yearday": lambda at: (at.timetuple().tm_yday - 1) / 365,
    "week": lambda at: (at.isocalendar().week - 1) / 52,
    "month": lambda at: (at.month - 1) / 11,
}
DAILY = ("weekday", "day", "yearday")
TOLD: dict[str, tuple[str, ...]] = {
    "second": ("second", "minute", "hour", *DAILY), "minute": ("minute", "hour", *DAILY), "hour": ("hour", *DAILY),
    "day": DAILY, "week": ("day", "week"), "month": ("month",), "year": (), "row": (),
}  # fmt: skip


def told(clock: Clock, wanted: int) -> tuple[str, ...] | None:
    """Which numbers a model that wants so many is given of such steps, "age" the last; None where none fit.

    >>> told(Clock(unit="month"), 2), told(Clock(unit="hour"), 2)
    (('month', 'age'), None)
    """
    names = TOLD[clock.name]
    return {len(names) + 1: (*names, "age"), len(names): names}.get(wanted)


def features(clock: Clock, first: int, count: int, wanted: int) -> Float[Tensor, "step feature"]:
    """What a model is given of some steps, from step `first` of the series on; 0 but for the age where nothing fits."""
    names = told(clock, wanted) or ((*[""] * (wanted - 1), "age") if wanted else ())
    rows = [[_number(name, clock, step) for name in names] for step in range(first, first + count)]
    return torch.tensor(rows).view(count, wanted)


def _number(name: str, clock: Clock, step: int) -> float:
    """One number of one step."""
    if name == "age":
        return math.log10(2.0 + max(0, step))
    return PARTS[name](clock.at(step)) - 0.5 if name else 0.0
