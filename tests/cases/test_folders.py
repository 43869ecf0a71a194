"""Folders as people bring them: what can be read gives the very maps of the whole model, what cannot one sentence."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from attnviz import ModelError, load, record
from attnviz.messages import LANGUAGES
from attnviz.recording.generate import generate
from tests.cases.spoil import (
    Spoil,
    both,
    checkpoints,
    encoded,
    in_parts,
    instead_of_weights,
    only,
    prefixed,
    pruned,
    renamed,
    settings,
    typed,
    weights,
    word_list,
)
from tests.parity import tiny

TEXT = "the cat sat on the mats"
Whole = Callable[[str], Path]

# What came of a folder, the type of model in it, and the notice that it is opened with.
OPENED: dict[str, tuple[Spoil, str, str | None]] = {
    "a number type that there is none of": (settings(dtype=None, torch_dtype="auto"), "bert", None),
    "config.json saved by Notepad": (encoded("config.json", "utf-8-sig"), "bert", None),
    "config.json written by PowerShell": (encoded("config.json", "utf-16"), "bert", None),
    "tokenizer.json with a byte order mark": (encoded("tokenizer.json", "utf-8-sig"), "bert", None),
    "tokenizer_config.json in UTF-16": (encoded("tokenizer_config.json", "utf-16"), "bert", None),
    "vocab.txt with the line ends of Windows": (word_list(b"\r\n"), "bert", None),
    "vocab.txt with a byte order mark": (word_list(b"\n", b"\xef\xbb\xbf"), "bert", None),
    "tokenizer.json alone": (only("config.json", "model.safetensors", "tokenizer.json"), "bert", None),
    "saved from DataParallel": (prefixed("module."), "bert", "weights_wrapped"),
    "saved from torch.compile": (prefixed("_orig_mod."), "gpt2", "weights_wrapped"),
    "saved from both": (prefixed("_orig_mod.module."), "bert", "weights_wrapped"),
    "saved by Lightning": (prefixed("model."), "bert", "weights_wrapped"),
    "saved from peft": (prefixed("base_model.model."), "llama", "weights_wrapped"),
    "the layers without the name of their model": (
        weights(lambda found: {name.removeprefix("bert."): one for name, one in found.items()}), "bert", None,
    ),
    "results wanted as tuples": (settings(return_dict=False, output_attentions=True), "gpt2", None),
    "traced by TorchScript": (settings(torchscript=True, use_cache=False), "gpt2", None),
    "an empty note on quantisation": (settings(quantization_config={}), "llama", None),
    "a class that is no name": (settings(architectures=[3]), "bert", None),
    "labels in a list": (settings(id2label=["no", "yes"]), "bert", None),
    "a longest text in quotes": (settings("tokenizer_config.json", model_max_length="40"), "bert", None),
    "a longest text of none": (settings("tokenizer_config.json", model_max_length=None), "bert", None),
    "an index without a word of itself": (in_parts(), "bert", None),
    "code of its own for a known type": (settings(auto_map={"AutoModel": "one/DNA--model.M"}), "bert", "code_ignored"),
    "a class of the reader's own": (settings(architectures=["BertWithCRF"]), "bert", None),
    "attention that is not installed": (settings(_attn_implementation="flash_attention_2"), "bert", None),
    "no head written, nor tied": (
        both(weights(lambda found: {n: one for n, one in found.items() if n != "lm_head.weight"}),
             settings(tie_word_embeddings=False)), "llama", "head_missing",
    ),
    "checkpoint-9 and checkpoint-10": (checkpoints("checkpoint-9", "checkpoint-10"), "bert", "folder_below"),
    "the last checkpoint was not written": (
        checkpoints("checkpoint-9", "checkpoint-10", broken="checkpoint-10"), "bert", "folder_below",
    ),
    "masks of whole numbers that outweigh the weights": (
        weights(lambda found: found | {"transformer.h.0.attn.bias": torch.ones(1, 1, 999, 999, dtype=torch.uint8)}),
        "gpt2", None,
    ),
    "padding is the end": (settings(pad_token_id=2, eos_token_id=2), "gpt2", None),
    "settings for writing that cannot be read": (
        lambda folder: (folder / "generation_config.json").write_text("{"), "gpt2", None,
    ),
}  # fmt: skip

# What came of a folder, the sentence, and what it must name.
REFUSED: dict[str, tuple[Spoil, str, tuple[str, ...]]] = {
    "a width of NaN": (settings(hidden_size=float("nan")), "model_not_loaded", ("hidden_size", "nan", "config.json")),
    "heads that do not divide the width": (
        settings(num_attention_heads=3), "model_not_loaded", ("(32)", "config.json"),
    ),
    "an activation of one's own": (settings(hidden_act="gelu_mine"), "model_not_loaded", ("gelu_mine", "config.json")),
    "labels without numbers": (settings(id2label={"x": "y"}), "model_not_loaded", ("'x'", "config.json")),
    "an index that leads out of the folder": (in_parts(place="../"), "weights_corrupt", ("index.json",)),
    "an index of a list": (in_parts(weight_map=["a"]), "weights_corrupt", ("index.json",)),
    "a part that is missing": (in_parts(without=1), "shard_missing", ("model-00002-of-00002.safetensors",)),
    "whole numbers for weights": (typed(torch.int8), "quantised", ("I8", "GGUF")),
    "quantised, and not a word of it": (
        weights(lambda found: {n.replace("query.weight", "query.qweight"): one for n, one in found.items()}),
        "quantised", (),
    ),
    "quantised, in a word": (settings(quantization_config="4bit"), "quantised", ("4bit",)),
    "quantised by bitsandbytes": (
        settings(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}), "quantised",
        ("bitsandbytes",),
    ),
    "quantised as MXFP4": (settings(quantization_config={"quant_method": "mxfp4"}), "quantised", ("mxfp4",)),
    "heads cut out": (pruned, "heads_pruned", ("pruned_heads",)),
    "code of its own": (settings(model_type="mine", auto_map={"AutoModel": "m.M"}), "needs_code", ("mine",)),
    "settings of the text alone": (
        lambda folder: (folder / "config.json").write_text('{"text_config": {"model_type": "bert"}}'),
        "not_transformers", ("config.json",),
    ),
    "config (1).json": (renamed("config.json", "config (1).json"), "config_other_name", ("config (1).json",)),
    "Config.json": (renamed("config.json", "Config.json"), "config_other_name", ("Config.json",)),
    "config.json.txt": (renamed("config.json", "config.json.txt"), "config_other_name", ("config.json.txt",)),
    "Model.SafeTensors": (
        renamed("model.safetensors", "Model.SafeTensors"), "weights_other_name", ("Model.SafeTensors",)
    ),
    "a folder called model.safetensors": (
        lambda folder: ((folder / "model.safetensors").unlink(), (folder / "model.safetensors").mkdir()), "no_weights",
        (),
    ),
    "half a download": (
        renamed("model.safetensors", "model.safetensors.crdownload"), "weights_unfinished", ("crdownload",)
    ),
    "parts of DeepSpeed": (
        instead_of_weights("zero_to_fp32.py", "global_step10/mp_rank_00_model_states.pt"), "weights_deepspeed",
        ("zero_to_fp32.py",),
    ),
    "parts of FSDP": (
        instead_of_weights("pytorch_model_fsdp_0/__0_0.distcp"), "weights_fsdp",
        ("accelerate merge-weights pytorch_model_fsdp_0",),
    ),
    "ONNX alone": (instead_of_weights("onnx/model.onnx"), "weights_form", ("ONNX", "model.onnx")),
    "OpenVINO alone": (instead_of_weights("openvino_model.bin"), "weights_form", ("OpenVINO",)),
    "weights of MLX": (instead_of_weights("weights.npz"), "weights_form", ("MLX",)),
    "a GGUF file in parts": (
        both(only(), lambda folder: [(folder / f"q-0000{n}-of-00002.gguf").write_bytes(b"GGUF") for n in (1, 2)]),
        "gguf_split", ("2", "llama-gguf-split", "q.gguf"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Whole:
    """A tiny model of a type, as transformers saves it."""
    root = tmp_path_factory.mktemp("whole")
    kinds = {"bert": "masked", "gpt2": "causal", "llama": "causal"}

    def found(model_type: str) -> Path:
        place: Path = root / model_type
        return place if place.exists() else tiny.save(kinds[model_type], model_type, place, wordpiece)

    return found


@pytest.mark.parametrize(("spoil", "model_type", "notice"), OPENED.values(), ids=OPENED.keys())
def test_a_folder_that_can_be_read_gives_the_maps_of_the_whole_model(
    spoil: Spoil, model_type: str, notice: str | None, whole: Whole, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(whole(model_type), tmp_path / "model"))
    spoil(place)
    files = {one: one.read_bytes() for one in place.rglob("*") if one.is_file()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load(place)
    ours, theirs = record(model, TEXT), record(load(whole(model_type)), TEXT)
    assert ours.tokens == theirs.tokens and ours.open_layers == theirs.open_layers
    for layer in ours.open_layers:
        torch.testing.assert_close(ours.weights(layer), theirs.weights(layer), atol=1e-6, rtol=0)
    assert [one.message for one in model.notices] == ([] if notice is None else [notice])
    assert {one: one.read_bytes() for one in place.rglob("*") if one.is_file()} == files, "the folder stays as it is"
    for one in model.notices:
        assert all(not re.search(r"\{\w+\}|\n", one.say(language)) for language in LANGUAGES)
    if model.kind == "causal":
        assert generate(model, TEXT, most=2).tokens


@pytest.mark.parametrize(("spoil", "message", "names"), REFUSED.values(), ids=REFUSED.keys())
def test_a_folder_that_cannot_be_read_is_told_in_one_sentence_what_to_do(
    spoil: Spoil, message: str, names: tuple[str, ...], whole: Whole, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(whole("bert"), tmp_path / "model"))
    spoil(place)
    with pytest.raises(ModelError) as told:
        load(place)
    assert told.value.message == message
    for language in LANGUAGES:
        sentence = told.value.say(language)
        assert all(name in sentence for name in names) and not re.search(r"\{\w+\}|\n", sentence)


def test_settings_for_writing_that_ask_for_what_cannot_be_are_named(whole: Whole, tmp_path: Path) -> None:
    place = Path(shutil.copytree(whole("gpt2"), tmp_path / "model"))
    (place / "generation_config.json").write_text(json.dumps({"bad_words_ids": [[100_000]]}))
    model = load(place)
    assert record(model, TEXT).tokens
    with pytest.raises(ModelError) as told:
        generate(model, TEXT, most=2)
    assert told.value.message == "settings_wrong" and "100000" in told.value.say("zh")


def test_a_part_that_sees_beside_a_gguf_file_is_not_taken_for_the_model(tmp_path: Path) -> None:
    for name in ("mmproj-model-f16.gguf", "model-Q4_0.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(ModelError) as told:
        load(tmp_path)
    assert told.value.message != "folder_several"


def test_a_copy_that_was_put_right_leaves_nothing_behind(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(shutil.copytree(whole("bert"), tmp_path / "model"))
    encoded("config.json", "utf-8-sig")(place)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    assert record(load(place), TEXT).tokens
    settings(hidden_act="gelu_mine")(Path(shutil.copytree(whole("bert"), tmp_path / "other")))
    encoded("tokenizer.json", "utf-8-sig")(tmp_path / "other")
    with pytest.raises(ModelError):
        load(tmp_path / "other")
    assert list((tmp_path / "scratch").iterdir()) == []
