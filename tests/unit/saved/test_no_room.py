"""Where a disk is full: one sentence, and what lay there before is still whole."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import attnviz as av
from attnviz import AttnvizError, commands
from attnviz.saved.file import replacing

TEXT = "the cat sat"


@contextmanager
def no_room(most: int) -> Iterator[None]:
    """Within, no file may be larger: as a disk that is full tells of it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a run": ("file_not_written", lambda file: av.record(av.load("lab-1"), TEXT).save(file)),
    "a page": ("page_not_written", lambda file: av.show(av.record(av.load("lab-1"), TEXT)).save(file)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    message, write = WRITERS[name]
    file = tmp_path / "file"
    file.write_text("before")
    with no_room(2_000), pytest.raises(AttnvizError) as refusal:
        write(file)
    assert refusal.value.message == message and str(file) in str(refusal.value)
    assert file.read_text() == "before" and os.listdir(tmp_path) == ["file"]
    write(file)
    assert file.stat().st_size > 2_000


def test_the_command_says_so_and_leaves_the_page_that_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "x.html"
    page.write_text("before")
    with no_room(2_000):
        assert commands.main(["show", "lab-1", TEXT, "-o", str(page)]) != 0
    assert "cannot be written" in capsys.readouterr().err and page.read_text() == "before"
    assert os.listdir(tmp_path) == ["x.html"]


def test_a_folder_that_nobody_may_write_into_is_a_sentence(tmp_path: Path) -> None:
    run = av.record(av.load("lab-1"), TEXT)
    for place in (tmp_path / "nowhere" / "x", Path("/proc/x")):
        with pytest.raises(AttnvizError) as refusal:
            run.save(place)
        assert refusal.value.message == "file_not_written"


def test_a_link_stays_one_and_what_is_no_file_is_written_into(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with replacing(tmp_path / "link") as beside:
        beside.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR)
    with replacing(tmp_path / "pipe") as beside:
        beside.write_text("heard")
    assert os.read(reader, 9) == b"heard" and (tmp_path / "pipe").is_fifo()
    os.close(reader)
