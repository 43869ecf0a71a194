"""lab-gpt: an ordinary folder, its eager weights, its card's figures, and what it writes."""

from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM

import attnviz as av
from attnviz.models import built_in_folder, read_card

TEXT = "他是一名美国女子游泳运动员。"


def test_weights_equal_the_models_own_eager_attention() -> None:
    trace = av.record(av.load("lab-gpt"), TEXT)
    network = AutoModelForCausalLM.from_pretrained(
        built_in_folder("lab-gpt"), attn_implementation="eager", dtype=torch.float32
    ).eval()
    with torch.inference_mode():
        expected = network(input_ids=torch.tensor([trace.encoded.ids]), output_attentions=True)
    assert (trace.n_layers, trace.n_heads, trace.kind) == (4, 4, "causal")
    for layer, weights in enumerate(expected.attentions):
        assert (trace.weights(layer) - weights[0]).abs().max() < 1e-5  # worst seen 6e-07
    assert (trace.logits - expected.logits[0]).abs().max() < 1e-4  # of logits up to 15


def test_prompt_is_open_at_its_end_and_begins_once() -> None:
    assert av.record(av.load("lab-gpt"), "南京").tokens == ["[CLS]", "南", "京"]


def test_card_tells_what_was_measured() -> None:
    card = read_card("lab-gpt")
    assert card is not None
    assert card.figures["next_accuracy_both"] >= 0.37 and card.figures["next_bits_both"] <= 5.5
    assert card.figures["next_accuracy_zh"] > card.figures["next_accuracy_en"] > 0.3
    assert (built_in_folder("lab-gpt") / "model.safetensors").stat().st_size <= 6e6


def test_it_writes_a_sentence_and_ends_it() -> None:
    trace = av.generate(av.load("lab-gpt"), "他是一名", most=30)
    assert trace.border == 5 and 8 < len(trace.tokens) < 35
    assert trace.tokens[-1] == "[SEP]"


def test_the_first_half_of_a_word_is_told_from_what_came_before() -> None:
    run = av.record(av.load("lab-gpt"), "中华人民共和")
    assert run.predictions(len(run.tokens) - 1, top=1)[0][0] == "国"
