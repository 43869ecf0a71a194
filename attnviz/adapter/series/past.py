"""Values over time as one model reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from attnviz.axes import Spans
from attnviz.notices import Notice

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Beside:
    """What is told of a table beside its values; the fields mean what the arguments of `ForecastModel.past` mean."""

    calendar: Any = None
    groups: Sequence[int] = ()
    each: float = 1.0
    of: str = ""


@dataclass(frozen=True, eq=False)
class Past:
    """What a model is given of a table of `rows` time steps: the last ones, `values` `[step, channel]` from `begin`.

    `names` are those of the channels. A row is `each` long in the unit `of`. `inputs` is what the network is given, by
    the names of its arguments; `notes` say what was filled in or left out. `record` takes it in place of the table.
    """

    values: NDArray[np.float32]
    rows: int
    begin: int
    names: tuple[str, ...]
    each: float = 1.0
    of: str = ""
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    notes: tuple[Notice, ...] = ()

    def spans(self, rows: list[tuple[int, int]], first: tuple[str, ...] = ()) -> Spans:
        """An axis of stretches of the table."""
        return Spans(tuple(rows), self.each, self.of, first)
