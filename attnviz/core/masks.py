"""Who may look at whom: small predicates over (query, key), joined by `&` and `|`.

    Causal() & (Window(4) | Global((0,)))       a decoder's window in which everyone also sees the first token

Each mask says `allowed(queries, keys, first_query=0, first_key=0)`, a table `[query, key]` of which True = may look, as
in torch's SDPA (`MultiheadAttention` means the opposite). `first_query` and `first_key` say where in the text a block
begins, so that a step of a generation gets the rows that the whole text would get. Every mask by itself lets every
query look at itself. `str(mask)` says in a few words what it is, the same from run to run.

The patterns are those of Sparse Transformer (Child et al. 2019), Longformer (Beltagy et al. 2020) and BigBird (Zaheer
et al. 2020). Sizes are numbers of tokens; those of `Window`, `Dilated` and `RandomKeys` count to one side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from attnviz.core.given import plain, wholes
from attnviz.errors import RuleError, shown

BITS = 31  # of the numbers that `RandomKeys` draws by


@dataclass(frozen=True)
class Mask:
    """Who may look at whom; see the module for what every mask promises."""

    def allowed(self, queries: int, keys: int, first_query: int = 0, first_key: int = 0) -> Bool[Tensor, "query key"]:
        """May each of so many queries look at each of so many keys? True = may look, `[query, key]`.

        >>> (Causal() & Window(1)).allowed(3, 3).int()
        tensor([[1, 0, 0],
                [1, 1, 0],
                [0, 1, 1]], dtype=torch.int32)
        """
        query = torch.arange(first_query, first_query + queries)[:, None]
        return self.sees(query, torch.arange(first_key, first_key + keys)[None, :])

    def sees(self, query: Int[Tensor, "query 1"], key: Int[Tensor, "1 key"]) -> Bool[Tensor, "query key"]:
        """The same for the numbers of queries and of keys, both ascending; the last key is taken as the text's end."""
        raise NotImplementedError

    def by_distance(self) -> bool:
        """Does it go by how far before or behind the query a key stands, and by nothing else?"""
        return False

    def pairs(self, tokens: int) -> int:
        """How many pairs of a text of so many tokens are computed? At most tokens x tokens.

        >>> Window(1).pairs(4)
        10
        """
        if self.by_distance() and tokens:
            seen = self.sees(torch.tensor([[tokens - 1]]), torch.arange(2 * tokens - 1)[None, :])
            distance = torch.arange(1 - tokens, tokens).abs()
            return int((tokens - distance)[seen[0]].sum())  # a distance stands in a text that many times
        rows = max(1, 2**18 // max(tokens, 1))  # a block of cells that stays in the processor's cache
        starts = range(0, tokens, rows)
        return sum(int(self.allowed(min(rows, tokens - at), tokens, at).count_nonzero()) for at in starts)

    def _at_least(self, name: str, least: int) -> None:
        """Keep a field as a whole number of Python's own; refuse one that means nothing. Raises `RuleError`."""
        value = plain(getattr(self, name))
        try:
            number = int(value) if value == int(value) else least - 1
        except Exception:  # no number
            number = least - 1
        if number < least or isinstance(value, str):
            raise RuleError("mask_number", name=name, value=shown(value), least=least)
        object.__setattr__(self, name, number)

    def __and__(self, other: Mask) -> Mask:
        return Both(self, other)

    def __or__(self, other: Mask) -> Mask:
        return Either(self, other)


@dataclass(frozen=True)
class Both(Mask):
    """What two masks both allow; written `first & second`."""

    first: Mask
    second: Mask

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        return self.first.sees(query, key) & self.second.sees(query, key)

    def by_distance(self) -> bool:
        return self.first.by_distance() and self.second.by_distance()

    def __str__(self) -> str:
        return f"({self.first} and {self.second})"


@dataclass(frozen=True)
class Either(Mask):
    """What one of two masks allows, or both; written `first | second`."""

    first: Mask
    second: Mask

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        return self.first.sees(query, key) | self.second.sees(query, key)

    def by_distance(self) -> bool:
        return self.first.by_distance() and self.second.by_distance()

    def __str__(self) -> str:
        return f"({self.first} or {self.second})"


@dataclass(frozen=True)
class Causal(Mask):
    """Nobody looks ahead. (Vaswani et al. 2017, sec. 3.2.3)"""

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        return key <= query

    def by_distance(self) -> bool:
        return True

    def __str__(self) -> str:
        return "causal"


@dataclass(frozen=True)
class Window(Mask):
    """Everyone looks at the `size` tokens on each side, and at itself.

    The sliding window of Longformer (Beltagy et al. 2020, sec. 3.1), whose w is 2 x `size`. 0 leaves the token itself.
    """

    size: int

    def __post_init__(self) -> None:
        self._at_least("size", 0)

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        return (query - key).abs() <= self.size

    def by_distance(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"window {self.size}"


@dataclass(frozen=True)
class Dilated(Mask):
    """A window with holes: `size` tokens on each side, `gap` tokens left out between one and the next.

    The dilated window of Longformer (Beltagy et al. 2020, sec. 3.1, fig. 2c); it reaches `size` x (`gap` + 1) tokens to
    each side. With `gap` 0 it is `Window(size)`.
    """

    size: int
    gap: int

    def __post_init__(self) -> None:
        self._at_least("size", 0)
        self._at_least("gap", 0)

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        distance, step = (query - key).abs(), self.gap + 1
        return (distance % step == 0) & (distance <= self.size * step)

    def by_distance(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"dilated window {self.size}, gap {self.gap}"


@dataclass(frozen=True)
class Global(Mask):
    """Some tokens look at all and all look at them; the others only at themselves.

    Longformer's symmetric global attention (Beltagy et al. 2020, sec. 3.1), BigBird's internal global tokens (Zaheer et
    al. 2020, sec. 2, BigBird-ITC). `tokens` are numbers from 0; those beyond the text change nothing.
    """

    tokens: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", wholes("tokens", self.tokens))

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        chosen = torch.tensor(self.tokens, dtype=query.dtype)
        return torch.isin(query, chosen) | torch.isin(key, chosen) | (query == key)

    def __str__(self) -> str:
        return f"global {', '.join(map(str, self.tokens)) or 'none'}"


@dataclass(frozen=True)
class RandomKeys(Mask):
    """Everyone looks at `count` keys drawn on each side, at fewer where there are fewer, and at itself.

    The random attention of BigBird (Zaheer et al. 2020, sec. 2), whose r is 2 x `count`, drawn by token, not by block.
    The draw hangs on `seed` and the two tokens' numbers alone. So what a query sees of the tokens before it stays as it
    is while a text grows; what it sees of those after it is drawn among all that follow.
    """

    count: int
    seed: int = 0

    def __post_init__(self) -> None:
        self._at_least("count", 0)
        self._at_least("seed", 0)

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        if key.numel() == 0:
            return query == key
        every = torch.arange(int(key.max()) + 1)[None, :]
        drawn = _drawn(query, every, self.seed)
        found = every == query
        for side in (every < query, every > query):
            found = found | (_smallest(drawn.masked_fill(~side, 2**BITS), self.count) & side)
        return found[:, key[0]]

    def __str__(self) -> str:
        return f"random {self.count}, seed {self.seed}"


@dataclass(frozen=True)
class Strided(Mask):
    """The last `stride` tokens, and every `stride`-th beyond them.

    The strided pattern of Sparse Transformer (Child et al. 2019, sec. 4.2 and 4.3, fig. 3b): A(1) is the previous l
    tokens, A(2) the tokens at a distance divisible by l; here one head does both, to both sides. Join it with `Causal`
    for the pattern of the paper.
    """

    stride: int

    def __post_init__(self) -> None:
        self._at_least("stride", 1)

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        distance = (query - key).abs()
        return (distance <= self.stride) | (distance % self.stride == 0)

    def by_distance(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"strided {self.stride}"


@dataclass(frozen=True)
class Fixed(Mask):
    """The tokens of one's own block of `stride`, and the last `summaries` tokens of every block.

    The fixed pattern of Sparse Transformer (Child et al. 2019, sec. 4.2 and 4.3, fig. 3c), c = `summaries`; here one
    head does both parts, to both sides. Join it with `Causal` for the pattern of the paper.
    """

    stride: int
    summaries: int = 1

    def __post_init__(self) -> None:
        self._at_least("stride", 1)
        self._at_least("summaries", 0)

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        own = query // self.stride == key // self.stride
        return own | (key % self.stride >= self.stride - self.summaries)

    def __str__(self) -> str:
        return f"fixed {self.stride}, {self.summaries} kept"


def _drawn(query: Tensor, key: Tensor, seed: int) -> Tensor:
    """A number below 2^31 for each pair, the same for the same pair and seed, in no order that one could see."""
    rows = _stirred((query * 0x1E3779B1 + seed * 0x05EBCA6B) & 0xFFFFFFFF)
    return _stirred(rows ^ ((key * 0x42B2AE35) & 0xFFFFFFFF)) >> 1


def _stirred(mixed: Tensor) -> Tensor:
    """A one-to-one jumble of 32-bit numbers: folding and multiplying by odd numbers so small that 63 bits hold it."""
    mixed = mixed.clone()  # ours to change in place: a new tensor at each step takes three times as long
    for number in (0x7FEB352D, 0x045D9F3B):
        mixed.bitwise_xor_(mixed >> 16).mul_(number).bitwise_and_(0xFFFFFFFF)
    return mixed.bitwise_xor_(mixed >> 16)


def _smallest(drawn: Tensor, count: int) -> Tensor:
    """Where in each row `[query, key]` the `count` smallest numbers stand."""
    places = drawn.topk(min(count, drawn.shape[-1]), largest=False).indices
    return torch.zeros_like(drawn, dtype=torch.bool).scatter_(-1, places, True)
