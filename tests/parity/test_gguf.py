"""A GGUF file is read like the folder that it was made from, and what it needs is said."""

from __future__ import annotations

import json
import tomllib
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import MODEL_ARCH, GGUFWriter, get_tensor_name_map
from packaging.requirements import Requirement
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerBase

from attnviz import ModelError, load, record
from attnviz.adapter.stored.gguf import EXTRAS
from attnviz.models import Progress, memory
from tests.parity import tiny

LAYERS = 2
ROOT = Path(__file__).parents[2]


def written(folder: Path, kind: str = "qwen2") -> Path:
    """A folder's Qwen as one GGUF file, byte-level tokenizer included."""
    config = json.loads((folder / "config.json").read_text())
    bpe = json.loads((folder / "tokenizer.json").read_text())["model"]
    path = folder / "small.gguf"
    writer = GGUFWriter(path, kind)
    writer.add_name("small")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(sorted(bpe["vocab"], key=bpe["vocab"].get))
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in bpe["merges"]])
    writer.add_eos_token_id(bpe["vocab"]["<|endoftext|>"])
    names = get_tensor_name_map(MODEL_ARCH.QWEN2, LAYERS)
    for name, tensor in load_file(folder / "model.safetensors").items():
        stem, _, end = name.rpartition(".")
        writer.add_tensor(f"{names.get_name(stem)}.{end}", tensor.numpy().astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def folder(tmp_path: Path, byte_level: PreTrainedTokenizerBase) -> Path:
    return tiny.save("causal", "qwen2", tmp_path, byte_level, bos_token_id=None, rope_theta=10000.0)


def test_gguf_file_is_read_like_its_folder(folder: Path) -> None:
    seen: list[Progress] = []
    theirs = load(str(folder))
    ours = load(str(written(folder)), progress=seen.append)
    assert (ours.kind, ours.eager) == ("causal", False)
    first, second = record(theirs, "the cat sat on the mat"), record(ours, "the cat sat on the mat")
    assert first.tokens == second.tokens
    for layer in range(LAYERS):
        for head in range(first.n_heads):
            assert torch.equal(first.weights(layer=layer, head=head), second.weights(layer=layer, head=head))
    assert torch.equal(first.logits, second.logits)
    size = (folder / "small.gguf").stat().st_size
    assert {(one.file, one.total) for one in seen} == {("small.gguf", size)}
    assert len({one.done for one in seen}) > 10


def refused(message: str, path: Path, *holds: str) -> None:
    with pytest.raises(ModelError) as refusal:
        load(str(path))
    assert refusal.value.message == message
    for language in ("en", "zh"):
        assert all(part in refusal.value.say(language) for part in holds)


def test_file_that_is_not_there(tmp_path: Path) -> None:
    refused("folder_missing", tmp_path / "no.gguf", "no.gguf")


@pytest.mark.parametrize("content", [b"", b"rubbish and more", b"GGUF", b"GGUF" + bytes(40)])
def test_file_that_is_no_gguf(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(content)
    refused("gguf_unreadable", tmp_path / "bad.gguf", "bad.gguf")


def test_file_that_was_cut_off(folder: Path) -> None:
    path = written(folder)
    path.write_bytes(path.read_bytes()[:-5000])
    refused("gguf_unreadable", path, str(path))


def test_file_with_much_behind_its_tensors(folder: Path) -> None:
    """All of a file is mapped into memory: 3 GB of nothing asked for 3 GB."""
    path = written(folder)
    with path.open("ab") as opened:
        opened.truncate(path.stat().st_size + 2**21)
    refused("gguf_unreadable", path, "behind the last tensor")


def test_file_larger_than_what_is_free_is_not_mapped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """3 GB of nothing behind the tensors took 3 GB of addresses, only to be refused."""
    path = written(folder)
    free = path.stat().st_size + 2**20
    monkeypatch.setattr(memory, "available", lambda: free)
    with path.open("ab") as opened:
        opened.truncate(path.stat().st_size + 2**22)
    refused("model_too_large", path)


def test_kind_that_is_not_read(folder: Path) -> None:
    refused("gguf_kind", written(folder, kind="rwkv6"), "rwkv6")


def test_too_large_once_unpacked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(folder)
    free = int(path.stat().st_size * memory.SPARE) + 1  # the file fits, not what it is unpacked to beside it
    monkeypatch.setattr(memory, "available", lambda: free)
    refused("model_too_large", path, "small.gguf")


@pytest.mark.parametrize(
    "absent", [{"accelerate"}, {"gguf"}, {"accelerate", "gguf"}], ids=lambda names: "+".join(sorted(names))
)
def test_packages_that_are_missing_are_named(absent: set[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = written(folder), util.find_spec
    monkeypatch.setattr("attnviz.adapter.stored.gguf.find_spec", lambda name: None if name in absent else real(name))
    refused("gguf_needs", path, *(extra for extra in EXTRAS if extra.split("==")[0] in absent), "pip install")


def test_packages_are_those_that_are_tested() -> None:
    tested = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert all(extra in tested for extra in EXTRAS)
    offered = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for one, extra in zip(map(Requirement, offered["gguf"]), map(Requirement, EXTRAS), strict=True):
        (version,) = extra.specifier
        assert one.name == extra.name and one.specifier.contains(version.version)
    assert not any(extra.split("==")[0] in (ROOT / "requirements.txt").read_text() for extra in EXTRAS)
