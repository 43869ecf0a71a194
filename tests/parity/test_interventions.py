"""Changes made inside a run against independent references: hooks on, and masks for, transformers' own eager models."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnviz import (
    Argmax,
    AttnvizError,
    ForbidEdge,
    HideToken,
    Intervention,
    KeepHead,
    Model,
    ModelError,
    RemoveHeads,
    Reweigh,
    Soft,
    TopK,
    Trace,
    record,
)
from attnviz.adapter import registered as interface
from attnviz.measures import candidates, moved, prediction_change
from tests.parity import tiny
from tests.parity.tiny import Models

TEXT, TARGET = "南京市长江大桥, the cat", "the mat 在上"
HEADS = 4
# Where a head's output is a slice of what goes in, by the map that the layer belongs to.
PROJECTIONS: dict[str, dict[str, str]] = {
    "bert": {"self": "bert.encoder.layer.{}.attention.output.dense"},
    "gpt2": {"self": "transformer.h.{}.attn.c_proj"},
    **{name: {"self": "model.layers.{}.self_attn.o_proj"} for name in ("llama", "mistral", "qwen3", "gpt_oss")},
    "t5": {
        "encoder": "encoder.block.{}.layer.0.SelfAttention.o",
        "decoder": "decoder.block.{}.layer.0.SelfAttention.o",
        "cross": "decoder.block.{}.layer.1.EncDecAttention.o",
    },
    "bart": {
        "encoder": "model.encoder.layers.{}.self_attn.out_proj",
        "decoder": "model.decoder.layers.{}.self_attn.out_proj",
        "cross": "model.decoder.layers.{}.encoder_attn.out_proj",
    },
}
ONE_TEXT = [name for name in PROJECTIONS if "self" in PROJECTIONS[name]]
TWO_TEXTS = [name for name in PROJECTIONS if "cross" in PROJECTIONS[name]]
SIZES: dict[str, dict[str, Any]] = {
    "t5": dict(num_layers=2, decoder_start_token_id=0),
    "bart": dict(d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
                 encoder_ffn_dim=48, decoder_ffn_dim=48, init_std=0.2),
    "jamba": dict(num_hidden_layers=3, attn_layer_period=2, attn_layer_offset=1, num_key_value_heads=2,
                  mamba_d_state=4, mamba_dt_rank=4, num_experts=2, num_experts_per_tok=1, use_mamba_kernels=False),
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Models:
    return tiny.opener(tmp_path_factory.mktemp("models"), wordpiece, SIZES)


def changed(model: Model, *changes: Intervention) -> Trace:
    return record(model, TEXT, target=TARGET if model.kind == "seq2seq" else None, interventions=changes)


def without(heads: Sequence[int], _: object, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """A hook: the input of an output projection with the slices of some heads set to 0."""
    left = given[0].clone().unflatten(-1, (HEADS, -1))
    left[..., list(heads), :] = 0
    return (left.flatten(-2), *given[1:])


def reference(
    model: Model, trace: Trace, heads: Sequence[int] = (), layers: Sequence[int] = (), parts: Sequence[str] = (),
    **inputs: Tensor,
) -> Tensor:  # fmt: skip
    """The logits of transformers' own eager model over the same tokens, without some heads."""
    network = tiny.eager(model.kind, Path(model.name))
    for part in parts:
        for layer in layers:
            place = PROJECTIONS[network.config.model_type][part].format(layer)
            network.get_submodule(place).register_forward_pre_hook(partial(without, heads))
    own = torch.tensor([trace.encoded.ids])
    if trace.looked_at is None:
        inputs = {"input_ids": own, **inputs}
    else:
        inputs = {"input_ids": torch.tensor([trace.looked_at.ids]), "decoder_input_ids": own, **inputs}
    with torch.inference_mode():
        return network(**inputs, use_cache=False).logits[0]


def far(first: Tensor, second: Tensor) -> float:
    return (first - second).abs().max().item()


