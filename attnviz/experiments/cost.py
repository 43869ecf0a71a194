"""What attention costs on this machine: seconds and bytes, beside what the formulas say.

Attention over n tokens with heads of width d takes 2 n^2 d multiplications a head, n^2 d for q.k and as many for the
weighted sum (Vaswani et al. 2017, table 1), and n^2 numbers where its weights are laid out, as they must be for a look
at them. A window of w tokens on each side takes n (2w + 1) pairs in place of n^2, but only where the rest is never
computed: a mask put on a full table costs as much as none. `banded` leaves the rest out.
"""

from __future__ import annotations

import statistics
import time
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from attnviz.core.attention import Attention, attend
from attnviz.core.masks import Mask, Window
from attnviz.core.rules import Rule, Soft
from attnviz.errors import TextError
from attnviz.models.load import Model
from attnviz.models.memory import free_for, gigabytes

LENGTHS = (128, 256, 512, 1024, 2048, 4096)
HEADS, WIDTH = 4, 40  # of lab-4
NUMBER = 4  # bytes of a float32
WAYS = ("dense", "masked", "banded", "fused")
TABLES = 6  # n x n, held at once at most: products, scores, softmax on its way, weights; 3 to 5.3 were measured
LEAST_BLOCK = 32  # queries taken together; smaller blocks cost more in calls than they save


@dataclass(frozen=True)
class Cost:
    """What one computation over so many tokens took: the median of some runs in seconds, and the most bytes held.

    `bytes` are those of all tensors alive at once that the computation made, its result among them, its inputs not.
    """

    tokens: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Forward:
    """What a whole forward pass took, and the part of it that is attention: scores, softmax, weighted sum. Seconds."""

    tokens: int
    seconds: float
    attention: float
    bytes: int

    @property
    def rest(self) -> float:
        """Everything else: embeddings, projections, inner layers, prediction."""
        return max(self.seconds - self.attention, 0.0)


