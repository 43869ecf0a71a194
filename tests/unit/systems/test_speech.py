"""The writer of digits on its own: a click lights up where it is, and every map is plain attention."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

import attnviz as av
from attnviz.axes import Frames
from attnviz.axes.axis import Seconds
from attnviz.core.interventions import HideToken, RemoveHeads, Reweigh
from attnviz.measures.listening import forward, inside_spans, middles
from attnviz.messages import LANGUAGES
from attnviz.systems.speech.mel import BANDS, RATE, edges, filters, mel
from attnviz.systems.speech.network import LOUD, Listener, Shape
from attnviz.systems.speech.system import EACH, LIMIT, System, frames
from attnviz.systems.speech.text import BEGIN, DIGITS, END, LONGEST, written
from attnviz.systems.speech.voices import Voices

GAP = 1e-5


def tiny(seed: int = 0, **shape: int) -> System:
    """A system of untrained numbers, large ones, so that what it writes hangs on what it hears."""
    torch.manual_seed(seed)
    network = Listener(Shape(**{"width": 16, "heads": 2, "inner": 24, "encoder": 2, "decoder": 2, **shape}))
    with torch.no_grad():
        for one in network.parameters():
            if one.ndim > 1:
                one.mul_(2)
    return System("tiny", network.eval().requires_grad_(False), Voices({}))


def noise(seconds: float, seed: int = 0) -> av.Sound:
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 0.1
    return av.Sound(samples.astype(np.float32), RATE)


def click(second: float, seconds: float = 2.0) -> av.Sound:
    """Silence but for a tone of 1,000 Hz and 40 ms."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    first = round((second - 0.02) * RATE)
    samples[first : first + 320] = np.sin(2 * np.pi * 1_000 * np.arange(320) / RATE)
    return av.Sound(samples, RATE)


def by_hand() -> System:
    """A network whose one head listens where the band of 1,000 Hz is loud, built number by number.

    Convolutions pass on the band through their middle taps; the encoder changes nothing; keys are the first of a
    place's numbers, and the query is always the same.
    """
    network = Listener(Shape(width=8, heads=1, inner=8, encoder=1, decoder=1))
    band = int((edges()[1:-1] - 1_000).abs().argmin())
    with torch.no_grad():
        for one in network.parameters():
            one.zero_()
        first, second = network.front["layers"]
        first.weight.view(8, BANDS, 5)[0, band, 2] = 10
        second.weight.view(8, 8, 5)[0, 0, 2] = 10
        network.heard_norm.weight.fill_(1)
        cross = network.decoder["layers"][0]
        cross.cross_norm.bias[0] = 1
        cross.cross.asking.weight[0, 0] = 50
        cross.cross.offering.weight[0, 0] = 1
    return System("by hand", network.eval().requires_grad_(False), Voices({}))


@pytest.mark.parametrize("second", [0.3, 1.0, 1.72])
def test_a_click_lights_up_the_frame_in_which_it_is(second: float) -> None:
    trace = by_hand().read(click(second))
    weights = trace.weights(0, 0)
    for row in weights:
        found = trace.keys.stands_for(int(row.argmax()))
        assert isinstance(found, Seconds) and found.start - 0.021 <= second <= found.end + 0.021
        assert inside_spans(row[None], trace.keys, [(second - 0.08, second + 0.08)]) > 0.95
    assert torch.allclose(middles(weights, trace.keys), torch.tensor(second).expand(len(weights)), atol=0.05)


def plain(asks: Tensor, offers: Tensor, part, allowed=None) -> tuple[Tensor, Tensor]:  # type: ignore[no-untyped-def]
    """Heads one number after the other, in float64: the weights, and what they bring."""
    wide = asks.shape[-1]
    each = wide // part.heads
    query, both = asks @ part.asking.weight.double().T, offers @ part.offering.weight.double().T
    weights, brought = [], []
    for head in range(part.heads):
        at = slice(head * each, (head + 1) * each)
        scores = query[:, at] @ both[:, :wide][:, at].T / math.sqrt(each)
        if allowed is not None:
            scores[~allowed] = -math.inf
        shares = scores.exp() / scores.exp().sum(-1, keepdim=True)
        weights.append(shares)
        brought.append(shares @ both[:, wide:][:, at])
    return torch.stack(weights), torch.cat(brought, -1) @ part.taking.weight.double().T


def normed(states: Tensor, norm: torch.nn.LayerNorm) -> Tensor:
    centred = states - states.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt() * norm.weight + norm.bias


def where(count: int, width: int) -> Tensor:
    return torch.tensor(
        [
            [
                (math.sin if dim % 2 == 0 else math.cos)(place / 10_000 ** ((dim - dim % 2) / width))
                for dim in range(width)
            ]
            for place in range(count)
        ]
    ).double()


