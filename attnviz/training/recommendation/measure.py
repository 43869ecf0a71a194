"""How often does the last film stand among the first ten? Of networks and of counts, over all films.

Every film that the person has not rated is a candidate: 10,506 less the history. To rank the answer among a hundred
drawn ones, as many papers do, is cheaper and misleads: Krichene and Rendle (2020) show that such figures can put two
ways into the wrong order, and that NDCG on a sample hardly resembles NDCG.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.rules import Rule
from attnviz.systems.recommendation.network import DIN, SASRec
from attnviz.training.recommendation.data import DAY, LONGEST, Question, Rating

FIRST = 10  # films that are shown
MANY = 64  # questions at a time
Scored = Iterator[tuple[Question, Float[Tensor, " film"]]]  # what each film got, for each question


@dataclass(frozen=True)
class Found:
    """Of all questions: `hit` the share whose answer stands among the first ten, `ndcg` 1 / log2(place + 1) on average.

    A place counts from 1; beyond the tenth NDCG@10 gets nothing. With one right answer the ideal is 1.
    """

    hit: float
    ndcg: float
    ranks: tuple[int, ...] = ()


def found(scored: Scored) -> Found:
    """Rank every answer among all films that are not in its history; films with the same score stand before it."""
    ranks = []
    for question, scores in scored:
        left = scores.clone()
        left[list(question.history)] = -torch.inf
        ranks.append(int((left >= scores[question.answer]).sum()))
    first = [rank for rank in ranks if rank <= FIRST]
    gained = sum(1 / math.log2(rank + 1) for rank in first)
    return Found(len(first) / len(ranks), gained / len(ranks), tuple(ranks))


@torch.no_grad()
def by_network(network: SASRec | DIN, questions: Sequence[Question], rule: Rule | None = None) -> Scored:
    """What a network gives all films, by its own rule or another, of the same length of history at a time."""
    everything = network.table.all()
    for some in alike(questions):
        history = torch.tensor([question.history[-LONGEST:] for question in some])
        if isinstance(network, DIN):
            scores = torch.stack([network.over_all(one, rule, everything=everything) for one in history])
        else:
            states, _ = network.states(history, rule or network.rule)
            scores = states[:, -1] @ everything.T + network.table.bias
        yield from zip(some, scores, strict=True)


def alike(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """Questions whose histories are read at one length."""
    lengths: dict[int, list[Question]] = defaultdict(list)
    for question in questions:
        lengths[min(len(question.history), LONGEST)].append(question)
    for same in lengths.values():
        for start in range(0, len(same), MANY):
            yield same[start : start + MANY]


def counted(ratings: Sequence[Rating], films: int) -> Float[Tensor, " film"]:
    """How often was each film rated?"""
    many = Counter(one.film for one in ratings)
    return torch.tensor([float(many[number]) for number in range(films)])


def by_count(counts: Float[Tensor, " film"], questions: Sequence[Question]) -> Scored:
    """The same list for everybody."""
    return ((question, counts) for question in questions)


def by_days(ratings: Sequence[Rating], days: int, films: int, questions: Sequence[Question]) -> Scored:
    """How often each film was rated in the last days before each question: what no network here knows."""
    seconds = torch.tensor([one.second for one in ratings])
    numbers = torch.tensor([one.film for one in ratings])
    for question in questions:
        begin, end = (
            int(torch.searchsorted(seconds, moment)) for moment in (question.second - days * DAY, question.second)
        )
        yield question, torch.bincount(numbers[begin:end], minlength=films).float()


def together(ratings: Sequence[Rating], films: int) -> Callable[[Sequence[int]], Float[Tensor, " film"]]:
    """Item to item: how often was a film rated by those who rated the films of a history? Summed over the history.

    Each pair counts 1 / sqrt(ratings of the one x ratings of the other): the cosine of Sarwar et al. (2001).
    """
    people: dict[int, list[int]] = defaultdict(list)
    for one in ratings:
        people[one.person].append(one.film)
    pairs = torch.cat([torch.cartesian_prod(seen, seen) for seen in map(torch.tensor, people.values())])
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    pairs = pairs[pairs[:, 0].argsort()]
    begins = torch.searchsorted(pairs[:, 0].contiguous(), torch.arange(films + 1)).tolist()
    many = counted(ratings, films).clamp_min(1)

    def scores(history: Sequence[int]) -> Float[Tensor, " film"]:
        total = torch.zeros(films)
        for film in history:
            beside = pairs[begins[film] : begins[film + 1], 1]
            total += torch.bincount(beside, minlength=films) / (many[film] * many).sqrt()
        return total

    return scores


def by_pairs(ratings: Sequence[Rating], films: int, questions: Sequence[Question]) -> Scored:
    """Item to item, for each question."""
    scores = together(ratings, films)
    return ((question, scores(question.history)) for question in questions)
