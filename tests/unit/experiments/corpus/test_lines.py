"""A stranger's file as lines: its encoding, its packing, what is no text, and windows that are the same each time."""

from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from attnviz.errors import TextError
from attnviz.experiments.corpus import lines
from attnviz.experiments.corpus.lines import Source

CHINESE = "南京市长江大桥\n他说他会来\n"


def read(file: Path | str) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Lines, and the refused ones with the id of the reason."""
    windows = list(Source.of(file).windows())
    return [line for one in windows for line in one.lines], [(n, e.message) for one in windows for n, e in one.refused]


@pytest.mark.parametrize(
    "content",
    [
        CHINESE.encode(), b"\xef\xbb\xbf" + CHINESE.encode(), CHINESE.replace("\n", "\r\n").encode(),
        CHINESE.encode("gbk"),
        CHINESE.encode("gb18030").replace(b"\n", b"\r\n"), CHINESE.encode("utf-16"), CHINESE.strip().encode(),
        gzip.compress(CHINESE.encode()), gzip.compress(CHINESE.encode("gbk")),
    ],
    ids=["utf-8", "mark", "crlf", "gbk", "gb18030-crlf", "utf-16", "no-end", "gz", "gz-gbk"],
)  # fmt: skip
def test_the_same_lines_in_any_encoding_and_packing(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_bytes(content)
    assert read(file) == ([(1, "南京市长江大桥"), (2, "他说他会来")], [])


def test_a_last_line_without_its_end_says_in_which_encoding_a_file_is_too(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    for encoding in ("gbk", "utf-8"):
        file.write_bytes(b"one\n" + "南京市长江大桥".encode(encoding))
        assert read(file) == ([(1, "one"), (2, "南京市长江大桥")], [])


def test_bad_lines_cost_a_line_and_keep_their_numbers_blank_ones_are_none(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_bytes("好\n".encode() * 5 + b"\n \nbad \xff\xfe here\n" + b"x" * 1_000_000 + "\n也好\n".encode())
    found, refused = read(file)
    assert found == [(n, "好") for n in range(1, 6)] + [(10, "也好")]
    assert refused == [(8, "corpus_line_no_text"), (9, "text_huge")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "corpus_empty"), (b"\xef\xbb\xbf\r\n \n", "corpus_empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "corpus_no_text"),
        (gzip.compress(b""), "corpus_empty"), (b"\x1f\x8b and no more", "corpus_damaged"),
        (gzip.compress(CHINESE.encode() * 9)[:-20], "corpus_damaged"),
    ],
    ids=["empty", "blank", "picture", "gz-empty", "gz-none", "gz-cut"],
)  # fmt: skip
def test_what_is_no_text_is_a_sentence(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_bytes(content)
    with pytest.raises(TextError) as refusal:
        read(file)
    assert refusal.value.message == message


def test_a_pipe_a_folder_and_a_name_of_nothing_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("pipe", "regular"),
        (".", "regular"),
        ("none", "file"),
        ("x" * 5000, "file"),
        ("a\0b", "file"),
    ):
        with pytest.raises(TextError) as refusal:
            Source.of(tmp_path / name)
        assert refusal.value.message == f"corpus_no_{message}"


def test_the_standard_input_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(CHINESE.encode("gbk"))))
    assert read("-")[0] == [(1, "南京市长江大桥"), (2, "他说他会来")]


def test_windows_are_cut_by_lines_and_by_characters_alike_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LINES", 3)
    monkeypatch.setattr(lines, "CHARACTERS", 20)
    file = tmp_path / "some.txt"
    file.write_text("one\n\nthree\n" + "four" * 9 + "\nfive\nsix\n", encoding="utf-8")
    windows = list(Source.of(file).windows())
    assert [[number for number, _ in one.lines] for one in windows] == [[1, 3], [4], [5, 6]]
    assert [(one.after.windows, one.after.lines) for one in windows] == [(1, 3), (2, 4), (3, 6)]
    assert windows == list(Source.of(file).windows()) and len({one.after.digest for one in windows}) == 3
    assert [one.share for one in windows][-1] == 1.0
    file.write_text(file.read_text(encoding="utf-8").replace("one", "two"), encoding="utf-8")
    assert [one.after.digest for one in Source.of(file).windows()][1] != windows[1].after.digest


def test_a_line_as_long_as_one_may_be_is_read_and_one_longer_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MOST_CHARACTERS", 4)
    file = tmp_path / "some.txt"
    file.write_text("abcd\nabcde\nefgh", encoding="utf-8")
    assert read(file) == ([(1, "abcd"), (3, "efgh")], [(2, "text_huge")])


def test_a_place_knows_the_lines_that_were_refused_too(tmp_path: Path) -> None:
    file, found = tmp_path / "some.txt", set()
    for bad in (b"bad \xff", b"other \xff"):
        file.write_bytes(b"good\n" * 3 + bad + b"\n")
        (window,) = Source.of(file).windows()
        assert [number for number, _ in window.refused] == [4]
        found.add(window.after.digest)
    assert len(found) == 2
