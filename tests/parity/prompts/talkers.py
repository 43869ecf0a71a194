"""Small random decoders in folders, each with a chat template."""

from __future__ import annotations

from pathlib import Path

from tokenizers import processors
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tests.parity import tiny
from tests.parity.front_door.tokenizers import _bytes


def saved(template: str | None, folder: Path) -> Path:
    """A decoder of 512 tokens with that template, in `folder`."""
    tiny.save("causal", "llama", folder, byte_tokenizer(), max_position_embeddings=512, num_key_value_heads=4)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


def byte_tokenizer() -> PreTrainedTokenizerBase:
    """Bytes, with marks of turns; it puts <s> before a text by itself, as Llama's does."""
    found = _bytes()
    found.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    found._tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    assert found("a").input_ids[0] == 1
    return found
