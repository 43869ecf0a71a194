"""Tiny random models of several types in folders, made once for a run of the command; and copies by hard link."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    ByT5Tokenizer,
    CLIPConfig,
    CLIPModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from attnviz.training.corpus import build_tokenizer
from tests.parity.tiny import MAKERS

LONGEST = 48  # positions of those that have a limit
COMMON = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=LONGEST
)
T5 = dict(d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2)
# What each type predicts, the tokenizer it is given, and its own numbers.
TYPES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("masked", "pieces", COMMON),
    "roberta": ("masked", "bytes", COMMON),
    "albert": ("masked", "pieces", COMMON | dict(embedding_size=8)),
    "modernbert": ("masked", "pieces", COMMON | dict(global_attn_every_n_layers=2, local_attention=8)),
    "distilbert": ("masked", "pieces", dict(dim=16, n_layers=1, n_heads=2, hidden_dim=24, max_position_embeddings=48)),
    "longformer": ("masked", "bytes", COMMON | dict(attention_window=8)),
    "xlnet": ("causal", "pieces", dict(d_model=16, n_layer=2, n_head=2, d_inner=24)),
    "gpt2": ("causal", "bytes", dict(n_embd=16, n_layer=2, n_head=2, n_inner=24, n_positions=LONGEST)),
    "llama": ("causal", "bytes", COMMON | dict(num_key_value_heads=1, head_dim=8)),
    "mamba": ("causal", "bytes", dict(hidden_size=16, num_hidden_layers=2, state_size=4)),
    "t5": ("seq2seq", "pieces", T5),
    "byt5": ("seq2seq", "letters", T5),
    "bart": ("seq2seq", "bytes", COMMON | dict(d_model=16, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=24)),
    "clip": ("plain", "bytes", COMMON),
    "canine": ("plain", "pieces", COMMON | dict(local_transformer_stride=8)),
}
WITH_MORE = ("parts", "adapter", "module", "gguf")  # folders of other shapes: shards, an adapter beside, one level off
ALL = (*TYPES, *WITH_MORE)
_COPIES = count()


_ROOT: list[Path] = []


def use(place: Path) -> None:
    """Make everything under this folder, which somebody else removes."""
    _ROOT[:] = [place]


def root() -> Path:
    """Where everything lies that a run makes."""
    if not _ROOT:
        use(Path(tempfile.mkdtemp(prefix="attnviz-fuzz-")))
    return _ROOT[0]


def clear() -> None:
    """Remove what a run has made."""
    shutil.rmtree(root(), ignore_errors=True)
    _ROOT.clear()
    whole.cache_clear()


@cache
def whole(name: str) -> Path:
    """The folder of one type as it should be."""
    place = root() / name
    if name in WITH_MORE:
        {"parts": _in_parts, "adapter": _with_adapter, "module": _a_level_off, "gguf": _gguf}[name](place)
    else:
        kind, tokenizer, numbers = TYPES[name]
        _save(kind, "t5" if name == "byt5" else name, place, _tokenizer(tokenizer), numbers)
    return place


def copied(name: str) -> Path:
    """A copy of it by hard link: a file in it may be replaced, but never written into."""
    place = root() / f"copy-{next(_COPIES)}-{name}"
    shutil.copytree(whole(name), place, copy_function=os.link)
    return place


def files(name: str) -> list[str]:
    """The files of one type's folder."""
    place = whole(name)
    return sorted(str(one.relative_to(place)) for one in place.rglob("*") if one.is_file())


def _save(kind: str, model_type: str, place: Path, tokenizer: PreTrainedTokenizerBase, numbers: dict[str, Any]) -> None:
    """A network of random weights, the same on every call, and its tokenizer."""
    torch.manual_seed(0)
    if model_type == "clip":
        side = {key: number for key, number in numbers.items() if key != "max_position_embeddings"}
        text = numbers | dict(vocab_size=len(tokenizer))
        CLIPModel(CLIPConfig(text_config=text, vision_config=side | dict(image_size=8, patch_size=4))).save_pretrained(
            place
        )
    else:
        marks = dict(pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id or tokenizer.sep_token_id)
        marks["decoder_start_token_id"] = tokenizer.pad_token_id or 0
        marks["bos_token_id"] = tokenizer.bos_token_id or tokenizer.cls_token_id
        config = AutoConfig.for_model(model_type, vocab_size=len(tokenizer), **marks | numbers)
        MAKERS[kind].from_config(config).eval().save_pretrained(place)
    tokenizer.save_pretrained(place)


@cache
def _tokenizer(name: str) -> PreTrainedTokenizerBase:
    """WordPiece, byte-level BPE, or one that is written in Python and needs no file."""
    english = ("the cat sat on the mat because it was tired", "she sat down, tired", "the cats were sitting on mats")
    if name == "pieces":
        return build_tokenizer(("南京市长江大桥很长。", "南京市长到江大桥上来了。", "猫很累。"), english)
    if name == "letters":
        return ByT5Tokenizer()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=290, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<pad>", "<s>", "<|endoftext|>", "<mask>", "<unk>"],
    )  # fmt: skip
    tokenizer.train_from_iterator(english, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", pad_token="<pad>", mask_token="<mask>", unk_token="<unk>"
    )


def _in_parts(place: Path) -> None:
    """BERT's weights in two files and an index."""
    shutil.copytree(whole("bert"), place)
    tensors = sorted(load_file(place / "model.safetensors").items())
    (place / "model.safetensors").unlink()
    table = {}
    for number, part in enumerate((tensors[::2], tensors[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file(dict(part), place / file, {"format": "pt"})
        table |= {name: file for name, _ in part}
    (place / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": table}))


def _with_adapter(place: Path) -> None:
    """Llama with a LoRA beside it, a card and a map of word boundaries."""
    shutil.copytree(whole("llama"), place)
    said = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "base_model_name_or_path": "x"}
    (place / "adapter_config.json").write_text(json.dumps(said))
    inside = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    made = {f"{inside}A.weight": torch.ones(2, 16), f"{inside}B.weight": torch.ones(16, 2)}
    save_file(made, place / "adapter_model.safetensors")
    save_file({"weight": torch.zeros(2, 16), "bias": torch.zeros(2)}, place / "word_boundary.safetensors")
    (place / "README.md").write_text("---\nlicense: mit\n---\nA tiny model.\n")


def _a_level_off(place: Path) -> None:
    """A folder of sentence-transformers, whose model lies below, and a Trainer's checkpoint beside that."""
    shutil.copytree(whole("bert"), place / "0_Transformer")
    shutil.copytree(whole("distilbert"), place / "checkpoint-10")
    module = {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}
    (place / "modules.json").write_text(json.dumps([module]))


def _gguf(place: Path) -> None:
    """A small decoder as one GGUF file."""
    from tests.parity.test_gguf import written

    numbers = COMMON | dict(num_key_value_heads=2, rope_theta=10000.0)
    made = root() / "qwen2"
    _save("causal", "qwen2", made, _tokenizer("bytes"), numbers)
    place.mkdir()
    written(made).rename(place / "small.gguf")
