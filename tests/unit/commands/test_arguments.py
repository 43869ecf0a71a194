"""What a command line means, and what is wrong with it, in a sentence of the user's language."""

from __future__ import annotations

from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from click import UsageError

from attnviz import commands
from attnviz.adapter.progress import Progress
from attnviz.commands import app, terminal
from attnviz.commands.arguments import COMMANDS, Arguments, split
from attnviz.errors import AttnvizError
from attnviz.messages import LANGUAGES, say

WRONG = [
    (["shw"], "command_unknown", {"given": "shw"}),
    (["cards", "lab-4"], "command_beyond", {"given": "lab-4", "command": "attnviz cards"}),
    (["cards", "--lang", "fr"], "command_language", {"given": "fr"}),
    (["cards", "--lang"], "command_no_value", {"option": "--lang"}),
    (["show"], "command_missing", {"need": "MODEL", "command": "attnviz show"}),
    (["show", "lab-4", "-o", "x.html"], "command_missing", {"need": "TEXT", "command": "attnviz show"}),
    (["show", "lab-4", "a text"], "command_missing", {"need": "--output", "command": "attnviz show"}),
    (["show", "lab-4", "a text", "-o"], "command_no_value", {"option": "--output"}),
    (["show", "lab-4", "a", "text", "-o", "x.html"], "command_beyond", {"given": "text", "command": "attnviz show"}),
    (["show", "lab-4", "a", "-o", "x", "--out", "y"], "command_beyond", {"given": "--out", "command": "attnviz show"}),
]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A terminal of that language."""
    for name in terminal.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", {"zh": "zh_CN.UTF-8", "en": "de_DE.UTF-8"}[request.param])
    return str(request.param)


@pytest.mark.parametrize(("words", "message", "values"), WRONG, ids=lambda given: "-".join(given))
def test_what_is_wrong_is_one_sentence_and_the_exit_code_2(
    words: list[str], message: str, values: dict[str, str], language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", say(f"error.{message}", language, **values) + "\n")


def test_the_language_that_is_asked_for_goes_before_the_terminal_s(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked in LANGUAGES:
        assert commands.main(["show", "--lang", asked]) == 2
        expected = say("error.command_missing", asked, need="MODEL", command="attnviz show")
        assert capsys.readouterr().err == f"{expected}\n"


def test_options_may_stand_anywhere_and_a_text_may_begin_with_a_dash() -> None:
    expected = {"MODEL": "lab-4", "TEXT": "a text", "--output": "x.html"}
    for words in (
        ["lab-4", "a text", "-o", "x.html"], ["-o", "x.html", "lab-4", "a text"],
        ["lab-4", "--output=x.html", "a text"], ["lab-4", "-ox.html", "--", "a text"],
    ):  # fmt: skip
        assert Arguments.read("show", words).checked() == expected
    for text in ("- so what?", "-5 °C", "—", "-"):
        assert Arguments.read("show", ["lab-4", text, "-o", "x.html"]).checked() == expected | {"TEXT": text}
    for text in ("--output", "-o", "--"):
        assert Arguments.read("show", ["-o", "x.html", "--", "lab-4", text]).checked() == expected | {"TEXT": text}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ("app", [])),
        (["app"], ("app", [])),
        (["app", "--server.port", "1"], ("app", ["--server.port", "1"])),
        (["--server.headless=true"], ("app", ["--server.headless=true"])),
        (["show", "x"], ("show", ["x"])),
        (["--lang", "zh", "--help"], ("", ["--lang", "zh", "--help"])),
        (["app", "-h"], ("", ["app", "-h"])),
    ],
)
def test_without_a_command_it_is_the_app_with_streamlit_s_options(
    words: list[str], expected: tuple[str, list[str]]
) -> None:
    assert split(words) == expected


def test_options_go_to_streamlit_and_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[list[str]] = []
    monkeypatch.setattr("attnviz.ui.__main__.streamlit", lambda words, **how: heard.append([*words, *map(str, how)]))
    assert app.start(["--server.port", "8600"]) == 0
    assert heard[0][0] == "run" and Path(heard[0][1]).name == "app.py" and heard[0][2:4] == ["--server.port", "8600"]
    monkeypatch.undo()
    for words in (["--server.prt", "1"], ["--server.port", "one"]):
        with pytest.raises(AttnvizError) as refusal:
            app.start(words)
        assert refusal.value.message == "command_option" and refusal.value.values == {"given": words[0]}
        assert isinstance(refusal.value.__cause__, UsageError)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["app", "--help"], ["--", "--help"], ["x"]])
def test_help_names_every_command_in_the_user_s_language(
    words: list[str], language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(words) == (2 if words == ["x"] else 0)
    said = "".join(capsys.readouterr())
    assert all(name in said for name in COMMANDS[1:]) and ("打开" in said or "可用" in said) == (language == "zh")


@pytest.mark.parametrize("name", ["cards", "show", "corpus"])
def test_help_of_a_command_names_what_it_takes(name: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    from attnviz.commands.arguments import OPTIONS, PLACES

    assert commands.main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert all(one in said for one in (*PLACES.get(name, ()), *OPTIONS.get(name, ()), "--lang"))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh"),
        ({"LANG": "C", "LC_ALL": ""}, "en"),
    ],
)
def test_the_terminal_s_language_is_found_as_gettext_finds_it(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in terminal.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal.language() == expected


def test_how_far_a_model_is_on_its_way_is_told_to_a_person_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    half, whole = (Progress("a/b", "model.safetensors", done * 10**6, 8 * 10**6) for done in (4, 8))
    terminal.tell("zh", half)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    terminal.tell("zh", half)
    line = say("ui.loading_file", "zh", model="a/b", file="model.safetensors", done=4, total=8)
    assert capsys.readouterr() == ("", terminal.CLEAR + line)
    terminal.tell("zh", whole)
    assert capsys.readouterr() == ("", terminal.CLEAR)


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("ascii", "utf-8"), ("latin-1", "utf-8"), ("cp1252", "utf-8"), ("gbk", "gbk"), ("utf-8", "utf-8")],
)
def test_chinese_reaches_a_terminal_of_any_encoding(
    encoding: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [TextIOWrapper(BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr("sys.stdout", streams[0])
    monkeypatch.setattr("sys.stderr", streams[1])
    terminal.speak()
    for stream in streams:
        stream.write("注意力 नमस्ते")
        stream.flush()
        assert stream.buffer.getvalue().decode(written).startswith("注意力 ")  # type: ignore[attr-defined]


def test_a_stream_that_someone_put_there_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", own := StringIO())
    terminal.speak()
    print("注意力")
    assert own.getvalue() == "注意力\n"
