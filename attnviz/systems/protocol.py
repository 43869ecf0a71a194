"""What every system of the family does, so that a picture or a page need not know which one it has."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from attnviz.core.rules import Rule
from attnviz.trace import Trace


@runtime_checkable
class System(Protocol):
    """A small trained network that computes its weights with `attend`; never changed after loading.

    What a system can do beside `read` (translate in steps, delete a sentence, shuffle the tokens) are methods and
    functions of its own, in `attnviz.systems.<kind>`. Its card is `attnviz.models.read_card(system.name)`.
    """

    @property
    def name(self) -> str:
        """Its name among the shipped weights, or that of its folder."""
        ...

    @property
    def licence(self) -> str | None:
        """The licence that its card names; None where there is none."""
        ...

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        ...

    def read(self, text: Any, *, rule: Rule | None = None) -> Trace:
        """What does it look at in `text`? The rule acts while it computes (its own unless given: soft, or DIN's gates).

        A system of two texts takes the other one as `target`: the translation to be read, or the words that look.
        """
        ...
