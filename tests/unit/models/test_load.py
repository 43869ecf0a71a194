"""Folders that load, and folders that are refused with one sentence."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from attnviz import ModelError, load, record
from attnviz.models.load import BOUNDARY_FILE
from tests.parity import tiny

WEIGHTS = "model.safetensors"


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def remove(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.unlink()


def reweigh(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors of a folder's weights in place."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def drop(folder: Path, *parts: str) -> None:
    """Take the weights out whose names hold one of these."""
    names = [name for name in load_file(folder / WEIGHTS) if any(part in name for part in parts)]
    assert names
    reweigh(folder, lambda tensors: [tensors.pop(name) for name in names])


SPOILED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "weights are rubbish": ("weights_corrupt", lambda folder: (folder / WEIGHTS).write_bytes(b"rubbish")),
    "weights are cut off": ("weights_corrupt", lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-9])),
    "no weights": ("no_weights", lambda folder: remove(folder, WEIGHTS)),
    "weights only pickled": (
        "no_safetensors",
        lambda folder: (remove(folder, WEIGHTS), torch.save({}, folder / "pytorch_model.bin")),
    ),
    "a part is missing": (
        "shard_missing",
        lambda folder: (
            remove(folder, WEIGHTS),
            (folder / f"{WEIGHTS}.index.json").write_text('{"weight_map": {"a": "a.safetensors"}}'),
        ),
    ),
    "index is no JSON": (
        "weights_corrupt",
        lambda folder: (remove(folder, WEIGHTS), (folder / f"{WEIGHTS}.index.json").write_text("{")),
    ),
    "config is no JSON": ("config_unreadable", lambda folder: (folder / "config.json").write_text("{")),
    "config is a list": ("config_unreadable", lambda folder: (folder / "config.json").write_text("[]")),
    "config is no text": ("config_unreadable", lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe")),
    "no config": ("folder_no_config", lambda folder: remove(folder, "config.json")),
    "unknown type": ("type_unknown", lambda folder: edit_config(folder, model_type="nonsense")),
    "type of another field": ("not_text", lambda folder: edit_config(folder, model_type="encodec")),
    "no type": ("not_transformers", lambda folder: edit_config(folder, model_type=None)),
    "code of its own": (
        "needs_code",
        lambda folder: edit_config(folder, model_type="nonsense", auto_map={"AutoConfig": "own.Config"}),
    ),
    "quantised": ("quantised", lambda folder: edit_config(folder, quantization_config={"quant_method": "awq"})),
    "weights of another shape": ("weights_shape", lambda folder: edit_config(folder, intermediate_size=64)),
    "numbers that cannot be": ("model_not_loaded", lambda folder: edit_config(folder, num_attention_heads=5)),
    "a word for a number": ("model_not_loaded", lambda folder: edit_config(folder, num_hidden_layers="two")),
    "queries are missing": ("weights_missing", lambda folder: drop(folder, "layer.1.attention.self.query")),
    "layers are missing": ("weights_missing", lambda folder: edit_config(folder, num_hidden_layers=3)),
    "words are missing": ("weights_missing", lambda folder: drop(folder, "word_embeddings", "decoder.weight")),
    "no tokenizer": ("no_tokenizer", lambda folder: remove(folder, "tok*")),
    "empty tokenizer": (
        "no_tokenizer",
        lambda folder: (
            remove(folder, "tok*"),
            (folder / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\n"),
        ),
    ),
}


@pytest.mark.parametrize(("message", "spoil"), SPOILED.values(), ids=SPOILED.keys())
def test_spoiled_folder_is_refused_with_one_sentence(
    message: str, spoil: Callable[[Path], object], tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    spoil(tiny.save("masked", "bert", tmp_path, wordpiece))
    with pytest.raises(ModelError) as refusal:
        load(str(tmp_path))
    assert refusal.value.message == message
    for language in ("en", "zh"):
        assert str(tmp_path) in refusal.value.say(language)
        assert not re.search(r"[{}\n]", refusal.value.say(language))


def test_missing_weights_are_counted_and_named(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    drop(tiny.save("masked", "bert", tmp_path, wordpiece), "layer.1.attention.self.query", "layer.0.output.dense.bias")
    with pytest.raises(ModelError, match=r"lacks 3 weights .*bert\.encoder\.layer\.0\.output\.dense\.bias first"):
        load(str(tmp_path))


HEADS = {"bert": ("masked", "cls."), "electra": ("masked", "generator_"), "llama": ("causal", "lm_head")}


@pytest.mark.parametrize(("model_type", "kind", "head"), [(name, *what) for name, what in HEADS.items()], ids=HEADS)
def test_head_that_the_file_lacks_is_left_out_and_not_made_up(
    model_type: str, kind: str, head: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    tiny.save(kind, model_type, tmp_path, wordpiece, tie_word_embeddings=False)
    whole = load(str(tmp_path))
    drop(tmp_path, head)
    bare = load(str(tmp_path))
    assert (whole.kind, bare.kind) == (kind, "plain")
    theirs, ours = record(whole, "the cat sat"), record(bare, "the cat sat")
    assert ours.logits is None
    assert torch.equal(theirs.weights(layer=1, head=2), ours.weights(layer=1, head=2))


def test_translator_without_its_decoder_is_refused(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    drop(tiny.save("seq2seq", "t5", tmp_path, wordpiece), "decoder.block")
    with pytest.raises(ModelError) as refusal:
        load(str(tmp_path))
    assert refusal.value.message == "weights_missing"


def test_tied_weights_need_not_be_stored_twice(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("causal", "gpt2", tmp_path, wordpiece)
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    assert load(str(tmp_path)).kind == "causal"


def test_old_names_and_computed_positions_are_not_taken_for_missing(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    first = record(load(str(tmp_path)), "the cat sat")

    def rename(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            tensors[old] = tensors.pop(name)
        tensors["bert.embeddings.position_ids"] = torch.arange(64).unsqueeze(0)

    reweigh(tmp_path, rename)  # as in google-bert/bert-base-chinese
    assert torch.equal(first.logits, record(load(str(tmp_path)), "the cat sat").logits)


def test_folder_below_the_home_folder(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.save("masked", "bert", tmp_path / "small", wordpiece)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load("~/small").name == "~/small"


def test_facts_of_a_model(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    model = load(str(tmp_path))
    assert (model.licence, model.revision) == (None, None)
    assert model.parameters == sum(tensor.numel() for tensor in load_file(tmp_path / WEIGHTS).values())
    assert model.size == 4 * model.parameters
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    assert load(str(tmp_path)).licence == "apache-2.0"
    (tmp_path / "README.md").write_text("---\nlicense: [\n---\n")
    assert load(str(tmp_path)).licence is None
    assert load("lab-4").licence == "mit"


NOWHERE = {
    "": "model_name",
    "a b": "model_name",
    "模型": "model_name",
    "/nowhere/at/all": "folder_missing",
    "a b/../c": "folder_missing",
    "./here": "folder_missing",
    "C:\\models\\bert": "folder_missing",
    "nobody/no-such-model": "hub_unreachable",  # there is no network in the tests
    "lab-3": "hub_unreachable",
}


@pytest.mark.parametrize(("name", "message"), NOWHERE.items(), ids=NOWHERE)
def test_name_that_leads_nowhere_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError) as refusal:
        load(name)
    assert refusal.value.message == message


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


def test_big_bird_is_read_as_far_as_it_looks_at_every_token(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "big_bird", tmp_path, wordpiece, block_size=4, num_random_blocks=1)
    model = load(str(tmp_path))
    trace = record(model, "长江大桥" * 20)
    assert model.limit == len(trace.tokens) == (5 + 2 * 1) * 4
    assert trace.encoded.cut is not None
    assert [record(model, "长江").weights(0).shape, trace.weights(0).shape] == [(4, 4, 4), (4, 28, 28)]


HUGE = [
    ("bert", "vocab_size", 10**7), ("bert", "num_hidden_layers", 10**9), ("albert", "max_position_embeddings", 10**9),
    ("bert", "hidden_size", 10**6), ("bert", "type_vocab_size", 10**8),
]  # fmt: skip


@pytest.mark.parametrize(("model_type", "key", "number"), HUGE)
def test_network_far_larger_than_its_weights_is_refused_before_it_takes_memory(
    model_type: str, key: str, number: int, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    edit_config(tiny.save("masked", model_type, tmp_path, wordpiece), **{key: number})
    with pytest.raises(ModelError, match="far larger") as refused:
        load(str(tmp_path))
    assert "大得多" in refused.value.say("zh")


def test_only_those_who_open_a_model_have_their_networks_counted() -> None:
    from attnviz.adapter.stored.described import no_larger_than

    with no_larger_than("m", 0, 0), pytest.raises(ModelError), torch.device("meta"):
        torch.nn.Linear(10**5, 10**5)
    with torch.device("meta"):
        assert torch.nn.Linear(10**5, 10**5).weight.numel() == 10**10


def _socket(path: Path) -> None:
    """One that nobody speaks into. Its name is short: a socket's may have a hundred characters."""
    here = Path.cwd()
    try:
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


