"""The notebooks under `examples/` run, and what they keep is what they give now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnviz.notebook.page import Page
from tests.unit.notebook.examples import FOLDER, read, run
from tests.unit.notebook.unpacked import told, values

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
AGAIN = "run `python -m tests.unit.notebook.examples`, which writes what the cells give now"


def codes(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def said(outputs: list[dict[str, Any]]) -> list[str]:
    """What a cell printed and its value as text, sizes of pages left out."""
    texts = ["".join(one.get("text", [])) or "".join(one["data"]["text/plain"]) for one in outputs]
    return [text.split(": ")[0] if text.startswith("Page of ") else text for text in texts]


def pages(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each page of a cell was told."""
    found = ["".join(one["data"]["text/html"]) for one in outputs if "text/html" in one.get("data", {})]
    return [told(Page(html.replace("&quot;", '"').replace("&amp;", "&"))) for html in found]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gives_what_it_keeps(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = read(path)
    for cell, now in zip(codes(notebook), run(notebook), strict=True):
        kept = cell["outputs"]
        assert said(now) == said(kept), AGAIN
        for one, other in zip(pages(now), pages(kept), strict=True):
            assert {**one, "maps": None} == {**other, "maps": None}, AGAIN
            for new, old in zip(one["maps"], other["maps"], strict=True):
                assert {**new, "sent": None} == {**old, "sent": None}, AGAIN
                # Another machine may round the last of three digits otherwise.
                arrays = [values(each["sent"]["all"]) for each in (new, old)]
                np.testing.assert_allclose(*arrays, rtol=0.02, atol=1e-6)
    assert len(list(tmp_path.glob("*.html"))) == 1  # the page that the last cell saves


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_the_form_that_jupyter_reads(path: Path) -> None:
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert {cell["cell_type"] for cell in notebook["cells"]} == {"code", "markdown"}
    assert [cell["execution_count"] for cell in codes(notebook)] == list(range(1, len(codes(notebook)) + 1))
    assert path.stat().st_size < 1_000_000


def test_there_is_one_in_each_language() -> None:
    words = {path.stem: "".join("".join(cell["source"]) for cell in read(path)["cells"]) for path in NOTEBOOKS}
    assert set(words) == {"attention_en", "attention_zh"}
    chinese = {name: sum("\u4e00" <= letter <= "\u9fff" for letter in text) for name, text in words.items()}
    assert chinese["attention_zh"] > 300 and chinese["attention_en"] == 0
