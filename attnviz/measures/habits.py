"""What a head usually looks at (the previous token, the same word, ...) and how much rests on [CLS] and [SEP]."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.rules import Rule
from attnviz.measures.effect import word_numbers
from attnviz.measures.entropy import normalised
from attnviz.trace import Trace

HABITS = ("previous", "next", "itself", "same_word", "punctuation", "first_special", "last_special")
TEXT_HABITS = HABITS[:5]
Words = Sequence[int | None]


@dataclass(frozen=True)
class Habit:
    """What one head looks at most among the text's own tokens.

    `share` (0 to 1) is of the weight that stays on the text; `sink` (0 to 1) is the share of all weight that goes to
    special tokens. A `sink` near 1 says that the habit moves little.
    """

    layer: int
    head: int
    name: str
    share: float
    sink: float


def targets(trace: Trace, words: Words | None = None) -> Bool[Tensor, "habit query key"]:
    """Which keys does each habit of `HABITS` mean, for every query? True where it does, `[habit, query, key]`.

    previous, next: the neighbour, if it is a token of the text. same_word: the other tokens of the query's word.
    punctuation: other tokens that are punctuation. first_special, last_special: what the tokenizer put before and
    after the text. Rows of special queries are False. In cross attention, whose keys are another text, no key is a
    query's neighbour, its word or itself. `words` gives every token's word number (None: in no word); without it the
    words that the model itself marks are taken, or none. Raises `ValueError` for another length.
    """
    asked, text = ~torch.tensor(trace.special), ~torch.tensor(trace.key_special)
    words = _words(trace) if words is None else words
    if len(words) != len(asked):
        raise ValueError(f"words needs one number for each of {len(asked)} tokens; got {len(words)}")
    first, last = _around(text)
    if trace.crossed:
        never = torch.zeros(len(asked), len(text), dtype=torch.bool)
        kinds = [never, never, never, never, _punctuation(trace).expand_as(never)]
    else:
        place = torch.arange(len(text))
        gap = place[None, :] - place[:, None]  # [query, key]
        word = torch.tensor([-1 if number is None else number for number in words])
        same = (word[:, None] == word[None, :]) & (word[None, :] >= 0)
        kinds = [gap == -1, gap == 1, gap == 0, same & (gap != 0), _punctuation(trace) & (gap != 0)]
    found = [kind & text for kind in kinds] + [first.expand_as(kinds[0]), last.expand_as(kinds[0])]
    return torch.stack(found) & asked[:, None]


def _around(text: Bool[Tensor, " key"]) -> tuple[Bool[Tensor, " key"], Bool[Tensor, " key"]]:
    """The first key and the last, each where it is special."""
    first, last = torch.zeros_like(text), torch.zeros_like(text)
    first[0], last[-1] = ~text[0], ~text[-1]
    return first, last


def habit_shares(
    trace: Trace, words: Words | None = None, *, rule: Rule | None = None, hide_special: bool = False
) -> Float[Tensor, "layer head habit"]:
    """Which share of a token's weight goes where, head by head? `[layer, head, habit]`, 0 to 1, habits as `HABITS`.

    The mean over the tokens of the text for which the habit has a target (the first token has no previous one) and
    whose row holds any weight; NaN where there is none, and in layers without attention. Habits overlap (the
    previous token may be of the same word), so shares need not sum to 1. `hide_special` takes special keys out and
    scales the rest to sum to 1.
    """
    wanted = targets(trace, words)
    special = torch.tensor(trace.key_special)
    table = torch.full((trace.n_layers, trace.n_heads, len(HABITS)), torch.nan, dtype=torch.float64)
    for layer in trace.open_layers:
        weights = trace.weights(layer, rule=rule)
        rows = normalised(weights.masked_fill(special, 0.0) if hide_special else weights)
        shares = torch.einsum("hqk,tqk->htq", rows, wanted.double())
        counted = wanted.any(-1)[None] & (rows.sum(-1) > 0)[:, None]  # [head, habit, query]
        table[layer, : len(shares)] = shares.masked_fill(~counted, torch.nan).nanmean(-1)
    return table


def habits(
    traces: Iterable[Trace],
    words: Sequence[Words | None] | None = None,
    *,
    rule: Rule | None = None,
    hide_special: bool = False,
) -> Float[Tensor, "layer head habit"]:
    """Which share of a token's weight goes where, over many texts? The mean of `habit_shares`, `[layer, head, habit]`.

    Every text counts alike; texts in which a habit has no target are left out of its mean. `words` holds one list of
    word numbers for each trace. Raises `ValueError` for no traces at all, or another number of lists.
    """
    kept = list(traces)
    given = [None] * len(kept) if words is None else list(words)
    if not kept or len(given) != len(kept):
        raise ValueError(f"habits needs at least one trace and words for each; got {len(kept)} and {len(given)}")
    found = [
        habit_shares(trace, own, rule=rule, hide_special=hide_special) for trace, own in zip(kept, given, strict=True)
    ]
    return torch.stack(found).nanmean(0)


def strongest(
    traces: Iterable[Trace], words: Sequence[Words | None] | None = None, *, rule: Rule | None = None
) -> tuple[Habit, ...]:
    """What is each head's habit? One `Habit` a head, in the order of layers and heads.

    Special keys are taken out before the habit is named, for [CLS] and [SEP] gather weight in most heads and would name
    nearly all of them (Clark et al. 2019, sec. 3.2); `sink` says how much rests there.
    """
    kept = list(traces)
    table = habits(kept, words, rule=rule, hide_special=True)[..., : len(TEXT_HABITS)]
    sinks = torch.stack([_sinks(trace, rule) for trace in kept]).nanmean(0)
    share, best = table.nan_to_num(-1.0).max(-1)
    return tuple(
        Habit(layer, head, TEXT_HABITS[int(best[layer, head])], share[layer, head].item(), sinks[layer, head].item())
        for layer, head in torch.cartesian_prod(torch.arange(len(table)), torch.arange(table.shape[1])).tolist()
        if share[layer, head] >= 0
    )


def sink_share(trace: Trace, layer: int, head: int, rule: Rule | None = None) -> float:
    """How much of the weight goes to special tokens such as [CLS] and [SEP]? A share from 0 to 1.

    Of the weight that reaches tokens at all: a learned sink's is not counted. The mean over the tokens of the text
    (over all, where a decoder has only its start token) whose row holds any weight; 0 where no row does.
    """
    return sink_shares(trace, layer, head, [rule])[0]


def sink_shares(trace: Trace, layer: int, head: int, rules: Iterable[Rule | None]) -> list[float]:
    """What does `sink_share` say under each of some rules? The scores are computed once for all of them."""
    found = trace.attention(layer, head)
    under = (found if rule is None else found.under(rule.at(layer, head)) for rule in rules)
    return [_sink(one.weights.float()[None], trace).nan_to_num(0.0).item() for one in under]


def _sinks(trace: Trace, rule: Rule | None) -> Float[Tensor, "layer head"]:
    """Every head's share of weight on special tokens; NaN where a layer has no such head."""
    table = torch.full((trace.n_layers, trace.n_heads), torch.nan, dtype=torch.float64)
    for layer in trace.open_layers:
        shares = _sink(trace.weights(layer, rule=rule), trace)
        table[layer, : len(shares)] = shares
    return table


