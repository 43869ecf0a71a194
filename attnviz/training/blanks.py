"""How often does a model fill a blank with what stood there?"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from attnviz.models import Model

SHARE_BLANKED = 0.15
SEED = 7
BATCH = 32


@dataclass(frozen=True)
class Filled:
    """How many blanks there were, and for how many the original came first, or among the first five."""

    blanks: int
    first: int
    among_five: int

    def __add__(self, other: Filled) -> Filled:
        return Filled(self.blanks + other.blanks, self.first + other.first, self.among_five + other.among_five)


def same_length(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Batches of indices of texts that have the same number of tokens, so that nothing is padded."""
    groups: dict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(ids):
        groups[len(one)].append(place)
    for _, places in sorted(groups.items()):
        yield from (places[at : at + BATCH] for at in range(0, len(places), BATCH))


def blanks_of(special: Sequence[int], rng: random.Random) -> list[int]:
    """Which tokens of a text are blanked: 15 %, at least one, never a special token. Sorted positions."""
    eligible = [place for place, mark in enumerate(special) if not mark]
    return sorted(rng.sample(eligible, max(1, round(SHARE_BLANKED * len(eligible)))))


@torch.inference_mode()
def fill_blanks(model: Model, sentences: Sequence[str], seed: int = SEED) -> Filled:
    """How often does the model fill a blank with what stood there? A blank over [UNK] counts as wrong."""
    rng = random.Random(seed)
    encoded = model.tokenizer(list(sentences), return_special_tokens_mask=True)
    blanks = [blanks_of(special, rng) for special in encoded["special_tokens_mask"]]
    total = Filled(0, 0, 0)
    for places in same_length(encoded["input_ids"]):
        ids = torch.tensor([encoded["input_ids"][place] for place in places])
        rows = torch.tensor([row for row, place in enumerate(places) for _ in blanks[place]])
        columns = torch.tensor([column for place in places for column in blanks[place]])
        original = ids[rows, columns]
        ids[rows, columns] = model.mask_id  # type: ignore[assignment]  # load() gave a masked model
        best = model.network(input_ids=ids).logits[rows, columns].topk(5).indices  # [blank, 5]
        right = (best == original[:, None]) & (original != model.tokenizer.unk_token_id)[:, None]
        total += Filled(len(rows), int(right[:, 0].sum()), int(right.any(1).sum()))
    return total
