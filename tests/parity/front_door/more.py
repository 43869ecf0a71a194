"""Tiny configurations of further types that read a text: what came since, parts of others, and models that also see."""

from __future__ import annotations

from collections.abc import Mapping

from tests.parity.architectures import Architecture
from tests.parity.architectures.other import BART, GEMMA, T5
from tests.parity.architectures.text import BOTH, COMMON, DELTA, EXPERTS, GPT, LATENT, NO_HEAD_DIM, WINDOW, Numbers

INDEXED = LATENT | EXPERTS | dict(  # fewer keys than the text has tokens, so that a choice not followed shows
    index_topk=6, index_head_dim=8, index_n_heads=2,
)  # fmt: skip
ROTARY = {"rope_type": "default", "rope_theta": 10000.0}
# The last two layers look at keys and values of the first two.
SHARING = dict(
    num_hidden_layers=4, num_kv_shared_layers=2, sliding_window=WINDOW,
    layer_types=["sliding_attention", "full_attention"] * 2,
)  # fmt: skip
# Gemma 4 in two layers: in four, eager attention itself misses its own float64 by 1.3e-5 to 3.4e-5 with such weights,
# more than is allowed here; with the softmax in float64 as well, ours and eager are equal.
SHARING_TWO = dict(num_kv_shared_layers=1, layer_types=["full_attention"] * 2)
THREE_AXES = dict(rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]})
EYES = dict(
    hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48, image_size=28, patch_size=14,
    depth=1, embed_dim=32, num_heads=4, mlp_ratio=2, out_hidden_size=32, attention_heads=4, num_global_layers=1,
    num_key_value_heads=4, head_dim=8,
)  # fmt: skip
SEEN = dict(
    image_token_id=95, image_token_index=95, video_token_id=96, video_token_index=96, vision_start_token_id=97,
    vision_end_token_id=98, image_start_token_id=97, image_end_token_id=98, video_start_token_id=97,
    video_end_token_id=98,
)  # fmt: skip
ENCODERS: dict[str, Numbers] = {
    **{
        name: COMMON
        for name in (
            "bros", "clip_text_model", "dpr", "gte", "markuplm", "tapas", "visual_bert", "ultrabert",
            "roc_bert", "tipsv2_text_model", "embedding_gemma2_text",
        )
    },
    "modernvbert": dict(text_config=COMMON | dict(model_type="modernbert"), vision_config=EYES) | SEEN,
    "lilt": COMMON | dict(hidden_size=48),  # its boxes take a sixth of it each
    "esmc": COMMON | dict(num_key_value_heads=4),
    "layoutlmv3": COMMON | dict(coordinate_size=4, shape_size=8, visual_embed=False),
    "luke": COMMON | dict(entity_vocab_size=8, entity_emb_size=16),
    "openai_privacy_filter": COMMON | EXPERTS,
    "perceiver": dict(
        vocab_size=262, d_model=32, d_latents=32, num_latents=8, num_self_attends_per_block=2, num_blocks=1,
        num_self_attention_heads=4, num_cross_attention_heads=4, max_position_embeddings=64,
    ),
}  # fmt: skip
DECODERS: dict[str, Numbers] = {
    **{
        name: COMMON
        for name in (
            "arcee", "beam", "cwm", "flint", "gpt_neox_japanese", "hrm_text", "hunyuan_v1_dense", "hyperclovax",
            "iquestcoder", "jais2", "ministral", "ministral3", "vaultgemma", "granite_docling_text", "molmo2_text",
            "muse_glimmer_text",
        )
    },
    **{
        name: COMMON | THREE_AXES
        for name in (
            "qwen2_vl_text", "qwen2_5_vl_text", "qwen3_vl_text", "hunyuan_vl_text", "glm4v_text", "glm_ocr_text",
            "glm_image_text",
        )
    },
    "gpt-sw3": GPT,
    "modernbert-decoder": COMMON | dict(local_attention=2 * WINDOW, global_attn_every_n_layers=2),
    "cohere_compass_text": COMMON | BOTH | dict(rope_parameters=dict.fromkeys(BOTH["layer_types"], ROTARY)),
    "cosmos3_edge_text": COMMON | THREE_AXES,
    "falcon_mamba": COMMON | dict(state_size=4),
    "gemma3n_text": COMMON
    | SHARING
    | dict(
        hidden_size_per_layer_input=8, vocab_size_per_layer_input=99, laurel_rank=4, altup_num_inputs=2,
        activation_sparsity_pattern=[0.0] * 4,
    ),
    "gemma4_text": COMMON | SHARING_TWO | dict(hidden_size_per_layer_input=8, vocab_size_per_layer_input=99),
    "gemma4_unified_text": COMMON | SHARING_TWO,
    "trocr": dict(
        vocab_size=99, d_model=32, decoder_layers=2, decoder_attention_heads=4, decoder_ffn_dim=48,
        max_position_embeddings=64, pad_token_id=1, bos_token_id=0, eos_token_id=2, cross_attention_hidden_size=32,
    ),
    "cpmant": dict(
        vocab_size=99, hidden_size=32, num_attention_heads=4, dim_head=8, dim_ff=48, num_hidden_layers=2,
        prompt_types=4, prompt_length=4, segment_types=4,
    ),
    "moshi": COMMON | dict(num_key_value_heads=4),
}  # fmt: skip
MIXTURES: dict[str, Numbers] = {
    **{
        name: COMMON | EXPERTS
        for name in (
            "afmoe", "aria_text", "cohere2_moe", "exaone_moe", "flex_olmo", "granitemoe_swa",
            "granitemoeshared", "hunyuan_v1_moe", "kolibri1", "laguna", "mellum", "mimo_v2_flash",
            "solar_open", "hy_v3",
        )
    },
    **{
        name: LATENT | EXPERTS
        for name in ("axk1", "glm4_moe_lite", "mistral4")
    },
    **{name: INDEXED for name in ("deepseek_v32", "glm_moe_dsa", "axk2", "hy_v4", "mistral_large4_text")},
    "dots3_note_text": INDEXED | dict(n_shared_experts=1),
    "inkling_text": COMMON
    | EXPERTS
    | dict(
        n_shared_experts=1, swa_num_attention_heads=4, swa_num_key_value_heads=2, swa_head_dim=8, d_rel=4,
        rel_extent=16, sliding_window_size=WINDOW,
    ),
    "llama4_text": COMMON | EXPERTS | dict(intermediate_size_mlp=48, attention_chunk_size=16),
    "glm4v_moe_text": COMMON
    | EXPERTS
    | dict(rope_parameters=THREE_AXES["rope_parameters"] | {"partial_rotary_factor": 1.0}),
    "zaya": COMMON | EXPERTS | dict(num_experts_per_tok=1),
    "dots1": COMMON | EXPERTS | dict(n_shared_experts=1),
    "deepseek_v4": COMMON
    | EXPERTS
    | INDEXED
    | dict(
        layer_types=["compressed_sparse_attention", "heavily_compressed_attention"],
        compress_rates={"compressed_sparse_attention": 2, "heavily_compressed_attention": 4}, sliding_window=8,
    ),
    "minimax_m3_vl_text": COMMON
    | EXPERTS
    | dict(
        layer_types=["full_attention", "minimax_m3_sparse"], index_n_heads=2, index_head_dim=8, index_block_size=4,
        index_topk_blocks=2, index_local_blocks=1,
    ),
    "qwen3_vl_moe_text": COMMON | EXPERTS | THREE_AXES,
}  # fmt: skip
HYBRIDS: dict[str, Numbers] = {
    "lfm2_moe": COMMON | EXPERTS | dict(layer_types=["conv", "full_attention"], num_dense_layers=1),
    "qwen3_5_moe_text": COMMON | EXPERTS | DELTA,
    "qwen4_exp_text": COMMON
    | EXPERTS
    | DELTA
    | dict(
        indexer_n_heads=2,
        indexer_kv_heads=1,
        indexer_head_dim=8,
        indexer_budget=16,
        indexer_compress_ratio=4,
    ),
    "bailing_hybrid": LATENT | EXPERTS | dict(layer_types=["linear_attention", "full_attention"]),
    "lfm3": COMMON | dict(layer_types=["conv", "full_attention"]),
    "inkling2_text": COMMON | EXPERTS,
}
ENCODER_DECODERS: dict[str, Numbers] = {
    "pegasus_x": BART | dict(block_size=4, num_global_tokens=4),
    "udop": T5,
    "t5gemma2": dict(encoder=dict(text_config=GEMMA | BOTH, vision_config=EYES), decoder=GEMMA | BOTH),
}
RESAMPLER = dict(
    hidden_size=32, resampler_n_latents=4, resampler_depth=1, resampler_n_heads=4, resampler_head_dim=8,
)  # fmt: skip
# Models that also see, and are given a text alone.
READING: Numbers = dict(text_config=COMMON, vision_config=EYES) | SEEN
SEERS: dict[str, Numbers] = {
    **{
        name: READING
        for name in (
            "aya_vision", "cohere2_vision", "deepseek_vl", "got_ocr2", "internvl", "llava_next",
            "llava_next_video", "llava_onevision", "mistral3", "smolvlm", "idefics3", "video_llava", "vipllava",
            "lfm2_vl", "lighton_ocr", "granite_docling", "video_llama_3",
        )
    },
    "gemma3": READING | dict(text_config=GEMMA | BOTH, mm_tokens_per_image=4),
    "qwen2_vl": READING | dict(text_config=NO_HEAD_DIM | THREE_AXES),
    "qwen2_5_vl": READING | dict(text_config=NO_HEAD_DIM | THREE_AXES),
    **{
        name: READING | dict(text_config=COMMON | THREE_AXES)
        for name in ("qwen3_vl", "glm4v", "glm_ocr", "hunyuan_vl", "paddleocr_vl")
    },
    "qwen3_vl_moe": READING | dict(text_config=COMMON | EXPERTS | THREE_AXES),
    "qwen3_5": READING | dict(text_config=COMMON | DELTA | THREE_AXES),
    "llama4": READING
    | dict(text_config=COMMON | EXPERTS | dict(intermediate_size_mlp=48, attention_chunk_size=16)),
    "lfm3_vl": READING | dict(text_config=COMMON | dict(layer_types=["conv", "full_attention"])),
    "gemma4": READING | dict(text_config=DECODERS["gemma4_text"], audio_config=None),
    "idefics": COMMON | dict(vision_config=EYES, num_key_value_heads=4, cross_layer_interval=1, use_resampler=False),
    "idefics2": READING
    | dict(perceiver_config=RESAMPLER),
    "mllama": READING | dict(text_config=COMMON | dict(cross_attention_layers=[], num_hidden_layers=2)),
    "fuyu": COMMON | dict(text_config=COMMON, patch_size=8),
    "git": COMMON | dict(vision_config=EYES),
}  # fmt: skip

