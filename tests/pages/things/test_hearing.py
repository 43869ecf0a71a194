"""The page on speech under AppTest: digits right and wrong, changes said, sounds that are brought, what is none."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from streamlit.testing.v1 import AppTest

from attnviz import shipped
from attnviz.messages import LANGUAGES, say
from attnviz.systems.speech.system import load
from attnviz.systems.speech.text import WORDS
from attnviz.ui.pages.hearing import run, told
from attnviz.ui.pages.hearing.bring import KEY, SAMPLES
from tests.pages.opened import by_key, component, run_page, said, seen
from tests.pages.pictures.lit import weights_of


def opened(lang: str = "en", **link: str) -> AppTest:
    at = run_page("hearing", lang, link)
    assert not at.exception
    return at


def verdict(at: AppTest) -> str:
    return seen(next(one.value for one in at.markdown if "digits " in one.value and "**" in one.value))


def given(at: AppTest) -> dict:
    return component(at, KEY + "picture")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_voice_says_is_written_and_said_to_be_right(lang: str) -> None:
    at = opened(lang)
    joint = "" if lang == "zh" else " "
    assert joint.join(WORDS[lang][digit] for digit in (3, 0, 7)) in verdict(at)
    assert say("hearing.right", lang) in verdict(at) and not at.error
    assert [one["text"] for one in given(at)["truth"]] == ["3", "0", "7"]


def test_the_browser_is_given_the_weights_of_the_run() -> None:
    at, trace = opened(mean="head", layer="1", head="1"), load("digits").read("jackson 307")
    found = given(at)
    assert torch.allclose(weights_of(found).float(), trace.weights(1, 1), atol=1e-4)
    assert found["queries"] == 4 and found["keys"] == len(trace.keys) == len(found["boxes"])
    start, end = trace.keys.stands_for(10)  # type: ignore[misc]
    assert found["boxes"][10][0] == pytest.approx(900 * start / found["seconds"])
    assert found["boxes"][10][2] == pytest.approx(900 * end / found["seconds"])
    sound, rate = soundfile.read(BytesIO(base64.b64decode(found["audio"].split(",")[1])))
    assert rate == 8_000 and abs(len(sound) / rate - found["seconds"]) < 0.041


@pytest.mark.parametrize("view", ["words", "moments"])
def test_small_heads_are_pale_where_they_listen_everywhere_alike(view: str) -> None:
    """Each row over its largest weight, or over four times an even one."""
    trace, tiles = load("digits").read("jackson 307"), given(opened(view=view))["tiles"]
    own = trace.map("cross" if view == "words" else "encoder")
    down, across = tiles["size"]
    sent = np.frombuffer(base64.b64decode(tiles["shares"]), np.uint8).reshape(-1, tiles["columns"], down, across)
    assert across == len(trace.keys) < 64, "a place each"
    pale = 0
    for number, layer in enumerate(own.open_layers):
        for head in range(4):
            for query, row in enumerate(own.weights(layer, head).tolist()):
                full = max(*row, 4 / across)
                assert sent[number, head, query].tolist() == pytest.approx([255 * one / full for one in row], abs=0.51)
                pale += full > max(row)
    assert view == "words" or pale


def test_a_moment_is_listened_from_and_names_who_heard_it() -> None:
    at = opened(view="moments", moment="12", mean="head", layer="0", head="0")
    trace, found = load("digits").read("jackson 307"), given(at)
    assert found["looking"] == 12 and found["view"] == "moments"
    assert torch.allclose(weights_of(found).float(), trace.map("encoder").weights(0, 0), atol=1e-4)
    words = opened(moment="12")
    time = sum(trace.keys.stands_for(12)) / 2  # type: ignore[arg-type]
    assert say("hearing.heard_at", "en", time=f"{time:.2f} s") in said(words)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_changes_are_said_with_what_is_written_then(lang: str) -> None:
    at = opened(lang, ahead="1", without="cross.1.0", hidden="8.9.10.11.12.13.14.15.16.17.18.19.20", rule="hard")
    found = verdict(at)
    for name, values in (("how_ahead", {}), ("how_without", {"count": 1}), ("how_silence", {"count": 13})):
        assert say(f"hearing.{name}", lang, **values) in found
    assert not at.error and given(at)["hidden"] == list(range(8, 21))
    assert np.isnan(weights_of(given(at)).numpy()).any()  # what may not be listened to


def test_covering_a_digit_takes_it_away() -> None:
    system = load("digits")
    said_ = system.say("jackson 307")
    frames = system.frames(said_.sound).seconds
    start, end = said_.spans[1]
    hidden = ".".join(str(n) for n, (a, b) in enumerate(frames) if b > start and a < end)
    after = verdict(opened(hidden=hidden)).split("it writes")[-1]
    assert "seven" in after and "zero" not in after


def test_every_sample_opens_and_a_voice_that_was_never_heard_is_named_so() -> None:
    voice, digits = SAMPLES[-1].split()
    at = opened(voice=voice, digits=digits)
    assert not at.error and len(given(at)["truth"]) == len(digits)
    assert {one.split()[0] for one in SAMPLES} == set(load("digits").voices.names)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("digits", ["", "123456789"])
def test_digits_that_nobody_can_say_are_one_sentence(lang: str, digits: str) -> None:
    at = run_page("hearing", lang, {"digits": digits})
    by_key(at, KEY + "digits").set_value(digits or " ").run()
    assert not at.exception and len(at.error) == 1
    assert "{" not in at.error[0].value


def written(folder: Path, name: str, samples: np.ndarray, rate: int, subtype: str = "PCM_16") -> str:
    path = folder / name
    soundfile.write(path, samples, rate, subtype=subtype)
    return str(path)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_own_sounds_are_read_and_what_was_done_to_them_is_said(lang: str, tmp_path: Path) -> None:
    three = load("digits").say("george 3").sound.samples
    both = np.repeat(np.stack([three, three], 1), 12, axis=0)
    at = opened(lang, file=written(tmp_path, "a.wav", both, 96_000))
    assert say("notice.sound_channels", lang, count=2) in said(at)
    assert say("hearing.rate", lang, rate=96_000, read=8_000) in said(at)
    assert WORDS[lang][3] in verdict(at) and not given(at)["truth"]
    long = np.tile(three, 40)
    at = opened(lang, file=written(tmp_path, "b.wav", long, 8_000, "PCM_U8"))
    assert say("hearing.cut", lang, whole=f"{len(long) / 8_000:.1f}", read="8.0") in said(at) and not at.error


@pytest.mark.parametrize("lang", LANGUAGES)
def test_silence_and_a_tenth_of_a_second_are_pictures(lang: str, tmp_path: Path) -> None:
    at = opened(lang, file=written(tmp_path, "still.wav", np.zeros(16_000), 8_000))
    assert say("hearing.silent", lang) in said(at) and not at.error and given(at)["keys"] == 50
    at = opened(lang, file=written(tmp_path, "short.wav", np.full(800, 0.1), 8_000))
    assert not at.error and given(at)["keys"] == 3 and say("hearing.short", lang, least=0.2) in said(at)
    assert say("hearing.short", lang, least=0.2) not in said(opened(lang))


def test_of_an_hour_the_first_seconds_are_read_and_it_is_said(tmp_path: Path) -> None:
    said_first = load("digits").say("george 307").sound
    hour = np.zeros(3_600 * 8_000, np.float32)
    hour[: len(said_first.samples)] = said_first.at(8_000)
    at = opened(file=written(tmp_path, "hour.wav", hour, 8_000, "PCM_U8"))
    assert not at.error and "zero" in verdict(at) and given(at)["seconds"] == pytest.approx(8.0, abs=0.05)
    assert say("notice.sound_opened", "en", whole=3600.0, read=600.0) in said(at)


@pytest.mark.parametrize("content", [b"", b"three zero seven", bytes(range(256)) * 20])
def test_a_file_that_is_no_sound_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    for lang in LANGUAGES:
        at = opened(lang, file=str(path))
        assert len(at.error) == 1 and "{" not in at.error[0].value and "BytesIO" not in at.error[0].value


def test_the_part_that_a_word_listened_to_can_be_heard_and_taken() -> None:
    at = opened(word="1", share="0.5")
    assert "zero" in said(at) and len(at.get("audio")) == 1
    names = {one.proto.label for one in at.get("download_button")}
    assert names >= {say(f"hearing.take_{kind}", "en") for kind in ("part", "marked")}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_held_out_figures_are_those_of_the_card(lang: str) -> None:
    figures = shipped.figures("digits")
    at = opened(lang)
    assert f"{figures['known']['soft']['rate']:.2%}" in said(at)
    assert f"{figures['unseen']['soft']['rate']:.2%}" in said(at)
    assert len(figures["heads"]) == 8


def test_digits_left_out_are_told_by_their_places_and_even_listening_is_their_mean_share_of_the_sound() -> None:
    first, after = told.Word("3", 3, 0), told.Word("end", None, None)
    found = told.Told((first, after), (3, 0, 7))
    assert found.missed == (1, 2) and found.wrong == 0 and not found.whole
    said = run.say("jackson", "307")
    length = sum(end - start for start, end in said.spans)
    assert told.even(said, 2.5) == pytest.approx(length / 3 / 2.5)
