"""What is listed of a folder: folders and GGUF files, whatever else lies there, and a sentence where it cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnviz import ModelError
from attnviz.models import browse
from attnviz.models.browse import Entry, inside, listing


def test_folders_and_gguf_files_are_listed_and_nothing_else(tmp_path: Path) -> None:
    for name in ("plain", "bert", "quant", ".cache", "模型 一"):
        (tmp_path / name).mkdir()
    (tmp_path / "bert" / "config.json").touch()
    (tmp_path / "quant" / "Q4.GGUF").touch()
    for name in ("secret.txt", "key.pem", "model.safetensors", "tiny.gguf"):
        (tmp_path / name).touch()
    found = listing(tmp_path)
    assert found.entries == (
        Entry("bert", True), Entry("plain", False), Entry("quant", True), Entry("tiny.gguf", True, file=True),
        Entry("模型 一", False), Entry(".cache", False),
    )  # fmt: skip
    assert found.model and found.more == 0, "a folder with a GGUF file is a model's"
    assert not listing(tmp_path / "plain").model and listing(tmp_path / "bert").model


def test_numbers_in_names_are_in_their_order(tmp_path: Path) -> None:
    for name in ("checkpoint-10", "checkpoint-9", "checkpoint-100", "Checkpoint-1"):
        (tmp_path / name).mkdir()
    assert [one.name for one in listing(tmp_path).entries] == [
        "Checkpoint-1", "checkpoint-9", "checkpoint-10", "checkpoint-100",
    ]  # fmt: skip


def test_links_are_followed_and_those_that_lead_nowhere_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "config.json").touch()
    (tmp_path / "latest").symlink_to("models")
    (tmp_path / "broken").symlink_to("gone")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert listing(tmp_path).entries == (Entry("latest", True), Entry("models", True))
    assert inside(tmp_path, "latest") == tmp_path / "latest"


def test_a_link_to_a_folder_above_leads_there_and_no_path_grows(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "self").symlink_to(".")
    (deep / "top").symlink_to(tmp_path)
    place = deep
    for _ in range(5):
        place = inside(place, "self")
    assert place == deep.resolve()
    assert inside(deep, "top") == tmp_path.resolve()


def test_a_folder_that_may_not_be_read_or_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError) as told:
        listing(tmp_path / "gone")
    assert told.value.message == "browse_gone"
    (tmp_path / "file").touch()
    with pytest.raises(ModelError) as told:
        listing(tmp_path / "file")
    assert told.value.message == "browse_gone"

    def refused(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)  # the tests may run as root, who may read everything
    with pytest.raises(ModelError) as told:
        listing(tmp_path)
    assert told.value.message == "browse_unreadable"
    for language in ("en", "zh"):
        assert str(tmp_path) in told.value.say(language)


def test_of_thousands_the_first_are_listed_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse, "MOST", 5)
    for number in range(12):
        (tmp_path / f"run-{number}").mkdir()
    found = listing(tmp_path)
    assert [one.name for one in found.entries] == [f"run-{number}" for number in range(5)] and found.more == 7


def test_a_name_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    try:
        os.mkdir(os.fsencode(tmp_path) + b"/b\xffd")
    except OSError:  # a file system that takes text alone has none
        assert listing(tmp_path).entries == ()
        return
    assert listing(tmp_path).entries == ()


def test_looking_begins_where_the_app_was_started_or_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    here = tmp_path / "work"
    here.mkdir()
    monkeypatch.chdir(here)
    assert browse.start() == here
    (here / "app.py").touch()
    assert browse.start() == tmp_path == browse.home()
