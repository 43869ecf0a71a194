"""The causal mask of a long text, laid out only where it is looked at.

A table of 8,192 x 8,192 pairs takes 67 MB, a decoder's run needs one, and torch's kernel knows it without being told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.utils._pytree import tree_map

UNCHANGED = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)


class CausalMask(Tensor):
    """A boolean tensor `[..., query, key]`, True where key <= query + `first`, made when an operation asks for it.

    It may stand wherever such a mask may: every operation of torch gets the dense table. `first` is not 0 where rows or
    columns before these were left out.

    >>> CausalMask(3, 3).part(range(1, 2), range(3)).dense()
    tensor([[ True,  True, False]])
    """

    first: int

    @staticmethod
    def __new__(
        cls, queries: int, keys: int, *leading: int, first: int = 0, device: torch.device | str = "cpu"
    ) -> CausalMask:
        found: CausalMask = Tensor._make_wrapper_subclass(
            cls, (*leading, queries, keys), dtype=torch.bool, device=torch.device(device)
        )
        found.first = first
        return found

    def part(self, rows: range, columns: range | None = None) -> CausalMask:
        """Some of its rows, and of these all columns or some."""
        across = range(self.shape[-1]) if columns is None else columns
        first = self.first + rows.start - across.start
        return CausalMask(len(rows), len(across), first=first, device=self.device)

    def dense(self) -> Bool[Tensor, "*leading query key"]:
        """The whole table."""
        queries, keys = self.shape[-2:]
        rows, columns = (torch.arange(count, device=self.device) for count in (queries, keys))
        return (columns <= rows[:, None] + self.first).expand(self.shape)

    def hide(self, scores: Float[Tensor, "*head query key"]) -> Float[Tensor, "*head query key"]:
        """Put -inf, in place, where a key is not allowed. Columns that every row sees are not touched."""
        start = max(self.first + 1, 0)
        if start < scores.shape[-1]:
            rows, columns = (torch.arange(count, device=self.device) for count in self.shape[-2:])
            scores[..., start:].masked_fill_(columns[start:] > rows[:, None] + self.first, -torch.inf)
        return scores

    def seen(self, across: Sequence[tuple[int, int]]) -> Int64[Tensor, "query cell"]:
        """How many keys of each stretch of columns (first, end) may each query look at?"""
        starts, ends = torch.tensor(across).unbind(-1)
        reach = torch.arange(self.shape[-2])[:, None] + self.first + 1
        return (reach - starts).clamp_min(0).minimum(ends - starts)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in UNCHANGED:
            return args[0]

        def laid_out(one: object) -> object:
            return one.dense() if isinstance(one, CausalMask) else one

        return func(*tree_map(laid_out, args), **tree_map(laid_out, kwargs or {}))

    def numpy(self, *, force: bool = False) -> Any:
        """The whole table as NumPy has it."""
        return self.dense().numpy(force=force)

    def tolist(self) -> Any:
        """The whole table as nested lists."""
        return self.dense().tolist()

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"CausalMask{tuple(self.shape)}" + (f" from {self.first}" if self.first else "")