@pytest.mark.parametrize("layers", [None, (1,)], ids=["all layers", "layer 1"])
@pytest.mark.parametrize("heads", [(1,), (0, 3)], ids=str)
@pytest.mark.parametrize("name", PROJECTIONS)
def test_removing_heads_equals_zeroing_their_slices_before_the_output_projection(
    name: str, heads: tuple[int, ...], layers: tuple[int, ...] | None, model: Models
) -> None:
    trace = changed(model(name), RemoveHeads(heads, layers=layers))
    expected = reference(model(name), trace, heads, (0, 1) if layers is None else layers, list(PROJECTIONS[name]))
    assert far(trace.logits, expected) < 1e-5  # of logits up to 6; worst seen 2.9e-6
    assert far(trace.logits, changed(model(name)).logits) > 0.01


@pytest.mark.parametrize("part", ["encoder", "decoder", "cross"])
@pytest.mark.parametrize("name", TWO_TEXTS)
def test_heads_of_one_map_of_an_encoder_decoder_are_removed_there_alone(name: str, part: str, model: Models) -> None:
    trace = changed(model(name), RemoveHeads((2,), layers=(0,), part=part))
    assert far(trace.logits, reference(model(name), trace, (2,), (0,), [part])) < 1e-5  # worst seen 2.3e-6
    assert far(trace.logits, changed(model(name)).logits) > 1e-3


@pytest.mark.parametrize("name", PROJECTIONS)
def test_keeping_one_head_equals_zeroing_the_slices_of_all_others(name: str, model: Models) -> None:
    trace = changed(model(name), KeepHead(2))
    expected = reference(model(name), trace, (0, 1, 3), (0, 1), list(PROJECTIONS[name]))
    assert far(trace.logits, expected) < 1e-5  # worst seen 2.1e-6
    others = changed(model(name), RemoveHeads((0, 1, 3)))
    assert torch.equal(trace.logits, others.logits)


@pytest.mark.parametrize("name", ONE_TEXT)
def test_a_removed_head_keeps_its_weights_and_gives_nothing(name: str, model: Models) -> None:
    before, after = changed(model(name)), changed(model(name), RemoveHeads((1,), layers=(0,)))
    assert torch.equal(before.weights(0), after.weights(0))
    assert (after.attention(0, 1).output == 0).all()
    assert torch.equal(before.attention(0, 2).output, after.attention(0, 2).output)


@pytest.mark.parametrize("layers", [None, (1,)], ids=["all layers", "layer 1"])
@pytest.mark.parametrize("heads", [None, (1, 2)], ids=["all heads", "heads 1, 2"])
@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "mistral"])
def test_a_forbidden_edge_has_weight_0_and_its_row_still_sums_to_1(
    name: str, heads: tuple[int, ...] | None, layers: tuple[int, ...] | None, model: Models
) -> None:
    before, after = changed(model(name)), changed(model(name), ForbidEdge(6, 4, heads, layers=layers))
    assert far(before.logits, after.logits) > 1e-3
    for layer in range(after.n_layers):
        for head in range(HEADS):
            weights = after.weights(layer, head)
            assert weights.sum(-1) == pytest.approx(1, abs=1e-6)
            reached = (layers is None or layer in layers) and (heads is None or head in heads)
            assert (weights[6, 4] == 0) == reached
            if layer == 0 and reached:  # the other keys share its weight as they stood to each other
                old = before.weights(0, head)[6].clone()
                old[4] = 0
                assert far(weights[6], old / old.sum()) < 1e-6  # worst seen 6e-8


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "qwen3"])
def test_an_edge_forbidden_everywhere_equals_a_mask_without_that_pair(name: str, model: Models) -> None:
    trace = changed(model(name), ForbidEdge(7, 3))
    size = len(trace.tokens)
    pairs = torch.ones(1, 1, size, size, dtype=torch.bool)
    pairs[..., 7, 3] = False
    pairs = pairs if name == "bert" else pairs.tril()
    mask = torch.zeros(pairs.shape).masked_fill(~pairs, torch.finfo(torch.float32).min)
    assert far(trace.logits, reference(model(name), trace, attention_mask=mask)) < 1e-5  # worst seen 1.8e-6


