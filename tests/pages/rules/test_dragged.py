"""What the browser is given to follow the slider of a rule, and to show at a press on soft, hard or sparse at once."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attnviz.figures.paint.shades import STEPS
from attnviz.ui.kit import dragged as kit_dragged
from attnviz.ui.pages.attention.choices import KEY
from tests.pages.opened import cells, change, component, opened


def dragged(at: AppTest) -> dict:
    """What the browser is given to follow the rule's slider."""
    return component(at, KEY + "dragged")


@pytest.mark.parametrize("specials", ["1", "0"])
def test_frames_for_the_slider_are_the_cells_that_the_page_draws_at_those_values(specials: str) -> None:
    given = dragged(at := opened(layer="1", head="2", specials=specials))
    size = given["rows"] * given["columns"]
    frames = np.frombuffer(base64.b64decode(given["frames"]), np.uint8).reshape(-1, size)
    assert given["now"] == 1.0 and len(frames) == len(given["values"]) == 50
    for place in (0, 5, 25):
        change(at, temperature=given["values"][place])
        drawn = cells(at)
        assert drawn.shape == (given["rows"], given["columns"])
        assert np.abs(drawn.ravel() * STEPS - frames[place]).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("look", [{}, {"specials": "0"}, {"scale": "log"}])
def test_sentence_and_explanation_under_the_slider_are_what_the_page_says_at_those_values(look: dict[str, str]) -> None:
    given = dragged(at := opened(layer="1", head="2", query="3", key="4", **look))
    words = given["sentence"] or given["frames"]
    frames = np.frombuffer(base64.b64decode(words), np.uint8).reshape(len(given["values"]), -1)
    told = given["said"]
    for place in (2, 9, 30):
        change(at, temperature=given["values"][place])
        shown = np.frombuffer(base64.b64decode(component(at, KEY + "reader")["maps"]["head"]), np.uint8)
        assert np.abs(shown / 255 - frames[place] / STEPS).max() <= 0.5 / 255 + 0.5 / STEPS + 1e-6
        form, *numbers = told["texts"][told["values"].index(given["values"][place])]
        says = "".join(str(b) + a for a, b in zip(told["forms"][form], ["", *numbers], strict=True))
        here = [one.value for one in at.main if getattr(one, "value", "") and isinstance(one.value, str)]
        weight = re.search(r"weight \*\*([0-9.]+)\*\* \((.*?)\)", " ".join(here))
        assert weight and f"weight <b>{weight[1]}</b> ({weight[2]})" in says
        assert f"T = {given['values'][place]:g}" in says


@pytest.mark.parametrize(
    "state",
    [
        {"text": "The dog chased the cat because it was hungry, and then it slept on the mat again."},
        {"text": "长" * 60, "specials": "0", "scale": "log"},
        {"rule": "hard", "hard": "threshold", "text": "长" * 30},
        {"rule": "hard", "hard": "sample"},
        {"rule": "sparse", "sparse": "entmax", "text": "他把书还给了图书馆" * 5},
    ],
)
def test_what_follows_a_slider_is_at_most_50_kilobytes(state: dict[str, str]) -> None:
    given = dragged(opened(**state))
    assert len(given["values"]) >= 4 and len(json.dumps(given, ensure_ascii=False).encode()) <= 50_000


def test_only_a_rule_with_a_number_is_followed_and_no_map_that_is_too_large() -> None:
    assert dragged(opened(rule="hard", hard="argmax")) == {} == dragged(opened(rule="sparse"))
    assert dragged(opened(rule="hard", hard="top-k"))["values"] == list(range(1, 17))
    large = dragged(opened(text="长" * 110))
    assert large["values"] == [] and "frames" not in large


def test_what_follows_a_slider_is_made_once_for_those_who_look_at_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    whole = kit_dragged._sent
    monkeypatch.setattr(kit_dragged, "_sent", lambda *args: made.append(args[3]) or whole(*args))
    link = {"text": "小猫在河边睡了"}
    at = opened(**link)
    first = dragged(at)
    assert dragged(change(change(at, family="hard"), family="soft")) == first == dragged(opened(**link))
    assert len(made) == 2 and len(set(map(str, made))) == 2  # soft and hard
    assert dragged(opened("zh", **link))["said"] != first["said"] and len(made) == 3


def pressed(at: AppTest) -> dict:
    """What the browser is given to show at a press on soft, hard or sparse."""
    return component(at, KEY + "pressed")


def frame(given: dict, name: str, which: str = "frames") -> np.ndarray:
    """The frame of the rule of that name."""
    cells = np.frombuffer(base64.b64decode(given[which]), np.uint8)
    return cells.reshape(len(given["values"]), -1)[given["places"][name]]


def told(given: dict, place: int) -> str:
    """What is said beside that frame."""
    form, *numbers = given["said"]["texts"][place]
    return "".join(str(b) + a for a, b in zip(given["said"]["forms"][form], ["", *numbers], strict=True))


LOOKS = [{}, {"specials": "0"}, {"scale": "log"}, {"rule": "hard", "hard": "argmax"}, {"temperature": "0.5"}]


@pytest.mark.parametrize("look", LOOKS)
def test_what_a_press_shows_is_what_the_page_then_draws_and_says(look: dict[str, str]) -> None:
    at = opened(layer="1", head="2", query="3", key="4", **look)
    now = look.get("rule", "soft")
    assert sorted(pressed(at)["places"]) == sorted({"soft", "hard", "sparse"} - {now})
    for name in (one for one in ("hard", "sparse", "soft", "hard") if one != now):
        given = pressed(at)
        change(at, family=name)
        assert np.abs(cells(at).ravel() * STEPS - frame(given, name)).max() <= 0.5 + 1e-6
        shown = np.frombuffer(base64.b64decode(component(at, KEY + "reader")["maps"]["head"]), np.uint8)
        sentence = frame(given, name, "sentence" if given["sentence"] else "frames")
        assert np.abs(shown / 255 - sentence / STEPS).max() <= 0.5 / 255 + 0.5 / STEPS + 1e-6
        here = " ".join(one.value for one in at.main if isinstance(getattr(one, "value", None), str))
        weight = re.search(r"weight \*\*([0-9.]+)\*\* \((.*?)\)", here)
        assert weight and f"weight <b>{weight[1]}</b> ({weight[2]})" in told(given, given["places"][name])
        now = name


def test_a_press_that_runs_the_model_shows_what_was_run_before_and_else_waits() -> None:
    at = opened(layer="2", head="1", scope="run", text="小猫在草地上睡着了吗")
    assert pressed(at) == {}  # neither hard nor sparse was run
    soft = cells(at)
    given = pressed(change(at, family="hard"))
    assert list(given["places"]) == ["soft"]
    assert np.abs(soft.ravel() * STEPS - frame(given, "soft")).max() <= 0.5 + 1e-6
    hard = cells(at)
    given = pressed(change(at, family="soft"))
    assert list(given["places"]) == ["hard"]
    assert np.abs(hard.ravel() * STEPS - frame(given, "hard")).max() <= 0.5 + 1e-6


def test_a_map_that_is_too_large_waits_for_its_answer() -> None:
    given = pressed(opened(text="长" * 126))
    assert given["values"] == [] and "frames" not in given
    small = pressed(opened(text="长" * 90))
    assert len(json.dumps(small, ensure_ascii=False).encode()) <= 50_000