def test_every_map_of_every_layer_is_what_plain_loops_give() -> None:
    system = tiny()
    sound = noise(0.5)
    trace = system.read(sound)
    network = system.network.double()
    heard = torch.from_numpy(system.spectrogram(sound)).double() - LOUD
    for one in network.front["layers"]:
        heard = one(heard)
    states = heard.T + where(heard.shape[1], 16)
    for number, layer in enumerate(network.encoder["layers"]):
        own = normed(states, layer.own_norm)
        weights, brought = plain(own, own, layer.own)
        assert torch.allclose(trace.map("encoder").weights(number), weights.float(), atol=GAP)
        states = states + brought
        states = states + layer.inner(normed(states, layer.inner_norm))
    heard = normed(states, network.heard_norm)
    ids = torch.tensor([BEGIN, *trace.encoded.ids[:-1]])
    states = network.tokens.weight[ids] + where(len(ids), 16)
    before = torch.ones(len(ids), len(ids)).tril().bool()
    for number, layer in enumerate(network.decoder["layers"]):
        own = normed(states, layer.own_norm)
        weights, brought = plain(own, own, layer.own, before)
        assert torch.allclose(trace.map("decoder").weights(number), weights.float(), atol=GAP)
        states = states + brought
        weights, brought = plain(normed(states, layer.cross_norm), heard, layer.cross)
        assert torch.allclose(trace.weights(number), weights.float(), atol=GAP)
        states = states + brought
        states = states + layer.inner(normed(states, layer.inner_norm))
    logits = network.out(normed(states, network.written_norm))
    logits[:, BEGIN] = -math.inf
    assert trace.logits is not None and torch.allclose(trace.logits, logits.float(), atol=1e-4)
    assert list(trace.encoded.ids) == logits.argmax(-1).tolist()
    network.float()


