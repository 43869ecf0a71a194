"""The server that a class sits at: its log, and the memory it holds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
START = 300  # seconds until the server answers
WRONG = re.compile(r"Traceback|fault [0-9a-f]{6}|^\w*(Error|Exception)\b", re.MULTILINE)


@dataclass
class Server:
    """A server of one's own: where it answers, and how much it held when, in seconds and megabytes."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    began: float = field(default_factory=time.monotonic)
    held: list[tuple[float, float]] = field(default_factory=list)

    def look(self) -> float:
        """The resident memory of the server and of its children now, in megabytes."""
        own = psutil.Process(self.process.pid)
        size = sum(one.memory_info().rss for one in (own, *own.children(recursive=True))) / 1e6
        self.held.append((time.monotonic() - self.began, size))
        return size

    async def watch(self, every: float = 20.0) -> None:
        """Print the memory again and again."""
        while True:
            print(f"{time.monotonic() - self.began:6.0f} s {self.look():9,.0f} MB resident", flush=True)
            await asyncio.sleep(every)

    def wrong(self) -> list[str]:
        """What the log says went wrong."""
        return WRONG.findall(self.log.read_text(encoding="utf-8", errors="replace"))


@contextlib.contextmanager
def serving(log: Path, options: list[str]) -> Iterator[Server]:
    """A server on a free port, until the block is left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "attnviz.ui", "--server.headless", "true", "--server.port", str(port), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
        try:
            _wait(process, port, log)
            yield Server(port, process, log)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"the server did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
