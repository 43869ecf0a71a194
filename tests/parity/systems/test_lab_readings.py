"""lab-readings is an ordinary folder, read exactly, and its heads do what its figures say, no more."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

import attnviz as av
from attnviz.measures.held import spelled, spelled_by_each
from attnviz.models import built_in_folder, read_card
from attnviz.text.lattice import dictionary, stretches
from attnviz.training.readings.data import bare, forbidden
from attnviz.training.readings.measure import FIRST, SECOND, bridge, measured, tables

BRIDGE = "南京市长江大桥"


@pytest.fixture(scope="module")
def model() -> av.Model:
    return av.load("lab-readings")


@pytest.fixture(scope="module")
def figures() -> dict[str, object]:
    found: dict[str, object] = json.loads(
        (built_in_folder("lab-readings") / "figures.json").read_text(encoding="utf-8")
    )
    return found


@pytest.mark.parametrize("text", [BRIDGE, "God is now here.", "我说hello，😀 龘！", "中华人民共和[MASK]成立"])
def test_every_head_equals_the_eager_weights(model: av.Model, text: str) -> None:
    folder = built_in_folder("lab-readings")
    eager = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    with torch.inference_mode():
        expected = eager(**AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt"), output_attentions=True)
    trace = av.record(model, text, rule=av.Soft())
    assert trace.n_layers == len(expected.attentions) == 4 and trace.n_heads == 4
    for layer, weights in enumerate(expected.attentions):
        torch.testing.assert_close(trace.weights(layer), weights[0], atol=1e-5, rtol=0)


def test_spaces_do_not_change_what_is_read_and_places_are_those_typed(model: av.Model) -> None:
    bare_run, typed = av.record(model, "nowhere"), av.record(model, "Now here")
    assert bare_run.encoded.ids == typed.encoded.ids
    assert typed.encoded.spans[1:-1] == ((0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (7, 8))
    torch.testing.assert_close(bare_run.weights(3), typed.weights(3))


def test_the_word_boundary_head_finds_words(model: av.Model) -> None:
    begins = av.record(model, "中华人民共和国成立").boundaries
    assert begins is not None and (begins[1:-1] > 0.5).tolist()[0] and begins[8] > 0.5


def test_the_bridge_is_read_off_the_heads_as_the_figures_say(model: av.Model, figures: dict[str, dict]) -> None:  # type: ignore[type-arg]
    heads, both = bridge(model)
    assert {"heads": heads, "both": both} == figures["bridge"]
    trace = av.record(model, BRIDGE)
    assert heads == ["/".join(spelled(trace, 3, head).words) for head in range(4)]
    words = [reading.words for reading in spelled_by_each(trace, trace.weights(3))]
    assert both == (any(w in FIRST for w in words) and any(w in SECOND for w in words))


def test_the_shipped_words_find_the_english_riddle() -> None:
    assert [str(one) for one in stretches("godisnowhere", dictionary())] == ["nowhere | now/here"]


def test_a_measured_sentence_gives_a_stretch_in_every_table_it_belongs_to(model: av.Model) -> None:
    found, outside = measured(model, ["他研究生命的起源。", "我们走。"], dictionary(), bare("研究生命"))
    made = tables(found)
    assert made["all"]["stretches"] == 1 and made["new"]["stretches"] == 0 and outside.pairs == 4 * 5
    assert forbidden()


def test_the_card_names_the_figures(figures: dict[str, dict]) -> None:  # type: ignore[type-arg]
    card = read_card("lab-readings")
    assert card is not None and card.model == "lab-readings"
