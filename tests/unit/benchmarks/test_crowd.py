"""The crowd finds what it looks for: another's text or rule, what went wrong; and says how long people waited."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.crowd.__main__ import _seconds
from benchmarks.crowd.browsers import Sitting
from benchmarks.crowd.guest import Guest, Seen
from benchmarks.crowd.people import VISITED, Person
from benchmarks.crowd.watch import Server
from benchmarks.memory import PAGES

CELLS = numpy.array([[0.5, 0.25, 0.25], [1.0, 0.0, numpy.nan]])  # three keys kept at most


def test_a_guest_hears_controls_charts_and_what_is_wrong_until_the_page_is_over() -> None:
    box, chart, wrong, told, again, over = (ForwardMsg() for _ in range(6))
    box.delta.new_element.text_input.id = "$$ID-ab12-attention.text"
    chart.delta.new_element.plotly_chart.id, chart.delta.new_element.plotly_chart.spec = "$$ID-c-map", "{}"
    wrong.delta.new_element.alert.body, wrong.delta.new_element.alert.format = "wrong", Alert.ERROR
    told.delta.new_element.alert.body, told.delta.new_element.alert.format = "told", Alert.INFO
    again.script_finished, over.script_finished = ForwardMsg.FINISHED_EARLY_FOR_RERUN, ForwardMsg.FINISHED_SUCCESSFULLY
    guest, seen = Guest(0), Seen()
    going_on = [guest._hear(one.SerializeToString(), seen) for one in (box, chart, wrong, told, again, over)]
    assert going_on == [True] * 5 + [False] and len(seen.raw) == 6
    assert guest.widgets == {"attention.text": "$$ID-ab12-attention.text", "map": "$$ID-c-map"}
    assert (seen.figures, seen.faults, seen.said) == ({"map": "{}"}, ["wrong"], ["told"])


@pytest.mark.parametrize("packed", [False, True])
def test_a_person_who_sees_anothers_text_or_rule_says_so(packed: bool) -> None:
    cells = {"dtype": "f8", "shape": "2, 3", "bdata": base64.b64encode(CELLS.tobytes()).decode()}
    figure = json.dumps({"data": [{"z": cells if packed else CELLS.tolist()}]})
    seen = Seen(raw=[b"mark008x and", b" mark003x"], figures={"attention.heatmap": figure}, faults=["wrong"])
    own, person = Person(2, Guest(0)), Person(7, Guest(0))
    person._look(seen)
    assert person.leaks == ["mark007x on attention saw ['003', '008']", "mark007x keeps 2 keys and saw 3"]
    assert person.faults == ["attention: wrong"]
    own._look(Seen(raw=[b"mark002x"], figures=seen.figures))
    assert not own.leaks and not own.faults


@pytest.mark.parametrize("page", VISITED)
def test_each_page_is_opened_with_texts_and_a_rule_of_ones_own(page: str) -> None:
    person = Person(7, Guest(0))
    link = person.opened(page)
    assert PAGES[page or "attention"] and all(person.mark in link[name] for name in PAGES[page or "attention"])
    assert link.get("k") == ("2" if page in ("", "models") else None) and ("model" in link) == (page == "")


def test_one_at_a_browser_who_sees_anothers_text_says_so() -> None:
    async def evaluate(*_: object) -> float:
        return 250.0

    async def content() -> str:
        return "<p>mark007x</p><p>mark001x</p>"

    sitting = Sitting(7, "", SimpleNamespace(evaluate=evaluate, content=content))  # type: ignore[arg-type]
    assert asyncio.run(sitting.act()) == 0.25 and sitting.leaks == ["browser 7 saw [b'001']"]


def test_what_the_log_says_went_wrong_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("Ready.\nNo Error here, and no fault\n")
    assert not Server(0, None, log).wrong()  # type: ignore[arg-type]
    log.write_text("Ready.\nfault 0a1b2c on a page\nTraceback (most recent call last):\nValueError: no\n")
    assert len(Server(0, None, log).wrong()) == 3  # type: ignore[arg-type]


def test_seconds_are_told_by_the_half_the_late_and_the_slowest() -> None:
    assert _seconds([]) == "none" and _seconds([2]) == "1, median 2.00 s, p95 2.00 s, slowest 2.00 s"
    assert _seconds(range(100, 0, -1)) == "100, median 50.50 s, p95 96.00 s, slowest 100.00 s"