def test_the_spectrogram_has_the_bands_of_transformers() -> None:
    theirs = mel_filter_bank(129, BANDS, 0.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney")
    assert np.abs(theirs.T - filters().numpy()).max() < 1e-6  # worst seen 8e-10


def test_loudness_does_not_change_what_is_read_and_silence_is_not_made_loud() -> None:
    sound = torch.from_numpy(noise(0.5).samples.copy())
    assert torch.allclose(mel(sound), mel(sound * 0.2), atol=1e-3)
    assert not mel(torch.zeros(800)).any() and mel(torch.zeros(800)).shape == (BANDS, 10)
    assert mel(sound).amax() == 1 and mel(sound * 1e-6).amax() < 0.2


@pytest.mark.parametrize("rule", [av.Argmax(), av.TopK(3), av.Sparsemax(), av.Soft(0.5)])
def test_a_rule_acts_in_every_map_or_where_it_is_asked_to(rule: av.Rule) -> None:
    system, sound = tiny(), noise(0.6)
    everywhere, there = system.read(sound, rule=rule), system.read(sound, changes=[Reweigh(rule, part="cross")])
    soft = system.read(sound)
    assert torch.equal(there.map("encoder").weights(1), soft.map("encoder").weights(1))
    assert not torch.equal(everywhere.map("encoder").weights(1), soft.map("encoder").weights(1))
    assert there.rule == everywhere.rule == rule and there.map("encoder").rule == av.Soft()
    scores = there.scores(0)
    assert torch.allclose(there.weights(0), rule.weigh(scores), atol=GAP)


@pytest.mark.parametrize("seed", range(4))
def test_no_token_listens_before_where_the_last_one_peaked(seed: int) -> None:
    trace = tiny(seed).read(noise(1.0, seed), monotonic=True)
    assert len(trace.tokens) > 1
    for layer in trace.open_layers:
        weights, floor = trace.weights(layer), 0
        for token in range(len(trace.tokens)):
            assert not weights[:, token, :floor].any()
            assert torch.allclose(weights[:, token].sum(-1), torch.ones(len(weights)), atol=GAP)
            peak = int(weights[:, token].mean(0).argmax())
            assert peak >= floor
            floor = peak
        free = torch.softmax(trace.attention(layer).products * trace.attention(layer).scale, -1)
        assert torch.allclose(weights[:, 0], free[:, 0], atol=GAP)


def test_a_head_removed_brings_nothing_and_a_frame_hidden_is_not_heard() -> None:
    system, sound = tiny(), noise(0.6)
    before = system.read(sound)
    after = system.read(sound, changes=[RemoveHeads((0, 1), layers=(0, 1), part="cross")])
    assert not torch.equal(before.logits, after.logits)  # type: ignore[arg-type]
    deaf = system.read(noise(0.6, 9), changes=[RemoveHeads((0, 1), layers=(0, 1), part="cross")])
    assert torch.allclose(after.logits, deaf.logits, atol=GAP)  # type: ignore[arg-type]
    hidden = system.read(sound, changes=[HideToken(3)])
    assert not hidden.weights(0)[..., 3].any() and not hidden.map("encoder").weights(0)[..., 3].any()
    with pytest.raises(av.AttnvizError) as refusal:
        system.read(sound, changes=[RemoveHeads((7,), part="cross")])
    assert refusal.value.message == "no_such_head"


def test_the_sound_is_cut_to_what_is_read_and_a_moment_is_enough() -> None:
    system = tiny()
    assert len(system.read(noise(30.0)).keys) == LIMIT / EACH
    for samples in (1, 320, 321, 800):
        trace = system.read(av.Sound(np.ones(samples, np.float32), RATE))
        assert len(trace.keys) == -(-samples // 320) and 1 <= len(trace.tokens) <= LONGEST
    slow = av.Sound(np.repeat(noise(0.5).samples, 12), 96_000)
    assert len(system.read(slow).keys) == 13
    assert system.frames(noise(0.5)).seconds == frames(13).seconds


def test_times_of_frames_follow_each_other_and_fill_the_sound() -> None:
    for count in (1, 2, 25):
        seconds = frames(count).seconds
        assert seconds[0][0] == 0 and seconds[-1][1] == pytest.approx(count * EACH)
        assert all(one[1] == other[0] for one, other in pairwise(seconds))


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_spelled_in_both_languages(language: str) -> None:
    found = written([*range(DIGITS), END], language)
    assert len(found.ids) == 11 and found.special == (False,) * 10 + (True,)
    for place in range(DIGITS):
        assert found.face(place) == found.labels[place] != ""
    assert found.text == ("零一二三四五六七八九" if language == "zh" else " ".join(found.labels[:10]))


def test_what_cannot_be_read_is_a_sentence() -> None:
    voices = Voices({"ann": [noise(0.1, seed).samples for seed in range(10)]})
    system = System("tiny", tiny().network, voices)
    for text, message in (
        ("bob 3", "speech_voice"), ("", "speech_voice"), ("ann", "speech_digits"), ("ann x", "speech_digits"),
        ("ann 123456789", "speech_digits"),
    ):  # fmt: skip
        with pytest.raises(av.TextError) as refusal:
            system.read(text)
        assert refusal.value.message == message
    with pytest.raises(av.SoundError):
        system.read(3)  # type: ignore[arg-type]
    with pytest.raises(av.ArgumentError):
        system.read("ann 3", language="fr")


def test_a_voice_says_digits_where_it_is_told_and_the_same_every_time() -> None:
    voices = Voices({"ann": [noise(0.2 + 0.01 * seed, seed).samples for seed in range(10)]})
    said = voices.say("ann 3 0, 7")
    assert said.digits == (3, 0, 7) and said.sound.name == "ann 307"
    assert np.array_equal(said.sound.samples, voices.say("ann 307").sound.samples)
    for digit, (start, end) in zip(said.digits, said.spans, strict=True):
        assert end - start == pytest.approx(0.2 + 0.01 * digit, abs=1e-3)
        inside = said.sound.part(start, end).samples
        assert np.sqrt(np.mean(inside**2)) == pytest.approx(0.1, rel=0.05)
    still = said.sound.part(0, said.spans[0][0]).samples
    assert np.abs(still).max() < 0.02


def test_numbers_of_listening_are_those_of_plain_loops() -> None:
    weights = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(0))
    keys, spans = Frames.even(6, 0.5), [(0.0, 0.6), (0.6, 1.0), (1.0, 3.0), (2.9, 3.0)]
    for head in range(3):
        centres = []
        for query in range(4):
            row = weights[head, query].tolist()
            centres.append(sum(w * (0.25 + 0.5 * k) for k, w in enumerate(row)) / sum(row))
            start, end = spans[query]
            parts = [max(0.0, min(end, 0.5 * k + 0.5) - max(start, 0.5 * k)) / 0.5 for k in range(6)]
            wanted = sum(w * part for w, part in zip(row, parts, strict=True))
            assert float(inside_spans(weights, keys, spans)[head, query]) == pytest.approx(wanted, abs=GAP)
            assert float(middles(weights, keys)[head, query]) == pytest.approx(centres[-1], abs=GAP)
        moved = sum(b - a > 0.03 for a, b in pairwise(centres)) / 3
        assert float(forward(weights, keys)[head]) == pytest.approx(moved)
    assert forward(torch.eye(4), Frames.even(4, 1.0)) == 1 and forward(torch.eye(4).flip(0), Frames.even(4, 1.0)) == 0
