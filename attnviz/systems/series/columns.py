"""What each column of a table is: times, numbers, or neither; guessed and said, so that one can choose another."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise

from attnviz.errors import TextError
from attnviz.threads import cached_property

MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "--", "?", "missing", "缺测", "缺失", "无", "nil", "#n/a"}
ENOUGH = 0.6  # of the cells that say anything must be numbers
SURE = 0.8  # of the cells looked at must be times of one form
SAMPLE = 200
PARTS = (("year", "年"), ("month", "月"), ("day", "日"), ("hour", "时", "小时"))
LIKED = re.compile(r"pm2|value|值|量|浓度|温度|price|price|close|count|number|数", re.IGNORECASE)
FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H", "%Y-%m-%d", "%Y-%m", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M",
    "%Y/%m/%d", "%Y/%m", "%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y",
    "%Y年%m月%d日 %H时", "%Y年%m月%d日%H时", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日", "%Y年%m月", "%b %Y", "%d %b %Y",
    "%b %d, %Y", "%Y.%m.%d", "%Y",
)  # fmt: skip
NUMBER = re.compile(r"[-+−]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?%?")
GROUPED = re.compile(r"[-+−]?\d{1,3}(,\d{3})+(\.\d+)?")
COMMA = re.compile(r"[-+−]?(\d{1,3}(\.\d{3})+|\d+),\d+")


def number(cell: str, comma: bool = False) -> float | None:
    """The number in a cell, None for none; with `comma` a comma stands before its decimals.

    >>> number("1,234.5"), number("1.234,5", comma=True), number("NA"), number("12%")
    (1234.5, 1234.5, None, 12.0)
    """
    cell = cell.strip().replace("\u00a0", "")
    if comma and COMMA.fullmatch(cell):
        cell = cell.replace(".", "").replace(",", ".")
    elif GROUPED.fullmatch(cell):
        cell = cell.replace(",", "")
    if not NUMBER.fullmatch(cell):
        return None
    found = float(cell.replace("−", "-").rstrip("%"))
    return found if math.isfinite(found) and abs(found) < 1e30 else None


@dataclass(frozen=True)
class Column:
    """A column: its name, "" where the table has none, and its cells."""

    name: str
    cells: tuple[str, ...]

    @cached_property
    def comma(self) -> bool:
        """Do commas stand before decimals?"""
        some = [cell for cell in self.cells[:SAMPLE] if "," in cell]
        grouped = sum(bool(GROUPED.fullmatch(cell)) for cell in some)
        return sum(bool(COMMA.fullmatch(cell)) for cell in some) > grouped

    @cached_property
    def numbers(self) -> list[float | None]:
        """The number in each cell."""
        return [number(cell, self.comma) for cell in self.cells]

    @cached_property
    def some(self) -> list[str]:
        """Cells that say something, spread evenly over the column: by them it is guessed what the column is."""
        every = max(1, len(self.cells) // SAMPLE)
        return [cell for cell in self.cells[::every] if cell.lower() not in MISSING]

    @property
    def strange(self) -> int:
        """How many cells say something that is no number."""
        return sum(
            one is None and cell.lower() not in MISSING for one, cell in zip(self.numbers, self.cells, strict=True)
        )

    @cached_property
    def numeric(self) -> bool:
        """Is it a column of numbers?"""
        count = sum(number(cell, self.comma) is not None for cell in self.some)
        return count > 0 and count >= ENOUGH * len(self.some)

    @property
    def counts(self) -> bool:
        """Does it only number the rows?"""
        some = [number(cell, self.comma) for cell in self.cells[:SAMPLE]]
        return len(some) > 2 and all(b is not None and a is not None and b - a == 1 for a, b in pairwise(some))

    @cached_property
    def form(self) -> str | None:
        """How its cells write a time, "" for ISO 8601; None where they write none."""
        if not self.some or (self.numeric and not self._dates):
            return None
        if not self.numeric and _share(self.some, _iso) >= SURE:
            return ""
        shares = {form: _share(self.some, partial(_parsed, form=form)) for form in FORMS}
        best = max(FORMS, key=lambda form: (shares[form], -FORMS.index(form)))
        return best if shares[best] >= SURE else None

    @property
    def _dates(self) -> bool:
        """Are its numbers dates: 19580329, or years from 1000 to 2999 that go on from row to row?"""
        if not all(re.fullmatch(r"\d{4}|\d{6}|\d{8}|\d{10}|\d{12}", cell) for cell in self.some):
            return False
        years = [int(cell[:4]) for cell in self.some]
        if not all(1000 <= year < 3000 for year in years):
            return False
        return any(len(cell) > 4 for cell in self.some) or (len(set(years)) == len(years) and years == sorted(years))

    def times(self) -> list[datetime | None]:
        """The time in each cell, None for none."""
        if self.form is None:
            return [None] * len(self.cells)
        return [_iso(cell) if self.form == "" else _parsed(cell, self.form) for cell in self.cells]


def _share(cells: Sequence[str], parse: Callable[[str], object | None]) -> float:
    return sum(parse(cell) is not None for cell in cells) / max(1, len(cells))


def _iso(cell: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cell.strip()).replace(tzinfo=None)
    except ValueError:
        return None


def _parsed(cell: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(cell.strip(), form)
    except ValueError:
        return None


@dataclass(frozen=True)
class Table:
    """A table in columns; `parted` are the columns that name year, month, day and hour of a time together."""

    columns: tuple[Column, ...]
    parted: tuple[int, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]]) -> Table:
        """A table of rows; the first names its columns where it holds no number or where the next have some.

        Raises `TextError` where no column has numbers.
        """
        wide = max(len(row) for row in rows)
        cells = [[*row, *[""] * (wide - len(row))] for row in rows]
        names = cells[0] if _heads(cells) else [""] * wide
        body = cells[1:] if any(names) else cells
        columns = tuple(Column(name, tuple(row[at] for row in body)) for at, name in enumerate(names))
        found = cls(columns, _parted(names))
        if not body or not found.value_columns:
            raise TextError("series_no_numbers")
        return found

    @property
    def time_columns(self) -> list[int]:
        """The columns that write times."""
        return [at for at, one in enumerate(self.columns) if at not in self.parted and one.form is not None]

    @property
    def value_columns(self) -> list[int]:
        """The columns of numbers, those that seem to be meant first."""
        numeric = [at for at, one in enumerate(self.columns) if one.numeric and at not in self.parted]
        times = self.time_columns
        rest = [at for at in numeric if at not in times] or numeric
        return sorted(rest, key=lambda at: (self.columns[at].counts, not LIKED.search(self.columns[at].name), at))

    def known(self, at: int) -> bool:
        """Is there a column of times of that number? -1 is that of the parts together."""
        return at in self.time_columns or (at == -1 and bool(self.parted))

    def name(self, at: int) -> str:
        """What a column is called; its number from 1 where it has no name."""
        return self.columns[at].name or str(at + 1)

    def times(self, at: int) -> list[datetime | None]:
        """When each row is, by a column; -1 for the columns of year, month, day and hour together."""
        if at >= 0:
            return self.columns[at].times()
        return [_put_together(cells) for cells in zip(*(self.columns[one].cells for one in self.parted), strict=True)]


def _heads(cells: Sequence[Sequence[str]]) -> bool:
    """Does the first row name the columns? Where it has text above numbers, or no number at all."""
    first, later = cells[0], cells[1:SAMPLE]
    if any(number(cell) is not None or number(cell, True) is not None for cell in first):
        above = [any(number(row[at]) is not None for row in later) for at in range(len(first))]
        return any(
            number(cell) is None and number(cell, True) is None and _iso(cell) is None and cell.lower() not in MISSING
            and not any(_parsed(cell, form) for form in FORMS) and above[at]
            for at, cell in enumerate(first)
        )  # fmt: skip
    return not any(_iso(cell) or any(_parsed(cell, form) for form in FORMS) for cell in first)


def _parted(names: Sequence[str]) -> tuple[int, ...]:
    """The columns of year, month, day and hour, as far as they go."""
    lower = [name.strip().lower() for name in names]
    found = []
    for words in PARTS:
        at = next((lower.index(word) for word in words if word in lower), None)
        if at is None:
            break
        found.append(at)
    return tuple(found) if len(found) >= 2 else ()


def _put_together(cells: Sequence[str]) -> datetime | None:
    """The time that year, month, day and hour name."""
    try:
        year, month, *rest = (int(float(cell)) for cell in cells)
        return datetime(year, month, *(rest or [1]))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None
