"""How far does each state turn when one value is put to 0? (Value zeroing)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.interventions import Intervention
from attnviz.errors import ModelError
from attnviz.experiments.reading.places import ALL, Places
from attnviz.measures.reading import rows_to_one, turned
from attnviz.models.load import Model
from attnviz.recording.several import Seen, Several, ZeroValues
from attnviz.trace import Trace


@runtime_checkable
class Again(Protocol):
    """A text or a picture, to be run so often with another change in each."""

    def groups(self, count: int) -> Iterator[range]:
        """So many runs, in groups of those that go through the model together."""

    def run(self, rows: int, more: Sequence[Intervention] = ()) -> list[Seen]:
        """So many runs at once; what came of each."""


def value_zeroing(model: Model, trace: Trace) -> Mapping[tuple[str, int], Float[Tensor, "query key"]]:
    """How far does the output of a layer turn at each query, 1 - cosine, when one key's value is 0 in that layer alone?

    By map and layer. The output is that of the whole layer, its MLP and norms in, and of the last layer what the model
    goes on from. One run for each key and layer, 16 at once. (Mohebbi et al. 2023, sec. 3)

    Raises `ModelError` for a model that returns its weights alone, or whose states are not one for each layer.
    """
    return each_turned(Several.of(model, trace), Places(trace), model.name)


def each_turned(again: Again, places: Places, name: str) -> Mapping[tuple[str, int], Float[Tensor, "query key"]]:
    """`value_zeroing` of what is run `again`, by a model of that name."""
    plain = again.run(1)[0]
    found = {}
    for one, layer in places.steps():
        states = plain.states(one.part)
        if len(states) != one.n_layers + 1:
            raise ModelError("states_not_by_layer", model=name)
        found[one.part, layer] = _turned(again, one, layer, states[layer + 1])
    return found


def _turned(
    again: Again, trace: Trace, layer: int, states: Float[Tensor, "query width"]
) -> Float[Tensor, "query key"]:  # fmt: skip
    """The distances of one layer, a column for each key."""
    columns = []
    for group in again.groups(len(trace.keys)):
        change = ZeroValues(keys=tuple(group), layers=(layer,), part=trace.part)
        for run in again.run(len(group), [change]):
            columns.append(turned(states, run.states(trace.part)[layer + 1]))
    return torch.stack(columns, -1)


def by_zeroing(
    found: Mapping[tuple[str, int], Float[Tensor, "query key"]], trace: Trace, layer: int, rows: slice = ALL
) -> tuple[Tensor, Tensor]:
    """A state is made of those without whose values it turns, by how far; nothing is known of what stayed by itself.

    Across two texts a state is half of its own, since the distances are of what was looked at alone.
    """
    shares = rows_to_one(found[trace.part, layer][rows])
    if not trace.crossed:
        own = torch.where(shares.sum(-1) > 0, 0.0, 1.0).double()
        return shares, own
    half = torch.where(shares.sum(-1) > 0, 0.5, 1.0).double()
    return shares / 2, half
