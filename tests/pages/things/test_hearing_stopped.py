"""A model that listens and was stopped, under AppTest: what it has so far stands there, and it goes on when asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES, say
from attnviz.ui.kit import runs, work
from attnviz.ui.pages.hearing import ears, run
from attnviz.ui.pages.hearing.run import KEY, Request
from tests.pages.opened import by_key, component, run_page, said
from tests.parity.hearing import noise, saved


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The runs that were made."""
    found: list[Request] = []
    read = ears.read
    monkeypatch.setattr(ears, "read", lambda one, asks, *more: found.append(asks) or read(one, asks, *more))
    return found


def opened(kind: str, folder: Path, lang: str = "en") -> AppTest:
    """The page with a tiny model of a kind, and a sound that no other test has heard."""
    given = noise(0.52 if lang == "zh" else 0.53)
    soundfile.write(folder / "a.wav", given.samples, given.rate)
    at = run_page("hearing", lang, {"model": str(saved(folder / "model", kind)), "file": str(folder / "a.wav")})
    assert not at.exception and not at.error
    return at


def stop(at: AppTest, asks: Request, found: object = None) -> None:
    """What a press on Stop leaves while a run is being made: the work with what it has, and which run it was."""
    runs.traces().clear()
    at.session_state[run.JOB] = work.Work(asks, found=found, running=False)
    at.session_state[run.JOB].done.set()
    at.session_state[run.PRESSED] = asks
    at.run()
    assert not at.exception


def rows(at: AppTest) -> int:
    return int(component(at, KEY + "picture")["queries"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_was_written_stands_there_until_it_goes_on(lang: str, tmp_path: Path, asked: list[Request]) -> None:
    at = opened("whisper", tmp_path, lang)
    asks, whole = asked[-1], rows(at)
    model = ears.take(asks.name)
    sound = run.opened_path(str(tmp_path / "a.wav"))
    half = ears.read(model, replace(asks, most=3), (run.part_of(asks, sound), sound), None)
    asked.clear()
    stop(at, asks, (3, half))
    assert not at.error and not asked, "what is there is not written again"
    assert rows(at) == 3 < whole and say("hearing.halted", lang, count=3) in said(at)
    by_key(at, KEY + "layer").set_value(0).run()
    assert rows(at) == 3 and not asked, "another head of it"
    by_key(at, KEY + "again").click().run()
    assert rows(at) == whole and say("hearing.halted", lang, count=3) not in said(at)


def test_one_that_listens_alone_says_that_it_was_stopped_and_goes_on(tmp_path: Path, asked: list[Request]) -> None:
    at = opened("hubert", tmp_path)
    stop(at, asked[-1])
    assert [one.value for one in at.error] == [say("error.run_stopped", "en")]
    by_key(at, KEY + "again").click().run()
    assert not at.error and component(at, KEY + "picture")["keys"] > 3


def test_another_click_while_it_writes_stops_nothing(tmp_path: Path, asked: list[Request]) -> None:
    at = opened("whisper", tmp_path)
    whole = rows(at)
    at.session_state[run.JOB] = work.Work(asked[-1], running=False)
    at.session_state[run.JOB].done.set()
    at.run()
    assert rows(at) == whole and not at.error
