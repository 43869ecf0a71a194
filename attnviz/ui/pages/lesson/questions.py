"""The question of each step, and the answer that the model's own run gives to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from attnviz.ui.pages.lesson.run import Asked, hidden, plain, t

GUESSES = 3  # of the model's first words, offered beside the hidden one
LESS, SAME, MORE = 0, 1, 2
HALF = 2.0  # the temperature that the third step asks about


@dataclass(frozen=True)
class Question:
    """What is asked before looking: `options` by their numbers, the `right` one, and what the run `said`."""

    asks: str
    options: tuple[tuple[int, str], ...]
    right: int
    said: str


def percent(share: float) -> str:
    """A share as a reader knows it; what is not zero never reads as zero.

    >>> percent(0.984), percent(0.0004), percent(0.0)
    ('98%', '<1%', '0%')
    """
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def number(score: float) -> str:
    """A score, with a true minus.

    >>> number(-1.234)
    '−1.23'
    """
    return f"{score:.2f}".replace("-", "−")


def whom(asked: Asked) -> Question:
    """Which token does it look at most?"""
    options = tuple((at, plain(asked.labels[at])) for at in asked.offered())
    values = {**asked.names, "weight": percent(asked.look.weight)}
    said = t("lesson.answer_1" if asked.clear else "lesson.unclear", **values)
    return Question(t("lesson.ask_1", **values), options, asked.look.key, said)


def compared(asked: Asked) -> list[int]:
    """The three keys of the second step: the best score of the other tokens, the middle one and the lowest."""
    others = sorted((at for at in asked.text_tokens if at != asked.look.query), key=lambda at: -asked.scores[at])
    return sorted({others[0], others[len(others) // 2], others[-1]})


def lowest(asked: Asked) -> Question:
    """Which of three keys fits least?"""
    keys = compared(asked)
    worst = min(keys, key=lambda at: float(asked.scores[at]))
    scores = t("lesson.comma").join(
        f"{plain(asked.labels[at])} {number(float(asked.scores[at]))}"
        for at in sorted(keys, key=lambda at: -asked.scores[at])
    )
    said = t("lesson.answer_2", scores=scores, worst=plain(asked.labels[worst]))
    options = tuple((at, plain(asked.labels[at])) for at in keys)
    return Question(t("lesson.ask_2", **asked.names), options, worst, said)


def divided(asked: Asked) -> Question:
    """What does a higher temperature do to the largest weight?"""
    from attnviz import Soft

    layer, head = asked.look.place
    top = int(asked.whole_row.argmax())
    after = float(asked.trace.weights(layer, head, Soft(HALF))[asked.look.query, top])
    before = float(asked.whole_row[top])
    values = {"key": plain(asked.labels[top]), "before": percent(before), "after": percent(after)}
    right = SAME if abs(after - before) < 0.005 else LESS if after < before else MORE
    options = tuple((at, t(f"lesson.{name}")) for at, name in ((LESS, "less"), (SAME, "same"), (MORE, "more")))
    return Question(t("lesson.ask_3", **values), options, right, t("lesson.answer_3", **values))


def agreeing(asked: Asked) -> list[int]:
    """The heads of the layer that is shown in which the token looks at the same other token most."""
    layer = asked.shares[asked.look.layer]
    heads = asked.trace.attention(asked.look.layer).n_heads
    return [head for head in range(heads) if int(layer[head].argmax()) == asked.look.key]


def agree(asked: Asked) -> Question:
    """How many heads of the layer look at the same token most?"""
    heads, found = asked.trace.attention(asked.look.layer).n_heads, agreeing(asked)
    options = tuple((count, str(count)) for count in range(1, heads + 1))
    values = {**asked.names, "layer": asked.look.layer, "heads": heads, "count": len(found)}
    key = "all" if len(found) == heads else "some"
    return Question(t("lesson.ask_4", **values), options, len(found), t(f"lesson.answer_4_{key}", **values))


def says(asked: Asked) -> Question:
    """What does the model say first where the token is hidden?"""
    at, run = asked.look.query, hidden(asked.trace.text, asked.look.query)
    own, chances = asked.trace.encoded.ids[at], run.probabilities(at)
    best = int(chances.argmax())
    pieces = {own, *chances.topk(GUESSES).indices.tolist()}
    names = sorted((run.name_piece(piece), piece) for piece in pieces)
    values = {
        "query": asked.names["query"], "first": plain(run.name_piece(best)), "most": percent(float(chances[best])),
        "own": plain(run.name_piece(own)), "chance": percent(float(chances[own])),
        "rank": int((chances > chances[own]).sum()) + 1,
    }  # fmt: skip
    said = t("lesson.answer_5_own" if best == own else "lesson.answer_5_other", **values)
    return Question(t("lesson.ask_5", **values), tuple((piece, plain(name)) for name, piece in names), best, said)


QUESTIONS: tuple[Callable[[Asked], Question], ...] = (whom, lowest, divided, agree, says)