@pytest.mark.parametrize("name", TWO_TEXTS)
def test_an_edge_of_an_encoder_decoder_is_one_of_the_cross_map_unless_said(name: str, model: Models) -> None:
    before = changed(model(name))
    for part in (None, "encoder", "decoder", "cross"):
        after = changed(model(name), ForbidEdge(4, 2, part=part))
        for other in before.parts:
            forbidden = (after.map(other).weights(0)[:, 4, 2] == 0).all()
            assert forbidden == (other == (part or "cross"))
        assert far(before.logits, after.logits) > 1e-4


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "electra"])
def test_hiding_a_token_equals_the_attention_mask_for_it(name: str, model: Models) -> None:
    trace = changed(model(name), HideToken(4))
    mask = torch.ones(1, len(trace.tokens), dtype=torch.long)
    mask[0, 4] = 0
    expected = reference(model(name), trace, attention_mask=mask)
    assert far(trace.logits, expected) < 1e-5  # every token, the hidden one's own query included; worst seen 2e-6
    assert far(trace.logits, changed(model(name)).logits) > 0.01
    for layer in range(trace.n_layers):
        assert (trace.weights(layer)[..., 4] == 0).all()
        assert trace.weights(layer).sum(-1) == pytest.approx(torch.ones(HEADS, len(trace.tokens)), abs=1e-6)


@pytest.mark.parametrize("token", [0, 4])
@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "gpt_neox"])
def test_hiding_a_token_from_a_causal_model_equals_the_attention_mask_for_it(
    name: str, token: int, model: Models
) -> None:
    trace = changed(model(name), HideToken(token))
    place = torch.arange(len(trace.tokens))
    mask = (place != token).long()[None]
    expected = reference(model(name), trace, attention_mask=mask, position_ids=place[None])
    others = place != token if token == 0 else place >= 0  # a first token that sees nothing has no meaning anywhere
    assert far(trace.logits[others], expected[others]) < 1e-5  # worst seen 2.1e-6


@pytest.mark.parametrize("name", TWO_TEXTS)
def test_hiding_a_source_token_equals_the_encoders_attention_mask_for_it(name: str, model: Models) -> None:
    trace = changed(model(name), HideToken(3))
    mask = torch.ones(1, len(trace.looked_at.ids), dtype=torch.long)
    mask[0, 3] = 0
    assert far(trace.logits, reference(model(name), trace, attention_mask=mask)) < 1e-5  # worst seen 1.3e-6
    assert (trace.weights(0)[..., 3] == 0).all()
    assert (trace.map("encoder").weights(0)[..., 3] == 0).all()
    assert (trace.map("decoder").weights(0)[:, 3:, 3] > 0).all()


@pytest.mark.parametrize("name", TWO_TEXTS)
def test_hiding_a_target_token_equals_the_decoders_attention_mask_for_it(name: str, model: Models) -> None:
    trace = changed(model(name), HideToken(2, part="decoder"))
    mask = torch.ones(1, len(trace.tokens), dtype=torch.long)
    mask[0, 2] = 0
    expected = reference(model(name), trace, decoder_attention_mask=mask)
    assert far(trace.logits, expected) < 1e-5  # worst seen 1.5e-6
    assert (trace.map("decoder").weights(0)[..., 2] == 0).all()
    assert (trace.weights(0)[..., 2] > 0).all()


