"""The one reader of shipped folders: configuration, weights, figures, samples and licence, or a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import metadata_load
from safetensors.torch import load_file, save_file

from attnviz import shipped
from attnviz.errors import ModelError

NAMES = sorted(path.name for path in shipped.WEIGHTS.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", NAMES)
def test_licence_is_that_which_huggingface_hub_reads(name: str) -> None:
    assert shipped.licence(shipped.WEIGHTS / name) == metadata_load(shipped.WEIGHTS / name / "README.md")["license"]


@pytest.mark.parametrize(
    "card", ["", "no front matter", "---\nlicense: [a\n---\n", "---\nlicense: 3\n---\n", "---\n- license\n---\n"]
)
def test_a_card_without_a_licence_has_none(card: str, tmp_path: Path) -> None:
    assert shipped.licence(tmp_path / "nowhere") is None
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert shipped.licence(tmp_path) is None


def test_a_name_points_at_the_shipped_folder_and_anything_else_at_itself(tmp_path: Path) -> None:
    assert shipped.folder("han-reviews") == shipped.WEIGHTS / "han-reviews"
    for name in ("", ".", "..", "nowhere", str(tmp_path), "./han-reviews", "someone/han-reviews", "x" * 5000, "a\0b"):
        assert shipped.folder(name) == Path(name)


def test_weights_come_in_float32_and_whole_numbers_as_they_are(tmp_path: Path) -> None:
    kept = {"half": torch.tensor([0.5]).half(), "brain": torch.tensor([2.0]).bfloat16(), "ids": torch.tensor([3])}
    save_file(kept, tmp_path / "model.safetensors")
    found = shipped.tensors(tmp_path)
    assert {name: one.dtype for name, one in found.items()} == {
        "half": torch.float32, "brain": torch.float32, "ids": torch.int64
    }  # fmt: skip
    assert all(torch.equal(found[name], one.to(found[name].dtype)) for name, one in kept.items())
    own = load_file(shipped.WEIGHTS / "han-reviews" / "model.safetensors")
    assert all(
        torch.equal(one.half(), own[name]) for name, one in shipped.tensors(shipped.folder("han-reviews")).items()
    )


def test_a_weight_without_a_number_is_no_damaged_one(tmp_path: Path) -> None:
    save_file({"none": torch.zeros(0, 4)}, tmp_path / "model.safetensors")
    assert shipped.tensors(tmp_path)["none"].shape == (0, 4)
    shipped.check_finite("laid out", [("later", torch.full((2,), torch.nan, device="meta"))])


def test_a_file_beyond_any_such_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.json").open("wb") as file:
        file.write(b"{}")
        file.seek(shipped.MOST_STATED)
        file.write(b" ")
    with pytest.raises(ModelError, match="MB"):
        shipped.config(tmp_path)
    assert shipped.stated(tmp_path) == {}


def test_figures_and_samples_are_those_of_the_files_and_nothing_where_there_is_no_file(tmp_path: Path) -> None:
    for name in NAMES:
        for file, found, nothing in (("figures", shipped.figures(name), {}), ("samples", shipped.samples(name), ())):
            path = shipped.WEIGHTS / name / f"{file}.json"
            expected = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else nothing
            assert list(found) == list(expected) and (not isinstance(found, dict) or found == expected)
    assert shipped.figures(str(tmp_path)) == {} and shipped.samples(str(tmp_path)) == ()


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[1]"])
def test_a_damaged_file_names_itself(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_bytes(content)
    with pytest.raises(ModelError) as refusal:
        shipped.figures(str(tmp_path))
    assert refusal.value.message == "file_unreadable"
    for language in ("zh", "en"):
        assert "figures.json" in refusal.value.say(language) and tmp_path.name in refusal.value.say(language)
