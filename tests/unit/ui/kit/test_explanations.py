"""What is said of a head beside its picture."""

from __future__ import annotations

import pytest

import attnviz as av
from attnviz.measures import sink_share
from attnviz.selection import Selection
from attnviz.ui.kit.explanations import sink_lines


@pytest.mark.parametrize("rule", [None, av.Argmax()])
def test_how_much_rests_on_special_tokens_is_said_with_their_names(rule: av.Rule | None) -> None:
    run = av.record(av.load("lab-4"), "the cat sat")
    ((line,),) = sink_lines(run, Selection(2, 1, rule=rule), [rule])
    assert f"{sink_share(run, 2, 1, rule=rule):.0%}" in line and all(name in line for name in ("CLS", "SEP"))