@pytest.mark.parametrize("change", [HideToken(0), ForbidEdge(0, 0)], ids=str)
@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral", "gemma2"])
def test_a_query_left_with_nothing_to_look_at_has_weights_and_output_0(
    name: str, change: Intervention, model: Models
) -> None:
    trace = changed(model(name), change)
    for layer in range(trace.n_layers):
        assert (trace.weights(layer)[:, 0] == 0).all()
        assert (trace.attention(layer).output[:, 0] == 0).all()
        assert torch.isfinite(trace.attention(layer).output).all()
    assert torch.isfinite(trace.logits).all()
    for rule in (TopK(2), Argmax()):
        hard = record(model(name), TEXT, rule=rule, interventions=[change])
        assert torch.isfinite(hard.logits).all()


def test_a_rule_in_chosen_layers_leaves_the_others_soft(model: Models) -> None:
    before, after = changed(model("llama")), changed(model("llama"), Reweigh(TopK(1), layers=(1,)))
    assert torch.equal(before.weights(0), after.weights(0))
    assert ((after.weights(1) > 0).sum(-1) == 1).all()
    both = changed(model("llama"), Reweigh(TopK(1), layers=(0,)), Reweigh(TopK(1), layers=(1,)))
    assert torch.equal(both.logits, record(model("llama"), TEXT, rule=TopK(1)).logits)


NOTHING = [
    RemoveHeads(()), RemoveHeads((0, 1), layers=()), Reweigh(Soft()), Reweigh(Soft(1.0), layers=(0,)),
    ForbidEdge(2, 3, heads=()), HideToken(1, layers=()), KeepHead(0, layers=()),
]  # fmt: skip


@pytest.mark.parametrize("change", NOTHING, ids=str)
@pytest.mark.parametrize("name", ["bert", "gpt2", "mistral", "t5", "bart"])
def test_a_change_of_nothing_changes_no_bit(name: str, change: Intervention, model: Models) -> None:
    before, after = changed(model(name)), changed(model(name), change)
    assert torch.equal(before.logits, after.logits)
    for part in before.parts:
        one, other = before.map(part), after.map(part)
        assert torch.equal(one.outputs, other.outputs)
        assert all(torch.equal(one.weights(layer), other.weights(layer)) for layer in range(one.n_layers))


def test_an_edge_that_was_never_allowed_can_be_forbidden_without_effect(model: Models) -> None:
    assert torch.equal(changed(model("gpt2")).logits, changed(model("gpt2"), ForbidEdge(2, 5)).logits)


def test_changes_add_up_in_any_order(model: Models) -> None:
    changes = (RemoveHeads((1,), layers=(0,)), HideToken(3), ForbidEdge(7, 5, (2,)))
    forth, back = changed(model("bert"), *changes), changed(model("bert"), *reversed(changes))
    assert torch.equal(forth.logits, back.logits)
    assert forth.changes == changes
    assert (forth.weights(1)[:, :, 3] == 0).all() and (forth.weights(1, 2)[7, 5] == 0).all()


@pytest.mark.parametrize("change", [RemoveHeads((1,)), HideToken(3), ForbidEdge(5, 2), Reweigh(Argmax())], ids=str)
@pytest.mark.parametrize("name", ["bert", "llama", "t5"])
def test_a_run_after_a_changed_one_equals_the_run_before_it(name: str, change: Intervention, model: Models) -> None:
    before = changed(model(name))
    assert far(before.logits, changed(model(name), change).logits) > 1e-4
    assert interface._RUN.get() is None
    assert torch.equal(before.logits, changed(model(name)).logits)


def test_two_people_with_different_changes_never_disturb_each_other(model: Models) -> None:
    shared, changes = model("bert"), ((RemoveHeads((1,)), HideToken(2)), (KeepHead(3), ForbidEdge(4, 5)))
    alone = [changed(shared, *which).logits for which in changes]
    assert far(*alone) > 0.01

    def hundred(which: int) -> list[Tensor]:
        return [changed(shared, *changes[which]).logits for _ in range(100)]

    with ThreadPoolExecutor(2) as threads:
        for expected, found in zip(alone, threads.map(hundred, (0, 1)), strict=True):
            assert all(torch.equal(logits, expected) for logits in found)


