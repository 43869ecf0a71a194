"""Which types of models read a picture and a text together, and how each asks for an answer.

In a row  the picture's tokens stand in the prompt, and one decoder reads all (LLaVA, Qwen2-VL, PaliGemma, SmolVLM)
Across    the words look at the picture by a cross attention of their own (BLIP)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# How transformers prepares the pictures of a type, the usual class first.
PROCESSORS: Mapping[str, tuple[str, ...]] = {
    "llava": ("CLIPImageProcessorPil", "LlavaImageProcessorPil", "SiglipImageProcessorPil"),
    "paligemma": ("SiglipImageProcessorPil",),
    "qwen2_vl": ("Qwen2VLImageProcessorPil",),
    "qwen2_5_vl": ("Qwen2VLImageProcessorPil",),
    "idefics3": ("Idefics3ImageProcessorPil", "SmolVLMImageProcessorPil"),
    "smolvlm": ("SmolVLMImageProcessorPil", "Idefics3ImageProcessorPil"),
    "blip": ("BlipImageProcessorPil",),
}
MERGED = frozenset({"qwen2_vl", "qwen2_5_vl"})  # patches of any number, merged by squares into tokens
TILED = frozenset({"idefics3", "smolvlm"})  # a large picture in tiles, and once more as a whole
ACROSS = frozenset({"blip"})
CAPTIONS, ANSWERS = "BlipForConditionalGeneration", "BlipForQuestionAnswering"
PICTURE = "picture"  # what the map is called of the tower that looks at the picture, in a model that reads in a row
TOWER = frozenset({"vision_tower", "vision_model", "visual"})  # how transformers' modules of that tower are called
# What a prompt is where a folder has no template of its own: {picture} stands for the picture's tokens.
PLAIN: Mapping[str, str] = {
    "llava": "USER: {picture}\n{text} ASSISTANT:",
    "paligemma": "{picture}{begin}{text}\n",  # as `PaliGemmaProcessor` has it
    **dict.fromkeys(
        ("qwen2_vl", "qwen2_5_vl"),
        "<|im_start|>user\n<|vision_start|>{picture}<|vision_end|>{text}<|im_end|>\n<|im_start|>assistant\n",
    ),
    "idefics3": "<|begin_of_text|>User:{picture}{text}<end_of_utterance>\nAssistant:",
    "smolvlm": "<|im_start|>User:{picture}{text}<end_of_utterance>\nAssistant:",
}


def tells(model_type: str) -> bool:
    """Does a model of this type read a picture and a text, and is it read here?"""
    return model_type in PROCESSORS


def across(model_type: str) -> bool:
    """Do the words of such a model look at the picture by a cross attention, and read no text without one?"""
    return model_type in ACROSS


def in_a_row(name: str) -> str:
    """The map that an attention belongs to of a model that reads in a row, by the name of its module.

    >>> in_a_row("model.vision_tower.encoder.layers.0.self_attn"), in_a_row("model.language_model.layers.0.self_attn")
    ('picture', 'self')
    """
    return PICTURE if TOWER & set(name.split(".")) else "self"


def captioned(name: str) -> str:
    """The map that an attention of a BLIP belongs to which writes captions, by the name of its module."""
    if "vision_model" in name:
        return "encoder"
    return "cross" if "crossattention" in name else "decoder"


def answered(name: str) -> str:
    """The map that an attention of a BLIP belongs to which answers questions, by the name of its module.

    "encoder"   the picture's patches among themselves
    "cross"     the question's words to the patches
    "question"  the question's words among themselves
    "decoder"   the answer's words among themselves
    "asked"     the answer's words to the question's

    >>> answered("text_decoder.bert.encoder.layer.0.crossattention.self")
    'asked'
    """
    if "vision_model" in name:
        return "encoder"
    crossed = "crossattention" in name
    if name.startswith("text_encoder"):
        return "cross" if crossed else "question"
    return "asked" if crossed else "decoder"


def asks(network: Any) -> bool:
    """Does a BLIP read a question, by an encoder of its own?"""
    return type(network).__name__ == ANSWERS
