"""Tiny configurations of models that read one text: encoders, decoders, mixtures of experts, hybrids."""

from __future__ import annotations

from typing import Any

Numbers = dict[str, Any]

COMMON: Numbers = dict(
    vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
    max_position_embeddings=64, num_key_value_heads=2, head_dim=8, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
WINDOW = 4  # tokens that a windowed layer may reach; the text has 12
BOTH = dict(sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention"])
NO_HEAD_DIM = {key: value for key, value in COMMON.items() if key != "head_dim"}
EXPERTS = dict(
    num_experts=4, num_local_experts=4, n_routed_experts=4, num_experts_per_tok=2, n_group=1, topk_group=1,
    moe_intermediate_size=16, shared_expert_intermediate_size=16, first_k_dense_replace=1,
)  # fmt: skip
LATENT = NO_HEAD_DIM | dict(  # multi-head latent attention: keys and values unpacked from one short vector
    num_key_value_heads=4, q_lora_rank=16, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=8,
)  # fmt: skip
DELTA = dict(
    linear_num_value_heads=4, linear_num_key_heads=2, linear_key_head_dim=8, linear_value_head_dim=8,
    layer_types=["linear_attention", "full_attention"],
)  # fmt: skip
STATES = dict(mamba_n_heads=8, mamba_d_head=8, mamba_d_state=4, mamba_n_groups=1)
CHUNKS = dict(
    attn_layers=["local", "lsh"], axial_pos_embds_dim=[16, 16], axial_pos_shape=[8, 8], attention_head_size=8,
    feed_forward_size=48, local_attn_chunk_length=4, lsh_attn_chunk_length=4, num_buckets=4, is_decoder=True,
)  # fmt: skip
GPT = dict(vocab_size=99, n_embd=32, n_layer=2, n_head=4, n_inner=48, n_positions=64)
XLM = dict(vocab_size=99, emb_dim=32, n_layers=2, n_heads=4, max_position_embeddings=64, pad_index=0)

ENCODERS: dict[str, Numbers] = {
    **{
        name: COMMON
        for name in (
            "bert",
            "roberta",
            "xlm-roberta",
            "xlm-roberta-xl",
            "camembert",
            "electra",
            "ernie",
            "eurobert",
            "data2vec-text",
            "megatron-bert",
            "rembert",
            "convbert",
            "roformer",
            "layoutlm",
            "roberta-prelayernorm",
            "nomic_bert",
            "jina_embeddings_v3",
            "ibert",
            "splinter",
            "esm",
            "bert-generation",
            "deberta",
            "mpnet",
        )
    },
    "albert": COMMON | dict(embedding_size=16, num_hidden_layers=3),  # one layer's weights, called three times
    "distilbert": dict(vocab_size=99, dim=32, n_layers=2, n_heads=4, hidden_dim=48),
    "modernbert": COMMON | dict(global_attn_every_n_layers=2, local_attention=2 * WINDOW),
    "mobilebert": COMMON | dict(embedding_size=16, true_hidden_size=32, intra_bottleneck_size=32),
    "xmod": COMMON | dict(languages=("en_XX",), default_language="en_XX"),
    "deberta-v2": COMMON | dict(relative_attention=True, pos_att_type=["c2p", "p2c"]),
    "big_bird": COMMON | dict(attention_type="original_full"),
    "longformer": COMMON | dict(attention_window=WINDOW),
    "xlnet": dict(vocab_size=99, d_model=32, n_layer=2, n_head=4, d_inner=48),
    "xlm": XLM,
    "flaubert": XLM,
}
NO_ENCODERS: dict[str, tuple[str, Numbers]] = {
    "fnet": ("model_without_attention", COMMON),
    "reformer": (
        "model_not_by_token",
        COMMON | CHUNKS,
    ),
    "canine": ("model_not_by_token", COMMON | dict(num_hash_buckets=64)),
    "funnel": (
        "model_not_by_token",
        dict(
            architectures=["FunnelModel"],
            vocab_size=99,
            block_sizes=[1, 1],
            num_decoder_layers=1,
            d_model=32,
            n_head=4,
            d_head=8,
            d_inner=48,
        ),
    ),
    "nystromformer": ("model_not_by_token", COMMON | dict(num_landmarks=4, segment_means_seq_len=12)),
    "yoso": ("model_not_by_token", COMMON),
    "mra": ("model_no_attention", COMMON),
    "squeezebert": ("model_no_attention", COMMON | dict(embedding_size=32)),  # returns its scores for weights
}

DECODERS: dict[str, Numbers] = {
    **{
        name: COMMON
        for name in (
            "llama", "qwen2", "qwen3", "gemma", "phi", "phi3", "gpt_neox", "starcoder2", "stablelm", "cohere", "olmo",
            "olmo2", "granite", "nemotron", "persimmon", "biogpt", "glm", "glm4", "helium", "smollm3", "ernie4_5",
            "seed_oss", "bitnet", "apertus", "diffllama", "internlm3", "nanochat", "doge",
        )
    },
    "gpt2": GPT,
    "gpt_bigcode": GPT,
    "openai-gpt": GPT,
    "gptj": GPT | dict(rotary_dim=4),
    "codegen": GPT | dict(rotary_dim=4),
    "mistral": COMMON | dict(sliding_window=WINDOW),
    "gemma2": COMMON | BOTH | dict(attn_logit_softcapping=0.5, query_pre_attn_scalar=8),  # so low that it shows
    "gemma3_text": COMMON | BOTH,
    "cohere2": COMMON | BOTH,
    "olmo3": COMMON | BOTH,
    "exaone4": COMMON | BOTH,
    "granite_swa": COMMON | BOTH,
    "opt": COMMON | dict(ffn_dim=48, word_embed_proj_dim=32),
    "falcon": NO_HEAD_DIM | dict(alibi=True),
    "bloom": dict(vocab_size=99, hidden_size=32, n_layer=2, n_head=4),
    "mpt": dict(vocab_size=99, d_model=32, n_layers=2, n_heads=4, max_seq_len=64),
    "gpt_neo": dict(
        vocab_size=99, hidden_size=32, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]],
        window_size=WINDOW, max_position_embeddings=64,
    ),
    "xglm": dict(vocab_size=99, d_model=32, num_layers=2, attention_heads=4, ffn_dim=48, max_position_embeddings=64),
    "ctrl": dict(vocab_size=99, n_embd=32, n_layer=2, n_head=4, dff=48, n_positions=64),
    "minicpm3": LATENT,
    "youtu": LATENT,
}  # fmt: skip
NO_DECODERS: dict[str, tuple[str, Numbers]] = {
    "mamba": ("model_without_attention", COMMON),
    "mamba2": ("model_without_attention", COMMON | dict(num_heads=8, n_groups=1, state_size=8)),
    "rwkv": ("model_without_attention", COMMON),
    "xlstm": ("model_without_attention", COMMON | dict(num_heads=4)),
}

