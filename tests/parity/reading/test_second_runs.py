"""What runs a model to say what an answer rests on, beside explicit second runs of transformers' own eager network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attnviz import ForbidEdge, Logit, Model, Trace, differentiable, load, record
from attnviz.experiments.reading.gradients import integrated_gradients, left_over, relevances
from attnviz.experiments.reading.lens import lens
from attnviz.experiments.reading.occlusion import edges_cut, occluded
from attnviz.experiments.reading.places import Pieces, Places, Shares, by_closeness, by_length, by_weight
from attnviz.experiments.reading.zeroing import value_zeroing
from attnviz.measures.reading import closeness, contributions, rollout, through_norm
from tests.parity import tiny
from tests.parity.reading.seconds import hooked, softmax_without, with_words, without_value
from tests.parity.test_interventions import SIZES

TEXT, TARGET = "南京市长江大桥", "the mat 在上"
AT, PIECE = 3, 20
ENCODERS = ("bert", "roberta", "electra", "distilbert", "albert", "modernbert")
DECODERS = ("gpt2", "llama", "mistral", "opt", "gpt_neox", "gemma2", "gpt_oss")
KINDS = (*ENCODERS, *DECODERS, *tiny.SEQ2SEQ)
GOAL = Logit(AT, PIECE)
# Gaps of 64 points where the way has corners: ReLU (seen 0.0045), and experts that are chosen anew (seen 0.028).
ANGULAR = {"opt": 0.01, "gpt_oss": 0.1}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Any:
    """A tiny model by its type, as attnviz opens it and as transformers alone does, and its run."""
    root: Path = tmp_path_factory.mktemp("models")

    @cache
    def find(name: str) -> tuple[Model, PreTrainedModel, Trace]:
        kind = tiny.kind_of(name)
        folder = tiny.save(kind, name, root / name, wordpiece, **SIZES.get(name, {}))
        model = load(str(folder))
        trace = record(model, TEXT, target=TARGET if kind == "seq2seq" else None, states=True)
        return model, tiny.eager(kind, folder), trace

    return find


def given(trace: Trace) -> dict[str, Tensor]:
    """What the network reads."""
    text = trace.looked_at or trace.encoded
    found = {"input_ids": torch.tensor([text.ids])}
    return found if trace.looked_at is None else found | {"decoder_input_ids": torch.tensor([trace.encoded.ids])}


def states(result: Any, part: str) -> tuple[Tensor, ...]:
    return {
        "self": lambda: result.hidden_states, "encoder": lambda: result.encoder_hidden_states,
        "decoder": lambda: result.decoder_hidden_states, "cross": lambda: result.decoder_hidden_states,
    }[part]()  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_value_zeroing_is_a_second_run_whose_projection_gives_nothing_for_one_key(name: str, pair: Any) -> None:
    model, network, trace = pair(name)
    found = value_zeroing(model, trace)
    with torch.inference_mode():
        plain = network(**given(trace), output_hidden_states=True, use_cache=False)
    largest = 0.0
    for (part, layer), table in found.items():
        for key in range(0, table.shape[1], 3):
            other = without_value(network, part, layer, key, given(trace))
            before, after = (states(one, part)[layer + 1][0].double() for one in (plain, other))
            expected = 1 - (before * after).sum(-1) / (before.norm(dim=-1) * after.norm(dim=-1))
            assert (table[:, key] - expected).abs().max() < 1e-5  # worst seen 2e-7
            largest = max(largest, float(expected.abs().max()))
    assert largest > 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_occlusion_is_a_second_run_whose_table_gives_another_embedding(name: str, pair: Any) -> None:
    model, network, trace = pair(name)
    inputs = given(trace)
    with torch.inference_mode():
        plain = network(**inputs, use_cache=False).logits[0, AT, PIECE]
    for by, fill in (("zero", torch.zeros(1)), ("mean", "mean")):
        found = occluded(model, trace, GOAL, by=by).tolist()
        expected = [
            float(plain - with_words(network, ids, place, fill, inputs).logits[0, AT, PIECE])
            for ids in inputs.values()
            for place in range(ids.shape[1])
        ]
        assert found == pytest.approx(expected, abs=1e-4)  # worst seen 1e-6
        assert max(map(abs, expected)) > 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_edges_that_are_shared_out_are_those_of_an_intervention(name: str, pair: Any) -> None:
    model, _, trace = pair(name)
    target = TARGET if trace.crossed else None
    expected = []
    for part in ("cross", "decoder") if trace.crossed else ("self",):
        for key in range(len(trace.map(part).keys)):
            change = ForbidEdge(AT, key, part=part)
            logits = record(model, TEXT, target=target, interventions=[change]).logits
            expected.append(float(trace.logits[AT, PIECE] - logits[AT, PIECE]))
    found = edges_cut(model, trace, GOAL, at=AT).tolist()
    assert found == pytest.approx(expected, abs=1e-4)  # worst seen 2e-6
    assert max(map(abs, expected)) > 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_edges_that_are_lost_are_a_second_run_whose_softmax_leaves_a_weight_out(
    name: str, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, network, trace = pair(name)
    expected = []
    for part in ("cross", "decoder") if trace.crossed else ("self",):
        size = len(trace.queries), len(trace.map(part).keys)
        for key in range(size[1]):
            with softmax_without(monkeypatch, size, AT, key), torch.inference_mode():
                logits = network(**given(trace), use_cache=False).logits
            expected.append(float(trace.logits[AT, PIECE] - logits[0, AT, PIECE]))
    found = edges_cut(model, trace, GOAL, at=AT, shared=False).tolist()
    assert found == pytest.approx(expected, abs=1e-4)  # worst seen 2e-6
    assert max(map(abs, expected)) > 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_integrated_gradients_are_complete(name: str, pair: Any) -> None:
    model, _, trace = pair(name)
    found = integrated_gradients(model, trace, GOAL, steps=64)
    assert left_over(model, trace, GOAL, found) < ANGULAR.get(name, 2e-3)
    assert found.abs().max() > 1e-2
    assert len(found) == len(Places(trace).labels)
    if name in DECODERS:
        assert (found[AT + 1 :] == 0).all()


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_integrated_gradients_are_a_loop_over_a_table_that_gives_leaves(name: str, pair: Any) -> None:
    model, network, trace = pair(name)
    inputs, points = given(trace), np.polynomial.legendre.leggauss(8)
    table = network.get_input_embeddings()
    words = table(inputs["input_ids"]).detach()
    start = words.mean(1, keepdim=True)
    total = torch.zeros(words.shape[1])
    for point, share in zip(*points, strict=True):
        leaf = (start + (words - start) * (point + 1) / 2).float().requires_grad_()
        with hooked([(table, lambda *_, leaf=leaf: leaf)]):
            logits = network(**inputs, use_cache=False).logits
        (slope,) = torch.autograd.grad(logits[0, AT, PIECE], [leaf])
        total += share / 2 * ((words - start) * slope)[0].sum(-1)
    found = integrated_gradients(model, trace, GOAL, steps=8)
    assert (found - total).abs().max() < 1e-4  # worst seen 1e-6


@pytest.mark.parametrize("name", ["bert", "gpt2", "gemma2"])
def test_relevance_is_a_loop_over_the_weights_that_transformers_returns(name: str, pair: Any) -> None:
    model, network, trace = pair(name)
    result = network(**given(trace), output_attentions=True, use_cache=False)
    slopes = torch.autograd.grad(result.logits[0, AT, PIECE], result.attentions)
    expected = torch.eye(len(trace.tokens))
    for weights, slope in zip(result.attentions, slopes, strict=True):
        expected = expected + (weights * slope)[0].clamp_min(0).mean(0) @ expected
    found = relevances(differentiable(model, TEXT), GOAL)
    assert (found - expected).abs().max() < 1e-4  # worst seen 1e-6
    assert (found - torch.eye(len(trace.tokens))).max() > 1e-3


@pytest.mark.parametrize("name", [kind for kind in KINDS if kind != "gemma2"])
def test_parts_and_biases_sum_to_the_states_of_every_map(name: str, pair: Any) -> None:
    _, _, trace = pair(name)
    for one, layer in Places(trace).steps():
        pieces, block = Pieces.of(one, layer), one.block(layer)
        by = pieces.spread.double()[:, None]
        vectors, kept, whole = contributions(pieces.weights / by, pieces.heads), pieces.kept / by, pieces.whole / by
        joined = torch.cat([vectors, kept[:, None]], 1) if one.crossed else vectors.clone()
        if not one.crossed:
            joined[range(len(kept)), range(len(kept))] += kept
        assert torch.allclose(pieces.lengths() / by, joined.norm(dim=-1), atol=1e-6)
        assert torch.allclose(
            pieces.closeness() / by, closeness(joined, whole), atol=3e-5
        )  # of sizes up to 60 in float32
        bias = torch.zeros(whole.shape[1]) if block.linear.bias is None else block.linear.bias
        rest = bias.double().expand_as(whole)
        if block.norm is not None:
            rest = through_norm(rest, block.left, block.norm)
            rest = rest if block.norm.bias is None else rest + block.norm.bias.double()
        gap = vectors.sum(1) + kept + rest - whole
        assert gap.abs().max() < 1e-5  # worst seen 3e-6


@pytest.mark.parametrize("shares", [by_weight, by_length, by_closeness])
@pytest.mark.parametrize("name", [kind for kind in KINDS if kind != "gemma2"])
def test_one_row_rolled_out_is_that_of_all_maps_together(name: str, shares: Shares, pair: Any) -> None:
    """Queries that the row does not reach are not asked for: in a decoder those after the token."""
    _, _, trace = pair(name)
    places = Places(trace)
    whole = rollout(places.maps(shares), identity=False)
    for at in (1, len(trace.tokens) - 1):
        assert torch.allclose(places.rolled(shares, at), whole[places.place(at)], atol=1e-6)


LAST = {
    "modernbert": "model.final_norm", "gpt2": "transformer.ln_f", "llama": "model.norm", "mistral": "model.norm",
    "gemma2": "model.norm", "gpt_oss": "model.norm", "opt": "model.decoder.final_layer_norm",
    "gpt_neox": "gpt_neox.final_layer_norm", "t5": "decoder.final_layer_norm",
}  # fmt: skip
UPPERMOST = {
    "bert": "bert.encoder.layer.1", "roberta": "roberta.encoder.layer.1", "electra": "electra.encoder.layer.1",
    "distilbert": "distilbert.transformer.layer.1", "bart": "model.decoder.layers.1",
}  # fmt: skip


@pytest.mark.parametrize("name", [*LAST, *UPPERMOST])
def test_lens_is_a_second_run_whose_last_layer_gives_an_earlier_state(name: str, pair: Any) -> None:
    model, network, trace = pair(name)
    found = lens(model, trace)
    assert (found[-1] - trace.logits).abs().max() < 1e-5  # worst seen 0
    with torch.inference_mode():
        plain = network(**given(trace), output_hidden_states=True, use_cache=False)
        own = states(plain, "decoder" if trace.crossed else "self")
        for layer, state in enumerate(own[:-1]):
            if name in LAST:
                module = network.get_submodule(LAST[name])
                handle = module.register_forward_pre_hook(lambda *_, state=state: (state,))
            else:
                module = network.get_submodule(UPPERMOST[name])
                handle = module.register_forward_hook(
                    lambda module, inputs, output, state=state: (
                        (state, *output[1:]) if isinstance(output, tuple) else state
                    )
                )
            expected = network(**given(trace), use_cache=False).logits[0]
            handle.remove()
            assert (found[layer] - expected).abs().max() < 1e-4  # worst seen 1e-6
    assert (found[0] - found[-1]).abs().max() > 0.1
