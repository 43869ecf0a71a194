"""However the app is started, the first visitors find everything there, twenty at once as well as one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, answers, free_port
from tests.browser.people.visitors import PATIENCE, Visitor, come_at_once

WAYS = {"module": ["attnviz.ui"], "streamlit": ["streamlit", "run", "app.py"]}
TWENTY = ("", "readings", "models", "scaled") * 5


@pytest.fixture(params=WAYS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """The port of a server that nobody has visited yet, started in one of the two ways with options."""
    port, log = free_port(), tmp_path / "log.txt"
    options = ["--server.headless", "true", f"--server.port={port}", "--server.address", "localhost"]
    command = [sys.executable, "-m", *WAYS[request.param], *options]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=dict(os.environ))
        try:
            until = time.monotonic() + PATIENCE
            while not answers(f"http://localhost:{port}"):
                assert server.poll() is None and time.monotonic() < until, log.read_text(errors="replace")
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()
            server.wait(60)
    said = log.read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in said
    assert "No runtime found" not in said


def page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://localhost:{port}/{path}", timeout=60) as reply:
        return str(reply.read().decode())


@pytest.mark.slow
def test_twenty_first_visitors_at_once_meet_no_half_imported_library(fresh: int) -> None:
    visitors = come_at_once(fresh, TWENTY)
    assert [(one.page, one.faults) for one in visitors if one.faults] == []
    assert all(one.routed and one.charts for one in visitors)


@pytest.mark.slow
def test_a_first_visitor_who_opens_a_link_finds_the_page_inside_the_app(fresh: int) -> None:
    assert "attnviz-first" in page(fresh, "") and "attnviz-first" not in page(fresh, "readings")
    (one,) = come_at_once(fresh, ["readings"])
    assert one == Visitor("readings", routed=True, charts=one.charts, seconds=one.seconds) and one.charts
