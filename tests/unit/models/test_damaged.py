"""Weights that come with the package are those that came: a damaged file is a sentence, and the others work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import attnviz as av
from attnviz import shipped
from attnviz.errors import ModelError
from attnviz.ui.kit import opening
from attnviz.ui.server import app, ready
from attnviz.ui.stores import model_store, runs
from tests.pages.opened import run_page


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The shipped weights, a byte of lab-4's and of han-reviews' another; and nothing open."""
    place = tmp_path / "weights"
    shutil.copytree(shipped.WEIGHTS, place, copy_function=os.link)
    for name in ("lab-4", "han-reviews"):
        file = place / name / "model.safetensors"
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.unlink()
        file.write_bytes(content)
    monkeypatch.setattr(shipped, "WEIGHTS", place)
    model_store().store.clear()
    runs.traces().clear()
    yield place
    model_store().store.clear()
    runs.traces().clear()


def test_the_sums_are_those_of_the_files() -> None:
    """After a training: `python -m attnviz.shipped`."""
    assert (shipped.WEIGHTS / shipped.SUMS).read_text(encoding="utf-8") == shipped.sums()


def test_a_damaged_file_is_a_sentence_and_the_others_are_opened(weights: Path) -> None:
    for name, opened in (("lab-4", av.load), ("han-reviews", lambda name: shipped.tensors(shipped.folder(name)))):
        with pytest.raises(ModelError) as refusal:
            opened(name)
        assert refusal.value.message == "shipped_damaged" and name in str(refusal.value)
    assert av.load("lab-2").kind == "masked" and av.load("nmt-zh-en")


def test_a_file_that_was_mended_is_opened_without_a_new_start(weights: Path) -> None:
    with pytest.raises(ModelError):
        av.load("lab-4")
    good = Path(av.__file__).parent / "weights" / "lab-4" / "model.safetensors"
    shutil.copy(good, weights / "lab-4" / "model.safetensors")
    assert av.load("lab-4").kind == "masked"


def test_its_pages_say_so_and_others_are_served(
    weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "import_all", lambda: None)
    monkeypatch.setattr(ready.gc, "freeze", lambda: None)
    ready.make_ready()
    assert "lab-4" in capsys.readouterr().out
    monkeypatch.setattr(opening, "forget", lambda: None)
    app._forget()  # once everybody has left: no error ends what looks for that
    assert "lab-4" in capsys.readouterr().out
    at = run_page("attention", "en", {"model": "lab-4"})
    assert not at.exception and "not those that came with attnviz" in at.error[0].value
    at = run_page("translation", "en", {})
    assert not at.exception and not at.error


@pytest.mark.parametrize("file", ["README.md", "recipe.json", "model.safetensors", "figures.json", "config.json"])
def test_a_pipe_in_a_folder_is_not_waited_for(file: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / file)
    assert shipped.card(tmp_path) == {} and shipped.stated(tmp_path) == {} and shipped.figures(str(tmp_path)) == {}
    for read in (shipped.recipe, shipped.tensors, shipped.config):
        with pytest.raises(ModelError):
            read(tmp_path)
