"""The numbers of every head over texts of one length that went through the model together, added up text by text.

What `numbers_of` says of one text's every token, summed; all shares at once as a product of weights and wanted pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import category

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from attnviz.core.attention import Attention
from attnviz.experiments.atlas import NAMES
from attnviz.experiments.corpus.exact import whole
from attnviz.text.tokens import Encoded
from attnviz.text.units import members
from attnviz.trace import Gap

BARE = "_bare"  # what is added to a name where sinks were taken out
CELLS = 2**22  # weights that are looked at together: 16 MB
TINY = torch.finfo(torch.float32).tiny
Layer = Attention | Gap


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
    return [span is not None and _is_mark(text.text[slice(*span)].strip()) for span in text.spans]


@lru_cache(maxsize=65_536)
def _is_mark(face: str) -> bool:
    return bool(face) and all(category(one)[0] == "P" for one in face)


@dataclass(frozen=True)
class Pass:
    """How the numbers of one pass are found; made once for all of its layers."""

    shares: tuple[str, ...]
    bare: tuple[str, ...]
    wanted: Float[Tensor, "text measure query key"]
    asked: Bool[Tensor, "text token"]
    kept: Float[Tensor, "text token"]  # keys that are no sink
    spread: bool

    @classmethod
    def of(cls, texts: Sequence[Encoded], measures: Sequence[str]) -> Pass:
        """Of texts of one length."""
        seen = Texts.of(texts, measures)
        shares = tuple(name for name in measures if name != "entropy")
        kept = (~seen.special).float()
        kept[:, 0] = 0.0
        bare = tuple(name for name in NAMES if name in measures)
        wanted = seen.wanted(shares) if shares else torch.zeros(len(texts), 0, *[seen.special.shape[1]] * 2)
        return cls(shares, bare, wanted, ~seen.special, kept, "entropy" in measures)

    def numbers(
        self, layers: Sequence[Layer], names: Sequence[str]
    ) -> Iterator[tuple[list[int], Int64[Tensor, "two name layer head"]]]:
        """Sums over all texts, in units of 2^-32, and how many tokens they are over; some layers at a time."""
        for numbers, weights in self._together(layers):
            found = self._all(weights)
            yield numbers, torch.stack([torch.stack([found[name][side] for name in names]) for side in (0, 1)])

    def _together(
        self, layers: Sequence[Layer]
    ) -> Iterator[tuple[list[int], Float[Tensor, "text layer head query key"]]]:
        """The weights of layers, as many at once as may be; a row's sum is 1, or 0 where it has no weight."""
        some: list[tuple[int, Tensor]] = []
        for number, layer in enumerate(layers):
            if isinstance(layer, Gap):
                continue
            weights = layer.weights.float()
            weights = weights if weights.ndim == 4 else weights[None]  # of a run over one text
            if layer.sink is not None:
                weights = weights / weights.sum(-1, keepdim=True).clamp_min(TINY)
            if some and (some[0][1].shape != weights.shape or (len(some) + 1) * weights.numel() > CELLS):
                yield [one for one, _ in some], torch.stack([one for _, one in some], 1)
                some = []
            some.append((number, weights))
        if some:
            yield [one for one, _ in some], torch.stack([one for _, one in some], 1)

    def _all(self, weights: Float[Tensor, "text layer head query key"]) -> dict[str, tuple[Tensor, Tensor]]:
        """By name what each head's number sums up to, and over how many tokens, both `[layer, head]`."""
        size, flat = weights.shape[1:3], weights.flatten(1, 2)
        total = flat.sum(-1)
        found = self._shares(flat, total, self.shares)
        if self.spread:
            bits = -(flat * flat.clamp_min(TINY).log2()).sum(-1)
            found["entropy"] = (
                self._summed((bits * self.asked[:, None]).sum(-1)),
                self._count(total, self.asked[:, None])[0],
            )
        if self.bare:
            rest = flat * self.kept[:, None, None]
            left = rest.sum(-1)
            rest = rest / left.clamp_min(TINY)[..., None]
            found |= {name + BARE: one for name, one in self._shares(rest, left, self.bare).items()}
        return {name: (total.reshape(size), count.reshape(size)) for name, (total, count) in found.items()}

    def _shares(self, rows: Tensor, total: Tensor, names: Sequence[str]) -> dict[str, tuple[Tensor, Tensor]]:
        """Sums and counts of shares, each `[layer x head]`."""
        if not names:
            return {}
        at = [self.shares.index(name) for name in names]
        wanted = self.wanted if len(at) == len(self.shares) else self.wanted[:, at]
        sums = self._summed(torch.bmm(rows.flatten(2), wanted.flatten(2).transpose(1, 2)))
        counts = self._count(total, self._counted(names, wanted))
        return {name: (sums[:, place], counts[place]) for place, name in enumerate(names)}

    def _counted(self, names: Sequence[str], wanted: Tensor) -> Bool[Tensor, "text measure query"]:
        """For which queries does a measure count? For those that have such a key; reach for all that are asked."""
        found = wanted.any(-1)
        if "reach" in names:
            found[:, names.index("reach")] = self.asked
        return found

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
