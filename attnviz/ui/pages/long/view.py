"""Where on the map of a long text are we? Windows and the steps between them; numbers only, no screen.

A window is a part of the map, rows (queries) and columns (keys). Up to `MOST` of either fit the screen token for token;
a larger window is pooled as the overview is. `None` stands for the overview, the whole head.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST, LEAST, START = 256, 8, 64  # tokens a side: most that are shown one by one, least, and where a click opens
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

    @property
    def pooled(self) -> bool:
        """Are there more tokens along a side than are shown one by one?"""
        return max(len(self.queries), len(self.keys)) > MOST


def _side(low: float, high: float, count: int) -> tuple[int, int]:
    """`low` up to `high` of `count`, brought into the map: at least `LEAST`, its middle kept."""
    first, last = sorted((low, high))
    size = max(min(LEAST, count), min(count, round(last - first)))
    start = round((first + last - size) / 2)
    start = max(0, min(start, count - size))
    return start, start + size


def window(q0: float, q1: float, k0: float, k1: float, queries: int, keys: int) -> Window:
    """The window that a box asks for; one drawn too small or beyond the edge is brought into the map.

    >>> window(10, 20, 90, 130, 100, 100)
    Window(q0=10, q1=20, k0=60, k1=100)
    """
    return Window(*_side(q0, q1, queries), *_side(k0, k1, keys))


def around(query: int, key: int, queries: int, keys: int, like: Window | None = None) -> Window:
    """A window with this pair in its middle, as large as `like` unless that is pooled, or `START` tokens a side."""
    height, width = (START, START) if like is None or like.pooled else (len(like.queries), len(like.keys))
    q0, k0 = query + 0.5 - height / 2, key + 0.5 - width / 2
    return window(q0, q0 + height, k0, k0 + width, queries, keys)


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

    "in" halves a window around its middle, the overview and large windows around `aim` if it is there; "out" doubles
    it, until it is the overview again; the arrows go half a window on.
    """
    if move == "back":
        return place.back()
    if move == "overview":
        return place.to(None)
    here = place.now
    if here is None:
        if move != "in":
            return place
        q0, k0 = aim[0] + 0.5 - queries / 4, aim[1] + 0.5 - keys / 4
        return place.to(window(q0, q0 + queries / 2, k0, k0 + keys / 2, queries, keys))
    if move in ("in", "out"):
        middle = (here.q0 + here.q1) / 2, (here.k0 + here.k1) / 2
        if move == "in" and here.pooled and aim[0] in here.queries and aim[1] in here.keys:
            middle = aim[0] + 0.5, aim[1] + 0.5
        return place.to(_scaled(here, 0.5 if move == "in" else 2.0, middle, queries, keys))
    down = {"up": -0.5, "down": 0.5}.get(move, 0.0) * len(here.queries)
    across = {"left": -0.5, "right": 0.5}.get(move, 0.0) * len(here.keys)
    rows, columns = _shifted(here.q0, here.q1, down, queries), _shifted(here.k0, here.k1, across, keys)
    return place.to(Window(*rows, *columns))


def along(move: str, right_to_left: bool) -> str:
    """The same step to the eye where the keys run from right to left: what lies to the left comes later in the text."""
    return {"left": "right", "right": "left"}.get(move, move) if right_to_left else move


def _scaled(here: Window, factor: float, middle: tuple[float, float], queries: int, keys: int) -> Window | None:
    """A window larger or smaller around a place; the overview where it would be all of it."""
    height, width = len(here.queries) * factor, len(here.keys) * factor
    if height >= queries and width >= keys:
        return None
    q, k = middle
    return window(q - height / 2, q + height / 2, k - width / 2, k + width / 2, queries, keys)


def _shifted(low: int, high: int, by: float, count: int) -> tuple[int, int]:
    """A side moved on as far as the map reaches, its size kept."""
    step = round(by) if abs(by) >= 1 or by == 0 else (1 if by > 0 else -1)
    start = max(0, min(low + step, count - (high - low)))
    return start, start + high - low


def fitted(place: Window | None, queries: int, keys: int) -> Window | None:
    """A window from a link or another text, brought into this map; the overview where nothing or all of it is left."""
    if place is None or place.q0 >= queries or place.k0 >= keys:
        return None
    found = window(place.q0, place.q1, place.k0, place.k1, queries, keys)
    whole = (found.queries, found.keys) == (range(queries), range(keys))
    return None if whole and found.pooled else found
