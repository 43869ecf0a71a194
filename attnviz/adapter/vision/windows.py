"""Swin's windows as one map over the picture: what lies outside a window is not allowed, neither zero nor looked at.

A layer of Swin computes its attention for each window by itself, the windows on the batch axis, every other time after
the picture was rolled by half a window (Liu et al. 2021, sec. 3.2). Here the windows are put back to where they lie, so
that queries, keys, rules and changes mean what they mean in every model. Each stage has a map of its own, since it has
a quarter of the patches of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnviz.axes import Patches
from attnviz.core.attention import Attention
from attnviz.core.interventions import HideToken, Intervention, Place

WHERE = re.compile(r"layers\.(\d+)\.blocks\.(\d+)\.attention$")
SHUT = -50.0  # Swin adds -100 where two places of a rolled window do not belong together
FIRST = "stage 1"


@dataclass(frozen=True)
class Windows:
    """The windows of one picture, by the names of its stages' maps: the grids, the sides of windows, and by how much
    every other layer is rolled.
    """

    grids: Mapping[str, tuple[int, int]]
    sides: Mapping[str, int]
    rolled: Mapping[str, int]

    @classmethod
    def of(cls, network: Any, axis: Patches) -> Windows:
        """Those of a picture whose patches are an axis, which the network is told.

        Its layers make their windows smaller for a small picture, and leave them so: each picture sets them anew.
        """
        config, rows, columns = network.config, axis.rows, axis.columns
        grids, sides, rolled = {}, {}, {}
        for stage in range(len(config.depths)):
            name = f"stage {stage + 1}"
            small = min(rows, columns) <= config.window_size
            side = min(rows, columns) if small else config.window_size
            grids[name] = -(-rows // side) * side, -(-columns // side) * side
            sides[name], rolled[name] = side, 0 if small else side // 2
            rows, columns = -(-rows // 2), -(-columns // 2)
        found = cls(grids, sides, rolled)
        found._tell(network)
        return found

    def _tell(self, network: Any) -> None:
        """Let the layers have the windows of this picture; nothing changes where it has the size of the last."""
        for name, module in network.named_modules():
            if WHERE.search(f"{name}.attention"):
                place = self.place(f"{name}.attention")
                wanted = self.sides[place.part], self._shift(place)
                if (module.window_size, module.shift_size) != wanted:
                    module.window_size, module.shift_size = wanted

    def _shift(self, place: Place) -> int:
        """By how much the picture is rolled in a layer."""
        return self.rolled[place.part] if place.layer % 2 else 0

    def axes(self, axis: Patches) -> dict[str, Patches]:
        """The two sides of each stage's map: patches that grow by two each way, filled up to whole windows."""
        left, top, right, bottom = axis.covers
        across, down = (right - left) / axis.columns, (bottom - top) / axis.rows
        found = {}
        for stage, (name, (rows, columns)) in enumerate(self.grids.items()):
            region = (left, top, left + columns * across * 2**stage, top + rows * down * 2**stage)
            own = stage == 0 and (rows, columns) == (axis.rows, axis.columns)
            found[name] = axis if own else replace(axis, rows=rows, columns=columns, region=region, order=())
        return found

    def place(self, name: str) -> Place:
        """Where does the call of a module of that name stand?"""
        found = WHERE.search(name)
        assert found is not None, name
        return Place(f"stage {int(found[1]) + 1}", int(found[2]))

    def whole(self, name: str, call: Attention) -> Attention:
        """A call over windows `[window, head, place, d]` as one over all places `[1, head, place, d]`."""
        order = self._order(name)
        count, heads = order.numel(), call.n_heads
        pairs = order[:, :, None] * count + order[:, None, :]  # where each cell of a window lies in the whole map
        inside = call.bias if call.bias is None else call.bias > SHUT
        allowed = torch.zeros(1, 1, count * count, dtype=torch.bool, device=call.queries.device)
        open_ = torch.ones(*pairs.shape, dtype=torch.bool) if inside is None else inside.all(1).expand(pairs.shape)
        allowed[0, 0, pairs.flatten()] = open_.flatten().to(allowed.device)
        bias = None
        if call.bias is not None:
            bias = torch.zeros(1, heads, count * count, dtype=call.bias.dtype, device=call.bias.device)
            each = call.bias.expand(len(order), heads, *pairs.shape[1:]).transpose(0, 1).reshape(heads, -1)
            bias[0, :, pairs.flatten()] = each.masked_fill(each <= SHUT, 0.0)
        return replace(
            call, queries=_spread(call.queries, order), keys=_spread(call.keys, order),
            values=_spread(call.values, order), allowed=allowed.view(1, 1, count, count),
            bias=None if bias is None else bias.view(1, heads, count, count),
        )  # fmt: skip

    def cut(self, name: str, output: Float[Tensor, "1 head place d"]) -> Float[Tensor, "window head one d"]:
        """An output over all places, in windows again."""
        return output[0][:, self._order(name)].transpose(0, 1)

    def _order(self, name: str) -> Int[Tensor, "window place"]:
        """The number of the place, row by row, at each place of each window."""
        place = self.place(name)
        (rows, columns), side, shift = self.grids[place.part], self.sides[place.part], self._shift(place)
        grid = torch.arange(rows * columns).view(rows, columns).roll((-shift, -shift), (0, 1))
        cells = grid.view(rows // side, side, columns // side, side).transpose(1, 2)
        return cells.reshape(-1, side * side)


def meant(changes: Sequence[Intervention], axes: Mapping[str, Patches]) -> tuple[Intervention, ...]:
    """Changes of places as they act in a model of stages: without `part` they name those of the first.

    A place that is hidden is hidden in the later stages too, once all the patches that were merged into one are.
    """
    found = [one if one.part or one.meant(FIRST) else replace(one, part=FIRST) for one in changes]
    hidden = {one.token for one in changes if isinstance(one, HideToken) and not one.part and one.layers is None}
    before = axes[FIRST]
    for name, axis in list(axes.items())[1:]:
        members = [_members(cell, axis, before) for cell in range(len(axis))]
        hidden = {cell for cell, one in enumerate(members) if one and one <= hidden}
        found += [HideToken(cell, part=name) for cell in sorted(hidden)]
        before = axis
    return tuple(found)


def _members(cell: int, axis: Patches, before: Patches) -> set[int]:
    """The patches of the stage before that were merged into one: two by two, fewer at the border."""
    row, column = divmod(cell, axis.columns)
    return {
        down * before.columns + across
        for down in (2 * row, 2 * row + 1)
        for across in (2 * column, 2 * column + 1)
        if down < before.rows and across < before.columns
    }


def _spread(tensor: Float[Tensor, "window head one d"], order: Int[Tensor, "window place"]) -> Tensor:
    """Places of windows where they lie, `[1, head, place, d]`."""
    found = torch.zeros(1, tensor.shape[1], order.numel(), tensor.shape[-1], dtype=tensor.dtype, device=tensor.device)
    found[0, :, order.flatten().to(tensor.device)] = tensor.transpose(0, 1).flatten(1, 2)
    return found
