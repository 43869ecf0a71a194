"""The scripts that a page names from the start: each is one that this version of Streamlit has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import streamlit

from attnviz.ui.server.preloads import SCRIPTS, preloads

STATIC = Path(streamlit.__file__).parent / "static"


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_is_one_script_that_streamlit_serves_and_does_not_name_itself(name: str) -> None:
    found = re.findall(rf'href="\./(static/js/{re.escape(name)}\.[^"/]+\.js)"', preloads())
    assert len(found) == 1 and (STATIC / found[0]).is_file()
    assert found[0] not in (STATIC / "index.html").read_text(encoding="utf-8")


def test_the_largest_that_a_page_asks_for_late_is_among_them() -> None:
    assert "PlotlyChart" in SCRIPTS and preloads().count("modulepreload") == len(SCRIPTS)
