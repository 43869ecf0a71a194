"""The shipped models are what the screen says: ordinary folders, read exactly, their cards true in form."""

from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForMaskedLM, AutoTokenizer

import attnviz as av
from attnviz.measures import mean_head_distance, words
from attnviz.models import COMPARED, built_in_folder, read_card
from attnviz.ui.kit import SAMPLES, START
from attnviz.ui.pages.attention.shown import CHANGE

SENTENCES = (START, "The dog chased the cat because it was hungry.", "中华人民共和[MASK]成立", "我说hello，😀 龘！")


@pytest.fixture(scope="module", params=COMPARED)
def model(request: pytest.FixtureRequest) -> av.Model:
    return av.load(request.param)


@pytest.mark.parametrize("text", SENTENCES)
def test_every_head_equals_the_eager_weights(model: av.Model, text: str) -> None:
    folder = built_in_folder(model.name)
    eager = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.inference_mode():
        expected = eager(**inputs, output_attentions=True)
    trace = av.record(model, text, rule=av.Soft())
    assert trace.n_layers == len(expected.attentions) == 4
    for layer, weights in enumerate(expected.attentions):
        for head in range(trace.n_heads):
            torch.testing.assert_close(trace.weights(layer, head), weights[0, head], atol=1e-5, rtol=0)
    torch.testing.assert_close(trace.logits, expected.logits[0], atol=1e-4, rtol=1e-5)


def test_the_name_is_the_head_count(model: av.Model) -> None:
    assert av.record(model, START).n_heads == int(model.name.removeprefix("lab-"))


def test_the_weights_are_float16_of_at_most_6_megabytes(model: av.Model) -> None:
    file = built_in_folder(model.name) / "model.safetensors"
    assert file.stat().st_size <= 6_000_000
    with safe_open(file, "pt") as tensors:
        assert {tensors.get_slice(name).get_dtype() for name in tensors.keys()} == {"F16"}  # noqa: SIM118


def test_the_four_models_read_with_the_same_pieces() -> None:
    pieces = [set(av.load(name).tokenizer.get_vocab()) for name in COMPARED]
    assert all(found == pieces[0] for found in pieces)


def test_lab_4_cuts_nanjing_off_the_bridge() -> None:
    assert words(av.record(av.load("lab-4"), START))[0] == "南京市"


@pytest.mark.parametrize("name", ["lab-4", "lab-8"])
def test_the_heads_of_a_model_differ(name: str) -> None:
    distance = mean_head_distance(av.record(av.load(name), START))
    assert distance is not None
    assert distance > 0.2  # bits; identical heads would have 0


def test_the_example_of_a_prediction_that_changes_does_change() -> None:
    model = av.load(str(CHANGE["model"]))
    text = str(CHANGE["text"])
    before, after = av.record(model, text), av.record(model, text, rule=av.Argmax())
    position = before.tokens.index("[MASK]")
    assert (CHANGE["family"], CHANGE["hard"], CHANGE["scope"]) == ("hard", "argmax", "run")
    assert before.predictions(position, top=1)[0][0] != after.predictions(position, top=1)[0][0]


@pytest.mark.parametrize("text", SAMPLES)
def test_hard_attention_in_every_layer_moves_every_sample(text: str) -> None:
    model = av.load("lab-4")
    assert not torch.allclose(
        av.record(model, text).outputs, av.record(model, text, rule=av.Argmax()).outputs, atol=1e-3
    )


def test_every_card_names_the_figures_that_the_page_shows(model: av.Model) -> None:
    card = read_card(model.name)
    assert card is not None
    for name in ("masked_accuracy_zh", "masked_accuracy_en", "boundary_f1_jieba", "boundary_f1_gsd"):
        assert 0 < card.figures[name] < 1


@pytest.mark.parametrize("name", ["lab-4", "lab-8"])
def test_the_cards_of_the_larger_models_reach_the_bar(name: str) -> None:
    card = read_card(name)
    assert card is not None
    assert card.figures["boundary_f1_jieba"] >= 0.93
    assert card.figures["masked_accuracy"] >= 0.45  # both languages together
