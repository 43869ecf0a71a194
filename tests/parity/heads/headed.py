"""Small random models with a trained head in Hugging Face folder form, and what transformers makes of two texts."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.modeling_outputs import ModelOutput

from tests.parity import tiny

FIRST, SECOND = "南京市长江大桥, the cat sat", "do the mats like the cat? it was tired"
MAKERS = {
    "sequence": "AutoModelForSequenceClassification", "token": "AutoModelForTokenClassification",
    "question": "AutoModelForQuestionAnswering", "plain": "AutoModel", "choice": "AutoModelForMultipleChoice",
}  # fmt: skip
MAPS = {"encoder_attentions": "encoder", "decoder_attentions": "decoder", "cross_attentions": "cross"}
ENCODERS = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)
BOTH = dict(
    d_model=32, encoder_layers=2, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=64,
)  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    **tiny.OWN, "bart": BOTH, "mbart": BOTH, "deberta-v2": ENCODERS | dict(relative_attention=True),
    "xlnet": dict(d_model=32, n_layer=2, n_head=4, d_inner=48), "t5": tiny.OWN["t5"] | dict(num_decoder_layers=2),
}  # fmt: skip


def typed(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The same tokenizer, giving the types of tokens too, as BERT's does."""
    names = {
        name: getattr(tokenizer, name) for name in ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    }
    given = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, model_input_names=given,
        model_max_length=tokenizer.model_max_length, **names,
    )  # fmt: skip


def save(kind: str, model_type: str, folder: Path, tokenizer: PreTrainedTokenizerBase, **changes: Any) -> Path:
    """Save a random model with a head of one kind, its weights wide enough that a wrong segment shows."""
    numbers = {
        "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id, "decoder_start_token_id": tokenizer.sep_token_id,
    }  # fmt: skip
    common = {} if model_type in ("distilbert", "gpt2", "t5", "xlnet", "bart", "mbart") else tiny.COMMON
    own = numbers | common | OWN.get(model_type, {}) | changes
    config = AutoConfig.for_model(model_type, **own)
    torch.manual_seed(0)
    network = getattr(transformers, MAKERS[kind]).from_config(config).eval()
    spread(network).save_pretrained(folder)
    typed(tokenizer).save_pretrained(folder)
    return folder


def spread(network: PreTrainedModel) -> PreTrainedModel:
    """Every matrix drawn anew, by 0.2: heads are made with weights too small to see."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for one in network.parameters():
            if one.ndim > 1:
                one.copy_(torch.randn(one.shape, generator=generator) * 0.2)
    return network


def own(kind: str, folder: Path, *texts: str) -> ModelOutput:
    """What transformers gives for these texts: everything that its tokenizer makes, as far as the model takes it."""
    maker = getattr(transformers, MAKERS[kind])
    network = maker.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    found = transformers.AutoTokenizer.from_pretrained(folder)(*texts, return_tensors="pt")
    taken = {name: value for name, value in found.items() if name in signature(network.forward).parameters}
    with torch.inference_mode():
        return network(**taken, output_attentions=True)
