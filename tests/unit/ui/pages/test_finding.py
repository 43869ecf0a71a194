"""The numbers of a detector's map call its queries in the reader's language."""

from __future__ import annotations

from attnviz.axes import Items, Slots
from attnviz.trace import Trace
from attnviz.ui.pages.finding import lit

WORDS = ("查询", r"第 \1 级第 \2 点")


def test_slots_of_a_map_are_called_in_the_readers_language() -> None:
    """They stood as "query 0" in Chinese."""
    slots, places = Slots(2, "query"), Items(("left", "right"))
    crossed = lit.named(Trace(slots, places, ()), *WORDS)
    assert crossed.tokens == ["查询 0", "查询 1"] and crossed.key_tokens == ["left", "right"]
    own = lit.named(Trace(slots, slots, ()), *WORDS)
    assert own.key_tokens == ["查询 0", "查询 1"] and not own.crossed


def test_points_that_a_query_chose_are_called_so_too() -> None:
    found = lit.named(Trace(Slots(1, "query"), Items(("level 1, point 2", "level 3, point 1")), ()), *WORDS)
    assert found.key_tokens == ["第 1 级第 2 点", "第 3 级第 1 点"]
