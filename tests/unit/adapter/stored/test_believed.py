"""What a model's files say is held against what they hold before a class of transformers is made of it."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from attnviz import ModelError, load, record, shipped
from attnviz.adapter.checks import said_in
from attnviz.adapter.stored import described, multiplying, patterns
from tests.fuzz import folders

BIG = 10**9
MARK = {"SpecialToken": {"id": "x", "type_id": 0}}
THOUSAND = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}
FILLING = {"strategy": "BatchLongest", "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
WORDS = {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0}}
ONE = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("believed")
    folders.use(found)
    return found


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., Path]:
    """A copy of a tiny model's folder, keys of one of its files changed."""

    def made(kind: str, file: str = "config.json", **said: object) -> Path:
        shutil.copytree(folders.whole(kind), tmp_path / kind)
        path = tmp_path / kind / file
        path.write_text(json.dumps(said_in(path) | said), encoding="utf-8")
        return tmp_path / kind

    return made


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("bert", {"num_labels": BIG}),  # a dictionary of a billion names
        ("llama", {"model_type": "qwen2", "num_hidden_layers": BIG}),  # a list of a billion kinds of layers
        ("llama", {"model_type": "gemma2", "num_hidden_layers": 10**6}),
        ("mamba", {"num_hidden_layers": BIG}),
        ("gpt2", {"n_layer": BIG}),
        ("t5", {"num_decoder_layers": BIG}),
        ("bert", {"vocab_size": BIG}),
        ("bert", {"hidden_size": BIG}),
        ("gpt2", {"n_positions": BIG}),
        ("bert", {"text_config": {"encoder_layers": BIG}}),
        ("bert", {"depths": [2, BIG]}),
        ("bert", {"vocab_size": float("inf")}),
    ],
)
def test_a_config_that_its_weights_cannot_fill_is_a_sentence_at_once(
    kind: str, said: dict[str, Any], copied: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        import_module("attnviz.models.load"), "opened", lambda *_: pytest.fail("a class was to be made of it")
    )
    with pytest.raises(ModelError) as refusal:
        load(copied(kind, **said))
    assert refusal.value.message == "config_larger"


@pytest.mark.parametrize("kind", folders.TYPES)
def test_every_known_type_s_own_numbers_pass(kind: str) -> None:
    said = said_in(folders.whole(kind) / "config.json")
    held = [one for file in folders.whole(kind).glob("*.safetensors") for one in load_file(file).values()]
    described.check_described(kind, said, len(held), sum(one.numel() for one in held))
    multiplying.check_growth(kind, folders.whole(kind), said_in(folders.whole(kind) / "tokenizer.json"))
    for config in (
        dict(max_position_embeddings=10_485_760, vocab_size=256_000),
        dict(rope_theta=1e9, bos_token_id=BIG),
    ):
        described.check_described(kind, config | dict(num_hidden_layers=126, max_length=BIG), 40, 10**6)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("tokenizer.json", {"normalizer": THOUSAND}),
        ("tokenizer.json", {"normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Replace", "pattern": {"String": "a"}, "content": "aaa"}] * 3}}),
        ("tokenizer.json", {"normalizer": {"type": "Prepend", "prepend": "a " * 100}}),
        ("tokenizer.json", {"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "a"}}),
        ("tokenizer.json", {"normalizer": {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "b"}}),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"((\w|a)*b)*c"}}}),
        ("tokenizer.json", {"decoder": {"type": "Sequence", "decoders": [THOUSAND]}}),
        ("tokenizer.json", {"normalizer": {"type": "Precompiled", "precompiled_charsmap":
            b64encode(b"\4\0\0\0trie" + b"a\0" + b"b" * 999 + b"\0").decode()}}),
        ("tokenizer.json", {"post_processor": {"type": "TemplateProcessing", "single": [MARK] * 100}}),
        ("tokenizer.json", {"post_processor": {"type": "Sequence", "processors": [
            {"type": "TemplateProcessing", "single": [MARK], "special_tokens": {"x": {"ids": [1] * 99}}}]}}),
        ("tokenizer.json", {"padding": FILLING | {"strategy": {"Fixed": BIG}}}),
        ("tokenizer.json", {"padding": FILLING | {"pad_to_multiple_of": BIG}}),
        ("tokenizer.json", {"model": WORDS | {"continuing_subword_prefix": "#" * 10**6}}),
        ("tokenizer.json", {"model": WORDS | {"max_input_chars_per_word": BIG}}),
        ("tokenizer.json", {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "end_of_word_suffix": "x" * 99}}),
        ("tokenizer.json", {"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a" * 2_000, -1.0]]}}),
        ("tokenizer_config.json", {"extra_ids": BIG}),
        ("tokenizer_config.json", {"additional_special_tokens": ["<x>"] * 20_000}),
        ("special_tokens_map.json", {"additional_special_tokens": ["<x>"] * 20_000}),
    ],
    ids=lambda said: str(said)[:60],
)  # fmt: skip
def test_a_tokenizer_that_makes_much_of_little_is_a_sentence(
    file: str, said: dict[str, Any], copied: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError) as refusal:
        load(copied("bert", file, **said))
    assert refusal.value.message == "tokenizer_multiplies"


