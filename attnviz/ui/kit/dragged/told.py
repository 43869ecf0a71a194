"""What the browser is given of the open head under rules that may come: a byte a weight, and what is said of a pair."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from attnviz.ui.kit.charts import css_class
from attnviz.ui.kit.clicks import WHY
from attnviz.ui.kit.dragged.mathml import html
from attnviz.ui.kit.explanations import sink_lines, why_lines
from attnviz.ui.kit.explanations import whose as say_whose
from attnviz.ui.kit.rules import SHARED

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.selection import Scale, Selection, Style
    from attnviz.trace import Trace

NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
MOST_BYTES = 28_000  # of all frames, a byte a weight: 37 kB as text; what is said takes 12 kB at most


def fitting(run: Trace, selection: Selection, style: Style, fewest: int) -> tuple[dict[str, object], int]:
    """What all frames of an open head share, and how many of them may be sent.

    The sentence has frames of its own where it shows other cells than the map, and as long as `fewest` fit beside.
    """
    from attnviz.figures import choose
    from attnviz.figures.paint.shades import colours_of_bytes

    (rows, columns), whole = (
        [len(side.places) for side in choose.sides(run, one)] for one in (selection, in_sentence(selection))
    )
    own = style.scale != "unit" or [rows, columns] != whole  # the sentence's bytes are not those of the map
    both = own and MOST_BYTES // (rows * columns + whole[0] * whole[1]) >= fewest
    shared: dict[str, object] = {
        "rows": rows, "columns": columns, "own": own, "both": both, "chart": css_class(SHARED + "heatmap"),
        "why": css_class(WHY), "colours": colours_of_bytes(style),
    }  # fmt: skip
    return shared, MOST_BYTES // (rows * columns + both * whole[0] * whole[1])


def in_sentence(selection: Selection) -> Selection:
    """The same head with all the places that the sentence shows."""
    return replace(selection, specials=True, block=None)


def frames(run: Trace, selection: Selection, rules: Sequence[Rule], scale: Scale) -> bytes:
    """The open head under each rule, a byte a cell."""
    from attnviz.figures import choose
    from attnviz.figures.paint.palette import shade
    from attnviz.figures.paint.shades import in_bytes

    weights = choose.under(run, selection, rules)
    return in_bytes(shade(weights.nan_to_num(0.0), scale), weights.isnan()).numpy().tobytes()


def as_text(cells: bytes) -> str:
    """Bytes as a message can hold them, in base64."""
    return b64encode(cells).decode()


def said(run: Trace, selection: Selection, rules: Sequence[Rule], whose: tuple[str, str]) -> list[str] | None:
    """What the explanation says under each rule; None for a pair that is not allowed, which no rule changes."""
    cells = selection.explained_under(run, rules)
    if cells[0].score == float("-inf"):
        return None
    texts = []
    for rule, cell, sinks in zip(rules, cells, sink_lines(run, selection, rules), strict=True):
        small = [say_whose(rule, *whose), *sinks]
        first, *others = (f"<p class='small'>{html(line)}</p>" for line in small)
        texts.append("".join([first, *(f"<p>{html(line)}</p>" for line in why_lines(cell)), *others]))
    return texts


def packed(texts: Sequence[str]) -> dict[str, list[list[str | int]]]:
    """Texts that differ in their numbers alone, told once: `forms` are what stands between numbers that differ,
    `texts` of each the number of its form and its numbers.

    >>> packed(["1 of 9", "2 of 9", "none"])
    {'forms': [['', ' of 9'], ['none']], 'texts': [[0, '1'], [0, '2'], [1]]}
    """
    parts = [NUMBER.split(text) for text in texts]
    shapes = list(dict.fromkeys(tuple(one[::2]) for one in parts))
    forms: list[list[str | int]] = []
    said: list[list[str | int]] = [[] for _ in texts]
    for form, shape in enumerate(shapes):
        alike = [at for at, one in enumerate(parts) if tuple(one[::2]) == shape]
        told = [shape[0]]
        for place, between in enumerate(shape[1:]):
            numbers = [parts[at][2 * place + 1] for at in alike]
            if len(set(numbers)) == 1:
                told[-1] += numbers[0] + between
                continue
            told.append(between)
            for at, number in zip(alike, numbers, strict=True):
                said[at].append(number)
        forms.append([*told])
        for at in alike:
            said[at].insert(0, form)
    return {"forms": forms, "texts": said}
