"""`python -m tests.installed.image`: the steps of the Dockerfile where no Docker runs, in minutes.

A fresh virtual environment in a fresh folder, what is copied and installed as the file says, then the server as its own
command starts it, for another user (where we are root), who may write into the cache and the temporary folder alone.
Asked for its health and its first page, ended as Docker ends it; nothing may have been written beside.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.installed.test_served_files import ROOT, of

PORT = "8501"
PATIENCE = 300.0  # seconds until it answers
READY = "Ready."


def main() -> int:
    """Every step, told as it is done; 1 where one fails."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument(
        "--python", default=sys.executable, help="what makes the environment; the other user must reach it"
    )
    given = ask.parse_args()
    with tempfile.TemporaryDirectory(prefix="attnviz-image-") as made:
        root = Path(made)
        root.chmod(0o755)
        env = _environment(root, given.python)
        _copied(root)
        for step in _steps():
            _told(step)
            _run(step, root, env)
        print(f"  {_size(root) / 1e6:,.0f} MB are there")
        return _served(root, env)


def _environment(root: Path, python: str) -> dict[str, str]:
    """A virtual environment, and the variables that the file sets."""
    _told(f"FROM {of('FROM')[0]}: {python} -m venv")
    subprocess.run([python, "-m", "venv", str(root / "venv")], check=True)
    said = dict(pair.split("=", 1) for one in of("ENV") for pair in shlex.split(one))
    (root / "cache").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATTNVIZ_", "PYTHON", "HF_"))}
    return {**kept, **said, "HF_HOME": str(root / "cache"), "PATH": f"{root / 'venv' / 'bin'}:{os.environ['PATH']}"}


def _copied(root: Path) -> None:
    """What the file copies, into the folder where it works."""
    for said in of("COPY"):
        *sources, _ = said.split()
        for source in sources:
            _told(f"COPY {source}")
            goal = root / "app" / source
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, goal, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                goal.parent.mkdir(exist_ok=True)
                shutil.copyfile(ROOT / source, goal)


def _steps() -> Iterator[str]:
    """The commands that are run in building; the user and the folder of the cache are made otherwise here."""
    for said in of("RUN"):
        yield from (one.strip() for one in said.split("&&") if one.split()[0] in ("pip", "python"))


def _run(step: str, root: Path, env: dict[str, str]) -> None:
    """One of them; where the index of PyTorch cannot be reached, from the usual one."""
    quiet = step.replace("pip install", "pip install -q", 1)
    for command in dict.fromkeys([quiet, re.sub(r" --index-url \S+", "", quiet)]):
        done = subprocess.run(["sh", "-c", command], cwd=root / "app", env=env, capture_output=True, text=True)
        if done.returncode == 0:
            return
        print(f"  {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    raise SystemExit(f"failed: {step}")


def _served(root: Path, env: dict[str, str]) -> int:
    """Start it for another user, ask, end it; 0 where all went well."""
    user = int(of("USER")[0]) if os.getuid() == 0 else os.getuid()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    os.chown(root / "cache", user, user)
    before = _files(root)
    words = [*json.loads(of("ENTRYPOINT")[0]), *json.loads(of("CMD")[0])]
    with _started([port if word == PORT else word for word in words], root, env, user) as server:
        check = json.loads(of("HEALTHCHECK")[0].split("CMD", 1)[1].strip())
        health = subprocess.run([one.replace(f":{PORT}", f":{port}") for one in check], env=env, user=user, check=False)
        with urllib.request.urlopen(f"http://localhost:{port}/?lang=en", timeout=60) as page:
            drawn = b"attnviz" in page.read() and "frame-ancestors" in page.headers["content-security-policy"]
        server.send_signal(getattr(signal, of("STOPSIGNAL")[0]))
        ended = server.wait(20)
    written = sorted(str(one.relative_to(root)) for one in _files(root) - before)
    print(f"  user {user}: health {health.returncode}, first page {drawn}, ended {ended}, written {written}")
    return int(health.returncode != 0 or not drawn or bool(written))


@contextmanager
def _started(words: list[str], root: Path, env: dict[str, str], user: int) -> Iterator[subprocess.Popen[str]]:
    """The server, once it is ready; its last lines where it does not come to that."""
    _told(f"USER {user}: {shlex.join(words)}")
    bare = {**env, "HOME": "/nonexistent"}
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(words, cwd=root / "app", env=bare, user=user, stdout=log, stderr=log, text=True) as server,
    ):
        try:
            until = time.monotonic() + PATIENCE
            while READY not in _so_far(log):
                if server.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"it does not come up:\n{_so_far(log)[-2000:]}")
                time.sleep(0.5)
            yield server
        finally:
            server.kill()


def _so_far(log: IO[str]) -> str:
    """What it has said."""
    return os.pread(log.fileno(), 10**6, 0).decode(errors="replace")


def _files(root: Path) -> set[Path]:
    """All files but those of the cache, which may be written."""
    return {one for part in ("app", "venv") for one in (root / part).rglob("*")}


def _size(root: Path) -> int:
    return sum(one.lstat().st_size for one in _files(root) if not one.is_dir())


def _told(step: str) -> None:
    print(step[:140], flush=True)


if __name__ == "__main__":
    sys.exit(main())
