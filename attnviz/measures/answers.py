"""What a change did to what a trained head says: labels, tags and answers before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.answers import Answer
from attnviz.errors import ModelError
from attnviz.trace import Trace


def answers_compared(before: Answer, after: Answer, position: int, top: int = 5) -> list[tuple[str, float, float]]:
    """Which labels does either run give at a token, and with what probability? (label, before, after).

    The `top` of each run together, the likelier first; of a regression the numbers, in the model's order; of a question
    the likeliest answers.
    """
    if before.about == "question":
        return _spans_compared(before, after, top)
    first, second = before.values(position), after.values(position)
    if before.problem == "number":
        rows = zip(before.labels, first.tolist(), second.tolist(), strict=True)
        return list(rows)[:top]
    likeliest = {int(i) for run in (first, second) for i in run.topk(min(top, len(run))).indices}
    found = [(before.labels[i], first[i].item(), second[i].item()) for i in sorted(likeliest)]
    return sorted(found, key=lambda row: -max(row[1:]))


def _spans_compared(before: Answer, after: Answer, top: int) -> list[tuple[str, float, float]]:
    """The likeliest answers of both runs, and how probable either run takes each."""
    spans = list(dict.fromkeys(span[:2] for run in (before, after) for span in run.spans(top)))
    ends = before.ends(), after.ends()

    def share(run: int, first: int, last: int) -> float:
        return float(ends[run][first, 0] * ends[run][last, 1])

    rows = [(before.words(*span), share(0, *span), share(1, *span)) for span in spans]
    return sorted(rows, key=lambda row: -max(row[1:]))


def answer_change(before: Answer, after: Answer, position: int) -> float:
    """How surprised is someone who expects what the first run says by what the second says? In bits, as
    `prediction_change`; of labels that hold or not summed over the labels, of a question over start and end.

    Raises `ModelError` for a regression: a number has no probability.
    """
    if before.problem == "number":
        raise ModelError("answer_is_number")
    if before.about == "question":
        return sum(_bits(*(one.scores[list(one.places), end] for one in (before, after))) for end in (0, 1))
    first, second = before.row(position), after.row(position)
    if before.problem == "one":
        return _bits(first, second)
    pairs = zip(first, second, strict=True)
    return sum(_bits(*(torch.stack([one, torch.zeros_like(one)]) for one in pair)) for pair in pairs)


def chosen(runs: Sequence[Trace]) -> Float[Tensor, " choice"]:
    """Of several choices, each read in a run of its own: how probable does a multiple-choice model take each?

    The softmax of what the runs say, as the model was trained. Raises `ModelError` for runs of another model.
    """
    said = [run.answer.scores.reshape(-1) for run in runs if run.answer is not None and run.kind == "choice"]
    if not said or len(said) < len(runs):
        raise ModelError("no_choices")
    return torch.cat(said).float().softmax(0)


def _bits(first: Float[Tensor, " place"], second: Float[Tensor, " place"]) -> float:
    """D(softmax of the first || softmax of the second)."""
    expected, found = (torch.log_softmax(one.double(), -1) for one in (first, second))
    share = expected.exp()
    terms = torch.where(share > 0, share * (expected - found), torch.zeros_like(share))
    return max(terms.sum().item() / math.log(2), 0.0)
