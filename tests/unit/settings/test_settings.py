"""One table of settings from three sources; what is wrong with one is a sentence, and README prints the same table."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnviz import commands, settings
from attnviz.errors import AttnvizError
from attnviz.messages import LANGUAGES
from attnviz.settings.names import TABLE, option, variable
from attnviz.ui.__main__ import told

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which nothing is set, and a command line that said nothing afterwards."""
    for name in [name for name in os.environ if name.startswith("ATTNVIZ_")]:
        monkeypatch.delenv(name)
    settings.use([])
    yield
    for name in [name for name in os.environ if name.startswith("ATTNVIZ_")]:
        monkeypatch.delenv(name)
    settings.use([])


def test_the_command_line_goes_before_variables_and_these_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "attnviz.toml"
    file.write_text("models_mb = 1\nruns_mb = 1\ncharacters = 1\nbrowse = 0\nallow = ['a/b@c']\n", encoding="utf-8")
    monkeypatch.setenv("ATTNVIZ_SETTINGS", str(file))
    monkeypatch.setenv("ATTNVIZ_RUNS_MB", "2")
    monkeypatch.setenv("ATTNVIZ_CHARACTERS", "2")
    now = settings.use(["--characters", "3"])
    assert (now.models_mb, now.runs_mb, now.characters, now.browse) == (1, 2, 3, "0")
    assert now.revisions == {"a/b": "c"} and now.device == "cpu"
    monkeypatch.delenv("ATTNVIZ_SETTINGS")
    assert settings.use([f"--settings={file}"]).models_mb == settings.use(["--settings", str(file)]).models_mb == 1


@pytest.mark.parametrize("name", TABLE)
def test_each_is_read_by_each_of_its_names(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = {"switch": "1", "number": "7", "words": "cuda", "models": "a/b@c", "browse": "1"}[TABLE[name].kind]
    by_option = settings.use([option(name), said] if TABLE[name].kind != "switch" else [f"{option(name)}=1"])
    settings.use([])
    monkeypatch.setenv(variable(name), said)
    assert getattr(by_option, name) == getattr(settings.now(), name)
    monkeypatch.delenv(variable(name))
    (tmp_path / "x.toml").write_text(f"{name} = {said if TABLE[name].kind == 'number' else repr(said)}\n", "utf-8")
    assert getattr(settings.use(["--settings", str(tmp_path / "x.toml")]), name) == getattr(by_option, name)


def test_strangers_get_other_values_and_no_paths_whatever_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    own, hosted = settings.now(), settings.use(["--hosted"])
    assert own.any_model and own.folders and own.browse == "auto" and not own.characters
    assert not hosted.any_model and not hosted.folders and hosted.browse == "0" and hosted.characters == 20_000
    for words in (["--folders=1"], ["--browse", "1"], ["--browse", "auto"]):
        with pytest.raises(AttnvizError) as refusal:
            settings.use(["--hosted", *words])
        assert refusal.value.message == "settings_shut"
    for listed in ("*", "a/b", "a/b@c,d"):
        with pytest.raises(AttnvizError) as refusal:
            settings.use(["--hosted", "--allow", listed])
        assert refusal.value.message == "settings_revision"
    assert settings.use(["--hosted", "--allow", "a/b@c, d@e"]).revisions == {"a/b": "c", "d": "e"}


def test_a_variable_that_says_nothing_is_none_and_spaces_around_a_word_are_not_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = settings.now()
    for name in ("HOSTD", "DEVICE", "HOSTED", "MODELS_MB", "SETTINGS"):
        monkeypatch.setenv(f"ATTNVIZ_{name}", "")
    assert settings.now() == before
    monkeypatch.setenv("ATTNVIZ_DEVICE", " cuda ")
    assert settings.now().device == "cuda"


WRONG = [
    ({"ATTNVIZ_MODELS_MB": "much"}, "settings_number"),
    ({"ATTNVIZ_RUNS_MB": "nan"}, "settings_number"),
    ({"ATTNVIZ_CHARACTERS": "-1"}, "settings_number"),
    ({"ATTNVIZ_UPLOAD_MB": "1e400"}, "settings_number"),
    ({"ATTNVIZ_HOSTED": "perhaps"}, "settings_switch"),
    ({"ATTNVIZ_BROWSE": "2"}, "settings_value"),
    ({"ATTNVIZ_DEVICE": "x" * 99}, "settings_value"),
    ({"ATTNVIZ_HOSTD": "1"}, "settings_unknown"),
    ({"ATTNVIZ_SETTINGS": "/nowhere.toml"}, "settings_no_file"),
    ({"ATTNVIZ_SETTINGS": "/dev/zero"}, "settings_no_file"),
]


@pytest.mark.parametrize(("variables", "message"), WRONG, ids=lambda given: str(given)[:40])
def test_what_is_wrong_is_a_sentence_that_names_the_setting(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, said in variables.items():
        monkeypatch.setenv(name, said)
    with pytest.raises(AttnvizError) as refusal:
        settings.now()
    assert refusal.value.message == message
    assert str(refusal.value).count("\n") == 0 and (next(iter(variables)) in str(refusal.value) or "nowhere" in message)


@pytest.mark.parametrize("content", [b"hosted = = 1", b"\xff\xfe", b"hostd = true", b"models_mb = [1]", b"hosted = 7"])
def test_a_file_that_cannot_be_read_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(AttnvizError) as refusal:
        settings.use(["--settings", str(tmp_path / "x.toml")])
    assert refusal.value.message.startswith("settings_")


def test_an_option_without_its_value_is_a_sentence() -> None:
    for words in (["--models-mb"], ["--settings"]):
        with pytest.raises(AttnvizError) as refusal:
            settings.split(words)
        assert refusal.value.message == "command_no_value"
    with pytest.raises(AttnvizError) as refusal:
        settings.use(["--models-mb", "--hosted"])
    assert refusal.value.message in ("settings_words", "settings_number")


def test_what_is_not_a_setting_is_streamlit_s(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(["--server.port", "8600", "--models-mb=5"]) == ["--server.port", "8600"]
    assert settings.now().models_mb == 5
    hosted = told(["--hosted", "--server.port", "8600"])
    assert hosted[hosted.index("--browser.serverAddress") + 1] == "localhost", "or a server elsewhere is asked for it"
    assert hosted[:2] == ["--server.port", "8600"] and hosted[hosted.index("--server.address") + 1] == "0.0.0.0"
    assert told(["--hosted", "--server.address=10.0.0.1"]).count("--server.address") == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_and_readme_print_the_one_table(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = settings.written(language)
    assert commands.main(["--help", "--lang", language]) == 0
    assert table in capsys.readouterr().out
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{variable(name)}`" in table for name in TABLE) and len(table.splitlines()) == len(TABLE) + 2


@pytest.mark.parametrize("start", [["-m", "attnviz.ui"], ["-m", "attnviz"], ["-m", "streamlit", "run", "app.py"]])
def test_a_server_with_a_wrong_setting_says_so_and_ends_with_2(start: list[str]) -> None:
    variables = {**os.environ, "ATTNVIZ_MODELS_MB": "much", "LANG": "C"}
    done = subprocess.run(
        [sys.executable, *start, *["--server.headless=true"] * (start[-1] == "app.py")], cwd=ROOT, env=variables,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "ATTNVIZ_MODELS_MB" in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_library_and_its_cards_wait_for_no_pydantic() -> None:
    program = (
        "import sys, attnviz; from attnviz.commands import main; main(['cards']);"
        "sys.exit('pydantic_settings' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
