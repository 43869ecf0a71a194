"""lab-translator: an ordinary folder, its eager weights, its card's figures, and that it translates both ways."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

import attnviz as av
from attnviz.models import built_in_folder, catalogue, read_card
from attnviz.shipped import figures

ZH, EN = "我喜欢这本书。", "I like this book."


def network() -> torch.nn.Module:
    found: torch.nn.Module = AutoModelForSeq2SeqLM.from_pretrained(
        built_in_folder("lab-translator"), attn_implementation="eager", dtype=torch.float32
    )
    return found.eval()


def test_weights_equal_the_models_own_eager_attention_in_all_three_maps() -> None:
    trace = av.record(av.load("lab-translator"), ZH, target=EN)
    assert trace.looked_at is not None and (trace.n_layers, trace.n_heads, trace.kind) == (3, 4, "seq2seq")
    with torch.inference_mode():
        expected = network()(
            input_ids=torch.tensor([trace.looked_at.ids]), decoder_input_ids=torch.tensor([trace.encoded.ids]),
            output_attentions=True,
        )  # fmt: skip
    maps = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}
    for part, name in maps.items():
        for layer, weights in enumerate(expected[name]):
            assert (trace.map(part).weights(layer) - weights[0]).abs().max() < 1e-5
    assert trace.logits is not None and (trace.logits - expected.logits[0]).abs().max() < 1e-4


@pytest.mark.parametrize("text", [ZH, EN])
def test_it_writes_what_transformers_writes_in_the_other_language_and_ends_it(text: str) -> None:
    model = av.load("lab-translator")
    trace = av.generate(model, text, most=30)
    with torch.inference_mode():
        expected = network().generate(**model.tokenizer(text, return_tensors="pt"), max_new_tokens=30)[0].tolist()  # type: ignore[operator]
    assert (
        list(trace.encoded.ids) == expected[: len(trace.encoded.ids)] and expected[-1] == model.tokenizer.eos_token_id
    )
    chinese = any("一" <= letter <= "鿿" for letter in model.tokenizer.decode(expected))
    assert chinese == (text == EN)


def test_card_tells_what_was_measured_beside_the_recurrent_translators() -> None:
    card, told = read_card("lab-translator"), figures("lab-translator")
    assert card is not None and set(told) == {"zh-en", "en-zh"}
    for way, own in told.items():
        beside = figures(f"nmt-{way}")
        assert own["sentences"] == beside["sentences"]  # the same held-out sentences
        assert own["bleu"] > 0
    assert (built_in_folder("lab-translator") / "model.safetensors").stat().st_size <= 6e6
    assert "lab-translator" in {entry.name for entry in catalogue()}
