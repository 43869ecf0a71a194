"""The page on detectors with models whose queries choose the points that they look at, under AppTest."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Caption

import attnviz as av
from attnviz import shipped
from attnviz.axes import Levels
from attnviz.core.attention import Sampled
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.finding import run
from attnviz.ui.pages.finding.choices import KEY
from tests.pages.opened import by_key, component, run_page, seen
from tests.parity.vision.detection.sampled import ENCODED, HEADS, LEVELS, POINTS, QUERIES, saved

START = "BloodImage_00062"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One of each, tiny."""
    place = tmp_path_factory.mktemp("points")
    return {kind: str(saved(place / kind, kind)) for kind in ("rt_detr", "rt_detr_v2", "deformable")}


def opened(folder: str, lang: str = "en", **link: str) -> AppTest:
    return run_page("finding", lang, {"model": folder, "least": "0.05", **link})


def data(at: AppTest) -> dict[str, Any]:
    return component(at, KEY + "picture")


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def captions(at: AppTest) -> str:
    return " ".join(seen(one.value) for one in at.main if isinstance(one, Caption))


@pytest.mark.parametrize("mean", ["head", "layer", "all"])
@pytest.mark.parametrize("kind", ["rt_detr", "rt_detr_v2", "deformable"])
def test_the_browser_is_given_the_points_and_weights_of_the_run(kind: str, mean: str, folders: dict[str, str]) -> None:
    at = opened(folders[kind], mean=mean, layer="1", head="2", box="3")
    assert not at.exception and not at.error
    trace = av.record(av.load(folders[kind]), run.sample(START))
    spots, layers = data(at)["spots"], [trace.attention(0), trace.attention(1)]
    assert (spots["levels"], spots["each"]) == (LEVELS, POINTS) and 3 in spots["slots"]
    heads = {"head": [(1, 2)], "layer": [(1, head) for head in range(HEADS)]}.get(
        mean, [(layer, head) for layer in range(2) for head in range(HEADS)]
    )
    sent = floats(spots["rows"]).reshape(len(spots["slots"]), -1, 3)
    assert spots["count"] == sent.shape[1] == len(heads) * LEVELS * POINTS
    row, at_point = sent[spots["slots"].index(3)], 0
    for layer, head in heads:
        call = layers[layer]
        assert isinstance(call, Sampled)
        for point in range(LEVELS * POINTS):
            x, y, weight = row[at_point]
            assert (x, y) == pytest.approx(tuple(call.places[head, 3, point].tolist()), abs=1e-2)
            assert weight == pytest.approx(float(call.weights[head, 3, point]) / len(heads), abs=1e-6)
            at_point += 1
    assert row[:, 2].sum() == pytest.approx(1, abs=1e-5)
    tiles = floats(spots["heads"]).reshape(2, HEADS, LEVELS * POINTS, 3)
    assert tiles[1, 2, :, 2] == pytest.approx(layers[1].weights[2, 3].numpy(), abs=1e-6)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["rt_detr", "deformable"])
def test_it_is_said_that_points_are_drawn_and_no_map(kind: str, lang: str, folders: dict[str, str]) -> None:
    at = opened(folders[kind], lang)
    assert say("finding.points_looks", lang) in captions(at)
    assert [one["mark"] for one in data(at)["legend"]][-LEVELS:] == ["level1", "level2", "level3"]
    asks = opened(folders[kind], lang, view="asks")
    assert not asks.exception and data(asks)["spots"] is None
    assert say("finding.points_chosen", lang) in captions(asks)
    views = by_key(asks, KEY + "view").options
    assert len(views) == 3
    places = opened(folders[kind], lang, view="places")
    assert not places.exception and data(places)["view"] == "places"
    named = "points_chosen" if kind == "rt_detr" else "points_places"  # whose encoder looks at places, and at points
    assert say(f"finding.{named}", lang) in captions(places) and (data(places)["spots"] is None) == (kind == "rt_detr")


@pytest.mark.parametrize("mean", ["head", "all"])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_place_of_the_encoder_has_the_points_of_the_run(level: int, mean: str, folders: dict[str, str]) -> None:
    at = opened(folders["deformable"], view="places", level=str(level), mean=mean, layer="0", head="2", place="1")
    assert not at.exception and not at.error
    trace = av.record(av.load(folders["deformable"]), run.sample(START)).map("encoder")
    call, axis, given = trace.attention(0), trace.queries, data(at)
    assert isinstance(call, Sampled) and isinstance(axis, Levels)
    grid, first = axis.grids[level - 1], axis.level(level - 1).start
    assert given["cells"] == [pytest.approx(list(grid.stands_for(place) or ())) for place in range(len(grid))]
    assert given["places"][1] == say("finding.place_level", "en", place="1,2", level=level) and given["place"] == 1
    spots, heads = given["spots"], [2] if mean == "head" else list(range(HEADS))
    assert spots["slots"] == list(range(len(grid))) and (spots["levels"], spots["each"]) == (LEVELS, ENCODED)
    sent = floats(spots["rows"]).reshape(len(grid), len(heads), LEVELS * ENCODED, 3)
    for number, head in enumerate(heads):
        own = slice(first, first + len(grid))
        assert sent[:, number, :, :2] == pytest.approx(call.places[head, own].numpy(), abs=1e-2)
        assert sent[:, number, :, 2] == pytest.approx(call.weights[head, own].numpy() / len(heads), abs=1e-6)
    tiles = floats(spots["heads"]).reshape(1, HEADS, LEVELS * ENCODED, 3)
    assert tiles[0, :, :, 2] == pytest.approx(call.weights[:, first + 1].numpy(), abs=1e-6)


