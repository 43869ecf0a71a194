"""How the page on time series says moments, stretches and numbers."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attnviz.ui.kit import language, t

if TYPE_CHECKING:
    from attnviz.systems.series.clock import Clock
    from attnviz.systems.series.window import Window

WEEKEND = 5
WITH_HOURS = ("hour", "minute", "second")


def value(number: float) -> str:
    """A value in as many digits as one reads at a glance.

    >>> value(123.456), value(0.012345), value(1234567.0), value(float("nan"))
    ('123', '0.0123', '1234567', '–')
    """
    if math.isnan(number):
        return "–"
    size = abs(number)
    digits = 0 if size >= 100 or size == 0 else max(0, 2 - math.floor(math.log10(size)))
    return f"{number:.{min(digits, 8)}f}"


def with_unit(number: float, unit: str) -> str:
    """A value with what it is counted in."""
    return t("series.with_unit", value=value(number), unit=unit) if unit else value(number)


def length(clock: Clock, steps: int) -> str:
    """So many steps as one says it: 24 hours, 36 weeks; of steps of several units in those."""
    each = 1 if clock.name != clock.unit else clock.count
    return t(f"series.count_{clock.name}", count=steps * each)


def step(clock: Clock) -> str:
    """What one step is: an hour, 15 minutes."""
    alone = clock.count == 1 or clock.name != clock.unit
    return t(f"series.unit_{clock.name}") if alone else length(clock, 1)


def file_of(name: str) -> str:
    """The name of a model, or of a series, as a file can have it.

    >>> file_of("a/b.d/PM 2.5")
    'PM-2.5'
    """
    own = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(one if one.isalnum() or one in "-." else "-" for one in own).strip(".") or "series"


def moment(clock: Clock, step: int) -> str:
    """A step by its time, as one says it: 26 Feb 13:00, 2月26日13:00."""
    if clock.unit not in WITH_HOURS:
        return clock.label(step)
    at = clock.at(step)
    return t("series.moment", day=_day(at), time=f"{at:%H:%M}")


def stretch(clock: Clock, first: int, last: int) -> str:
    """Some steps `[first, last)` by their times; one by its own."""
    if last - first <= 1:
        return moment(clock, first)
    end = short(clock, last - 1) if _same_day(clock, first, last - 1) else moment(clock, last - 1)
    return t("series.stretch", first=moment(clock, first), last=end)


def _same_day(clock: Clock, one: int, other: int) -> bool:
    return clock.unit in WITH_HOURS and clock.at(one).date() == clock.at(other).date()


def short(clock: Clock, step: int) -> str:
    """A step without its day, where it has an hour."""
    return f"{clock.at(step):%H:%M}" if clock.unit in WITH_HOURS else clock.label(step)


def _day(at: datetime) -> str:
    """A day of the year."""
    return f"{at.month}月{at.day}日" if language() == "zh" else f"{at.day} {at:%b}"


def calendar(window: Window) -> list[dict[str, Any]]:
    """What stands under the map: where each day begins, its weekday, whether it is a weekend; or months, years."""
    clock, count = window.clock, len(window.values) + len(window.came)
    found: list[dict[str, Any]] = []
    for step in range(count):
        one = _group(clock, window.first + step)
        if not found or found[-1]["day"] != one["day"]:
            found.append({**one, "at": step})
    return found


def _group(clock: Clock, step: int) -> dict[str, Any]:
    """The day, the month, the year or the decade of a step."""
    at = clock.at(step)
    if clock.unit == "row":
        return {"day": str(step // 10 * 10 + 1), "name": "", "rest": False}
    if clock.unit in WITH_HOURS:
        return {"day": _day(at), "name": t(f"series.weekday_{at.weekday()}"), "rest": at.weekday() >= WEEKEND}
    if clock.name == "day":
        return {"day": f"{at:%Y-%m}", "name": "", "rest": False}
    return {"day": str(at.year // 10 * 10 if clock.name == "year" else at.year), "name": "", "rest": False}