LISTENERS: dict[str, Numbers] = {
    "moonshine": dict(
        vocab_size=99, hidden_size=32, intermediate_size=48, encoder_num_hidden_layers=2, decoder_num_hidden_layers=2,
        encoder_num_attention_heads=4, decoder_num_attention_heads=4, max_position_embeddings=64,
    ),
}  # fmt: skip
LAGGED: Numbers = dict(
    prediction_length=6, context_length=24, lags_sequence=[1, 2, 3, 7], num_time_features=1, d_model=32,
    encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
    decoder_ffn_dim=48,
)  # fmt: skip
# Values over time; of Informer, whose sparse layers draw numbers, those that compute all.
FORECASTERS: dict[str, Numbers] = {
    "patchtst": dict(
        num_input_channels=3, context_length=26, patch_length=6, patch_stride=4, d_model=32, num_hidden_layers=2,
        num_attention_heads=4, ffn_dim=48,
    ),
    "time_series_transformer": LAGGED,
    "informer": LAGGED | dict(attention_type="full", distil=False),
    "autoformer": LAGGED,
}  # fmt: skip


def _all() -> dict[str, Architecture]:
    """All of them, family by family."""
    groups = {
        "text encoder": ENCODERS, "decoder": DECODERS, "mixture of experts": MIXTURES, "hybrid": HYBRIDS,
        "encoder-decoder": ENCODER_DECODERS, "image and text": SEERS, "audio": LISTENERS,
        "time series": FORECASTERS,
    }  # fmt: skip
    return {name: Architecture(name, family, n, {}) for family, types in groups.items() for name, n in types.items()}


MORE: Mapping[str, Architecture] = _all()
