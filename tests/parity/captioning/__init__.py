"""Models that read a picture and a text together, as tiny folders: each type that is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

import attnviz as av
from tests.parity.architectures import spread_out
from tests.parity.vision import noise

WORDS = ["what", "is", "it", "?", ":", "a", "cat", "dog", "two", "USER", "ASSISTANT", "user", "assistant", "Assistant"]
MARKS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[DEC]", "<image>", "<bos>", "<eos>"]
TILES = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
MORE = ["<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<|im_start|>", "<|im_end|>"]
MORE += ["<|vision_start|>", "<|vision_end|>", "<|begin_of_text|>", "User", *TILES]
VOCABULARY = len(MARKS) + len(WORDS) + len(MORE)
SEES = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8
)
READS = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, vocab_size=VOCABULARY,
    max_position_embeddings=512,
)  # fmt: skip
MEET = dict(pad_token_id=0, bos_token_id=6, eos_token_id=7)
IMAGE = MARKS.index("<image>")
# Sizes that patches of 8 do not divide.
SIZES = {"wide": (97, 41), "tall": (43, 90), "square": (64, 64)}


def _llava(**more: Any) -> Any:
    return hf.LlavaForConditionalGeneration(
        hf.LlavaConfig(
            vision_config=hf.CLIPVisionConfig(**SEES),
            text_config=hf.LlamaConfig(**READS, **MEET),
            image_token_index=IMAGE,
            **more,
        )
    )


def _paligemma() -> Any:
    config = hf.PaliGemmaConfig(
        vision_config=hf.SiglipVisionConfig(**SEES).to_dict(), image_token_index=IMAGE, projection_dim=32,
        text_config=hf.GemmaConfig(**READS, **MEET, head_dim=8, num_key_value_heads=2).to_dict(),
    )  # fmt: skip
    return hf.PaliGemmaForConditionalGeneration(config)


def _blip(maker: Any) -> Any:
    text = hf.BlipTextConfig(
        **READS, encoder_hidden_size=32, projection_dim=16, pad_token_id=0, bos_token_id=MARKS.index("[DEC]"),
        sep_token_id=MARKS.index("[SEP]"), eos_token_id=MARKS.index("<eos>"),
    )  # fmt: skip
    return maker(hf.BlipConfig(text_config=text.to_dict(), vision_config=hf.BlipVisionConfig(**SEES).to_dict()))


def _qwen2_vl() -> Any:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2]}
    eyes = dict(depth=2, embed_dim=32, hidden_size=32, num_heads=4, mlp_ratio=2, patch_size=8)
    marks = dict(image_token_id=IMAGE, video_token_id=60, vision_start_token_id=61, vision_end_token_id=62)
    config = hf.Qwen2VLConfig(
        text_config=dict(**READS, **MEET, rope_parameters=rope, num_key_value_heads=2), vision_config=eyes, **marks
    )
    return hf.Qwen2VLForConditionalGeneration(config)


def _qwen25_vl() -> Any:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2]}
    eyes = dict(
        depth=2, hidden_size=32, out_hidden_size=32, num_heads=4, intermediate_size=48, patch_size=8, window_size=32,
        fullatt_block_indexes=[1],
    )  # fmt: skip
    marks = dict(image_token_id=IMAGE, video_token_id=60, vision_start_token_id=61, vision_end_token_id=62)
    config = hf.Qwen2_5_VLConfig(
        text_config=dict(**READS, **MEET, rope_parameters=rope, num_key_value_heads=2), vision_config=eyes, **marks
    )
    return hf.Qwen2_5_VLForConditionalGeneration(config)


def _tiled(maker: Any, config: Any, vision: Any) -> Any:
    return maker(
        config(
            vision_config=vision(**SEES).to_dict(),
            image_token_id=IMAGE,
            scale_factor=2,
            pad_token_id=0,
            text_config=hf.LlamaConfig(**READS, **MEET).to_dict(),
        )
    )


KINDS: Mapping[str, Callable[[], Any]] = {
    "llava": _llava,
    "llava with its class token": lambda: _llava(vision_feature_select_strategy="full"),
    "paligemma": _paligemma,
    "qwen2_vl": _qwen2_vl,
    "qwen2_5_vl": _qwen25_vl,
    "idefics3": lambda: _tiled(hf.Idefics3ForConditionalGeneration, hf.Idefics3Config, hf.Idefics3VisionConfig),
    "smolvlm": lambda: _tiled(hf.SmolVLMForConditionalGeneration, hf.SmolVLMConfig, hf.SmolVLMVisionConfig),
    "blip captions": lambda: _blip(hf.BlipForConditionalGeneration),
    "blip answers": lambda: _blip(hf.BlipForQuestionAnswering),
}
PROCESSORS: Mapping[str, Callable[[], Any]] = {
    "llava": lambda: hf.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    "paligemma": lambda: hf.SiglipImageProcessorPil(size={"height": 32, "width": 32}),
    "qwen2_vl": lambda: hf.Qwen2VLImageProcessorPil(
        patch_size=8, size={"shortest_edge": 16 * 16, "longest_edge": 64 * 64}
    ),
    "qwen2_5_vl": lambda: hf.Qwen2VLImageProcessorPil(
        patch_size=8, size={"shortest_edge": 16 * 16, "longest_edge": 64 * 64}
    ),
    "idefics3": lambda: hf.Idefics3ImageProcessorPil(
        size={"longest_edge": 96}, max_image_size={"longest_edge": 32}
    ),
    "smolvlm": lambda: hf.SmolVLMImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32}),
    "blip": lambda: hf.BlipImageProcessorPil(size={"height": 32, "width": 32}),
}  # fmt: skip


def tokenizer(kind: str) -> PreTrainedTokenizerBase:
    """A tokenizer of whole words; that of a BLIP puts [CLS] and [SEP] round a text."""
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate([*MARKS, *WORDS, *MORE])}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    marks: dict[str, Any] = dict(bos_token="<bos>", eos_token="<eos>")
    if kind.startswith("blip"):
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
        marks = dict(cls_token="[CLS]", sep_token="[SEP]")
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]",
        additional_special_tokens=["<image>", "[DEC]", *MORE], **marks,
    )  # fmt: skip


def network(kind: str) -> Any:
    """The network of a kind, its weights wide enough to move attention."""
    torch.manual_seed(0)
    found = KINDS[kind]().float().eval()
    return spread_out(found, found.config.model_type)


def saved(folder: Path, kind: str, made: Any = None, processor: Any = None) -> Path:
    """A kind as a folder, with what prepares its pictures and cuts its words."""
    (network(kind) if made is None else made).save_pretrained(folder)
    tokenizer(kind).save_pretrained(folder)
    (PROCESSORS[kind.split()[0]]() if processor is None else processor).save_pretrained(folder)
    return folder


def opened(folder: Path) -> av.VisionLanguageModel:
    """The model of a folder."""
    model = av.load(folder)
    assert isinstance(model, av.VisionLanguageModel)
    return model


__all__ = ["IMAGE", "KINDS", "MARKS", "PROCESSORS", "SIZES", "network", "noise", "opened", "saved", "tokenizer"]
