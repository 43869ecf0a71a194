"""The untrained network of the models that fill blanks: a small ModernBERT."""

from __future__ import annotations

from transformers import ModernBertConfig, ModernBertForMaskedLM, PreTrainedTokenizerFast

from attnviz.training.recipe import Recipe, shape


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> ModernBertForMaskedLM:
    """An untrained ModernBERT of the recipe's shape, every layer looking at the whole text.

    Rotary positions, normalisation before each block and gated inner layers (Warner et al. 2024) reached in 900 steps
    the loss for which a BERT with learned positions (same size, data and optimiser) took 2,300. Attention is computed
    plainly in training: on a CPU the fused one is twice as slow backwards in bfloat16.
    """
    rotary = {"rope_type": "default", "rope_theta": 10_000.0}
    config = ModernBertConfig(
        **shape(recipe, tokenizer),
        layer_types=["full_attention"] * recipe.layers,
        rope_parameters={"full_attention": rotary, "sliding_attention": rotary},
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
    )
    model = ModernBertForMaskedLM(config)
    model.set_attn_implementation("eager")
    return model
