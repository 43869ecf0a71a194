"""The open head follows the slider of a rule while it is dragged, without the server, which gets the value on release.

The server computes the head once for the values that the slider can take, one byte a weight, and what the explanation
beside it says at each; `dragged.js` lays the nearest over the heatmap, colours the sentence with it and says it. So no
rule is written a second time for the browser. Only the open head's own weights move: in a run with the rule inside,
what the layers below do to it is seen on release.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.charts import css_class
from attnviz.ui.kit.clicks import WHY
from attnviz.ui.kit.dragged.mathml import html
from attnviz.ui.kit.explanations import sink_lines, why_lines
from attnviz.ui.kit.explanations import whose as say_whose
from attnviz.ui.kit.languages import language
from attnviz.ui.kit.reader import asset
from attnviz.ui.kit.rules import SHARED, rules_of_slider, setting_of
from attnviz.ui.stores import runs

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.selection import Scale, Selection, Style
    from attnviz.trace import Trace
    from attnviz.ui.stores import RuleChoice

NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
MOST_FRAMES = 101
MOST_BYTES = 28_000  # of all frames, a byte a weight: 37 kB as text; what is said takes 12 kB at most
FEWEST = 4  # with fewer frames a slider would jump: a map of more than 7,000 cells waits for the release


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component("attnviz_dragged", html="<span></span>", js=asset("kit/dragged/dragged.js"))


def follow_slider(
    run: Trace, selection: Selection, style: Style, rule: RuleChoice, whose: tuple[str, str] | None,
    kept: tuple[object, ...],
) -> None:  # fmt: skip
    """Give the browser the open head under the values of the rule's slider; nothing where the rule has none.

    `whose` is the model and the scope of the explanation beside the head (`show_why`), None where it does not follow;
    `kept` is the key under which the store has the run: what is sent is made once for those who look at the same.
    """
    setting = setting_of(rule)
    if setting is not None:
        key = (*kept, selection, style, rule, whose, language())
        data = runs.traces().take(key, lambda: _sent(run, selection, style, rule, whose))
        _component()(key=SHARED + "dragged", data={"slider": css_class(SHARED + setting), **data})


def _sent(
    run: Trace, selection: Selection, style: Style, rule: RuleChoice, whose: tuple[str, str] | None
) -> dict[str, object]:
    """What the browser is given of an open head."""
    from attnviz.figures import choose
    from attnviz.figures.paint.shades import colours_of_bytes

    every = replace(selection, specials=True, block=None)  # what the sentence shows
    (rows, columns), whole = ([len(side.places) for side in choose.sides(run, one)] for one in (selection, every))
    own = style.scale != "unit" or [rows, columns] != whole  # the sentence's bytes are not those of the map
    both = own and MOST_BYTES // (rows * columns + whole[0] * whole[1]) >= FEWEST
    most = min(MOST_FRAMES, MOST_BYTES // (rows * columns + both * whole[0] * whole[1]))
    rules = rules_of_slider(rule, most) if most >= FEWEST else {}
    if not rules:
        return {"values": []}
    return {
        "values": list(rules), "frames": _frames(run, selection, rules, style.scale), "rows": rows, "columns": columns,
        "own": own, "sentence": _frames(run, every, rules, "unit") if both else "",
        "chart": css_class(SHARED + "heatmap"), "colours": colours_of_bytes(style), "now": rule.number,
        "why": css_class(WHY),
        "said": _said(run, selection, rules_of_slider(rule, MOST_FRAMES), whose) if whose else None,
    }  # fmt: skip


def _frames(run: Trace, selection: Selection, rules: Mapping[float, Rule], scale: Scale) -> str:
    """The open head under each rule, a byte a cell, in base64."""
    from attnviz.figures import choose
    from attnviz.figures.paint.palette import shade
    from attnviz.figures.paint.shades import in_bytes

    weights = choose.under(run, selection, list(rules.values()))
    return b64encode(in_bytes(shade(weights.nan_to_num(0.0), scale), weights.isnan()).numpy().tobytes()).decode()


def _said(
    run: Trace, selection: Selection, rules: Mapping[float, Rule], whose: tuple[str, str]
) -> dict[str, object] | None:
    """What the explanation says under each rule; None for a pair that is not allowed, which no rule changes."""
    texts, every = [], list(rules.values())
    cells = selection.explained_under(run, every)
    if cells[0].score == float("-inf"):
        return None
    for rule, cell, sinks in zip(every, cells, sink_lines(run, selection, every), strict=True):
        small = [say_whose(rule, *whose), *sinks]
        first, *others = (f"<p class='small'>{html(line)}</p>" for line in small)
        texts.append("".join([first, *(f"<p>{html(line)}</p>" for line in why_lines(cell)), *others]))
    return {"values": list(rules), **packed(texts)}


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
