"""A series of values over time, as a model takes its steps together."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.axes.axis import Rows, Wordless, check_special
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Spans(Wordless):
    """Stretches of a table whose rows are time steps, each from the first of its `rows` to the first after it.

    A row is `each` long in the unit `of` ("h"); their labels are then when each begins. `first` names the special
    places before them. Raises `ValueError` for a stretch that ends before it begins.

    >>> Spans(((0, 12), (12, 24)), each=0.5, of="h").labels
    ('0–6 h', '6–12 h')
    """

    rows: tuple[tuple[int, int], ...]
    each: float = 1.0
    of: str = ""
    first: tuple[str, ...] = ()
    unit = "step"

    def __post_init__(self) -> None:
        check_special(self.first)
        for start, end in self.rows:
            if not start < end:
                raise ValueError(f"a stretch runs from row {start} to row {end}")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """When each begins, and ends where it has several rows."""
        return (*self.first, *(self._label(start, end) for start, end in self.rows))

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """The places that are no stretch of the series."""
        return (*(True for _ in self.first), *(False for _ in self.rows))

    def stands_for(self, place: int) -> Rows | None:
        place = range(len(self.labels))[place] - len(self.first)
        return None if place < 0 else Rows(*self.rows[place])

    def _label(self, start: int, end: int) -> str:
        unit = f" {self.of}" if self.of else ""
        said = f"{start * self.each:g}"
        return f"{said}{unit}" if end - start == 1 else f"{said}–{end * self.each:g}{unit}"
