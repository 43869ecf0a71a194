"""A table of heads: the same in each form, read back to the same means and counts, and nothing believed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

import attnviz as av
from attnviz.errors import ArgumentError, AttnvizError
from attnviz.experiments.corpus import table

TEXTS = ["南京市长江大桥", "the cat sat on the mat", "他说他会来，但是他没有来。"]
ENDINGS = ("parquet", "csv", "json")


@pytest.fixture(scope="module")
def atlas() -> av.Atlas:
    return av.atlas(av.load("lab-4"), TEXTS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_read_back_is_what_was_written(ending: str, atlas: av.Atlas, tmp_path: Path) -> None:
    file = tmp_path / f"heads.{ending}"
    table.save(atlas, file)
    found = av.load_atlas(file)
    assert (found.model, found.texts, found.tokens, found.left_out) == ("lab-4", 3, atlas.tokens, 0)
    for mine, theirs in ((found.all, atlas.all), (found.bare, atlas.bare)):
        assert list(mine) == list(theirs)
        for name, tally in theirs.items():
            assert torch.equal(mine[name].count, tally.count)
            assert torch.allclose(mine[name].mean, tally.mean, rtol=1e-12, equal_nan=True)
    assert found.places == atlas.places and found.spread().measures == atlas.spread().measures
    assert [found.name(*p) and found.name(*p).name for p in found.places] == [  # type: ignore[union-attr]
        atlas.name(*p) and atlas.name(*p).name
        for p in atlas.places  # type: ignore[union-attr]
    ]


def test_pandas_and_other_readers_find_a_row_a_head_with_numbers(atlas: av.Atlas, tmp_path: Path) -> None:
    for ending in ENDINGS:
        table.save(atlas, tmp_path / f"heads.{ending}")
    rows = pq.read_table(tmp_path / "heads.parquet").to_pylist()
    assert rows == json.loads((tmp_path / "heads.json").read_text(encoding="utf-8"))
    lines = list(csv.DictReader(io.StringIO((tmp_path / "heads.csv").read_text(encoding="utf-8-sig"))))
    assert len(rows) == len(lines) == 16
    for row, line in zip(rows, lines, strict=True):
        assert {name: "" if value is None else str(value) for name, value in row.items()} == line
        place = row["layer"], row["head"]
        assert row["previous"] == float(atlas["previous"][place]) and row["texts"] == 3
        assert row["previous_tokens"] == int(atlas.all["previous"].count[place])


def test_a_model_s_name_is_a_text_in_a_spreadsheet(atlas: av.Atlas, tmp_path: Path) -> None:
    hostile = av.Atlas("=cmd()", atlas.all, atlas.bare, 3, 30)
    table.save(hostile, tmp_path / "heads.csv")
    assert ",'=cmd()," in (tmp_path / "heads.csv").read_text(encoding="utf-8")


def test_with_few_measures_it_is_whole_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text("\n".join(TEXTS * 4), encoding="utf-8")
    made = av.corpus("lab-4", file, measures="previous,entropy", out=tmp_path / "heads.parquet")
    found = av.load_atlas(tmp_path / "heads.parquet")
    assert list(found.all) == ["previous", "entropy"] and list(found.bare) == ["previous"]
    assert found.places == made.atlas.places and len(found.places) == 16


def row(layer: str, head: str, entropy: str) -> bytes:
    """A table of one head in JSON."""
    told = '"entropy_tokens": 3, "model": "m", "texts": 1, "tokens": 3, "left_out": 0'
    return f'[{{"layer": {layer}, "head": {head}, "entropy": {entropy}, {told}}}]'.encode()


def test_such_a_row_is_a_table_as_long_as_its_numbers_are_some() -> None:
    assert table.of_bytes(row("0", "0", "1"), "heads.json").places == [(0, 0)]


def test_a_head_that_stands_there_twice_and_more_rows_than_heads_can_be_are_refused(
    atlas: av.Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = row("0", "0", "1").decode()[1:-1]
    with pytest.raises(AttnvizError, match="no table of heads"):
        table.of_bytes(f"[{one}, {one}]".encode(), "heads.json")
    table.save(atlas, tmp_path / "heads.parquet")
    monkeypatch.setattr(table, "MOST_ROWS", 10)  # of sixteen
    with pytest.raises(AttnvizError, match="no table of heads"):
        av.load_atlas(tmp_path / "heads.parquet")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PAR1 and no more", b"\x00" * 99, b"layer,head\n0,0\n", b"[]", b"{}", b"null", b"[" * 10_000,
        row("0", "0", "1e400"),
        row("99999", "99999", "1"),
        row("-1", "0", "1"),
        row("0", "0", "null"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_no_such_table_is_a_sentence(content: bytes, ending: str) -> None:
    with pytest.raises(AttnvizError) as refusal:
        table.of_bytes(content, f"heads.{ending}")
    assert refusal.value.message == "corpus_no_table"


def test_another_ending_and_no_file_are_sentences(atlas: av.Atlas, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"\.parquet, \.csv, \.json"):
        table.save(atlas, tmp_path / "heads.xlsx")
    for name in ("none.csv", "."):
        with pytest.raises(AttnvizError, match="no file"):
            av.load_atlas(tmp_path / name)
    with pytest.raises(AttnvizError, match="cannot be written"):
        table.save(atlas, tmp_path / "none" / "heads.csv")
    with pytest.raises(AttnvizError, match="no table of heads"):
        table.of_bytes(b"x", "heads.xlsx")


def test_a_large_file_is_not_read_at_all(tmp_path: Path) -> None:
    file = tmp_path / "heads.json"
    with file.open("wb") as opened:
        opened.truncate(table.MOST + 1)
    with pytest.raises(AttnvizError, match="no table of heads"):
        av.load_atlas(file)
