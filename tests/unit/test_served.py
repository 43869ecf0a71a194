"""The app is served alike however it is started, with settings for many readers."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from streamlit.web.server.app_discovery import discover_asgi_app

import attnviz.ui.__main__ as start

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
