"""Of a picture and a text that were read together: how much weight goes to the picture, and where on it does it lie?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Axis, Box
from attnviz.trace import Trace


def on_picture(
    weights: Float[Tensor, "*query key"], keys: Axis, size: tuple[int, int], grid: tuple[int, int]
) -> Float[Tensor, "*query row column"]:
    """Weights of places laid onto a picture `size` (width, height) in a `grid` (rows, columns) of cells.

    Each place's weight is spread evenly over its box, so that the cells add up to what the picture gets of it, whatever
    boxes overlap (tiles, and the whole picture once more) and whatever the cells are. What stands for no box is left
    out.

    >>> from attnviz.axes import Patches
    >>> on_picture(torch.tensor([1.0, 3.0]), Patches(4, 2, rows=1, columns=2), (4, 2), (1, 4)).tolist()
    [[0.5, 0.5, 1.5, 1.5]]
    """
    found = [keys.stands_for(place) for place in range(len(keys))]
    places = [place for place, box in enumerate(found) if isinstance(box, Box)]
    boxes = torch.tensor([found[place] for place in places], dtype=torch.float64).reshape(-1, 4)
    across = _overlap(boxes[:, 0], boxes[:, 2], size[0], grid[1])
    down = _overlap(boxes[:, 1], boxes[:, 3], size[1], grid[0])
    own = weights[..., places].double()
    return torch.einsum("...p,pr,pc->...rc", own, down, across).to(weights.dtype)


def _overlap(starts: Tensor, ends: Tensor, length: int, cells: int) -> Tensor:
    """Which share of each stretch lies in each cell of a side, `[place, cell]`."""
    edges = torch.linspace(0, length, cells + 1, dtype=torch.float64)
    inside = torch.minimum(ends[:, None], edges[1:]) - torch.maximum(starts[:, None], edges[:-1])
    return inside.clamp(min=0) / (ends - starts)[:, None]


def picture_shares(trace: Trace, weights: Float[Tensor, "*head query key"]) -> Float[Tensor, "*head query 3"]:
    """How much of each row's weight goes to the picture, to the prompt, and to what the model has written itself?

    `trace` is of a model that reads picture and text in one row; its `border` tells prompt and answer apart.

    >>> from attnviz.axes import Illustrated, Items
    >>> both = Illustrated(Items(("", "?", "tea")), 8, 4, ("1,1", "", ""), ((0, 0, 8, 4), None, None))
    >>> picture_shares(Trace(both, both, (), border=2), torch.tensor([[0.5, 0.25, 0.25]])).tolist()
    [[0.5, 0.25, 0.25]]
    """
    count = len(trace.keys)
    pictured = torch.zeros(count, dtype=torch.bool)
    pictured[list(getattr(trace.keys, "pictured", ()))] = True
    written = torch.arange(count) >= (count if trace.border is None else trace.border)
    parts = pictured, ~pictured & ~written, ~pictured & written
    return torch.stack([weights[..., part].sum(-1) for part in parts], dim=-1)
