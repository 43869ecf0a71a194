"""Small random models in Hugging Face folder form, so that parity needs neither a network nor shipped weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from attnviz import load
from attnviz.models import Model

Models = Callable[[str], Model]
MASKED = ("bert", "roberta", "electra", "distilbert", "albert", "modernbert")
CAUSAL = ("gpt2", "llama", "mistral", "qwen2", "qwen3", "opt", "gpt_neox", "phi3", "gemma3_text", "gemma2", "gpt_oss")
SEQ2SEQ = ("t5", "bart")
WINDOW = 4  # tokens that a query of a windowed model may reach; the tests' text is longer
MAKERS = {
    "masked": AutoModelForMaskedLM,
    "causal": AutoModelForCausalLM,
    "plain": AutoModel,
    "seq2seq": AutoModelForSeq2SeqLM,
}

COMMON = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
    max_position_embeddings=64, initializer_range=0.2,
)  # fmt: skip
GROUPED = dict(num_key_value_heads=2, head_dim=8)
OWN: dict[str, dict[str, Any]] = {
    "distilbert": dict(dim=32, n_layers=2, n_heads=4, hidden_dim=48),
    "electra": dict(embedding_size=32),
    "albert": dict(embedding_size=16, num_hidden_layers=3),
    "modernbert": dict(global_attn_every_n_layers=2, local_attention=2 * WINDOW),
    "gpt2": dict(n_embd=32, n_layer=2, n_head=4, n_inner=48, n_positions=64),
    "llama": GROUPED,
    "mistral": GROUPED | dict(sliding_window=WINDOW),
    "qwen2": dict(num_key_value_heads=2),
    "qwen3": GROUPED,
    "phi3": dict(num_key_value_heads=2),
    "gemma2": GROUPED | dict(attn_logit_softcapping=0.5, sliding_window=WINDOW),  # so low that it shows
    "gpt_oss": GROUPED
    | dict(
        num_local_experts=2,
        num_experts_per_tok=1,
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"],
    ),
    "gemma3_text": GROUPED | dict(sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention"]),
    "opt": dict(ffn_dim=48, word_embed_proj_dim=32),
    "t5": dict(d_model=32, d_kv=8, d_ff=48, num_layers=1, num_heads=4),
}


def save(kind: str, model_type: str, folder: Path, tokenizer: PreTrainedTokenizerBase, **changes: Any) -> Path:
    """Save a random model of one type and the tokenizer into `folder`; the same weights on every call."""
    numbers = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
    }
    own = OWN.get(model_type, {})
    common = {} if model_type in ("distilbert", "gpt2", "t5") else COMMON
    config = AutoConfig.for_model(model_type, **numbers | common | own | {"initializer_range": 0.2} | changes)
    torch.manual_seed(0)
    MAKERS[kind].from_config(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def kind_of(model_type: str) -> str:
    """What a type predicts."""
    if model_type in SEQ2SEQ:
        return "seq2seq"
    return "masked" if model_type in (*MASKED, "mpnet") else "causal"


def opener(root: Path, tokenizer: PreTrainedTokenizerBase, sizes: Mapping[str, dict[str, Any]]) -> Models:
    """Opens a model by its type, saved under `root` with its own sizes and loaded the first time it is asked for."""

    @cache
    def find(model_type: str) -> Model:
        own = sizes.get(model_type, {})
        return load(str(save(kind_of(model_type), model_type, root / model_type, tokenizer, **own)))

    return find


def eager(kind: str, folder: Path) -> PreTrainedModel:
    """The same folder as transformers alone reads it, with its own slow attention: the reference."""
    network = MAKERS[kind].from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return network.eval()
