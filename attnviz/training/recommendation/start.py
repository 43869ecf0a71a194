"""Where a training begins: what people talk of is counted, and films that were rated by the same people lie close.

Most ratings of this data are of films that are in the cinemas that week. A network of so few numbers would learn little
else; counted beforehand, it is told, and the network learns what a history says beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.systems.recommendation.network import DIN, SASRec
from attnviz.training.recommendation.data import DAY, Rating

LEAST = 0.1  # ratings that a film is taken to have beside those counted: of none there is no logarithm
SHARP = 4.0  # how much a cosine of 1 adds to the score of the activation unit, at the beginning


@dataclass(frozen=True)
class Talk:
    """log(ratings of each film in the days before, a rating counting half after every so many) `[day, film]`.

    A day knows nothing of itself and of later ones. `last` is the moment up to which is learnt.
    """

    table: Float[Tensor, "day film"]
    first: int
    last: Float[Tensor, " film"]

    @classmethod
    def before(cls, ratings: Sequence[Rating], films: int, moment: datetime, half_life: float) -> Talk:
        """Count ratings, the earliest first, up to a moment."""
        first = ratings[0].second // DAY
        days = int(moment.timestamp()) // DAY - first
        counts = torch.zeros(days + 1, films)
        for one in ratings:
            counts[one.second // DAY - first + 1, one.film] += 1
        for day in range(1, days + 1):
            counts[day] += counts[day - 1] * 0.5 ** (1 / half_life)
        talked = (counts + LEAST).log()
        return cls(talked, first, talked[days])

    def day(self, second: int) -> int:
        """The row of a second."""
        return second // DAY - self.first

    def of(self, days: Int64[Tensor, "*some"], films: Int64[Tensor, "*others"]) -> Float[Tensor, "*all"]:
        """What a score begins with on a day."""
        return self.table[days, films]


@torch.no_grad()
def begin(made: SASRec | DIN, ratings: Sequence[Rating], length: float) -> None:
    """Put the films' vectors where who rated them says, and let DIN begin with the cosine of candidate and film."""
    made.table.own.weight.copy_(by_people(ratings, len(made.table.own.weight), made.shape.width) * length)
    if isinstance(made, DIN):
        half, width, some = made.shape.hidden // 2, made.shape.width, made.shape.width // 4
        made.product[:half] += SHARP
        made.product[half:] -= SHARP
        made.vector[:half] += 1 / half
        made.vector[half:] -= 1 / half
        made.vector_bias.sub_(SHARP / 4)
        made.first.weight[:some, 2 * width :] += 1.0  # interest x candidate, summed
        made.second.weight[:, :some] += 1 / some


def by_people(ratings: Sequence[Rating], films: int, width: int) -> Float[Tensor, "film width"]:
    """Films by the first singular vectors of who rated them, each divided by the root of its ratings; of length 1.

    A film that few rated is shorter: c ratings leave c / (c + 2), and none leave 0.
    """
    people = {person: number for number, person in enumerate(dict.fromkeys(one.person for one in ratings))}
    where = torch.tensor([[people[one.person] for one in ratings], [one.film for one in ratings]])
    counts = torch.bincount(where[1], minlength=films).float()
    table = torch.sparse_coo_tensor(where, counts[where[1]].rsqrt(), (len(people), films), check_invariants=True)
    torch.manual_seed(0)
    _, sizes, vectors = torch.svd_lowrank(table.coalesce(), q=min(width + 8, *table.shape), niter=4)
    found = vectors[:, :width] * sizes[:width].sqrt()
    return torch.nn.functional.normalize(found, dim=-1) * (counts / (counts + 2))[:, None]