def _sink(weights: Float[Tensor, "head query key"], trace: Trace) -> Float[Tensor, " head"]:
    """The share on special keys, a mean over the text's queries that hold any weight; NaN where none does."""
    asked = ~torch.tensor(trace.special)
    rows = normalised(weights[:, asked] if asked.any() else weights)
    special = torch.tensor(trace.key_special)
    return rows[..., special].sum(-1).masked_fill(rows.sum(-1) == 0, torch.nan).nanmean(-1)


def _words(trace: Trace) -> Words:
    """The words that the model itself marks, or none."""
    return [None] * len(trace.tokens) if trace.boundaries is None else word_numbers(trace)


def _punctuation(trace: Trace) -> Bool[Tensor, " key"]:
    """Which keys are punctuation throughout? A blank is not, whatever stood there."""
    faces = ["" if place == trace.blank else trace.keys.face(place) for place in range(len(trace.keys))]
    return torch.tensor([is_punctuation(face) for face in faces])


@lru_cache(maxsize=65_536)  # a corpus asks the same few thousand again and again
def is_punctuation(face: str) -> bool:
    """Is a token punctuation throughout, spaces around it aside?

    >>> is_punctuation(" ?!"), is_punctuation("don't"), is_punctuation("")
    (True, False, False)
    """
    face = face.strip()
    return bool(face) and all(unicodedata.category(one)[0] == "P" for one in face)
