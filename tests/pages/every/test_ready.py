"""Everything that a page imports is there before the first visitor is let in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.pages.opened import PATIENCE, ROOT


@pytest.mark.slow
def test_no_page_imports_a_library_after_all_has_been_made_ready() -> None:
    command = [sys.executable, "-m", "tests.pages.every.late_imports"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n") == [""]
