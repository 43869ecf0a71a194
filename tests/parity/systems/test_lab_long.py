"""lab-long: an ordinary folder that reads 8,192 tokens, its eager weights, and what its card says and admits."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

import attnviz as av
from attnviz.models import built_in_folder, read_card
from attnviz.text.tokens import encode
from attnviz.training.long import growth
from attnviz.training.long.card import GAPS, LEARNT

NAME, HEAD = "lab-long", (3, 4)  # the head that the page opens where a text returns
SHORT = "他是一名美国女子游泳运动员。"
SAMPLES = tomllib.loads((Path(av.__file__).parent / "content" / "long.toml").read_text(encoding="utf-8"))
LONG = 600  # tokens of the longer text
# What the card must reach. Bits a token are at most, shares and weights at least.
SENTENCE_ACCURACY = {"zh": 0.38, "en": 0.29, "both": 0.35}
SENTENCE_BITS = {"zh": 5.4, "en": 6.0, "both": 5.6}
INNER_BITS = {"zh": 5.7, "en": 6.5, "both": 6.0}
WORSE = 0.1  # bits a token of sentences, beside lab-gpt
LONG_BITS = 6.05  # over the last 256 tokens of texts as they are, all before them given
FAR_LOSS = 0.05  # how many bits a token far context may cost there
RETURNS = 1.0  # bits a token that a passage costs less when it returns after 256 tokens
PREVIOUS_TOKEN = 0.5
INDUCTION = 0.5  # weight on the token after the previous occurrence, of random tokens that return


@cache
def figures() -> dict[str, float]:
    card = read_card(NAME)
    assert card is not None
    return card.figures


@pytest.mark.parametrize("text", [SHORT, SAMPLES["alice"]["text"]], ids=["short", "600 tokens"])
def test_weights_equal_the_models_own_eager_attention(text: str) -> None:
    model = av.load(NAME)
    whole = av.record(model, text).encoded
    trace = av.record(model, whole.first(LONG))
    network = AutoModelForCausalLM.from_pretrained(
        built_in_folder(NAME), attn_implementation="eager", dtype=torch.float32
    ).eval()
    with torch.inference_mode():
        expected = network(input_ids=torch.tensor([trace.encoded.ids]), output_attentions=True)
    assert (trace.n_layers, trace.n_heads, trace.kind) == (4, 6, "causal")
    assert len(trace.tokens) == min(LONG, len(whole.ids))
    for layer, weights in enumerate(expected.attentions):
        assert (trace.weights(layer) - weights[0]).abs().max() < 1e-5  # worst seen 3e-06
    assert (trace.logits - expected.logits[0]).abs().max() < 1e-4  # of logits up to 20; worst seen 2.3e-05


def test_it_reads_8192_tokens_and_no_more() -> None:
    model = av.load(NAME)
    assert model.limit == 8_192
    text = (SAMPLES["alice"]["text"] * 12)[:60_000]
    found = encode(text, model.tokenizer, model.limit)
    assert len(found.ids) == 8_192 and found.cut is not None and found.cut < len(text)


def test_it_is_small_and_stored_in_float16() -> None:
    file = built_in_folder(NAME) / "model.safetensors"
    assert file.stat().st_size <= 6e6
    assert AutoModelForCausalLM.from_pretrained(built_in_folder(NAME), dtype="auto").dtype == torch.float16


@pytest.mark.parametrize("language", ["zh", "en", "both"])
def test_card_says_how_much_of_lab_gpt_was_kept(language: str) -> None:
    assert figures()[f"next_accuracy_{language}"] >= SENTENCE_ACCURACY[language]
    assert figures()[f"next_bits_{language}"] <= SENTENCE_BITS[language]
    assert figures()[f"inner_bits_{language}"] <= INNER_BITS[language]


def test_sentences_are_told_nearly_as_well_as_by_lab_gpt() -> None:
    before = read_card("lab-gpt")
    assert before is not None
    assert figures()["next_bits_both"] <= before.figures["next_bits_both"] + WORSE


def test_far_context_does_not_confuse_it() -> None:
    assert figures()["bits_far_plain"] <= LONG_BITS
    assert figures()["bits_far_plain"] <= figures()["bits_near_plain"] + FAR_LOSS


def test_a_passage_that_returns_is_continued_and_the_card_says_from_how_far() -> None:
    said = (built_in_folder(NAME) / "README.md").read_text(encoding="utf-8")
    gains = {gap: figures()["first_bits_both"] - figures()[f"return_{gap}_bits_both"] for gap in GAPS}
    assert gains[256] >= RETURNS
    learnt = [f"{gap:,}" for gap in GAPS if gains[gap] >= LEARNT]
    assert f"It continues a passage that returns after {' and '.join(learnt)} tokens" in said
    assert f"它会接续隔 {'、'.join(learnt)} 词元重现的段落" in said


def test_a_head_finds_random_tokens_that_return() -> None:
    network = AutoModelForCausalLM.from_pretrained(built_in_folder(NAME), dtype=torch.float32).eval()
    found = growth.looking_back(network, 2)
    best = found["prefix_matching"]
    assert figures()["prefix_matching_random"] == pytest.approx(best.max().item(), abs=1e-3)
    assert divmod(int(best.argmax()), best.shape[1]) == HEAD
    assert best.max() > INDUCTION and found["previous_token"].max() > PREVIOUS_TOKEN


@pytest.mark.parametrize("sample", ["yueyang", "gettysburg"])
def test_the_atlas_finds_it_where_a_text_returns(sample: str) -> None:
    part = "\n".join(SAMPLES[sample]["text"].strip().splitlines()[:3])
    twice = av.atlas(av.load(NAME), [f"{part}\n{part}"])
    named = {place: twice.name(*place) for place in twice.places}
    assert [place for place, one in named.items() if one is not None and one.name == "induction"] == [HEAD]


def test_a_head_looks_at_the_previous_token() -> None:
    assert figures()["previous_token"] >= PREVIOUS_TOKEN