NO_FILES = {"pipe": os.mkfifo, "socket": _socket, "device": lambda path: path.symlink_to("/dev/zero")}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_in_a_folder_is_not_waited_for(
    kind: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    NO_FILES[kind](tmp_path / "special_tokens_map.json")
    with pytest.raises(ModelError, match="no file that can be read") as refused:
        load(str(tmp_path))
    assert "管道" in refused.value.say("zh")
    (tmp_path / "special_tokens_map.json").unlink()
    for file in ("config.json", "model.safetensors", "README.md"):
        with (tmp_path / file).open("a"):  # README.md is not there yet
            (tmp_path / file).rename(tmp_path / "kept")
        NO_FILES[kind](tmp_path / file)
        with pytest.raises(ModelError):
            load(str(tmp_path))
        (tmp_path / file).unlink()
        (tmp_path / "kept").rename(tmp_path / file)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "special_tokens_map.json"])
def test_file_far_larger_than_any_is_not_read(file: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    with (tmp_path / file).open("ab") as opened:
        opened.truncate(2 * 10**9)  # takes no room on the disk
    with pytest.raises(ModelError, match="2000 MB") as refused:
        load(str(tmp_path))
    assert "2000 MB" in refused.value.say("zh")


def test_json_nested_too_deeply_is_said_so(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="nested too deeply") as refused:
        load(str(tmp_path))
    assert refused.value.message == "config_unreadable"


def test_damaged_tokenizer_is_named_as_such(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "WordPiece"')
    with pytest.raises(ModelError, match="tokenizer of") as refused:
        load(str(tmp_path))
    assert "分词器读不出来" in refused.value.say("zh")
