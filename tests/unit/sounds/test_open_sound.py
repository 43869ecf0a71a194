"""Sounds as people bring them: what can be read is read and said, what cannot is one sentence in both languages."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

import attnviz as av
from attnviz.messages import LANGUAGES
from attnviz.sounds import covered, cut, marked, spans_above
from attnviz.sounds.rates import at_rate

RATE = 8_000


def tone(seconds: float, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def file(samples: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = None) -> bytes:
    made = BytesIO()
    soundfile.write(made, samples, rate, format=kind, subtype=subtype)
    return made.getvalue()


def refused(source: Any) -> av.SoundError:
    with pytest.raises(av.SoundError) as found:
        av.open_sound(source)
    said = [found.value.say(language) for language in LANGUAGES]
    assert all(one and "{" not in one for one in said) and said[0] != said[1]
    return found.value


@pytest.mark.parametrize(
    ("kind", "subtype", "gap"),
    [
        ("WAV", "PCM_U8", 0.005), ("WAV", "PCM_16", 1e-4), ("WAV", "PCM_24", 1e-6), ("WAV", "FLOAT", 0.0),
        ("FLAC", "PCM_16", 1e-4), ("OGG", "VORBIS", 0.05), ("MP3", "MPEG_LAYER_III", 0.1), ("AIFF", "PCM_16", 1e-4),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_sound(kind: str, subtype: str, gap: float) -> None:
    found = av.open_sound(file(tone(1.0, 16_000), 16_000, kind, subtype), name="tone")
    assert (found.rate, found.name, found.notes) == (16_000, "tone", ())
    assert abs(found.seconds - 1) < 0.1  # MP3 comes with silence around it
    loud = np.sqrt(np.mean(found.samples[4_000:12_000] ** 2))
    assert abs(loud - 0.3 / np.sqrt(2)) < max(gap, 1e-4)


def test_two_channels_are_put_together_and_it_is_said() -> None:
    both = np.stack([tone(0.5), -tone(0.5) * 0.5], axis=1)
    found = av.open_sound(file(both, subtype="FLOAT"))
    assert np.allclose(found.samples, both.mean(1), atol=1e-7)
    assert [note.message for note in found.notes] == ["sound_channels"]
    assert all("2" in found.notes[0].say(language) for language in LANGUAGES)


def test_of_an_hour_the_beginning_is_opened_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    with soundfile.SoundFile(path, "w", 8_000, 1, "PCM_U8") as written:
        for _ in range(60):
            written.write(np.zeros(60 * 8_000, np.float32))
    found = av.open_sound(path)
    assert found.seconds == 60
    (note,) = found.notes
    assert "3600" in note.say("en").replace(",", "") and "60" in note.say("zh")


def test_a_tenth_of_a_second_one_sample_and_silence_are_sounds() -> None:
    assert av.open_sound(file(tone(0.1))).seconds == pytest.approx(0.1)
    assert len(av.open_sound(file(np.zeros(1, np.float32))).samples) == 1
    assert not av.open_sound(file(np.zeros(800, np.float32))).samples.any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "sound_empty"),
        (b"three zero seven\n" * 20, "sound_unknown"),
        (b"RIFF", "sound_unknown"),
        (bytes(range(256)) * 8, "sound_unknown"),
        (file(np.zeros(0, np.float32)), "sound_empty"),
        (file(tone(0.1), 500), "sound_rate"),
    ],
)
def test_what_is_no_sound_is_one_sentence(content: bytes, message: str, tmp_path: Path) -> None:
    assert refused(content).message == message
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    assert refused(path).message == message


def test_places_that_hold_no_sound_are_one_sentence(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere.wav").message == "sound_missing"
    assert refused(tmp_path).message == "sound_missing"
    assert refused(3).message == refused(None).message == "sound_kind"
    assert refused("a\0b").message in ("sound_missing", "sound_unopened")


def test_a_sound_that_ends_too_early_is_read_as_far_as_it_goes_or_refused() -> None:
    for kind in ("WAV", "FLAC", "OGG", "MP3"):
        whole = file(tone(2.0), kind=kind)
        try:
            found = av.open_sound(whole[: len(whole) // 2])
        except av.SoundError as reason:
            assert reason.message in ("sound_damaged", "sound_unknown", "sound_empty")
        else:
            assert 0 < found.seconds <= 2.1


@pytest.mark.parametrize("rate", [11_025, 16_000, 44_100, 44_101, 96_000, 8_000, 4_000])
def test_a_rate_is_changed_as_a_filter_of_scipy_changes_it(rate: int) -> None:
    from math import gcd

    before = tone(0.5, rate) + tone(0.5, rate, 1_100.0)
    after = at_rate(before, rate, RATE)
    assert len(after) == round(len(before) * RATE / rate)
    if rate == 44_101:  # too odd for a filter in steps; the tones themselves are the reference
        wanted = tone(0.5) + tone(0.5, hertz=1_100.0)
    else:
        wanted = resample_poly(before.astype(np.float64), RATE // gcd(rate, RATE), rate // gcd(rate, RATE))
    inside = slice(400, min(len(after), len(wanted)) - 400)
    assert np.abs(after[inside] - wanted[inside]).max() < 0.01  # worst seen 0.004


def test_what_is_above_half_the_new_rate_is_left_out_not_folded_down() -> None:
    after = at_rate(tone(0.5, 48_000, 7_000.0), 48_000, RATE)
    assert np.abs(after[400:-400]).max() < 0.005


def test_samples_are_finite_frozen_and_of_one_kind() -> None:
    found = av.Sound(np.array([0.0, np.nan, np.inf, 0.5], np.float32), RATE)
    assert found.samples.tolist() == [0.0, 0.0, 0.0, 0.5]
    with pytest.raises(ValueError):
        found.samples[0] = 1
    for wrong in (np.zeros((2, 2), np.float32), np.zeros(4), [0.0], np.zeros(0, np.float32)):
        with pytest.raises(av.SoundError):
            av.Sound(wrong, RATE)  # type: ignore[arg-type]
    assert av.Sound(tone(0.1), RATE, "a") == av.Sound(tone(0.1), RATE, "a") != av.Sound(tone(0.2), RATE, "a")
    assert np.allclose(av.open_sound(found.wav()).samples, found.samples, atol=1e-4)


def test_parts_are_those_above_a_share_cut_marked_and_covered() -> None:
    seconds = [(0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4)]
    assert spans_above([0.0, 0.4, 0.1, 0.3], seconds, 0.5) == [(0.1, 0.2), (0.3, 0.4)]
    assert spans_above([0.0] * 4, seconds, 0.5) == []
    (joined,) = spans_above([0.0, 0.4, 0.1, 0.3], seconds, 0.5, reach=0.06)
    assert joined == pytest.approx((0.04, 0.46))
    sound = av.Sound(np.ones(3_200, np.float32), RATE)
    part = cut(sound, [(0.1, 0.2)])
    assert len(part.samples) == 800 and part.samples[400] == 1 and part.samples[0] < 0.1
    lit = marked(sound, [(0.1, 0.2)]).samples
    assert lit[1_000] == 1 and lit[0] == pytest.approx(0.05)
    assert not covered(sound, [(0.1, 0.2)]).samples[800:1_600].any() and covered(sound, [(0.1, 0.2)]).samples[0] == 1
    noisy = covered(sound, [(0.1, 0.2)], noise=True).samples
    assert 0.8 < noisy[800:1_600].std() < 1.2 and noisy[0] == 1
    with pytest.raises(av.SoundError):
        cut(sound, [])


def test_what_is_wrong_with_bytes_is_said_without_the_object_that_holds_them() -> None:
    with pytest.raises(av.SoundError) as caught:
        av.open_sound(b"three zero seven")
    assert "Format not recognised" in str(caught.value) and "BytesIO" not in str(caught.value)
