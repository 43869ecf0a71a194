"""The wheel carries everything: in a fresh environment, from an empty folder, without network or checkout, all works.

The environment sees the libraries of the one that runs the tests (a .pth file), so nothing is fetched. The wheel is
built once, by the backend that is installed here.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

import attnviz
from attnviz.messages import say

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
PATIENCE = 120
TEXT = "南京市长江大桥"
INSIDE = """
import json
import attnviz
from streamlit import config
from attnviz.ui import registry
from attnviz.ui.__main__ import APP
config._main_script_path = str(APP)  # as `streamlit run` does
names = ("client.toolbarMode", "server.fileWatcherType", "server.address")
print(json.dumps({
    "package": attnviz.__file__, "app": str(APP), "settings": {name: config.get_option(name) for name in names},
    "pages": [screen.name for screen in registry.screens() if (APP.parent / screen.file).is_file()],
    "screens": [screen.name for screen in registry.screens()],
}))
"""


@dataclass(frozen=True)
class Installed:
    """A fresh environment with the wheel in it, an empty folder to stand in, and what the wheel held."""

    programs: Path
    empty: Path
    held: frozenset[str]

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        """Run a program of the environment there; its bytes, for it is the encoding that is looked at."""
        return subprocess.run(
            [str(self.programs / command[0]), *command[1:]], cwd=self.empty, capture_output=True, timeout=PATIENCE,
            env=surroundings() | variables,
        )  # fmt: skip


def surroundings() -> dict[str, str]:
    """This process's variables less those that would let the checkout or a person's own settings in."""
    mine = ("PYTHON", "STREAMLIT", "LC_", "LANG", "OMP_WAIT")
    return {name: value for name, value in os.environ.items() if not name.startswith(mine)}


def linked(source: str, goal: str) -> None:
    """The same file a second time where the disk allows it, for 65 MB of weights need no copy."""
    try:
        os.link(source, goal)
    except OSError:
        shutil.copyfile(source, goal)


def source(place: Path) -> Path:
    """What a build reads, apart: it leaves folders where it works."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("attnviz", "pages", ".streamlit"):
        shutil.copytree(ROOT / name, place / name, ignore=ignore, copy_function=linked)
    for name in ("app.py", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        linked(str(ROOT / name), str(place / name))
    return place


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    place = tmp_path_factory.mktemp("installed")
    build = [*PIP, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(place)]
    build += ["--config-settings=--build-option=--compression=stored"]  # weights shrink by 8 % and take seconds for it
    subprocess.run([*build, str(source(place / "source"))], check=True, capture_output=True, timeout=PATIENCE)
    (wheel,) = place.glob("*.whl")
    home = place / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=PATIENCE)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    python = next(programs.glob("python*"))
    put = [*PIP, "--python", str(python), "install", "--no-deps", "--no-index", "--no-compile", "--quiet", str(wheel)]
    subprocess.run(put, check=True, capture_output=True, timeout=PATIENCE)
    (packages,) = home.rglob("site-packages")
    libraries = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (packages / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    (empty := place / "empty").mkdir()
    return Installed(programs, empty, frozenset(ZipFile(wheel).namelist()))


def test_the_wheel_holds_every_file_of_the_package_and_the_app(installed: Installed) -> None:
    files = [path for path in (ROOT / "attnviz").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    package = {path.relative_to(ROOT).as_posix() for path in files}
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").rglob("*.py")}
    top = {"app.py", ".streamlit/config.toml", *pages}
    assert len(package) > 400 and len(top) > 10
    held = {name for name in installed.held if ".dist-info/" not in name}
    assert held == package | {f"attnviz/ui/served/{name}" for name in top}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_cards_prints_every_built_in_model_also_on_a_terminal_of_ascii(installed: Installed, language: str) -> None:
    done = installed.run("attnviz", "cards", "--lang", language, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    said = done.stdout.decode("utf-8")
    shipped = {path.name for path in (ROOT / "attnviz" / "weights").iterdir() if path.is_dir()}
    assert shipped == {line.split("  ·  ")[0] for line in said.splitlines() if "  ·  " in line}
    assert ("4 个注意力头" if language == "zh" else "4 attention heads") in said and "0.4931" in said


def test_show_writes_a_page_of_a_run(installed: Installed) -> None:
    done = installed.run("attnviz", "show", "lab-4", TEXT, "-o", "page.html", LANG="zh_CN.UTF-8")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode("utf-8").strip() == say("command.show_written", "zh", file="page.html")
    page = (installed.empty / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "lab-4" in page and all(f'"{sign}"' in page for sign in TEXT)


def test_the_console_script_says_its_version_and_what_is_wrong(installed: Installed) -> None:
    assert installed.run("attnviz", "--version").stdout.decode().strip() == f"attnviz {attnviz.__version__}"
    done = installed.run("attnviz", "show", "lab-4", LANG="zh_CN.UTF-8")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.decode("utf-8").splitlines() == [
        say("error.command_missing", "zh", need="TEXT", command="attnviz show")
    ]


def test_settings_hold_and_every_page_stands_beside_the_app(installed: Installed) -> None:
    done = installed.run("python", "-c", INSIDE)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout.decode().splitlines()[-1])
    assert str(ROOT) not in found["package"] and Path(found["app"]).is_relative_to(Path(found["package"]).parent)
    expected = {"client.toolbarMode": "minimal", "server.fileWatcherType": "none", "server.address": "localhost"}
    assert found["settings"] == expected
    assert found["pages"] == found["screens"] and len(found["pages"]) > 10


def test_the_command_alone_serves_the_app_with_its_first_picture(installed: Installed) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [str(installed.programs / "attnviz"), "--server.headless", "true", "--server.port", str(port)]
    with (installed.empty / "log.txt").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=installed.empty, stdout=log, stderr=subprocess.STDOUT, env=surroundings()
        )
        try:
            assert asked(server, f"http://localhost:{port}/_stcore/health") == "ok"
            page = asked(server, f"http://localhost:{port}/?lang=en&text=the+cat+sat")
            assert "attnviz-first" in page and "lab-4" in page
            assert "<script" in asked(server, f"http://localhost:{port}/models?id=lab-4&text=the+cat+sat")
        finally:
            server.terminate()
            server.wait(20)


def asked(server: subprocess.Popen[bytes], address: str) -> str:
    """What stands at an address, once it answers."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as reply:
                return str(reply.read().decode("utf-8"))
        except OSError:
            assert server.poll() is None and time.monotonic() < until, "the server did not start"
            time.sleep(0.2)
