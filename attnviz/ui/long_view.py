"""Where on the map of a long text are we? Windows and the steps between them; numbers only, no screen.

A window is a part of the map, rows (queries) and columns (keys), never more than `MOST` of either: so much fits the
screen token for token. `None` stands for the overview, the whole head pooled.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST, LEAST, START = 256, 8, 64  # tokens along one side of a window: at most, at least, and where one is opened
MOVES = ("in", "out", "left", "right", "up", "down", "back", "overview")


@dataclass(frozen=True)
class Window:
    """Queries `q0` up to but not including `q1`, keys `k0` up to but not including `k1`."""

    q0: int
    q1: int
    k0: int
    k1: int

    @property
    def queries(self) -> range:
        """The rows."""
        return range(self.q0, self.q1)

    @property
    def keys(self) -> range:
        """The columns."""
        return range(self.k0, self.k1)


def _side(low: float, high: float, count: int) -> tuple[int, int]:
    """`low` up to `high` of `count`, brought into the map: at least `LEAST`, at most `MOST`, its middle kept."""
    first, last = sorted((low, high))
    size = max(min(LEAST, count), min(MOST, count, round(last - first)))
    start = round((first + last - size) / 2)
    start = max(0, min(start, count - size))
    return start, start + size


def window(q0: float, q1: float, k0: float, k1: float, queries: int, keys: int) -> Window:
    """The window that a box asks for; one drawn too large, too small or beyond the edge is brought into the map.

    >>> window(10, 20, 90, 130, 100, 100)
    Window(q0=10, q1=20, k0=60, k1=100)
    """
    return Window(*_side(q0, q1, queries), *_side(k0, k1, keys))


def around(query: int, key: int, queries: int, keys: int, like: Window | None = None) -> Window:
    """A window with this pair in its middle, as large as `like`, or `START` tokens a side."""
    height = START if like is None else len(like.queries)
    width = START if like is None else len(like.keys)
    q0, k0 = query + 0.5 - height / 2, key + 0.5 - width / 2
    return window(q0, q0 + height, k0, k0 + width, queries, keys)


def too_large(box: tuple[float, float, float, float]) -> bool:
    """Has a drawn box more tokens along a side than fit?"""
    q0, q1, k0, k1 = box
    return max(abs(q1 - q0), abs(k1 - k0)) > MOST


@dataclass(frozen=True)
class Place:
    """Where the reader is, and the windows gone through on the way (`None`: the overview), the last one last."""

    now: Window | None = None
    before: tuple[Window | None, ...] = ()

    def to(self, other: Window | None) -> Place:
        """Go to another window, or to the overview; staying leaves no trace."""
        if other == self.now:
            return self
        return Place(other, (*self.before, self.now)[-50:])

    def back(self) -> Place:
        """To where one came from; the overview where there is no way back."""
        if not self.before:
            return Place()
        return Place(self.before[-1], self.before[:-1])


def moved(place: Place, move: str, queries: int, keys: int, aim: tuple[int, int]) -> Place:
    """One step of `MOVES` on a map of so many `queries` and `keys`; `aim` (query, key) is where the overview opens.

    "in" halves a window around its middle, "out" doubles it, and beyond `MOST` shows the overview again; the arrows go
    half a window on.
    """
    if move == "back":
        return place.back()
    if move == "overview":
        return place.to(None)
    here = place.now
    if here is None:
        if move != "in":
            return place
        size = MOST if max(queries, keys) > 2 * MOST else START  # of a short text that would be all of it
        q0, k0 = aim[0] + 0.5 - size / 2, aim[1] + 0.5 - size / 2
        return place.to(window(q0, q0 + size, k0, k0 + size, queries, keys))
    if move in ("in", "out"):
        return place.to(_scaled(here, 0.5 if move == "in" else 2.0, queries, keys))
    down = {"up": -0.5, "down": 0.5}.get(move, 0.0) * len(here.queries)
    across = {"left": -0.5, "right": 0.5}.get(move, 0.0) * len(here.keys)
    rows, columns = _shifted(here.q0, here.q1, down, queries), _shifted(here.k0, here.k1, across, keys)
    return place.to(Window(*rows, *columns))


def _scaled(here: Window, factor: float, queries: int, keys: int) -> Window | None:
    """A window larger or smaller around the same middle; the overview where it would not grow any more."""
    height, width = len(here.queries) * factor, len(here.keys) * factor
    if factor > 1 and (len(here.queries) >= min(MOST, queries) and len(here.keys) >= min(MOST, keys)):
        return None
    q, k = (here.q0 + here.q1) / 2, (here.k0 + here.k1) / 2
    return window(q - height / 2, q + height / 2, k - width / 2, k + width / 2, queries, keys)


def _shifted(low: int, high: int, by: float, count: int) -> tuple[int, int]:
    """A side moved on as far as the map reaches, its size kept."""
    step = round(by) if abs(by) >= 1 or by == 0 else (1 if by > 0 else -1)
    start = max(0, min(low + step, count - (high - low)))
    return start, start + high - low


def fitted(place: Window | None, queries: int, keys: int) -> Window | None:
    """A window from a link or another text, brought into this map; the overview where nothing of it is left."""
    if place is None or place.q0 >= queries or place.k0 >= keys:
        return None
    return window(place.q0, place.q1, place.k0, place.k1, queries, keys)
