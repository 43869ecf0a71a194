"""How the page on time series says moments and numbers: the calendar under the map, a step by its time, a value."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attnviz.ui.kit import language, t

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.systems.series.clock import Clock
    from attnviz.systems.series.window import Window
    from attnviz.trace import Trace

MOST = 3  # past steps that a sentence names
WEEKEND = 5


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


def span(clock: Clock, steps: int) -> str:
    """So many steps as one says it: 24 hours, 36 weeks; of steps of several units in those."""
    each = 1 if clock.name != clock.unit else clock.count
    return t(f"series.count_{clock.name}", count=steps * each)


def moment(clock: Clock, step: int) -> str:
    """A step by its time, as one says it: 26 Feb 13:00, 2月26日13:00."""
    if clock.unit not in ("hour", "minute", "second"):
        return clock.label(step)
    at = clock.at(step)
    return t("series.moment", day=_day(at), time=f"{at:%H:%M}")


def short(clock: Clock, step: int) -> str:
    """A step without its day, where it has an hour."""
    return f"{clock.at(step):%H:%M}" if clock.unit in ("hour", "minute", "second") else clock.label(step)


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
    if clock.unit in ("hour", "minute", "second"):
        return {"day": _day(at), "name": t(f"series.weekday_{at.weekday()}"), "rest": at.weekday() >= WEEKEND}
    if clock.name == "day":
        return {"day": f"{at:%Y-%m}", "name": "", "rest": False}
    return {"day": str(at.year // 10 * 10 if clock.name == "year" else at.year), "name": "", "rest": False}


def most_looked_at(window: Window, row: Tensor) -> str:
    """The past steps with the most weight, each with its share."""
    best = row.topk(min(MOST, int((row > 0).sum()) or 1))
    return t("series.comma").join(
        t("series.look_at", step=moment(window.clock, window.first + int(place)), share=f"{float(share):.0%}")
        for share, place in zip(best.values, best.indices, strict=True)
    )


def look(trace: Trace, weights: Tensor, hour: int, said: tuple[Window, Tensor, str, float]) -> str:
    """What a coming step is forecast as, what came, and where it looks, in a sentence."""
    window, values, unit, factor = said
    low, mid, high = (value(float(one) / factor) for one in values[hour])
    came = float(window.came[hour]) / factor
    words = {
        "when": moment(window.clock, window.first + len(window.values) + hour), "low": low, "mid": mid, "high": high,
        "unit": unit, "came": "" if math.isnan(came) else t("series.look_came", came=value(came)),
    }  # fmt: skip
    row = weights[hour]
    if not float(row.sum()):
        return t("series.look_nowhere", **words)
    return t("series.looks", most=most_looked_at(window, row), **words)
