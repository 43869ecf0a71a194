"""The app is served alike however it is started, with settings for many readers."""

from __future__ import annotations

import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.web.server.app_discovery import discover_asgi_app

import attnviz.ui.__main__ as start
from attnviz import commands
from attnviz.errors import AttnvizError

ROOT = Path(__file__).parents[2]
IMPORTED = """
import app, sys
from attnviz.ui.server import app as server
assert app.app._user_lifespan is server.ready and app.app._on_script_error is server.told
assert [one.cls for one in app.app._user_middleware] == [server.Guarded, server.FirstVisit, server.FirstPicture]
assert app.app._resolve_script_path().name == "app.py"
assert "torch" not in sys.modules  # or it would be silent for seconds before it says what it does
"""


def test_files_are_not_watched_and_errors_not_shown() -> None:
    said = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert said["server"]["fileWatcherType"] == "none"
    assert said["client"]["showErrorDetails"] == "none"


def test_nothing_is_looked_through_after_each_run_of_a_page() -> None:
    """Nobody else's page goes on meanwhile: readers of a class waited longer for that than for their pages."""
    said = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert said["runner"]["postScriptGC"] is False


def test_streamlit_run_finds_the_server_in_the_script() -> None:
    assert discover_asgi_app(ROOT / "app.py").import_string == "app:app"
    done = subprocess.run([sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_module_is_streamlit_run_with_the_same_options(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[list[str]] = []
    monkeypatch.setattr(start, "streamlit", lambda arguments, prog_name: heard.append(arguments))
    monkeypatch.setattr(sys, "argv", ["attnviz.ui", "--server.port", "8600", "--server.headless=true"])
    start.main()
    assert heard == [["run", str(ROOT / "app.py"), "--server.port", "8600", "--server.headless=true"]]


def test_a_port_that_is_taken_is_a_sentence_and_a_free_one_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for words in (["--server.port", port], [f"--server.port={port}", "--server.address", "127.0.0.1"]):
            assert commands.main(["app", *words]) == 2
            assert f"Port {port} cannot be had" in capsys.readouterr().err
    assert start.told(["--server.port", port]) == ["--server.port", port]
    with pytest.raises(AttnvizError):
        start.told(["--server.port", "99999999999"])
    start.told([])


def test_a_server_for_strangers_is_reached_on_a_machine_that_has_ipv6_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*there: tuple[int, str]) -> str:
        found = {"eth0": [SimpleNamespace(family=family, address=address) for family, address in there]}
        monkeypatch.setattr("psutil.net_if_addrs", lambda: found)
        return start.everywhere()

    own = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "fe80::1"))
    assert told(*own) == told(*own, (socket.AF_INET, "10.0.0.1")) == "0.0.0.0"
    assert told(*own, (socket.AF_INET, "10.0.0.1"), (socket.AF_INET6, "2001:db8::1")) == "0.0.0.0"
    assert told(*own, (socket.AF_INET6, "2001:db8::1")) == "::"