def test_what_a_place_draws_at_random_is_what_it_drew_in_the_run(folders: dict[str, str]) -> None:
    """The places of a level are drawn for by their numbers among those of all levels."""
    drawn = {"rule": "hard", "hard": "sample", "seed": "3"}
    at = opened(folders["deformable"], view="places", level="2", mean="head", layer="0", head="2", place="1", **drawn)
    trace = av.record(av.load(folders["deformable"]), run.sample(START), rule=av.Sample(3)).map("encoder")
    call, axis, spots = trace.attention(0), trace.queries, data(at)["spots"]
    assert isinstance(axis, Levels)
    own = axis.level(1)
    weights = floats(spots["rows"]).reshape(own.stop - own.start, LEVELS * ENCODED, 3)[..., 2]
    assert weights == pytest.approx(call.weights[2, own].numpy(), abs=1e-6)
    tiles = floats(spots["heads"]).reshape(HEADS, LEVELS * ENCODED, 3)[..., 2]
    assert tiles == pytest.approx(call.weights[:, own.start + 1].numpy(), abs=1e-6)


def test_of_very_many_points_those_of_the_chosen_place_are_sent(
    folders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnviz.ui.pages.finding.lit.MOST_POINTS", 10)
    spots = data(opened(folders["deformable"], view="places", level="1", place="4"))["spots"]
    assert spots["slots"] == [4] and floats(spots["rows"]).size == LEVELS * ENCODED * 3


def test_another_level_begins_in_its_middle_and_what_is_hidden_stays(folders: dict[str, str]) -> None:
    at = opened(folders["deformable"], view="places", level="1", place="4", hidden="4.5")
    before = data(at)
    by_key(at, KEY + "level").set_value("2").run()
    after = data(at)
    rows = len({box[1] for box in after["cells"]})
    columns = len(after["cells"]) // rows
    assert after["place"] == rows // 2 * columns + columns // 2 and len(after["cells"]) < len(before["cells"])
    assert before["hidden"] == after["hidden"] == [4, 5] and before["grid"] == after["grid"]
    odd = opened(folders["deformable"], view="places", level="77")
    assert not odd.exception and odd.session_state[KEY + "level"] == str(LEVELS)


def test_a_head_of_the_encoder_that_chooses_points_is_removed(folders: dict[str, str]) -> None:
    at = opened(folders["deformable"], view="places", layer="0", head="1")
    before = data(at)["things"]
    by_key(at, KEY + "remove").click().run()
    assert not at.exception and data(at)["things"] != before and data(at)["without"] == [[0, 1]]


def test_a_hidden_place_is_painted_over_and_a_rule_moves_the_boxes(folders: dict[str, str]) -> None:
    hidden = opened(folders["deformable"], hidden="4.5")
    assert not hidden.exception and not hidden.error
    model = av.load(folders["deformable"])
    trace = av.record(model, model.see(run.sample(START)).without([4, 5]))
    assert trace.answer is not None
    boxes = {one["slot"]: one["box"] for one in data(hidden)["things"]}
    for slot in range(QUERIES):
        assert boxes[slot] == pytest.approx(list(trace.answer.read.boxes[slot]), abs=1e-2)  # type: ignore[attr-defined]
    assert not [one for one in hidden.toggle if one.key == KEY + "painted"]
    hard = opened(folders["rt_detr"], rule="hard", hard="argmax", box="0")
    row = floats(data(hard)["spots"]["rows"]).reshape(len(data(hard)["spots"]["slots"]), -1, 3)
    assert set(np.unique(row[:, :, 2]).tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_explanation_says_the_figures_of_the_card(lang: str) -> None:
    text = (Path(av.__file__).parent / "content" / lang / "finding.md").read_text(encoding="utf-8")
    figures = shipped.figures("detr-cells")
    head = figures["head"]
    said = [f"{one['ap50']:.2f}" for one in figures.values() if "ap50" in one]
    said += [f"{one['inside']:.2f}" for one in figures.values() if "ap50" in one]
    said += [f"{one['inside_mean']:.2f}" for one in figures.values() if "ap50" in one]
    assert all(one in text for one in said), said
    where = (
        f"Layer {head['layer']}, head {head['head']}" if lang == "en" else f"第 {head['layer']} 层第 {head['head']} 头"
    )
    assert where in text
