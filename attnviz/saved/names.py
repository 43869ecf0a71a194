"""The names of a vocabulary, kept with a trace in the place of the tokenizer that gave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

from attnviz.threads import cached_property

MOST_NAMES = 65_536  # entries; naming one takes about 10 microseconds, and 10 bytes of the file
LIKELIEST = 200  # of a larger vocabulary, those of each position
T = TypeVar("T")


@dataclass(frozen=True)
class Names:
    """What each entry of a vocabulary is called; one that is not in `numbers` is called by its number.

    >>> Names((3, 7), ("tea", "cup"))(7), Names((), ())(5)
    ('cup', '#5')
    """

    numbers: tuple[int, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.numbers) != len(self.labels):
            raise ValueError(f"{len(self.numbers)} numbers for {len(self.labels)} names")

    @cached_property
    def known(self) -> dict[int, str]:
        """The names by their numbers."""
        return dict(zip(self.numbers, self.labels, strict=True))

    def __call__(self, number: int) -> str:
        return self.known.get(number, f"#{number}")

    @classmethod
    def of(cls, logits: Tensor, name: Callable[[int], str]) -> Names:
        """The names of all entries, or where these are many of those that stand high at any position."""
        size = logits.shape[-1]
        numbers = range(size) if size <= MOST_NAMES else logits.topk(LIKELIEST).indices.unique().tolist()
        return cls(tuple(numbers), tuple(name(number) for number in numbers))


def named(trace: T, made: dict[int, Names] | None = None) -> T:
    """A trace, all its maps with it, that names what it predicts without its tokenizer; without predictions, nothing.

    Maps that share their predictions share their names (`made`).
    """
    found: Any = trace
    made = {} if made is None else made
    name: Callable[[int], str] = str
    if found.logits is not None and found.name_piece is not str:
        place = found.logits.data_ptr()
        if place not in made:
            made[place] = _names(found.logits, found.name_piece)
        name = made[place]
    others = {part: named(other, made) for part, other in found.others.items()}
    renamed: T = replace(found, name_piece=name, others=others)
    return renamed


def _names(logits: Tensor, name: Callable[[int], str]) -> Names:
    """Those of a trace that was loaded are saved as they are."""
    return name if isinstance(name, Names) else Names.of(logits, name)
