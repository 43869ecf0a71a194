"""Models that listen, as tiny folders: each type that is read, and how it prepares a sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import transformers as hf
from numpy.typing import NDArray

import attnviz as av
from tests.parity.architectures import spread_out
from tests.parity.front_door.tokenizers import tokenizer_for

RATE = 16_000
WAVE = dict(
    vocab_size=12, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
    conv_dim=[16, 16, 16], conv_stride=[5, 4, 2], conv_kernel=[10, 8, 3], num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4, num_feat_extract_layers=3, pad_token_id=0,
)  # fmt: skip
LABELS = dict(id2label={0: "speech", 1: "音乐", 2: "noise"}, label2id={"speech": 0, "音乐": 1, "noise": 2})
WRITES = dict(
    encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
    decoder_ffn_dim=48, d_model=32, num_mel_bins=20, max_source_positions=50, max_target_positions=32,
    decoder_start_token_id=3, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
MOONSHINE = dict(
    hidden_size=32, intermediate_size=48, encoder_num_hidden_layers=2, decoder_num_hidden_layers=2,
    encoder_num_attention_heads=4, decoder_num_attention_heads=4, max_position_embeddings=64,
    decoder_start_token_id=1, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
AST = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, patch_size=8, max_length=100,
    num_mel_bins=20, frequency_stride=6, time_stride=6,
)  # fmt: skip
Maker = Callable[[int], Any]  # for a vocabulary of so many pieces
KINDS: Mapping[str, Maker] = {
    "whisper": lambda rows: hf.WhisperForConditionalGeneration(hf.WhisperConfig(vocab_size=rows, **WRITES)),
    "whisper without its head": lambda rows: hf.WhisperModel(hf.WhisperConfig(vocab_size=rows, **WRITES)),
    "whisper with labels": lambda rows: hf.WhisperForAudioClassification(
        hf.WhisperConfig(vocab_size=rows, **WRITES, **LABELS)
    ),
    "moonshine": lambda rows: hf.MoonshineForConditionalGeneration(hf.MoonshineConfig(vocab_size=rows, **MOONSHINE)),
    "wav2vec2": lambda _: hf.Wav2Vec2Model(hf.Wav2Vec2Config(**WAVE)),
    "wav2vec2 that spells": lambda _: hf.Wav2Vec2ForCTC(hf.Wav2Vec2Config(**WAVE)),
    "wav2vec2 with layer norm": lambda _: hf.Wav2Vec2ForSequenceClassification(
        hf.Wav2Vec2Config(**WAVE, **LABELS, do_stable_layer_norm=True, feat_extract_norm="layer")
    ),
    "hubert": lambda _: hf.HubertModel(hf.HubertConfig(**WAVE)),
    "wavlm": lambda _: hf.WavLMModel(hf.WavLMConfig(**WAVE, num_buckets=16, max_bucket_distance=12)),
    "unispeech": lambda _: hf.UniSpeechModel(hf.UniSpeechConfig(**WAVE)),
    "unispeech-sat": lambda _: hf.UniSpeechSatModel(hf.UniSpeechSatConfig(**WAVE)),
    "data2vec": lambda _: hf.Data2VecAudioModel(hf.Data2VecAudioConfig(**WAVE, conv_pos_kernel_size=3)),
    "ast": lambda _: hf.ASTForAudioClassification(hf.ASTConfig(**AST, **LABELS)),
}
WRITING = ("whisper", "whisper without its head", "moonshine")


def extractor(kind: str) -> Any:
    """How a kind prepares its sounds."""
    if kind.startswith("whisper"):
        return hf.WhisperFeatureExtractor(feature_size=20, chunk_length=1)
    if kind == "ast":
        return hf.ASTFeatureExtractor(num_mel_bins=20, max_length=100)
    return hf.Wav2Vec2FeatureExtractor(do_normalize=kind != "moonshine")


def tokenizer(folder: Path) -> Any:
    """A small tokenizer of Whisper's class."""
    return tokenizer_for("whisper", "audio", folder)


def network(kind: str) -> Any:
    """The network of a kind, its weights wide enough to move attention."""
    with TemporaryDirectory() as place:
        rows = len(tokenizer(Path(place)))
    torch.manual_seed(0)
    made = KINDS[kind](rows).float().eval()
    return spread_out(made, made.config.model_type)


def saved(folder: Path, kind: str, made: Any = None, *, prepared: bool = True) -> Path:
    """A kind as a folder as it lies on the disk, with what prepares its sounds and what spells."""
    (network(kind) if made is None else made).save_pretrained(folder)
    if prepared:
        extractor(kind).save_pretrained(folder)
    if kind in WRITING:
        with TemporaryDirectory() as place:
            tokenizer(Path(place)).save_pretrained(folder)
    return folder


def opened(folder: Path) -> av.HearingModel:
    """The model of a folder."""
    model = av.load(folder)
    assert isinstance(model, av.HearingModel)
    return model


def noise(seconds: float, rate: int = RATE) -> av.Sound:
    """The same random sound on every call."""
    made: NDArray[np.float32] = np.random.default_rng(0).normal(0, 0.1, round(seconds * rate)).astype(np.float32)
    return av.Sound(made, rate)


def tone(seconds: float, start: float, end: float, hertz: float = 1_000.0, rate: int = RATE) -> av.Sound:
    """Silence, but for a tone from one second to another."""
    times = np.arange(round(seconds * rate)) / rate
    made = np.where((times >= start) & (times < end), np.sin(2 * np.pi * hertz * times), 0.0)
    return av.Sound(made.astype(np.float32), rate)
