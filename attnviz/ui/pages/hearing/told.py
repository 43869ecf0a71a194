"""What a run wrote down, spelt or named: its rows, its text, and of digits which are right and heard where they are
said."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.ui.pages.hearing.views import Columns, Map, Row, View

if TYPE_CHECKING:
    from attnviz.models import HearingModel
    from attnviz.systems.speech.system import Said
    from attnviz.trace import Trace

MOST_ROWS = 300  # words that are listed; of more the first
GAP, SPACE = "|", "␣"  # what stands between words where letters are spelt, and how it is shown


@dataclass(frozen=True)
class Word:
    """One token that was written: its text, its digit (None for the end), the said digit that it is, if any."""

    text: str
    digit: int | None
    of: int | None


@dataclass(frozen=True)
class Told:
    """All that was written; `said` are the digits that were truly said, None where nobody knows them."""

    words: tuple[Word, ...]
    said: tuple[int, ...] | None

    @property
    def digits(self) -> tuple[int, ...]:
        """The digits that were written."""
        return tuple(one.digit for one in self.words if one.digit is not None)

    @property
    def whole(self) -> bool:
        """Was all written that was said, and nothing else?"""
        return self.digits == self.said

    @property
    def missed(self) -> tuple[int, ...]:
        """Which of the said digits were not written, by their places."""
        found = {one.of for one in self.words}
        return tuple(place for place in range(len(self.said or ())) if place not in found)

    @property
    def wrong(self) -> int:
        """How many were written that were not said there."""
        return sum(one.digit is not None and one.of is None for one in self.words)


def told(trace: Trace, said: Said | None) -> Told:
    """What a run of the model of digits wrote, each digit beside the one that was said."""
    digits = [None if special else number for number, special in zip(trace.encoded.ids, trace.special, strict=True)]
    of: dict[int, int] = {}
    if said is not None:
        blocks = SequenceMatcher(None, [one for one in digits if one is not None], said.digits, autojunk=False)
        of = {b.a + n: b.b + n for b in blocks.get_matching_blocks() for n in range(b.size)}
    words = [
        Word(text, digit, of.get(place)) for place, (text, digit) in enumerate(zip(trace.tokens, digits, strict=True))
    ]
    return Told(tuple(words), None if said is None else said.digits)


def written_text(trace: Trace) -> str:
    """What a model of the Hub or a folder wrote: the text of its tokens, without what marks language and task."""
    one = trace.encoded
    spans = [span for span, special in zip(one.spans, one.special, strict=True) if span and not special]
    return one.text[spans[0][0] : spans[-1][1]].strip() if spans else ""


def rows_of(trace: Trace, model: HearingModel | None) -> tuple[Row, ...]:
    """The words of a run: tokens that were written, letters that were spelt, what the answer of a whole sound is read
    from; () where there are none.
    """
    if model is None or model.writes:
        return tuple(
            Row(text, (n,), mark) for n, (text, mark) in enumerate(zip(trace.tokens, trace.special, strict=True))
        )
    if model.says == "token" and trace.answer is not None:
        return letters(trace.answer, model.blank)
    first = getattr(trace.queries, "first", ()) if model.says == "sequence" else ()
    return tuple(Row(text, (place,), True) for place, text in enumerate(first))


def letters(answer: Any, blank: int | None) -> tuple[Row, ...]:
    """The likeliest label of each frame, what is the same in a row taken as one, without the blank (Graves et al.
    2006).
    """
    best, special = answer.scores.argmax(-1).tolist(), answer.read.special
    starts = [place for place, label in enumerate(best) if not place or label != best[place - 1]]
    found = []
    for start, end in zip(starts, [*starts[1:], len(best)], strict=True):
        if best[start] != blank and not special[start]:
            found.append(Row(answer.labels[best[start]].replace(GAP, SPACE), tuple(range(start, end))))
    return tuple(found)


def spelt(rows: tuple[Row, ...], apart: bool) -> str:
    """Letters as a text; labels that are no letters with a comma between them."""
    return (
        ", ".join(row.text for row in rows) if apart else "".join(row.text for row in rows).replace(SPACE, " ").strip()
    )


def view_of(name: str, trace: Trace, rows: tuple[Row, ...], columns: Columns) -> View:
    """How words listen, or moments of the sound: the map, its rows and the places of the picture."""
    if name == "words":
        own = trace.map("cross") if "cross" in trace.parts else trace
        return View(name, own, rows[:MOST_ROWS], columns, len(rows))
    own = trace.text_map
    return View(name, own, tuple(map(Row, columns.names, columns.places)), columns)


def inside(shown: Map, found: Told, said: Said, trace: Trace) -> dict[int, float]:
    """The share of each right word's weight inside the time in which its digit is said, by the word's place."""
    import torch

    from attnviz.measures.listening import inside_spans

    right = {place: one.of for place, one in enumerate(found.words) if one.of is not None}
    if not right:
        return {}
    rows = torch.from_numpy(np.nan_to_num(shown.weights[list(right)]))
    shares = inside_spans(rows, trace.keys, [said.spans[of] for of in right.values()])
    return {place: float(share) for place, share in zip(right, shares, strict=True)}


def even(said: Said, seconds: float) -> float:
    """What a word that listens everywhere alike has inside its digit's time, in the mean."""
    return float(np.mean([end - start for start, end in said.spans])) / seconds


def ahead(shown: Map, view: View) -> tuple[int, int]:
    """In how many steps does the middle of what a word listens to move on, and of how many? Marks do not count."""
    import torch

    from attnviz.measures.listening import forward

    rows = [place for place, row in enumerate(view.rows) if not row.special]
    if len(rows) < 2 or view.columns.heights:
        return 0, 0
    share = forward(torch.from_numpy(np.nan_to_num(shown.weights[rows])), view.columns.axis)
    steps = len(rows) - 1
    return round(float(share) * steps), steps
