"""One server and one Chromium for all tests here; each test gets visits of its own, watched from beginning to end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.person import PATIENCE, Visit
from tests.browser.seats import Seats

ROOT = Path(__file__).parents[2]
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server of our own answers."""
    with serving(tmp_path_factory.mktemp("server"), "attnviz.ui") as found:
        yield found


@contextmanager
def serving(place: Path, *words: str) -> Iterator[str]:
    """Where a server answers that `python -m` and these words start; its log, in `place`, is shown when it does not."""
    port, log = free_port(), place / "log.txt"
    command = [
        sys.executable, "-m", *words, "--server.headless", "true", "--server.port", str(port),
        "--server.fileWatcherType", "none",
    ]  # fmt: skip
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=dict(os.environ))
        try:
            until = time.monotonic() + PATIENCE
            while not answers(f"http://localhost:{port}"):
                if server.poll() is not None or time.monotonic() > until:
                    pytest.fail("the server did not start:\n" + log.read_text(encoding="utf-8", errors="replace"))
                time.sleep(0.1)
            yield f"http://localhost:{port}"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def program() -> str:
    """The system's Chromium; CHROMIUM names another. Its headless shell needs two thirds of the time that it needs."""
    shells = ("chromium-headless-shell", "chrome-headless-shell")
    names = (os.environ.get("CHROMIUM"), *shells, "chromium", "chromium-browser", "google-chrome", "/usr/bin/chromium")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        pytest.fail("no Chromium here: install the package chromium, or name its program in CHROMIUM")
    return path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Seats]:
    """The browser in which all tests sit but those that bring devices of their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=list(ARGUMENTS))
        yield Seats(browser)
        browser.close()


@pytest.fixture
def visit(chromium: Seats, address: str) -> Iterator[Callable[..., Visit]]:
    """Open the app as a new person. Afterwards nobody may have met an error, or the network outside."""
    visits: list[Visit] = []

    def start(link: dict[str, str] | None = None, *, to: str | None = None, name: str = "", **context: object) -> Visit:
        visits.append(Visit(chromium, address if to is None else to, **context))
        return visits[-1].open({"lang": "en"} if link is None else link, name)

    yield start
    for one in visits:
        one.leave()
    assert [fault for one in visits for fault in one.faults] == []
    assert [url for one in visits for url in one.strangers()] == []
