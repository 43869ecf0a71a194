"""What a model that listens cannot be given or asked, and what a folder lacks, is one sentence in both languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import attnviz as av
from attnviz.messages import LANGUAGES
from attnviz.models.memory import check_sound
from attnviz.notices import AttnvizWarning
from tests.parity.hearing import RATE, WAVE, noise, opened, saved

SOUND = noise(0.3)


@pytest.fixture(scope="module")
def hubert(tmp_path_factory: pytest.TempPathFactory) -> av.HearingModel:
    return opened(saved(tmp_path_factory.mktemp("hubert"), "hubert"))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> av.HearingModel:
    return opened(saved(tmp_path_factory.mktemp("whisper"), "whisper"))


def refused(model: Any, *args: Any, **asked: Any) -> av.AttnvizError:
    with pytest.raises(av.AttnvizError) as found:
        av.record(model, *args, **asked)
    assert all(found.value.say(language) for language in LANGUAGES)
    return found.value


def test_a_text_given_to_a_model_that_listens_is_a_sentence(hubert: av.HearingModel) -> None:
    assert refused(hubert, None).message == "model_hears"
    for given in ("the cat sat", "none.wav", "a" * 5000, "a\0b"):
        assert refused(hubert, given).message == "model_hears"
    assert refused(hubert, Path("none.wav")).message == "sound_missing"
    assert refused(hubert, np.zeros(8000, np.float32)).message == "sound_kind", "samples alone have no rate"


def test_a_sound_given_to_a_model_that_reads_is_a_sentence(hubert: av.HearingModel) -> None:
    for given in (SOUND, hubert.hear(SOUND)):
        assert refused(av.load("lab-4"), given).message == "sound_for_text"


@pytest.mark.parametrize("kind", ["hubert", "whisper"])
def test_what_only_texts_have_is_refused_by_name(kind: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    asked: dict[str, Any] = {"pair": "b", "chat": "user: a", "blank": 1}
    if kind == "hubert":
        asked |= {"target": "a", "languages": ("en", "zh")}
    for name, value in asked.items():
        error = refused(model, SOUND, **{name: value})
        assert error.message == "sound_cannot" and error.values["what"] == name


def test_other_ways_to_run_a_model_say_that_it_listens(hubert: av.HearingModel) -> None:
    runs = {
        "record_batch": (lambda: av.record_batch(hubert, ["a"]), "model_hears"),
        "generate": (lambda: av.generate(hubert, SOUND), "model_writes_nothing"),
        "differentiable": (lambda: av.differentiable(hubert, "a"), "model_hears"),
    }
    for name, (run, message) in runs.items():
        with pytest.raises(av.ModelError) as found:
            run()
        assert found.value.message == message, name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((np.zeros(0, np.float32), RATE), "sound_empty"),
        ((np.zeros((2, 2, 2)), RATE), "sound_samples"),
        ((np.array(["a"]), RATE), "sound_samples"),
        ((np.zeros(100), 3), "sound_rate"),
        ((np.zeros(100), "fast"), "sound_kind"),
        ((1, 2, 3), "sound_kind"),
        (b"", "sound_empty"),
        (b"text that is named .wav", "sound_unknown"),
        ((np.zeros(20), RATE), "sound_short"),
    ],
)
def test_what_is_no_sound_is_a_sentence(hubert: av.HearingModel, given: Any, message: str) -> None:
    assert refused(hubert, given).message == message


@pytest.mark.parametrize("kind", ["hubert", "whisper"])
def test_silence_is_heard_and_weighs_numbers(kind: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    trace = av.record(model, (np.zeros(RATE // 2), RATE))
    assert bool(trace.weights(0).isfinite().all())


def test_a_file_and_its_bytes_are_the_same_sound(whisper: av.HearingModel, tmp_path: Path) -> None:
    import soundfile

    for ending in ("wav", "flac"):
        soundfile.write(tmp_path / f"a.{ending}", SOUND.samples, RATE)
        file = tmp_path / f"a.{ending}"
        found = [av.record(whisper, one) for one in (file, str(file), file.read_bytes())]
        assert all(torch.equal(one.weights(0), found[0].weights(0)) for one in found)


def test_places_layers_and_heads_that_are_not_there_are_named(whisper: av.HearingModel) -> None:
    for change in (av.RemoveHeads((4,)), av.RemoveHeads((0,), layers=(2,)), av.HideToken(50, part="encoder")):
        assert "no_such" in refused(whisper, SOUND, interventions=[change]).message
    assert refused(whisper, SOUND, interventions=[av.KeepHead(0, part="self")]).message == "no_such_part"
    assert refused(whisper, SOUND, target="a " * 80).message == "target_too_long"
    assert refused(whisper, SOUND, languages=("zh", None)).message == "model_without_languages"


def test_a_rule_and_a_hidden_frame_act_while_it_writes(whisper: av.HearingModel) -> None:
    hard = av.generate(whisper, SOUND, most=3, rule=av.Argmax())
    assert set(hard.weights(1).unique().tolist()) <= {0.0, 1.0}
    hidden = av.record(whisper, SOUND, interventions=[av.HideToken(2, part="cross")])
    assert bool((hidden.weights(0)[..., 2] == 0).all()) and bool((hidden.weights(0).sum(-1) > 0.99).all())


def test_a_folder_that_does_not_say_how_sounds_are_prepared_has_a_default_which_is_said(tmp_path: Path) -> None:
    with pytest.warns(AttnvizWarning, match="16000"):
        model = opened(saved(tmp_path, "hubert", prepared=False))
    assert [notice.message for notice in model.notices] == ["sound_default"]
    assert len(av.record(model, SOUND).tokens) > 9


@pytest.mark.parametrize(
    ("said", "message"),
    [("{", "sound_extractor"), ('{"feature_extractor_type": "ClapFeatureExtractor"}', "sound_extractor_other")],
)
def test_an_extractor_that_is_not_known_is_a_sentence(said: str, message: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, "hubert")
    (folder / "preprocessor_config.json").write_text(said)
    with pytest.raises(av.ModelError) as found:
        av.load(folder)
    assert found.value.message == message and found.value.say("zh")


def test_memory_is_forecast_before_a_run_and_wavlm_needs_more() -> None:
    import transformers as hf

    plain, biased = hf.HubertConfig(**WAVE), hf.WavLMConfig(**WAVE)
    check_sound(plain, 1500, 0, 480_000, free=10**9)
    with pytest.raises(av.SoundError, match="takes"):
        check_sound(plain, 1500, 0, 480_000, free=10)
    need = 2 * 4 * 1500 * 1500 * 4
    check_sound(plain, 1500, 0, 480_000, free=need)
    with pytest.raises(av.SoundError):
        check_sound(biased, 1500, 0, 480_000, free=need)


def test_a_model_that_listens_has_little_of_a_reader(whisper: av.HearingModel, hubert: av.HearingModel) -> None:
    assert whisper.kind == hubert.kind == "hearing" and whisper.writes and not hubert.writes
    assert (hubert.limit, hubert.mask_id, hubert.chats, hubert.languages) == (None, None, False, ())
    assert whisper.limit == 32 and whisper.alignment_heads == () and whisper.usual_languages == (None, None)


def test_a_multilingual_whisper_is_told_or_tells_its_language_and_begins_with_its_marks(tmp_path: Path) -> None:
    folder = saved(tmp_path, "whisper")
    said = json.loads((folder / "generation_config.json").read_text())
    said.pop("_from_model_config")  # as in the folders of the Hub
    said |= {
        "is_multilingual": True, "lang_to_id": {"<|en|>": 10, "<|zh|>": 11}, "no_timestamps_token_id": 14,
        "task_to_id": {"transcribe": 12, "translate": 13}, "alignment_heads": [[1, 2], [0, 3]],
    }  # fmt: skip
    (folder / "generation_config.json").write_text(json.dumps(said))
    model = opened(folder)
    assert model.languages == ("en", "zh") and model.alignment_heads == ((1, 2), (0, 3))
    begun = {
        ("zh", None): (3, 11, 12, 14), ("zh", "en"): (3, 11, 13, 14), ("en", "en"): (3, 10, 12, 14),
    }  # fmt: skip
    for languages, ids in begun.items():
        assert av.record(model, SOUND, languages=languages).encoded.ids == ids
    told = av.record(model, SOUND).encoded.ids
    assert told[1] in (10, 11) and told[2:] == (12, 14)
    start = av.record(model, SOUND, target=av.record(model, SOUND).encoded.first(1)).logits
    assert start is not None and told[1] == 10 + int(start[0, 10:12].argmax())
    assert refused(model, SOUND, languages=("fr", None)).message == "language_unknown"
    assert refused(model, SOUND, languages=("en", "zh")).message == "language_unwritten"


def test_tokens_that_a_folder_forbids_are_not_written(tmp_path: Path) -> None:
    folder = saved(tmp_path, "whisper")
    free = av.generate(opened(folder), SOUND, most=4).encoded.ids[1:]
    said = json.loads((folder / "generation_config.json").read_text())
    said.pop("_from_model_config")
    (folder / "generation_config.json").write_text(json.dumps(said | {"suppress_tokens": [free[0]]}))
    assert free[0] not in av.generate(opened(folder), SOUND, most=4).encoded.ids[1:]


def test_letters_of_each_frame_are_those_of_the_folder(tmp_path: Path) -> None:
    folder = saved(tmp_path, "wav2vec2 that spells")
    assert opened(folder).labels[:2] == ("LABEL_0", "LABEL_1")
    letters = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4} | {one: n for n, one in enumerate("abcdefg", 5)}
    (folder / "vocab.json").write_text(json.dumps(letters))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "Wav2Vec2CTCTokenizer"}))
    model = opened(folder)
    assert model.labels == tuple(letters) and model.says == "token"
    best = av.record(model, SOUND).predictions(7)[0][0]
    assert best in letters
