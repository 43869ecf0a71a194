"""The causal mask of a long text, laid out only where it is looked at.

A table of 8,192 x 8,192 pairs takes 67 MB, a decoder's run needs one, and torch's kernel knows it without being told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.utils._pytree import tree_map

UNCHANGED = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)


class Triangle(Tensor):
    """A boolean tensor `[..., query, key]`, True where key <= query, whose entries are made when an operation asks.

    It may stand wherever such a mask may: every operation of torch gets the dense table. Who wants a part takes `part`.

    >>> Triangle(3, 3).part(1, 2)
    tensor([[ True,  True, False]])
    """

    @staticmethod
    def __new__(cls, queries: int, keys: int, *leading: int) -> Triangle:
        found: Triangle = Tensor._make_wrapper_subclass(
            cls, (*leading, queries, keys), dtype=torch.bool, device=torch.device("cpu")
        )
        return found

    def part(self, start: int, stop: int, first_key: int = 0, last_key: int | None = None) -> Bool[Tensor, "row key"]:
        """Some of its rows, and of these the columns from `first_key` to before `last_key`."""
        stop, last = min(stop, self.shape[-2]), self.shape[-1] if last_key is None else last_key
        return torch.arange(first_key, last) <= torch.arange(start, stop)[:, None]

    def dense(self) -> Bool[Tensor, "*leading query key"]:
        """The whole table."""
        return self.part(0, self.shape[-2]).expand(self.shape)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in UNCHANGED:
            return args[0]

        def laid_out(one: object) -> object:
            return one.dense() if isinstance(one, Triangle) else one

        return func(*tree_map(laid_out, args), **tree_map(laid_out, kwargs or {}))

    def numpy(self, *, force: bool = False) -> Any:
        """The whole table as NumPy has it."""
        return self.dense().numpy(force=force)

    def tolist(self) -> Any:
        """The whole table as nested lists."""
        return self.dense().tolist()

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"Triangle{tuple(self.shape)}"