MIXTURES: dict[str, Numbers] = {
    "mixtral": COMMON | EXPERTS,
    "qwen2_moe": COMMON | EXPERTS,
    "qwen3_moe": COMMON | EXPERTS,
    "olmoe": COMMON | EXPERTS,
    "granitemoe": COMMON | EXPERTS,
    "phimoe": COMMON | EXPERTS,
    "glm4_moe": COMMON | EXPERTS,
    "minimax_m2": COMMON | EXPERTS,
    "jetmoe": COMMON | EXPERTS | dict(kv_channels=8),
    "ernie4_5_moe": COMMON | EXPERTS | dict(moe_num_experts=4, moe_k=2),
    "gpt_oss": COMMON | EXPERTS | BOTH,
    "deepseek_v2": LATENT | EXPERTS,
    "deepseek_v3": LATENT | EXPERTS,
    "dbrx": dict(
        vocab_size=99, d_model=32, n_layers=2, n_heads=4, max_seq_len=64,
        attn_config=dict(kv_n_heads=2, rope_theta=10000.0, clip_qkv=8.0),
        ffn_config=dict(ffn_hidden_size=16, moe_num_experts=4, moe_top_k=2, hidden_size=32),
    ),
}  # fmt: skip
# Some of their layers are no attention: these must come out as gaps, at their own numbers.
HYBRIDS: dict[str, Numbers] = {
    "jamba": COMMON
    | dict(
        num_hidden_layers=4, attn_layer_period=2, attn_layer_offset=1, num_experts=2, mamba_d_state=4, mamba_dt_rank=4,
        use_mamba_kernels=False,
    ),
    "zamba": COMMON
    | dict(
        num_hidden_layers=4, layers_block_type=["mamba", "hybrid"] * 2, n_mamba_heads=2, mamba_d_state=4,
        mamba_dt_rank=4, attention_hidden_size=64, attention_head_dim=16, use_mamba_kernels=False,
    ),
    "zamba2": COMMON
    | dict(
        num_hidden_layers=4, layers_block_type=["mamba", "hybrid"] * 2, mamba_d_state=4, mamba_headdim=8,
        n_mamba_heads=8, mamba_ngroups=1, num_mem_blocks=1, use_mamba_kernels=False,
    ),
    "bamba": COMMON | STATES | dict(num_hidden_layers=3, attn_layer_indices=[1]),
    "granitemoehybrid": COMMON | STATES | EXPERTS | dict(layer_types=["mamba", "attention"]),
    "nemotron_h": COMMON
    | dict(
        num_hidden_layers=4, hybrid_override_pattern="M*-*", mamba_num_heads=8, mamba_head_dim=8, ssm_state_size=4,
        n_groups=1,
    ),
    "recurrent_gemma": COMMON
    | dict(
        num_hidden_layers=3, block_types=["recurrent", "recurrent", "attention"], lru_width=32,
        attention_window_size=8,
    ),
    "falcon_h1": COMMON,  # both kinds side by side in each layer: no gaps
    "lfm2": COMMON | dict(layer_types=["conv", "full_attention"]),
    "qwen3_next": COMMON | EXPERTS | DELTA,
    "qwen3_5_text": COMMON | DELTA,
    "olmo_hybrid": COMMON | dict(layer_types=["linear_attention", "full_attention"]),
    "kimi_linear": LATENT | EXPERTS | dict(layer_types=["linear_attention", "full_attention"]),
    "minimax": COMMON | EXPERTS | dict(layer_types=["full_attention", "linear_attention"]),
}  # fmt: skip
