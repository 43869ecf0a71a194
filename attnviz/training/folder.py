"""What a training writes: weights in float16, and facts beside them."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def save_folder(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, recipe: DataclassInstance, seconds: float
) -> None:
    """Write an ordinary Hugging Face folder in float16, and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_facts(folder, recipe={**asdict(recipe), "seconds": round(seconds)})


def save_tensors(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors into one file, real numbers in float16; its folder is made where there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    halves = {name: one.detach().half() if one.is_floating_point() else one for name, one in tensors.items()}
    save_file({name: one.contiguous() for name, one in halves.items()}, file)


def save_facts(folder: Path, *, indent: int = 2, **facts: Any) -> None:
    """Write <name>.json for each."""
    for name, content in facts.items():
        text = json.dumps(content, ensure_ascii=False, indent=indent) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
