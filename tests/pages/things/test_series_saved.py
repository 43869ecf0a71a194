"""A forecaster that was trained on the page on time series and saved: taken away, opened by its folder, asked again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES, say
from attnviz.systems.series.clock import Clock
from attnviz.systems.series.files import save
from attnviz.systems.series.learn import Task, task_of, training
from attnviz.systems.series.series import Series
from attnviz.systems.series.system import System
from attnviz.ui.pages.series import run
from attnviz.ui.pages.series.run import KEY
from tests.pages.opened import by_key, component, run_page, said, seen

DAYS = [f"2020-01-{1 + n:02d},{5 + n % 7}" for n in range(30)]
TABLE = "day,value\n" + "\n".join(DAYS)


@pytest.fixture(scope="module")
def learnt() -> tuple[Task, System]:
    values = (torch.arange(200) % 7 + 5).float()
    task = replace(task_of(Series("week", Clock(unit="day"), values)), past=14, ahead=7)
    *_, last = training(task, steps=15)
    return task, last.system


@pytest.fixture(scope="module")
def place(learnt: tuple[Task, System], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(learnt[1], tmp_path_factory.mktemp("saved") / "week")


def asked(place: Path, content: str, lang: str = "en", **link: str) -> AppTest:
    at = run_page("series", lang, {"series": "own", "table": "own", "model": str(place), **link})
    at.session_state[KEY + "brought"] = (content.encode(), "own.csv")
    at.run()
    assert not at.exception
    return at


def picture(at: AppTest) -> dict:
    return component(at, KEY + "picture")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_table_shorter_than_what_is_learnt_from_is_forecast(
    lang: str, learnt: tuple[Task, System], place: Path
) -> None:
    """30 rows: something is learnt from 40, but this one reads 14."""
    at = asked(place, TABLE, lang)
    assert not at.error, [one.value for one in at.error]
    values = torch.tensor([float(one.split(",")[1]) for one in DAYS])
    task, system = learnt
    window = replace(task.window(task.held), values=values[-14:], came=torch.full((7,), torch.nan))
    assert picture(at)["past"] == values[-14:].tolist() and len(picture(at)["mid"]) == 7
    assert picture(at)["mid"] == pytest.approx(system.forecast(window).values[:, 1].tolist(), abs=0.5)
    assert seen(say("series.saved_say", lang, model=str(place), past=14, ahead=7)) in seen(said(at))
    assert picture(asked(place, TABLE, lang, back="7"))["came"] == values[-7:].tolist()


def test_one_row_too_few_is_one_sentence(place: Path) -> None:
    at = asked(place, "\n".join(TABLE.split("\n")[:14]))
    assert [seen(one.value) for one in at.error] == [say("error.series_rows_few", "en", rows=13, least=14)]
    assert not asked(place, "\n".join(TABLE.split("\n")[:15])).error


@pytest.mark.parametrize("lang", LANGUAGES)
def test_steps_of_another_kind_are_said(lang: str, place: Path) -> None:
    at = asked(place, "time,v\n" + "\n".join(f"2020-01-01 {n:02d}:00,{n % 5}" for n in range(24)), lang)
    own, given = say("series.unit_day", lang), say("series.unit_hour", lang)
    assert not at.error and seen(say("series.saved_other", lang, own=own, given=given)).strip("*") in seen(said(at))
    at = run_page("series", lang, {"model": str(place), "from": "2014-11-19 12:00"})
    assert not at.exception and not at.error and len(picture(at)["past"]) == 14, "Beijing's air, its dust alone"


def test_a_trained_model_is_offered_once_it_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.systems.series.learn.STEPS", 30)
    monkeypatch.setattr("attnviz.systems.series.learn.training.__defaults__", (1, 30, 15))
    monkeypatch.setattr(run, "PACE", 0)
    at = run_page("series", "en", {"series": "own"})
    label = say("series.take_model", "en")
    assert label not in [one.proto.label for one in at.get("download_button")]
    by_key(at, KEY + "training.start").click().run()
    assert not at.error and label in [one.proto.label for one in at.get("download_button")]


def test_a_damaged_folder_is_one_sentence(place: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((place / "config.json").read_text())
    at = run_page("series", "en", {"model": str(tmp_path)})
    assert not at.exception and len(at.error) == 1 and "{" not in at.error[0].value
