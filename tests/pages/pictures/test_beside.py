"""The page on words for pictures with a model from elsewhere that reads a picture and a text, under AppTest."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Markdown

import attnviz as av
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.captions import rows, scenes
from attnviz.ui.pages.captions.beside import KEY
from tests.pages.opened import component, run_page, seen
from tests.parity.captioning import saved

QUESTION = "what is it ?"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One of each kind of model, tiny."""
    place = tmp_path_factory.mktemp("models")
    kinds = ("llava", "smolvlm", "qwen2_vl", "blip captions", "blip answers")
    return {kind: str(saved(place / kind.replace(" ", "-"), kind)) for kind in kinds}


def opened(folder: str, lang: str = "en", **link: str) -> AppTest:
    return run_page("captions", lang, {"by": folder, "ask": QUESTION, "most": "4", **link})


def words(at: AppTest) -> dict:
    return component(at, KEY + "picture")


def weights(at: AppTest) -> np.ndarray:
    """What each word gives to each cell, as the browser has it."""
    sent, top = words(at)["panels"][0]["weights"]
    found = np.frombuffer(base64.b64decode(sent), "<u2").astype(np.float64).reshape(-1, len(words(at)["boxes"]))
    return found / 65_534 * top


def said(at: AppTest) -> str:
    return " ".join(seen(one.value) for one in at.main if isinstance(one, Markdown))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["llava", "smolvlm", "qwen2_vl"])
def test_words_light_up_the_picture_and_the_shares_are_those_of_the_run(
    kind: str, lang: str, folders: dict[str, str]
) -> None:
    at = opened(folders[kind], lang)
    assert not at.exception and not at.error
    trace = av.generate(av.load(folders[kind]), QUESTION, picture=scenes.sample(scenes.SAMPLE), most=4)
    picture, prompt, answer = rows.mean_shares(trace)
    assert picture + prompt + answer == pytest.approx(1, abs=1e-5)
    assert f"{picture:.0%}" in said(at) and f"{len(trace.keys)}" in said(at)
    shown = words(at)["panels"][0]["words"]
    new = [one["text"] for one in shown if one["mark"] == "names"]
    assert trace.border is not None and new == trace.tokens[trace.border :]
    assert words(at)["picked"] == next(place for place, one in enumerate(shown) if one["mark"] == "names")
    table = "".join(one.proto.body for one in at.get("html") if "<table" in one.proto.body)
    assert table.count("<tr") == 1 + len(new)  # of what was written alone
    mean = sum(trace.weights(layer).mean(0) for layer in range(2)) / 2
    row = mean[-1, list(trace.keys.pictured)]  # type: ignore[attr-defined]
    assert weights(at)[-1].sum() == pytest.approx(float(row.sum()), abs=1e-3)
    assert f"{float(row.sum()):.0%}" in shown[-1]["look"]


def test_a_head_that_is_chosen_lights_up_alone_and_a_token_stays(folders: dict[str, str]) -> None:
    at = opened(folders["llava"], view="head", layer="1", head="2", token="1")
    trace = av.generate(av.load(folders["llava"]), QUESTION, picture=scenes.sample(scenes.SAMPLE), most=4)
    own = trace.weights(1, 2)[-1, list(trace.keys.pictured)]  # type: ignore[attr-defined]
    assert weights(at)[-1] == pytest.approx(own.numpy(), abs=1e-4) and words(at)["picked"] == 1
    assert len(words(at)["boxes"]) == 16
    most = trace.keys.labels[list(trace.keys.pictured)[int(own.argmax())]]  # type: ignore[attr-defined]
    assert f"{most} {float(own.max()):.3f}" in words(at)["panels"][0]["words"][-1]["look"]


def test_a_blip_answers_by_way_of_its_question(folders: dict[str, str]) -> None:
    at = opened(folders["blip answers"])
    assert not at.exception and not at.error and say("captions.beside_asks", "en") in said(at)
    trace = av.generate(av.load(folders["blip answers"]), QUESTION, picture=scenes.sample(scenes.SAMPLE), most=4)
    cross = sum(trace.weights(layer).mean(0) for layer in range(2)) / 2
    asked = trace.map("asked")
    through = sum(asked.weights(layer).mean(0) for layer in range(2)) / 2 @ cross
    assert weights(at)[-1] == pytest.approx(through[-1, 1:].numpy(), abs=1e-3)  # the class token covers no pixel
    empty = opened(folders["blip answers"], ask="")
    assert (not empty.exception and empty.warning) or empty.error or empty.info


def test_a_caption_needs_no_question(folders: dict[str, str]) -> None:
    at = opened(folders["blip captions"], ask="")
    assert not at.exception and not at.error and say("captions.beside_across", "en") in said(at)
    assert words(at)["panels"][0]["words"][0]["text"] == "[DEC]"


@pytest.mark.parametrize("name", ["lab-gpt", "vit-1", "/nowhere/at/all"])
def test_a_model_that_reads_no_picture_with_a_text_is_refused_in_a_sentence(name: str) -> None:
    at = opened(name)
    assert not at.exception
    told = [*at.warning, *at.error, *at.info]
    assert told, "nothing was said"
