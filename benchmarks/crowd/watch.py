"""The server that a class sits at: its log, and the memory it holds."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.app_speed import running

WRONG = re.compile(r"Traceback|fault [0-9a-f]{6}|^\w*(Error|Exception)\b", re.MULTILINE)


@dataclass
class Server:
    """A server of one's own: where it answers, and since when."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    began: float = field(default_factory=time.monotonic)

    def look(self) -> float:
        """The resident memory of the server and of its children now, in megabytes."""
        own = psutil.Process(self.process.pid)
        return sum(one.memory_info().rss for one in (own, *own.children(recursive=True))) / 1e6

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
    with running("attnviz.ui", *options, log=log) as (port, process):
        yield Server(port, process, log)
