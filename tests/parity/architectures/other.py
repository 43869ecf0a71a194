"""Tiny configurations of models with two texts, an image, a sound, or several of them."""

from __future__ import annotations

from tests.parity.architectures.text import COMMON, WINDOW, Numbers

T5: Numbers = dict(
    vocab_size=99, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0, num_experts=2,
    num_decoder_layers=2, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1,
)  # fmt: skip
BART: Numbers = dict(
    vocab_size=99, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=64,
    decoder_start_token_id=2, pad_token_id=1, bos_token_id=0, eos_token_id=2, num_experts=2,
)  # fmt: skip
GEMMA = COMMON | dict(sliding_window=WINDOW)
ENCODER_DECODERS: dict[str, Numbers] = {
    **{name: T5 for name in ("t5", "mt5", "umt5", "switch_transformers")},
    "longt5": T5 | dict(encoder_attention_type="local", local_radius=WINDOW),  # its encoder looks by blocks: left out
    **{
        name: BART
        for name in (
            "bart", "mbart", "marian", "pegasus", "blenderbot", "blenderbot-small", "m2m_100", "plbart", "nllb-moe",
            "mvp",
        )
    },
    "bigbird_pegasus": BART | dict(attention_type="original_full"),
    "led": BART | dict(attention_window=WINDOW),
    "fsmt": BART | dict(src_vocab_size=99, tgt_vocab_size=99, langs=["en", "de"]),
    "prophetnet": dict(  # its encoder and cross attention return scores: left out
        vocab_size=99, hidden_size=32, num_encoder_layers=2, num_decoder_layers=2, num_encoder_attention_heads=4,
        num_decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=64,
        decoder_start_token_id=1, pad_token_id=0,
    ),
    "t5gemma": dict(encoder=GEMMA, decoder=GEMMA, vocab_size=99),
    "encoder-decoder": dict(
        encoder=COMMON | dict(model_type="bert"),
        decoder=COMMON | dict(model_type="bert", is_decoder=True, add_cross_attention=True),
        decoder_start_token_id=1,
    ),
}  # fmt: skip

IMAGE: Numbers = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8,
    num_channels=3,
)  # fmt: skip
SWIN: Numbers = dict(image_size=32, patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4)
VISION: dict[str, Numbers] = {
    **{
        name: IMAGE
        for name in (
            "vit", "deit", "dinov2", "dinov2_with_registers", "dinov3_vit", "siglip_vision_model", "clip_vision_model",
            "vit_msn", "ijepa", "data2vec-vision", "mlcd_vision_model", "aimv2_vision_model", "pixio", "dpt",
            "idefics3_vision",
        )
    },
    "beit": IMAGE | dict(use_relative_position_bias=True),
    "swin": SWIN,  # windows in its first stage, a gap; in its second one window is the whole image
    "yolos": IMAGE | dict(image_size=[32, 32], num_detection_tokens=4),
    "vit_mae": IMAGE
    | dict(
        decoder_hidden_size=32, decoder_num_hidden_layers=1, decoder_num_attention_heads=4,
        decoder_intermediate_size=48, mask_ratio=0.5,
    ),
}  # fmt: skip
FILMS: dict[str, Numbers] = {
    "vivit": IMAGE | dict(num_frames=4, tubelet_size=[2, 8, 8]),
    "videomae": IMAGE | dict(num_frames=4, tubelet_size=2),
}
NO_VISION: dict[str, tuple[str, Numbers]] = {
    "donut-swin": ("model_not_by_token", SWIN | dict(image_size=64)),  # windows in every stage
    "swinv2": ("model_not_by_token", SWIN),
    "poolformer": ("model_without_attention", dict(hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1])),
}

WAVE: Numbers = dict(
    vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
    conv_dim=[16, 16], conv_stride=[5, 4], conv_kernel=[10, 8], num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4, num_feat_extract_layers=2, mask_time_prob=0.0, apply_spec_augment=False,
    squeeze_factor=2,
)  # fmt: skip
WAVES: dict[str, Numbers] = {
    name: WAVE
    for name in (
        "wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat", "data2vec-audio", "wav2vec2-conformer", "sew",
    )
}  # fmt: skip
SPECTRA: dict[str, Numbers] = {
    "audio-spectrogram-transformer": IMAGE
    | dict(max_length=32, num_mel_bins=16, frequency_stride=8, time_stride=8),
}  # fmt: skip
HEARERS: dict[str, Numbers] = {
    "whisper": BART | dict(num_mel_bins=8, max_source_positions=16, max_target_positions=32),
}
LISTENERS: dict[str, Numbers] = {
    "speech_to_text": BART | dict(input_feat_per_channel=8, conv_channels=16, max_source_positions=64),
}

SEES, READS = IMAGE | dict(projection_dim=16), COMMON | dict(projection_dim=16)
PAIR = dict(text_config=READS, vision_config=SEES, projection_dim=16, image_text_hidden_size=16)
TOWERS: dict[str, Numbers] = {
    **{name: PAIR for name in ("clip", "siglip", "chinese_clip", "altclip", "clipseg", "metaclip_2", "blip", "aimv2")},
    "vision-text-dual-encoder": PAIR
    | dict(text_config=READS | dict(model_type="bert"), vision_config=SEES | dict(model_type="vit")),
    "vilt": COMMON | dict(image_size=32, patch_size=8),
}
# An image before the text: 16 or 17 places of it, then the words.
WRITERS: dict[str, Numbers] = {
    "llava": dict(
        text_config=READS | dict(model_type="llama"), vision_config=SEES | dict(model_type="clip_vision_model"),
        image_token_index=98, image_token_id=98,
    ),
    "paligemma": dict(
        text_config=READS | dict(model_type="gemma"), vision_config=SEES | dict(model_type="siglip_vision_model"),
        image_token_index=98, image_token_id=98, projection_dim=32,
    ),
}  # fmt: skip
