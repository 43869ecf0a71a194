"""What a change did to a run: how far the tokens moved, how the prediction changed, how the text is cut into words."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Characters
from attnviz.measures.answers import answer_change, answers_compared
from attnviz.trace import Trace

BEGINS = 0.5  # the least probability at which a token is taken as the beginning of a word


def moved(before: Trace, after: Trace) -> Float[Tensor, " token"]:
    """How far did each token's last hidden state turn between two runs? 1 - cosine, `[token]`, from 0 to 2.

    0: the same direction; 1: at right angles. Raises `ValueError` when the runs differ in their number of tokens or
    in width. The distance of Mohebbi et al. 2023 (value zeroing).
    """
    first, second = before.outputs, after.outputs
    if first.shape != second.shape:
        raise ValueError(
            "moved needs two runs of the same tokens in one model; got outputs [token, width] "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    return (1 - F.cosine_similarity(first.double(), second.double(), dim=-1)).clamp(0, 2)


def prediction_change(before: Trace, after: Trace, position: int) -> float:
    """How surprised is someone who expects the first run's prediction by the second's? D(before || after) in bits.

    The Kullback-Leibler divergence over the vocabulary at one token (of an encoder-decoder's cross or decoder map: of
    the target), or over what a trained head says: 0 for the same prediction, without upper bound.
    Raises `ModelError` where a model predicts nothing, `AttnvizError` for a position that a run does not have,
    `ValueError` for two vocabularies.
    """
    if before.answer is not None and after.answer is not None:
        _one_vocabulary("prediction_change", len(before.probabilities(position)), len(after.probabilities(position)))
        return answer_change(before.answer, after.answer, position)
    expected, found = _log_probabilities(before, position), _log_probabilities(after, position)
    _one_vocabulary("prediction_change", len(expected), len(found))
    share = expected.exp()
    terms = torch.where(share > 0, share * (expected - found), torch.zeros_like(share))
    return max(terms.sum().item() / math.log(2), 0.0)


def candidates(before: Trace, after: Trace, position: int, top: int = 5) -> list[tuple[str, float, float]]:
    """Which tokens does either run expect, and with what probability? (token, before, after), the likeliest first.
    Of a trained head: which labels, which numbers, which answers?

    The `top` of each run together, in the order of the larger of the two probabilities. Raises `ModelError` where a
    model predicts nothing, `AttnvizError` for a position that a run does not have, `ValueError` for two vocabularies.
    """
    first, second = before.probabilities(position), after.probabilities(position)
    _one_vocabulary("candidates", len(first), len(second))
    if before.answer is not None and after.answer is not None:
        return answers_compared(before.answer, after.answer, position, top)
    likeliest = {int(i) for run in (first, second) for i in run.topk(min(top, len(run))).indices}
    rows = [(before.name_piece(i), first[i].item(), second[i].item()) for i in sorted(likeliest)]
    return sorted(rows, key=lambda row: -max(row[1:]))


def word_spans(trace: Trace) -> list[tuple[int, int]]:
    """Which tokens make up each word? Ranges `[start, end)` of token numbers that cover all but special tokens.

    A word begins where the model says so with probability 0.5 or more, at the first token, after a special token and
    after a space. Raises `ValueError` for a model that marks no words (`trace.boundaries` is None).
    """
    if trace.boundaries is None:
        raise ValueError(f"{trace.model} marks no words: its trace has no boundaries")
    spans: list[tuple[int, int]] = []
    for place in (place for place, special in enumerate(trace.special) if not special):
        goes_on = spans and spans[-1][1] == place and trace.boundaries[place] < BEGINS and not _gap(trace, place)
        if goes_on:
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
    return spans


def words(trace: Trace) -> list[str]:
    """How does the model cut the text into words? Each word as it stands in the text, a blank as [MASK].

    Spaces between words belong to none. Raises `ValueError` for a model that marks no words.

    >>> import attnviz as av
    >>> words(av.record(av.load("lab-4"), "南京市长江大桥"))  # doctest: +SKIP
    ['南京市', '长江', '大桥']
    """
    return [_surface(trace, start, end) for start, end in word_spans(trace)]


def word_numbers(trace: Trace) -> list[int | None]:
    """Which word is each token in? Numbers from 0, `[token]`; None for special tokens.

    Raises `ValueError` for a model that marks no words.
    """
    numbers: list[int | None] = [None] * len(trace.tokens)
    for number, (start, end) in enumerate(word_spans(trace)):
        numbers[start:end] = [number] * (end - start)
    return numbers


def _one_vocabulary(name: str, first: int, second: int) -> None:
    """Refuse to compare predictions over different vocabularies."""
    if first != second:
        raise ValueError(f"{name} needs two runs with one vocabulary; got {first} and {second} tokens")


def _log_probabilities(trace: Trace, position: int) -> Float[Tensor, " vocabulary"]:
    """Natural logarithms of the prediction at one token, float64."""
    trace.probabilities(position)  # refuses a position or a model without prediction
    assert trace.logits is not None
    return torch.log_softmax(trace.logits[position].double(), dim=-1)


def _gap(trace: Trace, place: int) -> bool:
    """Does white space stand between this token and the one before it?"""
    before, here = trace.queries.stands_for(place - 1), trace.queries.stands_for(place)
    if not (isinstance(before, Characters) and isinstance(here, Characters)):
        return False
    between = trace.text[before[1] : here[0]]
    return bool(between) and between.isspace()


def _surface(trace: Trace, start: int, end: int) -> str:
    """The text of tokens `[start, end)`, with the blank's label in the place of what stood there."""
    text, read = "", None
    for place in range(start, end):
        span = trace.queries.stands_for(place)
        if not isinstance(span, Characters):
            text += trace.tokens[place]
        elif place == trace.blank:
            text, read = text + trace.tokens[place], span[1]
        else:
            text, read = text + trace.text[span[0] if read is None else read : span[1]], span[1]
    return text.strip()
