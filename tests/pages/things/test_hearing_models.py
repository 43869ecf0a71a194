"""Models that listen inside the page on speech, as tiny folders: a tone at a known second, sounds of all kinds."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.axes import Frames
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.hearing import ears, told, views
from attnviz.ui.pages.hearing.bring import KEY
from tests.pages.opened import by_key, component, run_page, said, seen
from tests.pages.pictures.lit import weights_of
from tests.parity.hearing import RATE, network, noise, saved, tone
from tests.parity.hearing import opened as model_of
from tests.parity.hearing.built import looks_at_what_is_loud

Maker = Callable[[str], Path]
LETTERS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4} | {one: n for n, one in enumerate("abcdefg", 5)}
MARKS = ("<|startoftranscript|>", "<|en|>", "<|zh|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """The folder of a kind, made once."""
    made: dict[str, Path] = {}

    def of(kind: str) -> Path:
        if kind not in made:
            place = tmp_path_factory.mktemp(kind.replace(" ", "-"))
            built = looks_at_what_is_loud(network("whisper")) if kind == "loud" else None
            made[kind] = saved(place, "whisper" if kind == "loud" else kind, built)
            if kind == "wav2vec2 that spells":
                (place / "vocab.json").write_text(json.dumps(LETTERS))
                (place / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "Wav2Vec2CTCTokenizer"}))
        return made[kind]

    return of


def sound(folder: Path, given: av.Sound, name: str = "a.wav", subtype: str | None = None) -> str:
    soundfile.write(folder / name, given.samples, given.rate, subtype=subtype)
    return str(folder / name)


def page(lang: str = "en", **link: str) -> AppTest:
    at = run_page("hearing", lang, link)
    assert not at.exception
    return at


def heard(model: Path, file: str, lang: str = "en", **link: str) -> AppTest:
    at = page(lang, model=str(model), file=file, **link)
    assert not at.error, [one.value for one in at.error]
    return at


def given(at: AppTest) -> dict[str, Any]:
    return component(at, KEY + "picture")


def seconds_of(data: dict[str, Any], place: int) -> tuple[float, float]:
    """From when to when a place of the picture is, by where it lies."""
    left, _, right, _ = data["boxes"][place]
    return tuple(data["begin"] + side / data["width"] * data["seconds"] for side in (left, right))  # type: ignore[return-value]


def shades(data: dict[str, Any]) -> np.ndarray:
    """The spectrogram that is sent, loud large, the lowest pitch first."""
    file = BytesIO(base64.b64decode(data["image"].split(",")[1]))
    return 255 - np.asarray(Image.open(file), float)[::-1]


def loud_second(data: dict[str, Any]) -> float:
    """At which second the picture is loudest: the middle of its loudest columns."""
    columns = shades(data).sum(0)
    return data["begin"] + (float(columns.argmax()) + 0.5) / len(columns) * data["seconds"]


@pytest.mark.parametrize(("seconds", "at_second", "window"), [(0.7, 0.4, 0), (2.5, 1.3, 1)])
def test_whisper_that_looks_at_what_is_loud_is_lit_at_the_second_of_a_tone(
    seconds: float, at_second: float, window: int, folder: Maker, tmp_path: Path
) -> None:
    file = sound(tmp_path, tone(seconds, at_second - 0.02, at_second + 0.02))
    at = heard(folder("loud"), file, window=str(window), layer="0", head="0")
    data = given(at)
    assert data["begin"] == float(window) and data["seconds"] == pytest.approx(min(seconds, 1.0), abs=1e-3)
    assert loud_second(data) == pytest.approx(at_second, abs=0.03)
    weights = weights_of(data)
    for word in range(data["queries"]):
        start, end = seconds_of(data, int(weights[word].argmax()))
        assert start <= at_second + 0.02 and end >= at_second - 0.02
    assert data["keys"] == (35 if window == 0 else 50), "what the window is filled up with is not drawn"
    moments = heard(folder("loud"), file, window=str(window), view="moments", layer="0", head="0")
    start, end = seconds_of(given(moments), int(weights_of(given(moments))[3].argmax()))
    assert start <= at_second + 0.02 and end >= at_second - 0.02


@pytest.mark.parametrize("lang", LANGUAGES)
def test_whisper_says_what_lies_on_padding_and_draws_the_rest(lang: str, folder: Maker, tmp_path: Path) -> None:
    whisper, given_sound = folder("whisper"), noise(0.7)
    at = heard(whisper, sound(tmp_path, given_sound, subtype="FLOAT"), lang, layer="1", head="2")
    trace = av.generate(model_of(whisper), given_sound, most=40)
    whole = trace.weights(1, 2)[:-1]
    data = given(at)
    assert torch.allclose(weights_of(data).float(), whole[:, :35], atol=1e-4)
    assert [one["text"] for one in data["queries_said"]] == trace.tokens[1:]
    share = float(whole[:, 35:].sum(-1).mean())
    assert 0.02 < share < 0.98 and say("hearing.filled", lang, share=f"{share:.0%}", count=15) in said(at)
    kinds = {one.proto.label for one in at.get("download_button")}
    assert kinds >= {say(f"hearing.take_{kind}", lang) for kind in ("part", "marked")}
    assert trace.tokens[1] in seen(said(at)) and say("hearing.heads", lang) in [one.label for one in at.expander]


def test_a_long_sound_is_cut_and_another_part_is_chosen(folder: Maker, tmp_path: Path) -> None:
    file = sound(tmp_path, noise(2.5))
    at = heard(folder("whisper"), file, hidden="3.4")
    assert say("hearing.windows", "en", whole="2.5", count=3, number=1, begin="0.0", end="1.0") in said(at)
    by_key(at, KEY + "window").set_value(2).run()
    assert given(at)["begin"] == 2.0 and given(at)["hidden"] == [] and at.query_params["window"] in ("2", ["2"])
    assert say("hearing.windows", "en", whole="2.5", count=3, number=3, begin="2.0", end="2.5") in said(at)
    names = given(at)["names"]
    assert names[1] == "2.02 s" and len(names) == given(at)["keys"] == 25


def test_marks_of_language_and_task_are_marked_and_the_language_can_be_told(tmp_path: Path) -> None:
    """The marks of a Whisper of several languages, as its folder has them, put to the tiny tokenizer."""
    place = saved(tmp_path / "model", "whisper")
    model = model_of(place)
    model.tokenizer.add_special_tokens({"additional_special_tokens": list(MARKS)})
    numbers = dict(zip(MARKS, model.tokenizer.convert_tokens_to_ids(list(MARKS)), strict=True))
    model.network.resize_token_embeddings(len(model.tokenizer))
    model.network.config.decoder_start_token_id = numbers["<|startoftranscript|>"]
    model.network.save_pretrained(place)
    model.tokenizer.save_pretrained(place)
    settings = json.loads((place / "generation_config.json").read_text())
    settings.pop("_from_model_config", None)  # as in the folders of the Hub
    settings |= {
        "decoder_start_token_id": numbers["<|startoftranscript|>"], "is_multilingual": True,
        "lang_to_id": {one: numbers[one] for one in MARKS[1:3]}, "alignment_heads": [[1, 2]],
        "task_to_id": {"transcribe": numbers["<|transcribe|>"], "translate": numbers["<|translate|>"]},
        "no_timestamps_token_id": numbers["<|notimestamps|>"], "suppress_tokens": list(numbers.values()),
    }  # fmt: skip
    (place / "generation_config.json").write_text(json.dumps(settings))
    at = heard(place, sound(tmp_path, noise(0.4)), hears="zh", translate="1")
    words = given(at)["queries_said"]
    assert [one["text"] for one in words[:3]] == ["<|zh|>", "<|translate|>", "<|notimestamps|>"]
    assert [one["mark"] for one in words[:4]] == ["end", "end", "end", ""]
    assert by_key(at, KEY + "tongue").value == "zh" and "<|zh|>" not in seen(at.main.markdown[1].value)
    assert say("hearing.times_named", "en") in said(at) and say("hearing.heads_named", "en") in said(at)


def test_moonshine_has_the_weights_of_its_run_at_the_seconds_of_its_convolutions(folder: Maker, tmp_path: Path) -> None:
    given_sound = noise(0.6)
    at = heard(folder("moonshine"), sound(tmp_path, given_sound, subtype="FLOAT"), layer="0", head="3")
    trace, data = av.generate(model_of(folder("moonshine")), given_sound, most=224), given(at)
    assert torch.allclose(weights_of(data).float(), trace.weights(0, 3)[:-1], atol=1e-4)
    for place in (1, 5, data["keys"] - 2):
        middle = (447.5 + 384 * place) / RATE  # of kernels 127, 7, 3 and strides 64, 3, 2
        assert seconds_of(data, place) == pytest.approx((middle - 192 / RATE, middle + 192 / RATE), abs=1e-6)
    times = [one for one in av.measures.listening.heard_at(trace) if one is not None]
    assert f"| {times[0].start:.2f} | {times[0].end:.2f} |" in said(at)
    assert say("hearing.drawn_wave", "en", model=str(folder("moonshine")), bands=80) in seen(said(at))


def test_wav2vec2_spells_and_its_letters_have_the_seconds_of_their_frames(folder: Maker, tmp_path: Path) -> None:
    place, file = folder("wav2vec2 that spells"), sound(tmp_path, tone(0.6, 0.38, 0.42))
    at = heard(place, file)
    model, data = model_of(place), given(at)
    trace = av.record(model, av.open_sound(file))
    assert trace.answer is not None
    best = trace.answer.scores.argmax(-1).tolist()
    spelt, last = "", None
    for label in best:
        spelt, last = spelt + ("" if label in (last, 0) else model.labels[label]), label
    assert "".join(one["text"] for one in data["queries_said"]) == spelt.replace("|", "␣")[:300]
    assert loud_second(data) == pytest.approx(0.4, abs=0.03)
    first = next(n for n, label in enumerate(best) if label)
    frames = [n for n in range(first, len(best)) if best[first : n + 1] == [best[first]] * (n + 1 - first)]
    row = trace.weights(1, 2)[frames].mean(0)
    assert data["keys"] == len(row), "short enough for a place each"
    assert torch.allclose(weights_of(data)[0].float(), row, atol=1e-4)
    middle = (42.5 + 40 * 100) / RATE  # of kernels 10, 8, 3 and strides 5, 4, 2: 85 samples, 40 from one to the next
    assert sum(seconds_of(data, 100)) / 2 == pytest.approx(middle, abs=1e-6)


def test_hubert_has_moments_alone_and_begins_at_the_one_in_which_a_tone_is(folder: Maker, tmp_path: Path) -> None:
    place, given_sound = folder("hubert"), tone(0.6, 0.38, 0.42)
    at = heard(place, sound(tmp_path, given_sound, subtype="FLOAT"), layer="1", head="3")
    data = given(at)
    start, end = seconds_of(data, data["looking"])
    assert data["view"] == "moments" and start < 0.42 and end > 0.38
    assert torch.allclose(
        weights_of(data).float(), av.record(model_of(place), given_sound).weights(1, 3), atol=1e-4
    )  # fmt: skip
    assert say("hearing.says_nothing", "en", model=str(place)) in seen(said(at))
    missing = {"view", "ahead", "spoken", "scope"}
    assert not missing & {str(getattr(one, "key", "")).removeprefix(KEY) for one in (*at.main, *at.sidebar)}


def test_more_frames_than_places_are_summed_and_looking_ones_averaged(folder: Maker, tmp_path: Path) -> None:
    place, given_sound = folder("hubert"), noise(1.1)
    data = given(heard(place, sound(tmp_path, given_sound, subtype="FLOAT"), layer="0", head="0"))
    whole = av.record(model_of(place), given_sound).weights(0, 0)
    assert len(whole) == 438 and data["keys"] == data["queries"] == 219
    weights = weights_of(data).float()
    assert weights[7, 11] == pytest.approx(float(whole[14:16, 22:24].sum() / 2), abs=1e-4)
    assert weights[218, 3] == pytest.approx(float(whole[436:, 6:8].sum() / 2), abs=1e-4)


def test_one_that_does_not_end_is_stopped_and_it_is_said(
    folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ears, "MOST", 2)
    at = heard(folder("whisper"), sound(tmp_path, noise(0.41)))
    assert given(at)["queries"] == 2 and say("hearing.stopped", "en", count=2) in seen(said(at))


@pytest.mark.parametrize(("kind", "link"), [("hubert", {}), ("whisper", {"scope": "all", "noise": "1"})])
def test_nothing_changed_is_one_run_alone(
    kind: str, link: dict[str, str], folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    read = ears.read
    monkeypatch.setattr(ears, "read", lambda *given, **named: made.append(given) or read(*given, **named))
    at = heard(folder(kind), sound(tmp_path, noise(0.33)), **link)
    assert len(made) == 1 and say("hearing.how_silence", "en", count=0) not in said(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ast_names_the_sound_and_begins_at_the_patch_of_a_tone(lang: str, folder: Maker, tmp_path: Path) -> None:
    place, given_sound = folder("ast"), tone(0.8, 0.42, 0.46, 2_000.0)
    at = heard(place, sound(tmp_path, given_sound, subtype="FLOAT"), lang, layer="1", head="1")
    trace, data = av.record(model_of(place), given_sound), given(at)
    assert trace.answer is not None
    label, share = trace.answer.best(0, 1)[0]
    wanted = say("hearing.names", lang, model=str(place), label=label, share=f"{share:.1%}")
    assert wanted in seen(said(at))
    real = [n for n, special in enumerate(trace.key_special) if not special]
    assert [one["text"] for one in data["queries_said"]] == ["[CLS]", "[DIST]"] and not data["flat"]
    assert torch.allclose(weights_of(data).float(), trace.weights(1, 1)[:2][:, real], atol=1e-4)
    moments = given(heard(place, sound(tmp_path, given_sound), lang, view="moments"))
    left, top, right, bottom = moments["boxes"][moments["looking"]]
    start, end = seconds_of(moments, moments["looking"])
    assert start < 0.46 and end > 0.42
    rows = shades(moments)
    height = (float(rows[:, rows.sum(0).argmax()].argmax()) + 0.5) / len(rows)
    assert top / 150 <= 1 - height <= bottom / 150, "the patch lies at the height at which the picture is loud"
    assert loud_second(moments) == pytest.approx(0.44, abs=0.03)
    low, high = av.record(model_of(place), given_sound).keys.band(real[moments["looking"]])  # type: ignore[attr-defined]
    assert low < 2_000 < high and right > left


def test_covering_a_part_silences_it_and_a_head_is_removed(folder: Maker, tmp_path: Path) -> None:
    whisper, file = folder("whisper"), sound(tmp_path, noise(0.7), subtype="FLOAT")
    at = heard(whisper, file, hidden="10.11.12", without="cross.1.0", rule="hard", hard="argmax")
    data = given(at)
    samples, rate = soundfile.read(BytesIO(base64.b64decode(data["audio"].split(",")[1])))
    start, end = seconds_of(data, 10)[0], seconds_of(data, 12)[1]
    times, plain = np.arange(len(samples)) / rate, noise(0.7).samples
    silent = (times >= start - 1e-6) & (times < end - 1e-6)
    assert (samples[silent] == 0).all() and np.abs(samples - plain)[~silent].max() < 1e-4 and end - start > 0.05
    changed = [av.Reweigh(av.Argmax(), part="cross"), av.RemoveHeads((0,), layers=(1,), part="cross")]
    covered = av.Sound(np.where(silent, 0, plain).astype(np.float32), RATE)
    after = av.generate(model_of(whisper), covered, most=40, interventions=changed)
    assert after.tokens[1:] == [one["text"] for one in data["queries_said"]]
    rule = say("rule.argmax", "en")
    assert f"computed with {rule}" in seen(said(at)), "the rule of the map that is lit, not of the encoder"
    for name, values in (("how_without", {"count": 1}), ("how_silence", {"count": 3})):
        assert say(f"hearing.{name}", "en", **values) in said(at)


def sounds(folder: Path) -> dict[str, str]:
    """What people bring: silence, a tenth of a second, an hour, 8 bits, two channels, other rates and formats."""
    short, both = noise(0.6), np.repeat(noise(3.6).samples[:, None], 2, axis=1)
    soundfile.write(folder / "both.wav", both, 96_000)
    return {
        "silence": sound(folder, av.Sound(np.zeros(9_600, np.float32), RATE), "silence.wav"),
        "a tenth": sound(folder, noise(0.1), "short.wav"),
        "an hour": sound(folder, av.Sound(np.tile(noise(0.5, 1_000).samples, 7_200), 1_000), "hour.wav", "PCM_U8"),
        "two channels": str(folder / "both.wav"),
        "mp3": sound(folder, short, "a.mp3"), "ogg": sound(folder, short, "a.ogg"),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["whisper", "moonshine", "ast"])
def test_bad_sounds_are_a_right_picture_or_one_sentence(kind: str, folder: Maker, tmp_path: Path) -> None:
    found = sounds(tmp_path)
    at = heard(folder(kind), found.pop("silence"))
    assert say("hearing.silent", "en") in said(at) and given(at)["keys"] > 0
    at = page(model=str(folder(kind)), file=found.pop("a tenth"))
    assert [one.value for one in at.error] == [] and given(at)["keys"] > 0
    at = heard(folder(kind), found.pop("an hour"))
    assert say("notice.sound_opened", "en", whole=3600.0, read=600.0) in said(at) and given(at)["keys"] > 0
    assert say("hearing.rate", "en", rate=1_000, read=RATE) in said(at)
    assert len(by_key(at, KEY + "window").options) == (20 if kind == "moonshine" else 600 if kind == "whisper" else 592)
    for name, file in found.items():
        data = given(heard(folder(kind), file))
        assert data["seconds"] == pytest.approx(0.6, abs=0.05), name


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_cannot_be_heard_is_one_sentence(lang: str, folder: Maker, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("three zero seven")
    tiny = sound(tmp_path, noise(0.01), "tiny.wav")
    for link in ({"file": str(text)}, {"file": tiny}, {"model": "lab-4"}):
        at = page(lang, **({"model": str(folder("ast"))} | link))
        assert len(at.error) == 1 and "{" not in at.error[0].value and not given(at)
        assert say("ui.fault", lang, code="§").split("§")[0] not in at.error[0].value
    assert say("error.hearing_deaf", lang, model="lab-4") == seen(at.error[0].value)


def test_letters_are_the_likeliest_of_each_frame_without_the_blank() -> None:
    scores = torch.eye(4)[[1, 1, 0, 1, 2, 2, 3, 0]]
    answer = av.Answer("token", scores, ("_", "a", "b", "|"), Frames.even(8, 0.1))
    rows = told.letters(answer, 0)
    assert [(one.text, one.places) for one in rows] == [("a", (0, 1)), ("a", (3,)), ("b", (4, 5)), ("␣", (6,))]
    assert told.spelt(rows, False) == "aab"


def test_places_of_many_frames_are_stretches_one_after_the_other() -> None:
    found = views.columns_of(Frames(tuple((n * 0.02, n * 0.02 + 0.02) for n in range(1499)), last=("[PAD]",)))
    assert found.each == 4 and len(found.seconds) == 375 and found.filled == (1499,)
    assert found.seconds[1] == pytest.approx((0.08, 0.16)) and found.places[-1] == (1496, 1497, 1498)
