"""The five shipped encoders: they reload, their figures come again, and shuffling does to each what its card says."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from attnviz.core.rules import Argmax, Soft, Sparsemax
from attnviz.errors import ModelError, TextError
from attnviz.models import load as load_model
from attnviz.models import read_card
from attnviz.shipped import WEIGHTS
from attnviz.systems.positions import effect
from attnviz.systems.positions.network import ENCODINGS
from attnviz.systems.positions.system import NAMES, load, restored, shuffled
from attnviz.training.positions.card import cases, counted, measure

TEXTS = ("南京市长江大桥", "狗咬人。", "The dog bites the man.", "他是一名美国[MASK]员。")
HELD = {"zh": ("它位于北京市。", "他出生于一九八零年。"), "en": ("She was born in London.",)}


@pytest.mark.parametrize("name", NAMES)
def test_weights_reload_as_stored_and_stay_small(name: str) -> None:
    model, file = load(name), WEIGHTS / name / "model.safetensors"
    stored = load_file(file)
    assert file.stat().st_size <= 8e6 and {one.dtype for one in stored.values()} == {torch.float16}
    for key, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, stored[key].float()), key
    assert model is load(name) and model.encoding == name.removeprefix("positions-")


def test_recipes_differ_in_nothing_but_the_encoding() -> None:
    recipes = [json.loads((WEIGHTS / name / "recipe.json").read_text()) for name in NAMES]
    shapes = [json.loads((WEIGHTS / name / "config.json").read_text()) for name in NAMES]
    assert [shape.pop("encoding") for shape in shapes] == list(ENCODINGS)
    for recipe in recipes:
        assert recipe.pop("seconds") > 0
    assert all(recipe == recipes[0] for recipe in recipes) and all(shape == shapes[0] for shape in shapes)


@pytest.mark.parametrize("name", NAMES)
def test_every_layers_output_is_softmax_attention_written_out(name: str) -> None:
    model = load(name)
    trace = model.read(TEXTS[0])
    assert (trace.n_layers, trace.n_heads, trace.kind, trace.part) == (3, 4, "masked", "self")
    for layer in range(3):
        call = trace.attention(layer)
        scores = (call.queries.double() @ call.keys.double().transpose(-1, -2)) / call.queries.shape[-1] ** 0.5
        if model.encoding == "alibi":
            where = torch.arange(len(trace.tokens))
            slopes = torch.tensor([1 / 4, 1 / 16, 1 / 64, 1 / 256], dtype=torch.float64)
            scores = scores - slopes[:, None, None] * (where[:, None] - where).abs()
        weights = torch.softmax(scores, -1)
        assert (trace.weights(layer) - weights).abs().max() < 1e-5
        assert (call.output.double() - weights @ call.values.double()).abs().max() < 1e-5


def test_only_rotary_turns_queries_and_only_alibi_has_a_bias() -> None:
    for name in NAMES:
        model = load(name)
        said, unsaid = (model.read(TEXTS[0], positions=positions).attention(0) for positions in (True, False))
        assert (said.bias is not None) == (model.encoding == "alibi") and unsaid.bias is None
        same = torch.equal(said.queries, unsaid.queries)
        assert same == (model.encoding in ("none", "alibi")), name
        assert torch.equal(said.values, unsaid.values) == (model.encoding not in ("sinusoidal", "learned")), name


@pytest.mark.parametrize("text", TEXTS)
def test_outputs_of_the_model_without_positions_are_exactly_reordered(text: str) -> None:
    for name in NAMES:
        model = load(name)
        order = shuffled(model.encode(text), 3)
        found = {}
        for said in (True, False):
            before, after = (model.read(text, order=one, positions=said) for one in (None, order))
            found[said] = (restored(after, order).outputs - before.outputs).abs().max().item()
        assert found[False] < 2e-5, name  # of outputs of size 1 and more; worst seen with float32: 4e-06
        assert (found[True] < 2e-5) if name == "positions-none" else (found[True] > 0.05), name


def test_the_same_words_in_two_orders_are_one_sentence_to_the_model_without_positions() -> None:
    for name in NAMES:
        model = load(name)
        first, second = model.read("狗咬人。"), model.read("人咬狗。")
        gap = (first.outputs[[3, 2, 1]] - second.outputs[[1, 2, 3]]).abs().max()
        assert (gap < 2e-5) if name == "positions-none" else (gap > 0.05), name


@pytest.mark.parametrize("name", NAMES)
def test_rules_act_in_every_layer_of_the_run(name: str) -> None:
    model = load(name)
    soft, hard, sparse = (model.read(TEXTS[0], rule=rule) for rule in (Soft(), Argmax(), Sparsemax()))
    assert all(((hard.weights(layer) > 0).sum(-1) == 1).all() for layer in range(3))
    assert any((sparse.weights(layer) == 0).any() for layer in range(3))
    assert (soft.outputs - hard.outputs).abs().max() > 0.05
    assert torch.equal(soft.outputs, model.read(TEXTS[0]).outputs)


def test_tokens_are_those_of_lab_4() -> None:
    lab = load_model("lab-4").tokenizer
    for text in TEXTS:
        assert list(load("positions-rotary").encode(text).ids) == lab(text)["input_ids"]


def test_stored_figures_say_who_notices() -> None:
    told = {encoding: effect.held_out(f"positions-{encoding}") for encoding in ENCODINGS}
    for encoding, one in told.items():
        assert one is not None and one["sentences"] == {"zh": 940, "en": 689}
        figures = one["figures"]
        assert figures["moved_unsaid_shuffled_both"] < 1e-3
        if encoding == "none":
            assert figures["moved_shuffled_both"] < 1e-3
            assert figures["masked_accuracy_both"] == figures["masked_accuracy_shuffled_both"]
            assert figures["boundary_f1_zh"] == figures["boundary_f1_shuffled_zh"]
        else:
            assert figures["moved_shuffled_both"] > 0.05
            assert figures["masked_accuracy_both"] > figures["masked_accuracy_shuffled_both"] + 0.03
            assert figures["masked_accuracy_both"] > told["none"]["figures"]["masked_accuracy_both"] + 0.03  # type: ignore[index]
            assert figures["boundary_f1_zh"] > figures["boundary_f1_shuffled_zh"] + 0.05
        card = read_card_figures(encoding)
        assert card and all(figures[key] == value for key, value in card.items())


def read_card_figures(encoding: str) -> dict[str, float]:
    card = read_card(str(WEIGHTS / f"positions-{encoding}"))
    return {} if card is None else card.figures


def test_figures_of_a_few_sentences_are_counted_as_one_counts_by_hand() -> None:
    for name in NAMES:
        model = load(name)
        held = {language: cases(model, texts, language) for language, texts in HELD.items()}
        figures = measure(model, held)
        right = begins = wanted = found = blanks = 0
        for language, texts in HELD.items():
            for text, case in zip(texts, held[language], strict=True):
                ids = list(model.encode(text).ids)
                masked = [4 if place in case.blanks else number for place, number in enumerate(ids)]
                assert model.tokenizer.mask_token_id == 4
                with torch.inference_mode():
                    states = model.network.encoder(torch.tensor(masked), torch.arange(len(ids)))
                    best = model.network.filled(states).argmax(-1)
                right += sum(int(best[place]) == ids[place] for place in case.blanks.tolist())
                blanks += len(case.blanks)
                marks = model.read(text).boundaries
                if language == "zh":
                    begins += sum(
                        bool(m >= 0.5) and bool(w) for m, w in zip(marks[1:-1], case.marks[1:-1], strict=True)
                    )  # type: ignore[index]
                    found += int((marks[1:-1] >= 0.5).sum())  # type: ignore[index]
                    wanted += int(case.marks[1:-1].sum())
        assert figures["masked_accuracy_both"] == right / blanks
        assert figures["boundary_f1_zh"] == pytest.approx(2 * begins / (found + wanted))


def test_shuffled_tokens_keep_their_marks_and_their_blanks() -> None:
    model = load("positions-none")
    case = cases(model, HELD["zh"], "zh")[1]
    before, after = counted(model, case, positions=True)
    assert (before.blanks, before.filled, before.found, before.right) == (
        after.blanks, after.filled, after.found, after.right,
    )  # fmt: skip
    assert after.moved < 1e-5 * after.tokens and before.moved < 1e-9
    assert counted(load("positions-learned"), case, positions=True)[1].moved > 0.01 * after.tokens


def test_names_and_orders_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ModelError, match="positions-none"):
        load("positions-relative")
    for order in ((0, 1), (0, 1, 2, 3, 4, 4), tuple(range(1, 7))):
        with pytest.raises(TextError):
            load("positions-none").read("狗咬人。", order=order)


def test_words_are_joined_as_the_tokens_were_read() -> None:
    model = load("positions-rotary")
    encoded = model.encode("The dog bites the man.")
    last = len(encoded.ids) - 1
    found = effect.noticed(model, encoded, (0, *range(last - 1, 0, -1), last))
    in_order, turned = ("".join(found.readings[way].words).replace(" ", "").lower() for way in ("order", "shuffled"))
    assert in_order == "thedogbitestheman." and turned.startswith(".man")


def test_a_text_with_half_a_character_is_read() -> None:
    assert load("positions-alibi").read("a\ud800b").tokens[0] == "[CLS]"
