"""What is chosen of a run, and how it is painted: the two things that figures, exports, the reader and words share.

Nothing here imports torch or plotly: the controls of the app make both before the engine is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from attnviz.core.attention import Attention
    from attnviz.core.rules import Rule
    from attnviz.trace import Cell, Trace

Scale = Literal["unit", "row", "log"]
SCALES: tuple[Scale, ...] = get_args(Scale)


@dataclass(frozen=True)
class Selection:
    """Which weights of a run: a head, a pair in it, the rule they are made with, and what a place of a picture is.

    `query` is the token that looks, `key` the one looked at, None where no pair is chosen. `rule` re-weights the run's
    scores; None is the run's own. `specials` says whether [CLS], [SEP] and their like are shown; `by` takes places
    together as an axis offers it (`Axis.groupings`: tokens as characters or words). Of two texts that were read as one
    `block` shows what one looks at in the other: (0, 1) the first in the second; None shows all.

    >>> Selection(1, 2, query=3, key=4).cell
    (3, 4)
    """

    layer: int = 0
    head: int = 0
    query: int = 0
    key: int | None = None
    rule: Rule | None = None
    specials: bool = True
    by: str = "token"
    block: tuple[int, int] | None = None

    @property
    def cell(self) -> tuple[int, int] | None:
        """The pair that is chosen (query, key), None where none is."""
        return None if self.key is None else (self.query, self.key)

    def attention(self, trace: Trace) -> Attention:
        """The chosen head of a run under the chosen rule. Raises `AttnvizError` for a layer or head not there."""
        return trace.attention(self.layer, self.head, self.rule)

    def explained(self, trace: Trace) -> Cell:
        """Every number on the way to the chosen pair's weight; to the first key's where no key is chosen."""
        return trace.cell(self.layer, self.head, self.query, self.key or 0, self.rule)

    def explained_under(self, trace: Trace, rules: Iterable[Rule]) -> list[Cell]:
        """The same under each of some rules in place of the chosen one."""
        return trace.cells(self.layer, self.head, self.query, self.key or 0, rules)


@dataclass(frozen=True)
class Style:
    """How a picture is painted: what full colour means (`scale`), on light or on dark, whose words, how high.

    `height` is in pixels, None for the figure's own.
    """

    scale: Scale = "unit"
    dark: bool = False
    language: str = "en"
    height: int | None = None

    def pixels(self, own: int) -> int:
        """How high is a picture whose own height is `own`?

        >>> Style().pixels(460), Style(height=300).pixels(460)
        (460, 300)
        """
        return own if self.height is None else self.height


PLAIN = Style()
