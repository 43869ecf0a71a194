"""How much could flow from an input to a state on top, if every weight is a pipe of that width? (Maximum flow)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from numpy import ndarray
from torch import Tensor

from attnviz.measures.reading.rollout import heads_together, with_identity

NOTHING = 1e-12  # what is left of a pipe after rounding; a weight below it carries nothing


def flow(
    layers: Sequence[Float[Tensor, "*head place place"]], target: int, *, identity: bool = True
) -> Float[Tensor, " place"]:
    """How much could flow between state `target` on top and each input `[place]`, through pipes as wide as the weights?

    `layers` are the weights from the lowest to the uppermost; a pipe between a query of one layer and a key of the one
    below is as wide as A~ there, the mean over the heads and, with `identity`, (A + I) / 2. Each input is asked for
    alone, so the row need not sum to 1: no entry is above the sum of the target's row on top, nor above that of the
    input's column below. (Abnar and Zuidema 2020, sec. 3)

    It leaves out all that rollout does, and counts what could pass, not what does: an input has the same number through
    one wide way as through many narrow ones.

    >>> flow([torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([[0.6, 0.4], [0.5, 0.5]])], 0)
    tensor([0.9000, 0.2500], dtype=torch.float64)
    """
    maps = [with_identity(one) if identity else one for one in map(heads_together, layers)]
    if not maps or any(one.shape != (len(maps[0]), len(maps[0])) for one in maps):
        raise ValueError(f"flow needs square maps of one size; got {[tuple(one.shape) for one in layers]}")
    places = len(maps[0])
    if not 0 <= target < places:
        raise ValueError(f"flow needs a target from 0 to {places - 1}; got {target}")
    pipes = np.zeros(((len(maps) + 1) * places,) * 2)
    for number, one in enumerate(maps):  # a node of layer n, counted from below, is n * places + place
        above, below = (slice(at * places, (at + 1) * places) for at in (number + 1, number))
        pipes[above, below] = one.cpu().numpy()
    top = len(maps) * places + target
    return torch.tensor([max_flow(pipes, top, place) for place in range(places)], dtype=torch.float64)


def max_flow(capacities: Float64[ndarray, "node node"], source: int, sink: int) -> float:
    """How much can flow from one node to another through pipes `[from, to]`, all other nodes giving on what they get?

    Dinic 1970: as long as there is a way left, all shortest ways are filled at once, by Tarjan's waves (1984). It is
    exact but for rounding: a pipe is full where less than 1e-12 is left of it.

    >>> max_flow(np.array([[0.0, 3.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]), 0, 2)
    3.0
    """
    left, total = np.array(capacities, dtype=np.float64), 0.0
    np.fill_diagonal(left, 0.0)
    if source == sink:
        raise ValueError(f"max_flow needs two nodes; got {source} twice")
    while levels := _levels(left, source, sink):
        ways = _Ways.through(left, levels)
        total += ways.fill()
        for one, other, moved in zip(levels, levels[1:], ways.moved, strict=False):
            left[np.ix_(one, other)] -= moved
            left[np.ix_(other, one)] += moved.T
    return total


def _levels(
    left: Float64[ndarray, "node node"], source: int, sink: int
) -> list[Int[ndarray, " _"]]:  # fmt: skip
    """The nodes by their distance from the source, up to the sink, those that no shortest way uses left out.

    Empty where there is no way.
    """
    new, seen = np.array([source]), np.zeros(len(left), dtype=bool)
    seen[source] = True
    found = [new]
    while not seen[sink]:
        new = np.flatnonzero((left[new] > NOTHING).any(0) & ~seen)
        if not len(new):
            return []
        seen[new] = True
        found.append(new)
    found[-1] = np.array([sink])
    for at in range(len(found) - 2, 0, -1):
        found[at] = found[at][(left[np.ix_(found[at], found[at + 1])] > NOTHING).any(1)]
    return found


@dataclass
class _Ways:
    """All shortest ways at once: what is `free` and was `moved` between each level and the next, `[from, to]`.

    `held` is what waits in each node of a level, `shut` says that a node can pass nothing on.
    """

    free: list[Float64[ndarray, "_ _"]]
    moved: list[Float64[ndarray, "_ _"]]
    held: list[Float64[ndarray, " _"]]
    shut: list[ndarray]

    @classmethod
    def through(cls, left: Float64[ndarray, "node node"], levels: Sequence[Int[ndarray, " _"]]) -> _Ways:
        """Those between these levels, with all that leaves the source under way."""
        free = [left[np.ix_(one, other)] for one, other in pairwise(levels)]
        free = [np.where(one > NOTHING, one, 0.0) for one in free]
        held = [np.zeros(len(one)) for one in levels]
        moved = [np.zeros_like(one) for one in free]
        moved[0], held[1], free[0] = free[0].copy(), free[0][0].copy(), np.zeros_like(free[0])
        return cls(free, moved, held, [np.zeros(len(one), dtype=bool) for one in levels])

    def fill(self) -> float:
        """Send on what can be sent, and back what cannot, until nothing waits between source and sink.

        Each wave but the last shuts a node for good, so there are at most as many as nodes.
        """
        inner = range(1, len(self.held) - 1)
        while any((self.held[at] > 0).any() for at in inner):
            for at in inner:
                self._send(at)
            for at in reversed(inner):
                self._return(at)
        return float(self.held[-1].sum())

    def _send(self, at: int) -> None:
        """What waits in a level goes on, in proportion to what is free; a node with too much is shut."""
        open_to = np.where(self.shut[at + 1], 0.0, self.free[at])
        room, waiting = open_to.sum(1), np.where(self.shut[at], 0.0, self.held[at])
        full = waiting >= room
        share = np.where(full, 1.0, waiting / np.where(full, 1.0, room))
        sent = np.where((waiting > 0)[:, None], open_to * share[:, None], 0.0)
        self.free[at] = self.free[at] - sent
        self.moved[at] = self.moved[at] + sent
        self.held[at + 1] = self.held[at + 1] + sent.sum(0)
        over = np.where(full, waiting - room, 0.0)
        over = np.where(over > NOTHING, over, 0.0)
        self.held[at] = np.where(self.shut[at], self.held[at], over)
        self.shut[at] = self.shut[at] | (over > 0)

    def _return(self, at: int) -> None:
        """What waits in a shut node goes back the ways it came, in proportion."""
        back = np.where(self.shut[at], self.held[at], 0.0)
        came = self.moved[at - 1].sum(0)
        share = np.where(back > 0, back / np.where(came > 0, came, 1.0), 0.0).clip(0, 1)
        returned = self.moved[at - 1] * share
        self.moved[at - 1] = self.moved[at - 1] - returned
        self.held[at - 1] = self.held[at - 1] + returned.sum(1)
        self.held[at] = np.where(self.shut[at], 0.0, self.held[at])
