"""Weights, last states and what a head says are those of transformers' own eager attention, for every type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import attnviz as av
from attnviz.adapter.hearing.kinds import strips
from attnviz.axes import Bands, Frames
from tests.parity.hearing import KINDS, RATE, WRITING, extractor, noise, opened, saved

CLOSE = 1e-5  # the worst seen: 8e-7 in weights
TARGET = (1, 5, 6, 7, 4)
PARTS = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}


def eagerly(model: av.HearingModel, folder: Path, sound: av.Sound, kind: str) -> Any:
    """What the network of a folder returns with its own attention of what its own feature extractor makes."""
    own = type(model.network).from_pretrained(folder, config=model.network.config, attn_implementation="eager").eval()
    prepared = extractor(kind)(sound.samples, sampling_rate=RATE, return_tensors="pt")
    given = {name: one for name, one in prepared.items() if name != "attention_mask"}
    if model.writes:
        given["decoder_input_ids"] = torch.tensor([TARGET])
    with torch.inference_mode():
        return own(**given, output_attentions=True, output_hidden_states=True)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WRITING])
def test_an_encoder_hears_as_transformers_alone_hears(kind: str, tmp_path: Path) -> None:
    sound = noise(0.63)
    model = opened(folder := saved(tmp_path, kind))
    trace, plain = av.record(model, sound), eagerly(model, folder, sound, kind)
    theirs = plain.get("encoder_attentions", plain.get("attentions"))
    assert trace.kind == "hearing" and trace.n_layers == len(theirs) and trace.keys is trace.queries
    for layer, weights in enumerate(theirs):
        mine = trace.weights(layer)
        assert mine.std() > 1e-4, "weights that do not move would be alike anyhow"
        if kind == "wavlm":  # torch's function returns the mean of its heads
            mine = mine.mean(0, keepdim=True).expand_as(weights[0])
        torch.testing.assert_close(mine, weights[0], atol=CLOSE, rtol=0)
    if "logits" in plain:
        assert trace.answer is not None
        scores = plain.logits[0] if model.says == "token" else plain.logits
        torch.testing.assert_close(trace.answer.scores, scores, atol=CLOSE, rtol=0)
        assert trace.predictions(0)[0][0] in model.labels
    else:
        torch.testing.assert_close(trace.outputs, plain.last_hidden_state[0], atol=1e-4, rtol=0)
        assert trace.answer is None and model.labels == ()


@pytest.mark.parametrize("kind", WRITING)
def test_an_encoder_decoder_hears_and_reads_as_transformers_alone_does(kind: str, tmp_path: Path) -> None:
    sound = noise(0.63)
    model = opened(folder := saved(tmp_path, kind))
    first = av.record(model, sound)
    written = av.generate(model, sound, most=4)
    trace = av.record(model, sound, target=_tokens(written, TARGET))
    plain = eagerly(model, folder, sound, kind)
    assert trace.parts == ("cross", "encoder", "decoder") and first.tokens[0] == written.tokens[0]
    for part, name in PARTS.items():
        for layer, weights in enumerate(plain[name]):
            torch.testing.assert_close(trace.map(part).weights(layer), weights[0], atol=CLOSE, rtol=0)
    assert trace.logits is not None
    torch.testing.assert_close(trace.logits, plain.logits[0], atol=1e-4, rtol=0)
    assert trace.map("encoder").keys is trace.keys and trace.map("decoder").keys is trace.queries
    torch.testing.assert_close(trace.map("encoder").outputs, plain.encoder_last_hidden_state[0], atol=1e-4, rtol=0)


def _tokens(like: av.Trace, ids: tuple[int, ...]) -> Any:
    """Tokens by their numbers, as something that a model wrote."""
    from dataclasses import replace

    count = len(ids)
    labels, spans = tuple(map(str, ids)), (None,) * count
    return replace(like.encoded, text="", ids=ids, labels=labels, spans=spans, special=(False,) * count)


@pytest.mark.parametrize("kind", WRITING)
def test_what_is_written_is_what_transformers_own_loop_takes(kind: str, tmp_path: Path) -> None:
    """The likeliest token again and again over the whole answer, with no cache and no preparations of its own."""
    model = opened(folder := saved(tmp_path, kind))
    sound, most = noise(0.63), 9
    heard: list[int] = []
    trace = av.generate(model, sound, most=most, on_token=lambda count, text: heard.append(count))
    own = type(model.network).from_pretrained(folder, config=model.network.config, attn_implementation="eager").eval()
    prepared = extractor(kind)(sound.samples, sampling_rate=RATE, return_tensors="pt")
    given = {name: one for name, one in prepared.items() if name != "attention_mask"}
    ids = [int(own.config.decoder_start_token_id)]
    with torch.inference_mode():
        while len(ids) <= most and (len(ids) == 1 or ids[-1] != own.config.eos_token_id):
            ids.append(int(own(**given, decoder_input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    assert list(trace.encoded.ids) == ids and heard == list(range(1, len(ids)))
    assert type(model.network.config._attn_implementation) is str
    assert model.network.config._attn_implementation == "attnviz", "the model that others use stays as it was"


def test_a_long_sound_is_recorded_without_values_and_its_weights_are_the_same(tmp_path: Path) -> None:
    model = opened(folder := saved(tmp_path, "hubert"))
    sound = noise(3.1)
    trace, plain = av.record(model, sound), eagerly(model, folder, sound, "hubert")
    assert len(trace.tokens) > 1024 and trace.attention(0).values.shape[-1] == 0
    torch.testing.assert_close(trace.weights(1), plain.attentions[1][0], atol=CLOSE, rtol=0)
    torch.testing.assert_close(trace.outputs, plain.last_hidden_state[0], atol=1e-4, rtol=0)


def test_what_whisper_fills_its_window_up_with_is_special_and_stands_for_no_time(tmp_path: Path) -> None:
    """0.63 s are 31.5 frames of 20 ms; its window of 1 s has 50."""
    trace = av.record(opened(saved(tmp_path, "whisper")), noise(0.63))
    frames = trace.keys
    assert isinstance(frames, Frames) and len(frames) == 50
    assert [*trace.key_special].index(True) == 32 and all(trace.key_special[32:])
    assert all(frames.stands_for(place) is None for place in range(32, 50))
    assert frames.seconds[0] == (0.0, 0.01) and frames.seconds[31] == pytest.approx((0.61, 0.63))


def test_what_ast_fills_its_spectrogram_up_with_is_special_in_every_band(tmp_path: Path) -> None:
    """100 frames of 10 ms in patches of 8 every 6 are 16; 20 bands of pitch are 3 rows of them."""
    trace = av.record(opened(saved(tmp_path, "ast")), noise(0.5))
    axis = trace.queries
    assert isinstance(axis, Bands) and len(axis) == 2 + 3 * 16 and axis.labels[:2] == ("[CLS]", "[DIST]")
    assert axis.heard == 8  # the middle of a patch is 47.5 ms in, and they are 60 ms apart: 0.0475 + 7 x 0.06 < 0.5
    assert [axis.special[2 + row * 16 : 18 + row * 16].count(False) for row in range(3)] == [8, 8, 8]
    lows = [axis.band(2 + row * 16) for row in range(3)]
    pitches = [one[0] for one in lows if one is not None]
    assert len(pitches) == 3 and pitches == sorted(pitches)
    assert strips(KINDS["ast"](0).config) == ((1, 7), (7, 13), (13, 19))  # six bands round the middles 4, 10 and 16
    assert [one[1] for one in lows[:2] if one is not None] == pitches[1:]