def banded(
    queries: Float[Tensor, "head query d"],
    keys: Float[Tensor, "head key d"],
    values: Float[Tensor, "head key d_value"],
    *,
    size: int,
    rule: Rule | None = None,
    scale: float | None = None,
) -> Attention:
    """What does a window of `size` tokens on each side give, when only the pairs near the diagonal are computed?

    The text is cut into blocks; each attends to itself and `size` tokens on each side, so the axes are
    `[head, block, query, key]`. `joined` makes the output `[head, query, d_value]` of it, which equals that of `attend`
    under `Window(size)`. (The chunks of Beltagy et al. 2020, appendix A.) Raises `ValueError` unless there are as many
    keys as queries.
    """
    if queries.shape[-2] != keys.shape[-2]:
        raise ValueError(f"banded needs as many queries as keys; got {queries.shape[-2]} and {keys.shape[-2]}")
    tokens = queries.shape[-2]
    block = block_of(size)
    count = -(-tokens // block)
    filled = F.pad(queries, (0, 0, 0, count * block - tokens)).unflatten(-2, (count, block))
    around = (0, 0, size, size + count * block - tokens)
    near, held = (F.pad(t, around).unfold(-2, block + 2 * size, block).transpose(-1, -2) for t in (keys, values))
    key = torch.arange(count)[:, None] * block + torch.arange(block + 2 * size) - size  # [block, key], in the text
    inside = (key >= 0) & (key < tokens)
    allowed = Window(size).allowed(block, block + 2 * size, first_query=size) & inside[:, None, :]
    return attend(filled, near, held, rule=Soft() if rule is None else rule, allowed=allowed, scale=scale)


def joined(call: Attention, tokens: int) -> Float[Tensor, "head query d_value"]:
    """The output of the blocks of `banded` as one text of so many tokens, its weights laid out on the way."""
    whole: Tensor = laid_out(call).flatten(-3, -2)[..., :tokens, :]
    return whole


def laid_out(call: Attention) -> Float[Tensor, "*batch query d_value"]:
    """weights @ values, the weights laid out, as they must be where someone wants to see them."""
    return call.weights @ call.values


def block_of(size: int) -> int:
    """How many queries `banded` takes together."""
    return max(2 * size, LEAST_BLOCK)


def banded_pairs(tokens: int, size: int) -> int:
    """How many pairs `banded` computes, those included that it then masks."""
    block = block_of(size)
    return -(-tokens // block) * block * (block + 2 * size)


def multiplications(pairs: int, heads: int = HEADS, width: int = WIDTH) -> int:
    """2 x pairs x heads x width: once for the scores, once for the weighted sum."""
    return 2 * pairs * heads * width


def weight_bytes(pairs: int, heads: int = HEADS) -> int:
    """The bytes of one table of weights in float32."""
    return NUMBER * pairs * heads


def attention_cost(
    tokens: int, way: str, mask: Mask | None = None, *, size: int = 2, heads: int = HEADS, width: int = WIDTH
) -> Cost:
    """What does one layer's attention over random queries, keys and values cost here?

    `way`: "dense" all pairs, the weights laid out; "masked" the same under `mask`; "banded" a window of `size` tokens
    in blocks; "fused" all pairs in torch's kernel, which never lays the weights out. Raises `ValueError` for another
    way, `TextError` where the tables do not fit into the memory that is free.
    """
    if way not in WAYS:
        raise ValueError(f"way {way!r} is not one of {WAYS}")
    if way in ("dense", "masked"):
        check_tables(tokens, heads)
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(heads, tokens, width, generator=generator) for _ in range(3)]
    allowed = mask.allowed(tokens, tokens) if way == "masked" and mask is not None else None

    def compute() -> Tensor:
        if way == "banded":
            return joined(banded(*inputs, size=size), tokens)
        if way == "fused":  # torch's kernel wants a batch, and would lay the weights out without one
            return attend(*(one[None] for one in inputs), rule=Soft()).output
        return laid_out(attend(*inputs, rule=Soft(), allowed=allowed))

    return Cost(tokens, seconds_of(compute), bytes_of(compute))


def check_tables(tokens: int, heads: int, free: int | None = None) -> None:
    """Will one layer's products, scores and weights fit into `free` bytes (measured unless given)? Or `TextError`."""
    need = TABLES * weight_bytes(tokens**2, heads)
    free = free_for(need) if free is None else free
    if need > free:
        raise TextError("cost_too_large", tokens=tokens, need=gigabytes(need), free=gigabytes(free))


def forward_cost(model: Model, tokens: int) -> Forward:
    """What does a whole forward pass over random tokens cost here, and which part of it is attention?

    A text longer than the model's own limit costs what it costs, though the model makes nothing of it.
    """
    size = int(model.network.config.vocab_size)
    ids = torch.randint(size, (1, tokens), generator=torch.Generator().manual_seed(0))
    watch = _Stopwatch()

    def compute() -> Any:
        with torch.inference_mode():
            return model.network(input_ids=ids, use_cache=False)

    def timed() -> Any:
        with watch:
            return compute()

    whole = seconds_of(timed)
    return Forward(tokens, whole, statistics.median(watch.passes()), bytes_of(compute))


def seconds_of(compute: Callable[[], object], enough: float = 0.3, most: int = 9) -> float:
    """How long does it take? The median of up to `most` runs after a first, at least one, until `enough` seconds."""
    compute()
    found: list[float] = []
    while len(found) < most and (not found or sum(found) < enough):
        began = time.perf_counter()
        compute()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def bytes_of(compute: Callable[[], object]) -> int:
    """How many bytes do the tensors that it makes hold at most at a time? Those inside a fused kernel are not seen."""
    with _Meter() as meter:
        kept = compute()
    del kept
    return int(meter.most)


class _Meter(TorchDispatchMode):
    """Counts the bytes of every tensor made in this thread, from its making until nobody holds it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._views: Counter[int] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        known = {one.untyped_storage().data_ptr() for one in _held((args, kwargs))} - self._views.keys()
        for one in _held(found):
            if one.untyped_storage().data_ptr() not in known:
                self._hold(one)
        return found

    def _hold(self, one: Tensor) -> None:
        storage = one.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if not size:
            return
        if not self._views[place]:
            self.now += size
            self.most = max(self.most, self.now)
        self._views[place] += 1
        weakref.finalize(one, self._drop, place, size)

    def _drop(self, place: int, size: int) -> None:
        self._views[place] -= 1
        if not self._views[place]:
            del self._views[place]
            self.now -= size


def _held(tree: object) -> list[Tensor]:
    """The tensors in it that have numbers of their own; a `CausalMask` has none."""
    return [one for one in tree_leaves(tree) if isinstance(one, Tensor) and type(one).__name__ != "CausalMask"]


class _Stopwatch(TorchFunctionMode):
    """Times torch's attention kernel in this thread, pass by pass."""

    def __init__(self) -> None:
        super().__init__()
        self._each: list[float] = []

    def __enter__(self) -> _Stopwatch:
        self._each.append(0.0)
        return super().__enter__()  # type: ignore[no-any-return, no-untyped-call]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        began = time.perf_counter()
        found = func(*args, **(kwargs or {}))
        if func is F.scaled_dot_product_attention:
            self._each[-1] += time.perf_counter() - began
        return found

    def passes(self) -> list[float]:
        """Seconds inside the kernel, for each pass but the first, which warms up."""
        return self._each[1:]
