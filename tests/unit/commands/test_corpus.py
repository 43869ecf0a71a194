"""`attnviz corpus`: what it writes and says, in both languages; how far it is, with the time that is left."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import attnviz as av
from attnviz import commands
from attnviz.commands import corpus, terminal
from attnviz.experiments.corpus import Progress
from attnviz.messages import LANGUAGES, say

LINES = ["南京市长江大桥", *["\u200b"] * 7, "the cat sat on the mat"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "some.txt"
    found.write_text("\n".join(LINES), encoding="utf-8")
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_writes_the_table_and_names_the_lines_that_it_could_not_read(
    language: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    goal = file.with_name("heads.parquet")
    words = [
        "corpus",
        "lab-1",
        str(file),
        "--out",
        str(goal),
        "--measure",
        "previous,same-word,sink",
        "--lang",
        language,
    ]
    assert commands.main(words) == 0
    out, err = capsys.readouterr()
    told = out.splitlines()
    assert str(goal) in told[0] and "lab-1" in told[0] and not err
    assert told[1] == say("command.corpus_left_out", language, count=7) and len(told) == 8
    assert " 2" in told[2] and " 6" in told[6] and told[7] == say("command.corpus_more", language, count=2)
    assert list(av.load_atlas(goal).all) == ["previous", "same_word", "first", "special"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "heads.xlsx"], "corpus_ending"), (["--out", "h.csv", "--workers", "two"], "corpus_count"),
        (["--out", "h.csv", "--threads", "0"], "corpus_count"),
        (["--out", "h.csv", "--measure", "x"], "corpus_measure"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_a_model_is_loaded(
    words: list[str], message: str, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "load", lambda *_: pytest.fail("a model was loaded"))
    monkeypatch.chdir(file.parent)
    assert commands.main(["corpus", "lab-1", str(file), *words, "--lang", "en"]) == 2
    start = say(f"error.{message}", "en", **dict.fromkeys(("file", "endings", "name", "got", "measures"), "\0"))
    assert capsys.readouterr().err.strip().endswith(start.split("\0")[-1].strip())


@pytest.mark.parametrize("language", LANGUAGES)
def test_progress_says_how_fast_and_how_long_still(language: str) -> None:
    bar = corpus.Bar(language)
    bar._first = (100.0, Progress(1_000, 0.1, 1_000))
    said = bar.line(110.0, Progress(3_000, 0.3, 1_000))
    assert "30%" in said and "3,000" in said and " 200 " in said and "35" in said
    unknown = bar.line(110.0, Progress(3_000, None, 1_000))
    assert "200" in unknown and "%" not in unknown


@pytest.mark.parametrize(("seconds", "english"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (3_725, "62 min 5 s")])
def test_times_are_said_in_minutes_and_seconds(seconds: float, english: str) -> None:
    assert corpus.duration(seconds, "en") == english


def test_while_the_share_stays_where_it_was_no_time_is_guessed() -> None:
    bar = corpus.Bar("en")
    bar._first = (100.0, Progress(1_000, 0.1))
    assert "%" not in bar.line(110.0, Progress(3_000, 0.1)) and "200" in bar.line(110.0, Progress(3_000, 0.1))


def test_people_see_one_line_and_nothing_is_left_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    bar = corpus.Bar("en")
    for lines in (0, 1_000):
        bar(Progress(lines, None))
    assert "1,000" in screen.getvalue()
    bar.end()
    assert screen.getvalue().endswith(terminal.CLEAR)
