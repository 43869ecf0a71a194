"""Models whose class also takes pictures, given a text alone: the weights are theirs, and they predict and write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from transformers import PreTrainedTokenizerBase

from attnviz import generate, load, record

TEXT = "the cat sat"
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_key_value_heads=2)
EYES = dict(
    hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64, image_size=28, patch_size=14
)  # fmt: skip
SEEN = dict(image_token_id=5, video_token_id=6, vision_start_token_id=7, vision_end_token_id=8)


def gemma3(text: dict[str, Any]) -> hf.PreTrainedModel:
    config = hf.Gemma3Config(
        text_config={**text, "sliding_window": 4}, vision_config=EYES, mm_tokens_per_image=4, image_token_index=5
    )
    return hf.Gemma3ForConditionalGeneration(config)


def llava(text: dict[str, Any]) -> hf.PreTrainedModel:
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**EYES), text_config=hf.LlamaConfig(**text), image_token_index=5
    )
    return hf.LlavaForConditionalGeneration(config)


def mistral3(text: dict[str, Any]) -> hf.PreTrainedModel:
    config = hf.Mistral3Config(
        vision_config=hf.PixtralVisionConfig(**EYES), text_config=hf.MistralConfig(**text), image_token_index=5
    )
    return hf.Mistral3ForConditionalGeneration(config)


def qwen2_vl(text: dict[str, Any]) -> hf.PreTrainedModel:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2]}
    inner = {name: value for name, value in text.items() if name != "head_dim"} | {"rope_parameters": rope}
    eyes = dict(depth=1, embed_dim=32, hidden_size=32, num_heads=4, mlp_ratio=2)
    return hf.Qwen2VLForConditionalGeneration(hf.Qwen2VLConfig(text_config=inner, vision_config=eyes, **SEEN))


@pytest.mark.parametrize("make", [gemma3, llava, mistral3, qwen2_vl])
def test_given_a_text_alone_it_is_read_as_its_own_class_reads_it(
    make: Callable[[dict[str, Any]], hf.PreTrainedModel], tmp_path: Path, byte_level: PreTrainedTokenizerBase
) -> None:
    ends = dict(pad_token_id=0, bos_token_id=0, eos_token_id=0)
    torch.manual_seed(1)
    network = make({"vocab_size": len(byte_level), "head_dim": 8, **ends, **SIZES})
    network.save_pretrained(tmp_path)
    byte_level.save_pretrained(tmp_path)
    model = load(str(tmp_path))
    trace = record(model, TEXT)
    theirs = type(network).from_pretrained(tmp_path, attn_implementation="eager")
    with torch.no_grad():
        found = theirs(torch.tensor([trace.encoded.ids]), output_attentions=True)
    for layer, weights in enumerate(found.attentions):
        assert torch.allclose(trace.weights(layer=layer), weights[0], atol=1e-5)
    assert trace.logits is not None and torch.allclose(trace.logits, found.logits[0], atol=1e-4)
    assert len(generate(model, TEXT, most=2).tokens) > len(trace.tokens)
