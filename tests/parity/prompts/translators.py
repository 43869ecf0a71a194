"""Small random translators in folders, each with the tokenizer of its kind, which is told the languages."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, MBart50Tokenizer

from tests.parity.front_door.tokenizers import _of_class, tokenizer_for

# The folder's type, whose tokenizer it is, and the languages of text and target, neither of them its usual one.
KINDS = {
    "nllb": ("m2m_100", "nllb-moe", "fra_Latn", "zho_Hans"),
    "m2m_100": ("m2m_100", "m2m_100", "fr", "zh"),
    "mbart": ("mbart", "mbart", "de_DE", "ro_RO"),
    "mbart50": ("mbart", "mbart50", "de_DE", "zh_CN"),
    "plbart": ("plbart", "plbart", "java", "en_XX"),
}


def saved(name: str, folder: Path) -> Path:
    """A translator of one of these kinds, in `folder`."""
    model_type, own, *_ = KINDS[name]
    (folder / "files").mkdir(parents=True)
    tokenizer = _of_class(MBart50Tokenizer) if own == "mbart50" else tokenizer_for(own, "", folder / "files")
    rows = max(tokenizer.get_vocab().values()) + 1 + 110 * (own == "m2m_100")  # whose list lacks its marks
    config = AutoConfig.for_model(
        model_type, vocab_size=rows, d_model=32, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48,
        max_position_embeddings=64, init_std=0.3, pad_token_id=tokenizer.pad_token_id, bos_token_id=0,
        eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
