"""A document in parts."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.axes.axis import Axis, Characters, check_lengths
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Sentences(Axis):
    """Spans of a document, in order: its sentences, or with another `unit` its words, or itself as one.

    `spans` are ranges of characters of `text`; `cut` is how many of these were read (None: all). Raises `ValueError`
    for a span that the text does not have, or that begins before the one before it ends.

    >>> Sentences("Hi. You?", labels=("1 Hi.", "2 You?"), spans=((0, 3), (4, 8))).face(1)
    'You?'
    """

    text: str
    labels: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    cut: int | None = None
    unit: str = "sentence"

    def __post_init__(self) -> None:
        check_lengths(f"{self.unit}s", labels=self.labels, spans=self.spans)
        before = 0
        for number, (start, end) in enumerate(self.spans):
            if not before <= start <= end <= len(self.text):
                raise ValueError(
                    f"{self.unit} {number} is characters {start} to {end}, after {before}, of {len(self.text)}"
                )
            before = end

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """None is."""
        return (False,) * len(self.labels)

    def stands_for(self, place: int) -> Characters:
        return Characters(*self.spans[place])
