"""The numbers of every head over texts of one length that went through the model together, added up text by text.

What `numbers_of` says of one text's every token, summed; all shares at once as a product of weights and wanted pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from attnviz.adapter.machine import home
from attnviz.adapter.registered import Call
from attnviz.core.attention import Attention
from attnviz.experiments.atlas import NAMES
from attnviz.experiments.corpus.exact import whole
from attnviz.measures.habits import is_punctuation
from attnviz.text.tokens import Encoded
from attnviz.text.units import members

BARE = "_bare"  # what is added to a name where sinks were taken out
CELLS = 2**19  # weights that are looked at together: 2 MB, which stay in the processor's caches
TINY = torch.finfo(torch.float32).tiny


def columns_of(measures: Sequence[str]) -> tuple[str, ...]:
    """The names of what is summed for these measures: each, and those that name a head without sinks too."""
    return (*measures, *(name + BARE for name in NAMES if name in measures))


@dataclass(frozen=True)
class Texts:
    """What the measures ask of texts of one length, each `[text, token]`."""

    special: Bool[Tensor, "text token"]
    labels: Int64[Tensor, "text token"]
    words: Int64[Tensor, "text token"]
    marks: Bool[Tensor, "text token"]

    @classmethod
    def of(cls, texts: Sequence[Encoded], measures: Sequence[str]) -> Texts:
        """Of these; words and labels are found only where a measure asks for them."""
        codes: dict[str, int] = {}
        labels = [
            [codes.setdefault(one, len(codes)) for one in text.labels] if _alike(measures) else [0] * len(text.ids)
            for text in texts
        ]
        words = [members(text, "word") if "same_word" in measures else range(len(text.ids)) for text in texts]
        marks = [_marks(text) if "punctuation" in measures else [False] * len(text.ids) for text in texts]
        return cls(
            torch.tensor([text.special for text in texts]), torch.tensor(labels),
            torch.tensor([list(one) for one in words]), torch.tensor(marks),
        )  # fmt: skip

    def wanted(self, measures: Sequence[str]) -> Float[Tensor, "text measure query key"]:
        """How much each pair counts for each measure: 1 or 0 for shares, the distance for reach. Special rows are 0."""
        text = ~self.special
        pairs = torch.stack([self._pairs(name).expand(*self.special.shape, -1) for name in measures], 1)
        return pairs.float() * text[:, None, :, None]

    def _pairs(self, name: str) -> Tensor:
        """One measure's pairs `[text, query, key]`, the first two axes perhaps 1."""
        size = self.special.shape[1]
        gap = torch.arange(size)[None, :] - torch.arange(size)[:, None]  # [query, key]
        text = ~self.special[:, None, :]
        if name == "reach":
            return gap.abs()[None]
        if name in ("previous", "next", "itself"):
            return (gap == {"previous": -1, "next": 1, "itself": 0}[name]) & text
        if name in ("left", "right"):
            return (gap < 0 if name == "left" else gap > 0) & text
        if name == "first":
            return ((torch.arange(size) == 0)[None, :] & (gap < 0))[None]
        if name == "special":
            return self.special[:, None, :]
        if name == "punctuation":
            return self.marks[:, None, :] & (gap != 0) & text
        if name == "same_word":
            return (self.words[:, :, None] == self.words[:, None, :]) & (gap != 0) & text
        if name == "same_token":
            return (self.labels[:, :, None] == self.labels[:, None, :]) & (gap != 0) & text
        before = torch.cat([torch.full_like(self.labels[:, :1], -1), self.labels[:, :-1]], 1)
        return (self.labels[:, :, None] == before[:, None, :]) & (gap < 0) & text  # induction


def _alike(measures: Sequence[str]) -> bool:
    return "same_token" in measures or "induction" in measures


def _marks(text: Encoded) -> list[bool]:
    """Which tokens are punctuation throughout?"""
    return [span is not None and is_punctuation(text.text[slice(*span)]) for span in text.spans]


