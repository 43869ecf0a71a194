"""A forecaster that was trained on a series is saved to a folder and opened again, by the library and by its name."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import torch

import attnviz as av
from attnviz.systems import kind_of
from attnviz.systems.series.clock import Clock
from attnviz.systems.series.files import save, zipped
from attnviz.systems.series.learn import Task, task_of, training
from attnviz.systems.series.series import Series
from attnviz.systems.series.system import System, load


@pytest.fixture(scope="module")
def learnt() -> tuple[Task, System]:
    values = torch.sin(torch.arange(160.0) * 2 * torch.pi / 12) + 5
    task = task_of(Series("波/wave", Clock(unit="day", count=7), values))
    *_, last = training(task, steps=15)
    return task, last.system


def test_a_saved_forecaster_says_the_same(learnt: tuple[Task, System], tmp_path: Path) -> None:
    task, system = learnt
    place = save(system, tmp_path / "kept")
    again, window = av.load(place), task.window(task.held)
    assert isinstance(again, System) and again.step == ("day", 7) and again.air is None and again.licence is None
    assert torch.equal(again.forecast(window).values, system.forecast(window).values)
    assert torch.equal(again.read(window).weights(0, 1), system.read(window).weights(0, 1))
    assert kind_of(str(place)) == "series" and again.parameters == system.parameters


def test_a_zip_has_one_folder_that_opens(learnt: tuple[Task, System], tmp_path: Path) -> None:
    task, system = learnt
    with zipfile.ZipFile(BytesIO(zipped(system, "wave"))) as kept:
        kept.extractall(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["wave"]
    window = task.window(task.held)
    assert torch.equal(load(str(tmp_path / "wave")).forecast(window).values, system.forecast(window).values)


def test_what_is_saved_anew_is_read_anew(learnt: tuple[Task, System], tmp_path: Path) -> None:
    _, system = learnt
    save(system, tmp_path)
    first = av.load(tmp_path)
    save(replace(system, step=("hour", 1)), tmp_path)
    assert first.step == ("day", 7) and av.load(tmp_path).step == ("hour", 1)  # type: ignore[union-attr]


def test_the_shipped_weights_open_as_a_folder_too() -> None:
    place = Path(av.__file__).parent / "weights" / "air-beijing"
    found, named = av.load(place), av.load("air-beijing")
    assert isinstance(found, System) and isinstance(named, System) and found.air is not None
    moment = "2014-02-20 08:00"
    assert torch.equal(found.forecast(moment).values, named.forecast(moment).values)


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": {"past": 7}},
        {"shape": {"past": 10**12}},
        {"shape": {"heads": 0}},
        {"shape": {"layers": 10**9}},
        {"shape": {"layers": "2"}},
        {"shape": {"seasons": 8}},
        {"scale": {"spread": "x"}},
        {"scale": {"spread": 0.0}},
        {"scale": {"no": 1}},
        {"shape": []},
        {"step": 5},
    ],
)
def test_a_folder_whose_numbers_do_not_fit_is_a_sentence(
    changed: dict[str, object], learnt: tuple[Task, System], tmp_path: Path
) -> None:
    place = save(learnt[1], tmp_path)
    config = json.loads((place / "config.json").read_text())
    config.update({name: {**config[name], **one} if isinstance(one, dict) else one for name, one in changed.items()})
    (place / "config.json").write_text(json.dumps(config))
    with pytest.raises(av.ModelError):
        av.load(place)


@pytest.mark.parametrize("text", ["{", "[]", '{"system": "none of ours"}', '{"system": ["series"]}', "\x00"])
def test_other_folders_are_none_of_a_system(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    assert kind_of(tmp_path) is None and kind_of(str(tmp_path / "config.json")) is None
    with pytest.raises(av.ModelError):
        av.load(tmp_path)
