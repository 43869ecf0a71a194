"""When each frame is, worked out by hand, by the networks' own convolutions, and by a tone at a known second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

import attnviz as av
from attnviz.adapter.hearing.kinds import Clock, clock
from attnviz.axes import Bands, Frames, Seconds
from attnviz.measures import listening
from attnviz.notices import AttnvizWarning
from tests.parity.hearing import RATE, network, noise, opened, saved, tone
from tests.parity.hearing.built import looks_at_what_is_loud

# The middle of the first frame and how far apart they are, in samples of the real models, worked out by hand.
KNOWN = {
    "wav2vec2": (hf.Wav2Vec2Config(), Clock(200.0, 320, 400)),
    "moonshine": (hf.MoonshineConfig(), Clock(447.5, 384, 895)),
    "whisper": (hf.WhisperConfig(), Clock(0.0, 320, 1)),
    "audio-spectrogram-transformer": (hf.ASTConfig(), Clock(1400.0, 1600, 2800)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_frames_of_the_models_that_people_bring_are_where_they_were_worked_out_by_hand(name: str) -> None:
    config, expected = KNOWN[name]
    extractor: Any = hf.WhisperFeatureExtractor()  # of which the hop alone is asked
    assert clock(config, extractor) == expected


@pytest.mark.parametrize("kind", ["hubert", "moonshine"])
def test_a_frame_is_moved_by_what_is_within_its_reach_and_by_nothing_else(kind: str) -> None:
    """The first convolutions of the network itself, over a wave of which one sample is asked about."""
    made = network(kind)
    own = clock(made.config, None)
    wave = torch.zeros(1, own.least + 6 * own.stride, requires_grad=True)
    if kind == "moonshine":
        encoder = made.model.encoder
        found = encoder.conv3(encoder.conv2(encoder.conv1(wave[:, None])))
    else:
        found = wave[:, None]
        for layer in made.feature_extractor.conv_layers:
            found = layer.conv(found)
    assert found.shape[-1] == own.count(wave.shape[1]) == 7
    for number in (0, 3):
        (moved,) = torch.autograd.grad(found[..., number].sum(), wave, retain_graph=True)
        there = moved[0].nonzero().flatten()
        assert (int(there.min()) + int(there.max()) + 1) / 2 == own.first + number * own.stride


@pytest.mark.parametrize("second", [0.14, 0.4, 0.55])
def test_whisper_built_to_look_at_what_is_loud_lights_up_where_a_tone_is(second: float, tmp_path: Path) -> None:
    """A tone of 40 ms in 0.7 s of silence; every frame and every token must look at it, none at what is filled up."""
    made = looks_at_what_is_loud(network("whisper"))
    model = opened(saved(tmp_path, "whisper", made))
    trace = av.record(model, tone(0.7, second - 0.02, second + 0.02))
    for part in ("encoder", "cross"):
        own = trace.map(part)
        found = set(own.weights(0).argmax(-1).unique().tolist())
        for place in found:
            span = own.keys.stands_for(place)
            assert isinstance(span, Seconds) and span.start <= second + 0.02 and span.end >= second - 0.02, (part, span)


def test_a_hand_made_map_gives_each_token_the_second_at_which_it_was_said() -> None:
    """Tokens said at 0.2, 0.5 and 1.1 s, a head that follows them, one that does not and one that goes backwards."""
    frames = Frames.even(75, 0.02)
    said, spread = (0.2, 0.5, 1.1), torch.arange(75) * 0.02 + 0.01
    follows = torch.stack([torch.softmax(-((spread - one) ** 2) / 0.003, -1) for one in said])
    heads = torch.stack([torch.full((3, 75), 1 / 75), follows, follows.flip(0)])
    assert [(layer, head) for layer, head, _ in listening.following_heads([(0, heads)])] == [(0, 1)]
    assert listening.monotonic(heads).tolist() == pytest.approx([0.0, 1.0, -1.0], abs=1e-6)
    path = listening.aligned(heads[1:2])
    firsts = listening.first_frames(path, 3).tolist()
    ends = [*firsts[1:], 75]
    for start, end, second in zip(firsts, ends, said, strict=True):
        first, last = frames.stands_for(start), frames.stands_for(end - 1)
        assert first and last and first.start - 0.06 <= second <= last.end + 0.06


def test_long_sound_is_heard_window_by_window_and_the_second_goes_on(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "whisper"))
    assert model.seconds == 1.0
    sound = noise(2.5)
    first, third = model.hear(sound), model.hear(sound, window=2)
    assert (first.windows, first.begin, first.end, third.begin, third.end) == (3, 0.0, 1.0, 2.0, 2.5)
    assert [note.message for note in third.notes] == ["sound_window"] and third.notes[0].say("zh")
    axis = av.record(model, third).keys
    assert isinstance(axis, Frames) and len(axis.seconds) == 25 and axis.seconds[1] == pytest.approx((2.01, 2.03))
    assert (third.values == model.hear(sound.part(2.0, 2.5)).values).all()
    with pytest.warns(AttnvizWarning, match="3 windows"):
        av.record(model, sound)
    with pytest.raises(av.AttnvizError) as found:
        model.hear(sound, window=3)
    assert found.value.message == "no_such_window"


def test_a_rest_too_short_for_a_frame_belongs_to_no_window(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "ast"))
    assert model.seconds == pytest.approx(0.99 + 0.025)
    heard = model.hear(noise(model.seconds + 0.03))
    assert heard.windows == 1 and isinstance(heard.axis, Bands) and heard.axis.heard == 16


def test_a_sound_of_another_rate_and_of_two_channels_is_the_same_sound(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "hubert"))
    times = np.arange(24_000) / 48_000
    loud = np.sin(2 * np.pi * 440 * times)
    plain = model.hear(tone(0.5, 0.0, 0.5, 440.0)).values
    for given in ((loud, 48_000), (np.stack([loud, loud]), 48_000), (torch.tensor(loud), 48_000)):
        found = model.hear(given)
        assert len(found.axis) == len(model.hear(tone(0.5, 0.0, 0.5)).axis)
        assert float(np.abs(found.values[0, 200:-400] - plain[0, 200:-400]).max()) < 0.05
    whole = (loud * 32767).astype(np.int16)
    assert np.abs(model.hear((whole, 48_000)).values - model.hear((loud, 48_000)).values).max() < 1e-3
    assert int(model.extractor.sampling_rate) == RATE