@pytest.mark.parametrize("said", [
    {"normalizer": {"type": "Sequence", "normalizers": [ONE, {"type": "Prepend", "prepend": "▁"}, ONE]}},
    {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"(?i:'s|'t)|[^\r\n\p{L}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)"}}},
    {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"(?:\r?\n)+| ?\p{L}+|\(+"}}},
    {"post_processor": {"type": "TemplateProcessing", "single": [MARK, {"Sequence": {"id": "A", "type_id": 0}}, MARK],
                        "special_tokens": {"x": {"id": "x", "ids": [2], "tokens": ["x"]}}}},
    {}, {"normalizer": None, "decoder": None},
])  # fmt: skip
def test_what_known_tokenizers_do_passes(said: dict[str, Any], tmp_path: Path) -> None:
    multiplying.check_growth("one", tmp_path, said)


@pytest.mark.parametrize(
    "said",
    [
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "a"}},
        # A trie of 2 GB in a table of 4 bytes: the memory for it was asked for, and the process ended.
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": b64encode(b"\xff\xff\xff\x7f").decode()}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": b64encode(b"\5\0\0\0trie").decode()}},
        {"post_processor": {"single": [1]}},
    ],
)
def test_what_cannot_be_read_of_it_is_a_sentence(said: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        multiplying.check_growth("one", tmp_path, said)


def _of_pieces(folder: Path, table: bytes, *pieces: str) -> None:
    """SentencePiece's own file with that table of characters and those pieces, and a list of tokens that ends so."""
    from sentencepiece import sentencepiece_model_pb2

    said = sentencepiece_model_pb2.ModelProto()
    said.normalizer_spec.precompiled_charsmap = table
    for one in pieces:
        said.pieces.add(piece=one, score=-1.0)
    (folder / "spiece.model").write_bytes(said.SerializeToString())
    (folder / "a.model").write_text("IQ== 0\nIg== 1\n", encoding="utf-8")


def test_a_table_in_the_file_of_sentencepiece_is_checked_too(tmp_path: Path) -> None:
    """transformers makes the same step of it where there is no tokenizer.json."""
    _of_pieces(tmp_path, b"\xff\xff\xff\x7f")
    with pytest.raises(ModelError, match="cannot be read"):
        multiplying.check_growth("one", tmp_path, {})
    multiplying.check_growth("one", tmp_path, {"model": {}})  # tokenizer.json is read in its place
    _of_pieces(tmp_path, b"\4\0\0\0trie" + b"a\0" + b"b" * 999 + b"\0")
    with pytest.raises(ModelError) as refusal:
        multiplying.check_growth("one", tmp_path, {})
    assert refusal.value.message == "tokenizer_multiplies" and "spiece.model" in str(refusal.value)
    _of_pieces(tmp_path, b"\4\0\0\0trie" + b"a\0")
    multiplying.check_growth("one", tmp_path, {})


def test_pieces_in_the_file_of_sentencepiece_are_no_longer_than_any_text_needs(tmp_path: Path) -> None:
    """As those of tokenizer.json: each is looked for at every place of a text."""
    _of_pieces(tmp_path, b"", "▁the", "a" * multiplying.PIECE)
    multiplying.check_growth("one", tmp_path, {})
    _of_pieces(tmp_path, b"", "▁the", "a" * (multiplying.PIECE + 1))
    with pytest.raises(ModelError) as refusal:
        multiplying.check_growth("one", tmp_path, {})
    assert refusal.value.message == "tokenizer_multiplies" and "spiece.model" in str(refusal.value)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama", "t5"])
def test_weights_that_hold_no_numbers_are_said(kind: str, wrong: float, copied: Callable[..., Path]) -> None:
    """Queries of NaN gave weights of NaN and, after them, states that were numbers: a picture was drawn of it."""
    folder = copied(kind)
    held = load_file(folder / "model.safetensors")
    name = next(one for one in held if ".q" in one or "query" in one or "c_attn" in one)
    held[name].view(-1)[0] = wrong
    save_file(held, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError) as refusal:
        record(load(folder), "the cat sat")
    assert refusal.value.message == "weights_hold_nan"


def test_weights_of_a_system_that_hold_no_numbers_are_said(tmp_path: Path) -> None:
    save_file({"a": torch.tensor([1.0, float("nan")])}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError) as refusal:
        shipped.tensors(tmp_path)
    assert refusal.value.message == "weights_hold_nan"


SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


@pytest.mark.parametrize("part", ["normalizer", "pre_tokenizer", "decoder"])
@pytest.mark.parametrize("pattern", [r"a*a*a*a*\d", r"[^\d]*[^\d]*[^\d]*[^\d]*\d", r"(a|a)*\d"])
def test_a_pattern_that_does_not_end_is_a_sentence(part: str, pattern: str, copied: Callable[..., Path]) -> None:
    step = {"type": "Replace", "content": ""} if part != "pre_tokenizer" else SPLIT
    folder = copied("bert", "tokenizer.json", **{part: step | {"pattern": {"Regex": pattern}}})
    with pytest.raises(ModelError) as refusal:
        load(folder)
    assert refusal.value.message == "tokenizer_hangs"


def test_patterns_that_end_pass_and_so_does_what_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = [SPLIT | {"pattern": {"Regex": one}} for one in (O200K, QWEN, "[", "a")]
    said = {"pre_tokenizer": {"type": "Sequence", "pretokenizers": splits}, "model": {"vocab": {"Regex": 0}}}
    patterns.check_patterns("one", said)
    patterns._end.cache_clear()
    monkeypatch.setattr(patterns.subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    patterns.check_patterns("bert", said_in(folders.whole("bert") / "tokenizer.json"))
    with pytest.raises(pytest.fail.Exception):
        patterns.check_patterns("one", said)
