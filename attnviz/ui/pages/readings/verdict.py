"""What the readings page says of the heads in words: the verdict on top, and what pictures and tables repeat of it.

Every word here comes from `Lean.verdict`, `readers` and `strongest`, as the colours of the grid do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from attnviz.text.segmentation import Reading
from attnviz.ui.kit import dark, plain, signed, t

if TYPE_CHECKING:
    from attnviz.measures.readings import Lean, Place, Verdict
    from attnviz.trace import Trace

NAMED = 4  # heads of one reading that the verdict names; the grid's legend names all
Standing = Literal["clear", "weak", "against", "resting"]


@dataclass(frozen=True)
class Leaning:
    """One run and its lean, with the readings of the whole text that the model read."""

    trace: Trace
    lean: Lean

    @property
    def readings(self) -> tuple[Reading, Reading]:
        """Reading A and B of the whole text."""
        return self.lean.first, self.lean.second


def letter(side: int) -> str:
    """A or B, without colour."""
    return t("figure.letter_first" if side == 0 else "figure.letter_second")


def coloured(side: int, words: str = "") -> str:
    """A or B in the colour of its reading, as HTML within Markdown; or other words of that side."""
    from attnviz.figures.readings import side_colours

    return f"<span style='color:{side_colours(dark())[side]};font-weight:700'>{words or letter(side)}</span>"


def place_text(place: Place) -> str:
    """A head as the link and the verdict name it: 3.0."""
    return f"{place[0]}.{place[1]}"


def bits_text(lean: Lean, place: Place) -> str:
    """The bits of a head with their sign, which nothing has not."""
    return signed(float(lean.bits[place]))


def standing(lean: Lean, side: int) -> Standing:
    """How does the strongest head stand to its reading?"""
    place = lean.strongest(side)
    if lean.readers(side):
        return "clear"
    if lean.verdict(*place) == "resting":
        return "resting"
    towards = float(lean.bits[place]) * (1 if side == 0 else -1)
    return "weak" if towards > 0 else "against"


def verdict(model: str, leaning: Leaning) -> str:
    """The sentence on top: which heads join which words, and what the model as a whole prefers. Markdown with HTML."""
    lean = leaning.lean
    if not any(lean.readers(side) for side in (0, 1)):
        clauses = [t("readings.none"), *_leans(leaning, "leans")]
    else:
        clauses = [clause for side in (0, 1) for clause in _of_side(leaning, side)]
    return t("readings.in_model", model=plain(model), clauses=t("readings.and").join([*clauses, *_whole(leaning)]))


def _of_side(leaning: Leaning, side: int) -> list[str]:
    """What is said of the heads of one reading; a clause, or two where some heads join other words."""
    lean = leaning.lean
    readers = lean.readers(side)
    if not readers:
        return _leans(leaning, "leans_alone", (side,)) or [t("readings.against", letter=coloured(side))]
    words, heads = _words_joined(leaning, side, readers)
    joined = _words(words)
    form = ("joins" if words else "holds") + ("_one" if len(heads) == 1 else "_many")
    found = [t(f"readings.{form}", heads=_few(heads), words=joined, letter=coloured(side))]
    if others := [place for place in readers if place not in heads]:
        form = "also_one" if len(others) == 1 else "also_many"
        found.append(t(f"readings.{form}", heads=_few(others), letter=coloured(side)))
    return found


def _words_joined(
    leaning: Leaning, side: int, readers: Sequence[Place]
) -> tuple[tuple[str, ...], Sequence[Place]]:  # fmt: skip
    """Words of a reading and the heads that join them: those that all join, else the strongest's that joins any."""
    from attnviz.measures.readings import held_words

    each = [held_words(leaning.trace, leaning.lean, side, place) for place in readers]
    common = tuple(word for word in each[0] if all(word in words for words in each))
    if common or not any(each):
        return common, readers
    first = next(words for words in each if words)
    return first, [place for place, words in zip(readers, each, strict=True) if set(first) <= set(words)]