REFUSED = [
    ("bert", RemoveHeads((4,)), "no_such_head"), ("bert", RemoveHeads((-1,)), "no_such_head"),
    ("bert", KeepHead(9), "no_such_head"), ("bert", ForbidEdge(1, 2, (0, 4)), "no_such_head"),
    ("bert", RemoveHeads((0,), layers=(2,)), "no_such_layer"), ("bert", HideToken(1, layers=(-1,)), "no_such_layer"),
    ("bert", ForbidEdge(12, 1), "no_such_query"), ("bert", ForbidEdge(1, 12), "no_such_key"),
    ("bert", HideToken(12), "no_such_key"), ("gpt2", HideToken(-1), "no_such_key"),
    ("bert", RemoveHeads((0,), part="cross"), "no_such_part"), ("t5", RemoveHeads((0,), part="self"), "no_such_part"),
    ("t5", ForbidEdge(6, 1), "no_such_query"), ("t5", ForbidEdge(1, 12), "no_such_key"),
    ("t5", ForbidEdge(1, 6, part="decoder"), "no_such_key"), ("t5", ForbidEdge(12, 1, part="encoder"), "no_such_query"),
    ("t5", HideToken(6, part="decoder"), "no_such_key"), ("t5", HideToken(12), "no_such_key"),
    ("jamba", RemoveHeads((0,), layers=(0,)), "layer_gap"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "message"), REFUSED, ids=[f"{name}: {what}" for name, what, _ in REFUSED])
def test_a_layer_head_token_or_map_that_is_not_there_is_refused(
    name: str, change: Intervention, message: str, model: Models
) -> None:
    assert len(record(model(name), TEXT).map("encoder" if name == "t5" else "self").tokens) == 12
    assert name != "t5" or len(changed(model(name)).tokens) == 6
    with pytest.raises(AttnvizError) as refusal:
        changed(model(name), change)
    assert refusal.value.message == message
    assert refusal.value.say("zh")


def test_the_effect_on_an_encoder_decoder_is_measured_at_a_position_of_the_target(model: Models) -> None:
    before, after = changed(model("bart")), changed(model("bart"), KeepHead(2))
    last = len(before.tokens) - 1
    rows = candidates(before, after, last, 4)
    assert len(rows) > 4
    assert {name for name, _, _ in rows} == {name for run in (before, after) for name, _ in run.predictions(last, 4)}
    assert [(name, p) for name, p, _ in rows if (name, p) in before.predictions(last, 4)]
    p, q = before.probabilities(last).double(), after.probabilities(last).double()
    bits = (p * (p / q).log2()).sum().item()
    assert prediction_change(before, after, last) == pytest.approx(bits, abs=1e-6)
    assert prediction_change(before.map("decoder"), after.map("decoder"), last) == pytest.approx(bits, abs=1e-6)
    assert len(moved(before.map("encoder"), after.map("encoder"))) == 12
    assert moved(before, after).shape == (last + 1,)
    with pytest.raises(ModelError):
        prediction_change(before.map("encoder"), after.map("encoder"), 0)
    with pytest.raises(AttnvizError):
        candidates(before, after, last + 1)


def test_changes_say_what_they_do() -> None:
    assert str(RemoveHeads((0, 2), layers=(1,))) == "remove heads 0, 2 in layer 1"
    assert str(KeepHead(3, part="cross")) == "keep only head 3 of cross"
    assert str(ForbidEdge(5, 4, (1,), layers=(0, 1))) == "forbid 5 to look at 4 in head 1 in layers 0, 1"
    assert str(HideToken(4, part="decoder")) == "hide 4 of decoder"
    assert str(Reweigh(TopK(2))) == "TopK(k=2, renormalise=False)"
