"""What the small models of Chinese and English sentences have in common: recipe, shape, optimisers and rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn
from transformers import PreTrainedTokenizerFast

from attnviz.training import loop
from attnviz.training.corpus import LONGEST
from attnviz.training.loop import Course, Learner


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, the same for all head counts but `heads`."""

    heads: int
    layers: int = 4
    width: int = 160
    inner: int = 448
    steps: int = 14_000
    tokens_a_step: int = 2_048
    masked_a_step: int = 480
    left_whole: float = 0.12
    boundary_share: float = 0.5
    final_mark_dropped: float = 0.3
    joined: float = 0.15
    long_rows_every: int = 10
    rate: float = 4e-3
    init: float = 0.06
    warm_up: int = 300
    weight_decay: float = 0.01
    seed: int = 20


def shape(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """What the configurations of all lab models say alike."""
    return {
        "vocab_size": len(tokenizer), "hidden_size": recipe.width, "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads, "intermediate_size": recipe.inner, "max_position_embeddings": LONGEST,
        "initializer_range": recipe.init, "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id,
    }  # fmt: skip


def learner(recipe: Recipe, model: nn.Module, *beside: nn.Module) -> Learner:
    """A model and the heads beside it, with the recipe's optimisers."""
    return loop.muon(model, *beside, rate=recipe.rate, decay=recipe.weight_decay)


def rate_at(step: int, recipe: Recipe) -> float:
    """The share of the full learning rate at a step: linear warm-up, then cosine to 0."""
    return loop.cosine(step, steps=recipe.steps, warm_up=recipe.warm_up)


def course(recipe: Recipe, *, counts: Mapping[str, float] | None = None, bfloat16: bool = True) -> Course:
    """The recipe's steps and rates."""
    return Course(recipe.steps, recipe.rate, partial(rate_at, recipe=recipe), counts or {}, bfloat16)