def _leans(leaning: Leaning, message: str, sides: tuple[int, ...] = (0, 1)) -> list[str]:
    """Who leans most to a reading that nobody holds clearly, and what it joins; nothing where nobody leans to it."""
    from attnviz.measures.readings import held_words

    lean, found = leaning.lean, []
    for side in sides:
        if standing(lean, side) == "weak":
            place = lean.strongest(side)
            words = held_words(leaning.trace, lean, side, place)
            found.append(t(
                f"readings.{message}", head=place_text(place), letter=coloured(side), bits=bits_text(lean, place),
                joining=t("readings.joining", words=_words(words)) if words else "",
            ))  # fmt: skip
    return found


def _whole(leaning: Leaning) -> list[str]:
    """What the word-boundary head thinks, which reads the mixed output of all."""
    from attnviz.experiments.sentences import share

    part = share(leaning.trace, *leaning.readings)
    if part is None:
        return []
    side, most = (0, part) if part >= 0.5 else (1, 1 - part)
    return [t("readings.whole", letter=coloured(side), share=f"{most:.1%}")]


def _few(places: Sequence[Place]) -> str:
    """The first heads by name, and how many there are besides."""
    some = [place_text(place) for place in sorted(places[:NAMED])]
    if len(places) <= NAMED:
        return _listed(some)
    return t("readings.more", heads=t("readings.comma").join(some), count=len(places) - NAMED)


def _words(words: Sequence[str]) -> str:
    """Words of the sentence in a row."""
    return _listed([t("readings.word", word=plain(word)) for word in words])


def _listed(words: Sequence[str]) -> str:
    """Words in a row: a, b and c."""
    *most, last = words or [""]
    return t("readings.last", first=t("readings.comma").join(most), last=last) if most else last


def names(places: Sequence[Place]) -> str:
    """All heads by name, neighbours of a layer together: 0.0-0.3, 1.3."""
    runs_of: list[tuple[Place, Place]] = []
    for layer, head in sorted(places):
        if runs_of and runs_of[-1][1] == (layer, head - 1):
            runs_of[-1] = (runs_of[-1][0], (layer, head))
        else:
            runs_of.append(((layer, head), (layer, head)))
    found = (place_text(a) if a == b else f"{place_text(a)}–{place_text(b)}" for a, b in runs_of)
    return t("readings.comma").join(found) or t("readings.nobody")


def about_strongest(lean: Lean, side: int) -> str:
    """The line under a sentence: which head it is from, and whether it holds the reading. No Markdown."""
    place = lean.strongest(side)
    return t(
        f"readings.seen_{standing(lean, side)}", head=place_text(place), bits=bits_text(lean, place),
        low=signed(float(lean.low[place])), high=signed(float(lean.high[place])),
    )  # fmt: skip


def about_open(lean: Lean, side: int, place: Place, by_word: bool = False) -> str:
    """The line over an opened head, Markdown: what it is, its verdict, its bits and their band."""
    name = t("reading_first" if side == 0 else "reading_second")
    told = t(f"figure.verdict_{lean.verdict(*place)}")
    if by_word:
        form = "open_words"
    elif place != lean.strongest(side) or lean.verdict(*place) == "resting":
        form = "open_picked"
    else:
        form = f"open_{standing(lean, side)}"
    return t(
        "readings.opened", opened=t(f"readings.{form}", side=name, verdict=told), layer=place[0], head=place[1],
        bits=bits_text(lean, place), low=signed(float(lean.low[place])), high=signed(float(lean.high[place])),
        share=f"{float(lean.share[place]):.0%}",
    )  # fmt: skip


def legend(lean: Lean) -> dict[Verdict, str]:
    """What each colour of the grid means and which heads have it: none is left out."""
    return {
        "first": t("readings.legend_first", heads=names(lean.of("first"))),
        "second": t("readings.legend_second", heads=names(lean.of("second"))),
        "unclear": t("readings.legend_unclear", count=len(lean.of("unclear"))),
        "resting": t("readings.legend_resting", heads=names(lean.of("resting"))),
    }
