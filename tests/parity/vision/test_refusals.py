"""What a model that looks at pictures cannot be given or asked, and what a folder lacks, is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from PIL import Image

import attnviz as av
from attnviz.messages import LANGUAGES
from attnviz.models.memory import check_picture
from attnviz.notices import AttnvizWarning
from tests.parity.vision import SEES, SWIN, network, noise, opened, saved

PICTURE = noise(40, 40)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> av.VisionModel:
    return opened(saved(tmp_path_factory.mktemp("vit"), network("vit"), "stretched"))


def refused(model: Any, *args: Any, **asked: Any) -> av.AttnvizError:
    with pytest.raises(av.AttnvizError) as found:
        av.record(model, *args, **asked)
    assert all(found.value.say(language) for language in LANGUAGES)
    return found.value


@pytest.mark.parametrize("given", ["the cat sat", "cat.png", None])
def test_a_text_given_to_a_model_that_looks_is_a_sentence_that_names_open_picture(
    vit: av.VisionModel, given: str | None
) -> None:
    error = refused(vit, given)
    assert error.message == "model_sees" and "open_picture" in str(error)


def test_a_picture_given_to_a_model_that_reads_is_a_sentence(vit: av.VisionModel) -> None:
    for given in (PICTURE, vit.see(PICTURE)):
        assert refused(av.load("lab-4"), given).message == "picture_for_text"
        with pytest.raises(av.TextError):
            av.record_batch(av.load("lab-4"), [given])


def test_what_only_texts_have_is_refused_by_name(vit: av.VisionModel) -> None:
    asked = {"target": "a", "pair": "b", "chat": "user: a", "blank": 1, "languages": ("en", "zh")}
    for name, value in asked.items():
        error = refused(vit, PICTURE, **{name: value})
        assert error.message == "picture_cannot" and error.values["what"] == name


def test_other_ways_to_run_a_model_say_that_it_looks_at_pictures(vit: av.VisionModel) -> None:
    runs = {
        "record_batch": lambda: av.record_batch(vit, ["a"]),
        "generate": lambda: av.generate(vit, "a"),
        "differentiable": lambda: av.differentiable(vit, "a"),
    }
    for name, run in runs.items():
        with pytest.raises(av.ModelError) as found:
            run()
        assert found.value.message == "model_sees", name


def test_a_picture_may_be_whatever_open_picture_takes(vit: av.VisionModel, tmp_path: Path) -> None:
    PICTURE.image().save(tmp_path / "a.png")
    sources = (PICTURE, vit.see(PICTURE), PICTURE.image(), np.asarray(PICTURE.pixels), tmp_path / "a.png")
    found = [av.record(vit, one).answer for one in (*sources, (tmp_path / "a.png").read_bytes())]
    assert all(one is not None and torch.equal(one.scores, found[0].scores) for one in found if found[0])
    assert refused(vit, tmp_path / "none.png").message == "picture_missing"
    assert refused(vit, b"no").message == "picture_unknown"


def test_places_layers_and_heads_that_are_not_there_are_named(vit: av.VisionModel) -> None:
    for change in (av.HideToken(17), av.ForbidEdge(0, 99), av.RemoveHeads((4,)), av.RemoveHeads((0,), layers=(2,))):
        assert "no_such" in refused(vit, PICTURE, interventions=[change]).message
    assert refused(vit, PICTURE, interventions=[av.RemoveHeads((0,), part="stage 1")]).message == "no_such_part"


def test_a_picture_of_one_pixel_is_looked_at_and_a_thread_is_refused_before_it_is_scaled(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, network("clip"), "short side and cut"))
    assert len(av.record(model, Image.new("RGB", (1, 1))).tokens) == 17
    assert refused(model, np.zeros((200_000, 1), np.uint8)).message == "picture_narrow"
    bare = opened(saved(tmp_path / "bare", network("dinov2"), "as it is"))
    assert refused(bare, np.zeros((7, 30), np.uint8)).message == "picture_no_patch"
    assert len(av.record(bare, np.zeros((8, 30), np.uint8)).tokens) == 4


def test_a_folder_that_does_not_say_how_pictures_are_prepared_has_a_default_which_is_said(tmp_path: Path) -> None:
    folder = saved(tmp_path, network("vit"))
    with pytest.warns(AttnvizWarning, match="32 x 32"):
        model = opened(folder)
    assert [notice.message for notice in model.notices] == ["picture_default"]
    expected = hf.ViTImageProcessorPil(size={"height": 32, "width": 32})(images=PICTURE.image(), return_tensors="np")
    assert (model.see(PICTURE).values == expected["pixel_values"][0]).all()


def test_of_a_whole_clip_the_tower_alone_is_looked_at_and_said(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, network("clip"), "stretched"))
    assert [notice.message for notice in model.notices] == ["vision_tower"]
    assert type(model.network).__name__ == "CLIPVisionModel" and model.kind == "vision"
    assert all(notice.say(language) for notice in model.notices for language in LANGUAGES)


def test_a_head_whose_weights_are_not_there_is_said_and_the_layers_are_looked_at(tmp_path: Path) -> None:
    folder = saved(tmp_path, network("vit alone"), "stretched")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["ViTForImageClassification"]}))
    model = opened(folder)
    assert [notice.message for notice in model.notices] == ["head_missing"]
    assert not model.trained and av.record(model, PICTURE).answer is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{", "picture_processor"),
        ('{"image_processor_type": "DonutImageProcessor"}', "picture_processor_other"),
        ('{"image_processor_type": "Unheard"}', "picture_processor"),
        ('{"auto_map": {"AutoImageProcessor": "own--code.Own"}, "image_processor_type": "Own"}', "picture_processor"),
    ],
)
def test_a_processor_that_is_not_known_or_would_run_code_is_a_sentence(said: str, message: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, network("clip tower"))
    (folder / "preprocessor_config.json").write_text(said)
    with pytest.raises(av.ModelError) as found:
        av.load(folder)
    assert found.value.message == message and found.value.say("zh")


@pytest.mark.parametrize("config", [hf.ViTConfig(**SEES), hf.SwinConfig(**SWIN)])
def test_memory_is_forecast_before_a_run(config: Any) -> None:
    check_picture(config, dict.fromkeys(["a", "b"][: len(getattr(config, "depths", [0]))], 17), free=10**9)
    with pytest.raises(av.PictureError, match="takes"):
        check_picture(config, dict.fromkeys(["a", "b"][: len(getattr(config, "depths", [0]))], 17), free=10)


def test_a_forecast_is_no_less_than_what_swin_keeps(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, network("swin"), "as it is"))
    trace = av.record(model, noise(128, 128))
    places = {part: len(trace.map(part).tokens) for part in trace.parts}
    check_picture(model.network.config, places, free=2 * trace.nbytes)
    with pytest.raises(av.PictureError):
        check_picture(model.network.config, places, free=trace.nbytes // 2)


def test_a_model_that_looks_has_nothing_of_a_reader(vit: av.VisionModel) -> None:
    assert vit.kind == "vision" and vit.limit is None and vit.mask_id is None
    assert (vit.languages, vit.usual_languages, vit.chats) == ((), (None, None), False)
    assert vit.parameters > 1000 and vit.machine.plain and vit.stored == torch.float32


def test_half_precision_looks_at_the_same_picture(tmp_path: Path) -> None:
    folder = saved(tmp_path, network("vit"), "stretched")
    half, whole = av.load(folder, dtype="bfloat16"), opened(folder)
    ours, theirs = av.record(half, PICTURE).weights(0), av.record(whole, PICTURE).weights(0)
    assert ours.dtype == torch.float32 and float((ours - theirs).abs().max()) < 0.05


def test_a_processor_inside_processor_config_is_read(tmp_path: Path) -> None:
    folder = saved(tmp_path, network("vit"), "stretched and cut")
    said = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": said, "processor_class": "Own"}))
    model = opened(folder)
    assert model.notices == () and model.processor.crop_size["height"] == 32
