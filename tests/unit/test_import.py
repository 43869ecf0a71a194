"""Importing the library changes nothing in the process; the commands and the server say what they need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATE = """
import json, locale, logging, os, signal, sys, warnings
import torch

def state():
    root, known = logging.root, logging.root.manager.loggerDict.items()
    loggers = {name: (one.level, [repr(handler) for handler in one.handlers], one.propagate, one.disabled)
               for name, one in known if isinstance(one, logging.Logger)}
    return {
        "environment": dict(os.environ), "path": list(sys.path), "finders": list(map(repr, sys.meta_path)),
        "folder": os.getcwd(), "warnings": list(map(repr, warnings.filters)), "shown": repr(warnings.showwarning),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()), "dtype": str(torch.get_default_dtype()),
        "gradients": torch.is_grad_enabled(), "seed": torch.initial_seed(),
        "log": (root.level, list(map(repr, root.handlers)), logging.raiseExceptions, root.manager.disable),
        "loggers": loggers, "hook": repr(sys.excepthook), "interrupt": repr(signal.getsignal(signal.SIGINT)),
        "locale": locale.setlocale(locale.LC_ALL), "recursion": sys.getrecursionlimit(),
    }
"""
LIBRARIES = (
    "transformers, plotly.graph_objects, plotly.io, jieba, huggingface_hub, transformers.masking_utils, jaxtyping"
)
KEPT = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "OMP_NUM_THREADS", "LD_LIBRARY_PATH")
CHANGES = (
    "os.environ['OMP_WAIT_POLICY'] = 'PASSIVE'; sys.path.append('x'); warnings.simplefilter('ignore')\n"
    "torch.set_num_threads(torch.get_num_threads() + 1); logging.basicConfig()\n"
    "logging.getLogger('transformers').setLevel(10)"
)
IMPORTS = {
    "the package": ("", "import attnviz"),
    # What the libraries do to the process at their own import is theirs; the second time they do nothing.
    "every public name": (
        f"import {LIBRARIES}",
        "import attnviz; [getattr(attnviz, name) for name in attnviz.__all__]",
    ),
}


def changed(before: str, statement: str) -> dict[str, object]:
    """What a statement changes in a fresh Python that has run `before`; loggers that only came to be do not count."""
    program = STATE + f"{before}\nold = state()\n{statement}\nnew = state()\nprint(json.dumps([old, new]))"
    untouched = {name: value for name, value in os.environ.items() if name in KEPT}  # this process imported it already
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=untouched, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    old, new = json.loads(done.stdout.splitlines()[-1])
    quiet = [0, [], True, False]  # a logger that nobody told anything
    new["loggers"] = {name: one for name, one in new["loggers"].items() if name in old["loggers"] or one != quiet}
    return {name: (old[name], new[name]) for name in old if old[name] != new[name]}


@pytest.mark.parametrize("what", IMPORTS)
def test_importing_the_library_changes_nothing_in_the_process(what: str) -> None:
    assert changed(*IMPORTS[what]) == {}


def test_a_change_would_be_seen() -> None:
    assert set(changed("", CHANGES)) == {"environment", "path", "warnings", "threads", "log", "loggers"}


STARTS = {"server": "import app", "command": "from attnviz import commands; sys.argv[1:] = ['-V']; commands.run()"}


@pytest.mark.parametrize("start", STARTS)
def test_threads_that_wait_leave_the_processor_to_others_unless_someone_chose(start: str) -> None:
    """In the server and in the commands, before PyTorch is there: OpenMP reads it when it is loaded."""
    program = f"""
import atexit, os, sys
atexit.register(lambda: print(os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules))
{STARTS[start]}"""
    for given, expected in ({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"):
        plain = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=plain | given, capture_output=True, text=True, timeout=120
        )
        assert done.stdout.splitlines()[-1:] == [f"{expected} False"], done.stderr
