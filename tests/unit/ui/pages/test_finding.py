"""The numbers of a detector's map call its queries in the reader's language."""

from __future__ import annotations

from attnviz.axes import Items, Slots
from attnviz.trace import Trace
from attnviz.ui.pages.finding import lit


def test_slots_of_a_map_are_called_in_the_readers_language() -> None:
    """They stood as "query 0" in Chinese."""
    slots, places = Slots(2, "query"), Items(("left", "right"))
    crossed = lit.named(Trace(slots, places, ()), "查询")
    assert crossed.tokens == ["查询 0", "查询 1"] and crossed.key_tokens == ["left", "right"]
    own = lit.named(Trace(slots, slots, ()), "查询")
    assert own.key_tokens == ["查询 0", "查询 1"] and not own.crossed
