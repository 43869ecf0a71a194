"""The open head follows the slider of a rule while it is dragged, and a press on soft, hard or sparse at once.

The server computes the head once for the values that the slider can take and for the rules that a press may bring;
`dragged.js` lays it over the heatmap, colours the sentence with it and says what the explanation beside it says, until
the server, which gets the value on release, has answered. So no rule is written a second time for the browser. Under
the slider only the open head's own weights move: in a run with the rule inside, what the layers below do to it is seen
on release. What a press lays is what the answer draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.charts import css_class
from attnviz.ui.kit.dragged import told
from attnviz.ui.kit.languages import language
from attnviz.ui.kit.reader import asset
from attnviz.ui.kit.rules import FAMILIES, RULE_PARAMS, SHARED, rule_now, rules_of_slider, setting_of, value_of
from attnviz.ui.stores import as_rule, runs

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace
    from attnviz.ui.stores import RuleChoice

MOST_FRAMES = 101
FEWEST = 4  # with fewer frames a slider would jump: a map of more than 7,000 cells waits for the release
PRESSES = len(FAMILIES) - 1
FAMILY = RULE_PARAMS["family"]


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


def foresee_rules(
    ran: Callable[[RuleChoice], Trace | None], selection: Selection, style: Style, whose: tuple[str, str] | None,
    kept: tuple[object, ...],
) -> None:  # fmt: skip
    """Give the browser the open head as it will be drawn after a press on soft, hard or sparse.

    `ran` is the run that the page draws under a rule, None where the store has none: such a press waits for its answer.
    The others are as those of `follow_slider`.
    """
    rules = {name: rule_now(name) for name in FAMILIES if name != value_of(FAMILY)}
    found = {rule: run for rule in rules.values() if (run := ran(rule)) is not None}
    if found:
        key = (*kept, selection, style, "pressed", *found, whose, language())
        data = runs.traces().take(key, lambda: _pressed(found, selection, style, whose))
        places = {name: list(found).index(rule) for name, rule in rules.items() if rule in found}
        buttons = {"box": css_class(FAMILY.key), "bar": FAMILY.name, "names": list(FAMILIES), "places": places}
        _component()(key=SHARED + "pressed", data={**buttons, **data})


def _sent(
    run: Trace, selection: Selection, style: Style, rule: RuleChoice, whose: tuple[str, str] | None
) -> dict[str, object]:
    """What the browser is given of an open head under the values of a slider."""
    shared, most = told.fitting(run, selection, style, FEWEST)
    rules = rules_of_slider(rule, min(most, MOST_FRAMES)) if most >= FEWEST else {}
    if not rules:
        return {"values": []}
    every = rules_of_slider(rule, MOST_FRAMES)
    texts = told.said(run, selection, list(every.values()), whose) if whose else None
    said = {"values": list(every), **told.packed(texts)} if texts else None
    frames = _frames([(run, list(rules.values()))], selection, style, shared)
    return {**shared, **frames, "values": list(rules), "now": rule.number, "said": said}


def _pressed(
    found: Mapping[RuleChoice, Trace], selection: Selection, style: Style, whose: tuple[str, str] | None
) -> dict[str, object]:
    """What the browser is given of an open head under rules that may be pressed, each with its run."""
    shared, most = told.fitting(next(iter(found.values())), selection, style, PRESSES)
    if most < PRESSES:
        return {"values": []}
    under = [(run, [as_rule(rule)]) for rule, run in found.items()]
    texts = [told.said(run, selection, rules, whose) for run, rules in under] if whose else []
    said = told.packed([one for text in texts for one in text or ()]) if texts and all(texts) else None
    return {**shared, **_frames(under, selection, style, shared), "values": [*range(len(found))], "said": said}


def _frames(
    under: list[tuple[Trace, list[Rule]]], selection: Selection, style: Style, shared: Mapping[str, object]
) -> dict[str, object]:
    """The frames of the map, and those of the sentence where it has its own."""
    cells = b"".join(told.frames(run, selection, rules, style.scale) for run, rules in under)
    every = told.in_sentence(selection)
    words = b"".join(told.frames(run, every, rules, "unit") for run, rules in under) if shared["both"] else b""
    return {"frames": told.as_text(cells), "sentence": told.as_text(words)}