@dataclass(frozen=True)
class Pass:
    """How the numbers of one pass are found; made once for all of its layers.

    `shares` are what is summed of weights and wanted pairs, the first `bare` of them once more without sinks.
    """

    shares: tuple[str, ...]
    bare: int
    wanted: Float[Tensor, "text measure query key"]
    counted: Bool[Tensor, "text measure query"]  # those that have such a key; of reach all that are asked
    asked: Bool[Tensor, "text token"]
    kept: Float[Tensor, "text token"]  # keys that are no sink
    spread: bool

    @classmethod
    def of(cls, texts: Sequence[Encoded], measures: Sequence[str]) -> Pass:
        """Of texts of one length."""
        seen = Texts.of(texts, measures)
        asked, kept = ~seen.special, (~seen.special).float()
        kept[:, 0] = 0.0
        bare = tuple(name for name in NAMES if name in measures)
        shares = (*bare, *(name for name in measures if name not in (*bare, "entropy")))
        wanted = seen.wanted(shares) if shares else torch.zeros(len(texts), 0, *[asked.shape[1]] * 2)
        counted = wanted.any(-1)
        if "reach" in shares:
            counted[:, shares.index("reach")] = asked
        return cls(shares, len(bare), wanted, counted, asked, kept, "entropy" in measures)

    @property
    def pairs(self) -> tuple[int, int]:
        """How many queries and keys there are."""
        return self.asked.shape[1], self.asked.shape[1]

    def numbers(
        self, weights: Float[Tensor, "text head query key"], names: Sequence[str]
    ) -> Int64[Tensor, "two name head"]:
        """Of one layer: sums over all texts, in units of 2^-32, and over how many tokens they are, by `names`."""
        found = self._all(weights)
        return torch.stack([torch.stack([found[name][side] for name in names]) for side in (0, 1)])

    def _all(self, rows: Float[Tensor, "text head query key"]) -> dict[str, tuple[Tensor, Tensor]]:
        """By name what each head's number sums up to, and over how many tokens, both `[head]`."""
        total = rows.sum(-1)
        found = self._shares(rows, total, len(self.shares))
        if self.spread:
            bits = -(rows * rows.clamp_min(TINY).log2()).sum(-1)
            count = self._count(total, self.asked[:, None])[0]
            found["entropy"] = self._summed((bits * self.asked[:, None]).sum(-1)), count
        if self.bare:
            rest = rows * self.kept[:, None, None]
            left = rest.sum(-1)
            rest = rest / left.clamp_min(TINY)[..., None]
            found |= {name + BARE: one for name, one in self._shares(rest, left, self.bare).items()}
        return found

    def _shares(self, rows: Tensor, total: Tensor, first: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Sums and counts of the first so many shares, each `[head]`."""
        if not first:
            return {}
        sums = self._summed(torch.bmm(rows.flatten(2), self.wanted[:, :first].flatten(2).transpose(1, 2)))
        counts = self._count(total, self.counted[:, :first])
        return {name: (sums[:, place], counts[place]) for place, name in enumerate(self.shares[:first])}

    def _count(self, total: Tensor, counted: Tensor) -> Int64[Tensor, "measure head"]:
        """Over how many tokens: those that count and whose row has any weight."""
        alive = total > 0
        if bool((alive | ~self.asked[:, None]).all()):
            return counted.sum((0, 2))[:, None].expand(-1, total.shape[1])
        return torch.einsum("bhq,bmq->mh", alive.double(), counted.double()).long()

    @staticmethod
    def _summed(values: Float[Tensor, "text head ..."]) -> Int64[Tensor, "head ..."]:
        """Whole numbers of each text, added."""
        found: Tensor = whole(values).sum(0)
        return found


class Enough(Exception):
    """Ends a pass: all of its layers were looked at, and nobody asks what it makes of the last one's output."""


class Weighing:
    """Follows a pass (`registered.Follow`): the weights are summed up soon after they are computed, and let go.

    The output is made of them, so that they are computed once. `sums` are by layer, once the pass is over; `strange`
    says whether there was more than one map. `Enough` is raised after so many `layers`, where they are known and all
    weights are numbers.
    """

    def __init__(self, asked: Pass, names: Sequence[str], layers: int = 0) -> None:
        self._asked, self._names, self._enough = asked, names, layers
        self._last: Call | None = None
        self._layers: set[int] = set()
        self._waiting: list[tuple[int, Tensor]] = []
        self.sums: dict[int, Int64[Tensor, "two name head"]] = {}
        self.strange = False

    def __enter__(self) -> Weighing:
        self._still = torch.inference_mode()
        self._still.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._still.__exit__(*failure)
        if failure[0] in (None, Enough):
            self._sum()

    def output(self, seen: Call, call: Attention) -> Tensor:
        """The call's output, from the weights that were looked at."""
        place, weights = seen.place, call.weights
        again, self._last = seen is self._last, seen  # the same map once more, for other values
        strange = place.layer in self._layers or place.part != "self" or weights.shape[-2:] != self._asked.pairs
        if not again and strange:
            self.strange = True
        elif not again:
            self._layers.add(place.layer)
            self._take(place.layer, home(weights).float(), call.sink is not None)
            if len(self._layers) == self._enough and not self.strange and bool(weights.isfinite().all()):
                raise Enough
        found: Tensor = (weights @ call.values.to(weights.dtype)).to(call.values.dtype).transpose(1, 2).contiguous()
        return found

    def _take(self, layer: int, rows: Float[Tensor, "text head query key"], scale: bool) -> None:
        """One layer's weights wait for others, as many as are looked at together; `scale` makes rows sum to 1."""
        rows = rows / rows.sum(-1, keepdim=True).clamp_min(TINY) if scale else rows
        if self._waiting and (len(self._waiting) + 1) * rows.numel() > CELLS:
            self._sum()
        self._waiting.append((layer, rows))

    def _sum(self) -> None:
        """Sum up what waits."""
        if self._waiting:
            together = self._asked.numbers(torch.cat([rows for _, rows in self._waiting], 1), self._names)
            parts = together.split([rows.shape[1] for _, rows in self._waiting], -1)
            self.sums |= {layer: part for (layer, _), part in zip(self._waiting, parts, strict=True)}
            self._waiting = []
