"""Folders that load, and folders that are refused with one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerBase

from attnviz import ModelError, load, record
from attnviz.models.load import BOUNDARY_FILE
from tests.parity import tiny


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def remove(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.unlink()


SPOILED: dict[str, Callable[[Path], object]] = {
    "weights are rubbish": lambda folder: (folder / "model.safetensors").write_bytes(b"rubbish"),
    "no weights": lambda folder: remove(folder, "model.safetensors"),
    "weights only pickled": lambda folder: (
        remove(folder, "model.safetensors"),
        torch.save({}, folder / "pytorch_model.bin"),
    ),
    "config is no JSON": lambda folder: (folder / "config.json").write_text("{"),
    "no config": lambda folder: remove(folder, "config.json"),
    "unknown type": lambda folder: edit_config(folder, model_type="nonsense"),
    "weights of another shape": lambda folder: edit_config(folder, hidden_size=64),
    "no tokenizer": lambda folder: remove(folder, "tok*"),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_spoiled_folder_is_refused_with_one_sentence(
    spoil: Callable[[Path], object], tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    spoil(tiny.save("masked", "bert", tmp_path, wordpiece))
    with pytest.raises(ModelError) as refusal:
        load(str(tmp_path))
    assert refusal.value.message == "model_not_loaded"
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.__cause__ is not None


@pytest.mark.parametrize("name", ["", "/nowhere/at/all", "nobody/no-such-model", "a b/../c", "lab-3", "模型"])
def test_name_that_leads_nowhere_is_refused(name: str) -> None:
    with pytest.raises(ModelError) as refusal:
        load(name)
    assert refusal.value.message == "model_not_loaded"


def test_encoder_decoder_is_loaded_as_one(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("seq2seq", "t5", tmp_path, wordpiece)
    model = load(str(tmp_path))
    assert (model.kind, model.eager) == ("seq2seq", False)


@pytest.mark.parametrize(
    ("model_type", "architecture", "kind"),
    [
        ("bert", "BertForMaskedLM", "masked"),
        ("bert", "BertForPreTraining", "masked"),
        ("bert", "BertModel", "plain"),
        ("electra", "ElectraForMaskedLM", "masked"),
        ("electra", "ElectraForPreTraining", "plain"),
        ("gpt2", "GPT2LMHeadModel", "causal"),
        ("gpt2", "GPT2Model", "plain"),
    ],
)
def test_kind_follows_the_architecture_that_was_trained(
    model_type: str, architecture: str, kind: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    edit_config(tiny.save(tiny.kind_of(model_type), model_type, tmp_path, wordpiece), architectures=[architecture])
    loaded = load(str(tmp_path))
    trace = record(loaded, "the cat")
    assert loaded.kind == kind
    assert (trace.logits is None) == (kind == "plain")
    assert (loaded.mask_id is None) == (kind != "masked")


@pytest.mark.parametrize(
    ("model_type", "limit"),
    [
        ("bert", 64),
        ("gpt2", 64),
        ("opt", 64),
        ("roberta", 63),  # positions start after the padding id, which is 0 here
        ("camembert", 63),
        ("data2vec-text", 63),
        ("roberta-prelayernorm", 63),
        ("xlm-roberta", 63),
        ("xlm-roberta-xl", 63),
    ],
)
def test_longest_text_fits_the_positions_exactly(
    model_type: str, limit: int, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    kind = "causal" if model_type in ("gpt2", "opt") else "masked"
    loaded = load(str(tiny.save(kind, model_type, tmp_path, wordpiece)))
    assert loaded.limit == limit
    assert len(record(loaded, "the cat " * 100).tokens) == limit


def test_loaded_model_is_float32_and_in_evaluation_mode(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    half = tiny.eager("masked", tmp_path).half()
    half.save_pretrained(tmp_path)
    loaded = load(str(tmp_path))
    assert {parameter.dtype for parameter in loaded.network.parameters()} == {torch.float32}
    assert not loaded.network.training


def test_word_boundary_of_a_folder_gives_a_probability_for_each_token(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    assert record(load(str(tmp_path)), "南京市").boundaries is None
    weight, bias = torch.zeros(2, 32), torch.tensor([0.0, 3.0]).log1p()
    save_file({"weight": weight, "bias": bias}, tmp_path / BOUNDARY_FILE)
    trace = record(load(str(tmp_path)), "南京市")
    assert trace.boundaries.tolist() == pytest.approx([0.8] * 5)  # odds of 4 to 1 by the bias alone
