"""What becomes of an answer about a picture without some looks at a place, and of states without a place's value?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.errors import AttnvizError
from attnviz.experiments.reading.places import Places
from attnviz.experiments.reading.zeroing import by_zeroing, each_turned
from attnviz.recording.gradients import Target
from attnviz.recording.several import CutEdges
from attnviz.recording.things.glances import Glances, Repeated
from attnviz.trace import Trace

MOST_ZEROED = 1024  # runs: those of 50 places in 12 layers of ViT-base take a minute, of 197 twelve


def zeroed_runs(trace: Trace) -> int:
    """How many runs does value zeroing take: one for each key of each layer, and one as it is?"""
    return 1 + sum(one.n_layers * len(one.keys) for one in map(trace.map, trace.parts))


def runs_each(trace: Trace, patches: int) -> Mapping[str, int]:
    """How many runs does each way take, by its name, of a model whose maps have all places?"""
    runs = zeroed_runs(trace)
    return {"edges_shared": patches, "edges_lost": patches, "value_zeroing": runs if runs <= MOST_ZEROED else 0}


def zeroed(glances: Glances, places: Places, queries: Sequence[int]) -> Float[Tensor, " place"]:
    """How far does each layer turn without a value, rolled out to these queries? (`value_zeroing`, of a picture)

    Raises `AttnvizError` for more than `MOST_ZEROED` runs.
    """
    if (runs := zeroed_runs(places.trace)) > MOST_ZEROED:
        raise AttnvizError("reading_zeroing_many", runs=runs, most=MOST_ZEROED)
    found = each_turned(Repeated(glances, states=True), places, glances.model.name)
    return places.rolled(partial(by_zeroing, found), *queries)


def unseen(
    again: Repeated, part: str, target: Target, queries: Sequence[int], patches: Sequence[int], shared: bool
) -> Float[Tensor, " patch"]:  # fmt: skip
    """What is `target` when none of these queries of a map may look at a patch, in any layer and head?

    The others still may, and hand on what they saw: without a patch's pixels all go without it (`covered`). `shared`
    means what it means of `edges_cut`; one run for each patch.
    """
    found: list[float] = []
    for group in again.groups(len(patches)):
        keys = tuple(patches[number] for number in group)
        cut = CutEdges(queries=tuple(queries), keys=keys, shared=shared, part=part)
        found += [float(target(one.outcome)) for one in again.run(len(group), [cut])]
    return torch.tensor(found, dtype=torch.float64)
