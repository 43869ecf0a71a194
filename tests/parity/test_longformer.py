"""Longformer by token, against full tables of scores computed from its own projections with the band as a mask."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnviz import Model, ModelError, load, record
from attnviz.adapter import longformer
from attnviz.core.interventions import Restrict
from attnviz.core.masks import Global, Window
from attnviz.figures import heatmap
from tests.parity import tiny

TEXT = "南京市长江大桥, the cat sat on the mat"
HEADS, WINDOWS = 4, [4, 8]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Model:
    """A tiny random Longformer whose two layers have windows of 2 and of 4 tokens on each side."""
    folder = tmp_path_factory.mktemp("longformer")
    return load(str(tiny.save("masked", "longformer", folder, wordpiece, attention_window=WINDOWS)))


def heads(projected: Tensor) -> Tensor:
    """`[1, token, width]` as `[head, token, d]`."""
    return projected[0].unflatten(-1, (HEADS, -1)).transpose(0, 1)


def dense(model: Model, ids: Tensor, **inputs: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Each layer's (weights, output, the model's own output), full tables from the projections of its own states."""
    states: list[tuple[Tensor, Tensor]] = []
    layers = model.network.base_model.encoder.layer
    hooks = [
        layer.attention.self.register_forward_hook(lambda _, given, out: states.append((given[0], out[0])))
        for layer in layers
    ]
    with torch.inference_mode():
        model.network(input_ids=ids, **inputs)
    for hook in hooks:
        hook.remove()
    chosen = inputs.get("global_attention_mask", torch.zeros_like(ids))[0].nonzero().flatten().tolist()
    count, found = ids.shape[-1], []
    with torch.inference_mode():
        for layer, window, (state, own) in zip(layers, WINDOWS, states, strict=True):
            found.append((*table(layer.attention.self, state, count, window // 2, chosen), own[0, :count]))
    return found


def table(
    attention: torch.nn.Module, state: Tensor, count: int, reach: int, chosen: list[int]
) -> tuple[Tensor, Tensor]:
    """One layer's weights and output, row by row, as Beltagy et al. 2020, sec. 3.1, say it."""
    kinds = {"": [], "_global": []}
    for kind in kinds:
        kinds[kind] = [
            heads(getattr(attention, f"{name}{kind}")(state))[:, :count] for name in ("query", "key", "value")
        ]
    weights = torch.zeros(HEADS, count, count, dtype=torch.float64)
    output = torch.zeros(HEADS, count, kinds[""][2].shape[-1], dtype=torch.float64)
    for row in range(count):
        q, k, v = kinds["_global" if row in chosen else ""]
        seen = [key for key in range(count) if row in chosen or key in chosen or abs(row - key) <= reach]
        for head in range(HEADS):
            scores = (k[head, seen].double() @ q[head, row].double()) / math.sqrt(q.shape[-1])
            weights[head, row, seen] = scores.softmax(-1)
            output[head, row] = weights[head, row, seen] @ v[head, seen].double()
    return weights, output.transpose(0, 1).flatten(1)


@pytest.mark.parametrize("text", ["猫", "南京市", TEXT, TEXT * 2], ids=len)
def test_weights_by_token_are_those_of_a_full_table_under_the_band(text: str, model: Model) -> None:
    trace = record(model, text)
    reference = dense(model, torch.tensor([trace.encoded.ids]))
    for layer, (weights, output, own) in enumerate(reference):
        assert (trace.weights(layer) - weights).abs().max() < 1e-6  # worst seen 1.2e-7
        assert (output - own).abs().max() < 1e-5  # the reference is what the model computes; worst seen 8e-7


def test_pairs_outside_the_window_are_not_allowed(model: Model) -> None:
    trace = record(model, TEXT)
    size = len(trace.tokens)
    assert size > 10
    for layer, window in enumerate(WINDOWS):
        for head in range(HEADS):
            assert torch.equal(trace.attention(layer, head).allowed, Window(window // 2).allowed(size, size))
    shown = heatmap(trace, layer=0, head=0).data[0].z
    assert torch.equal(torch.tensor(shown).isnan(), ~Window(2).allowed(size, size))


def test_tokens_with_global_attention_have_rows_and_columns(model: Model) -> None:
    ids = torch.tensor([record(model, TEXT).encoded.ids])
    chosen = [0, 7]
    mask = torch.zeros_like(ids)
    mask[0, chosen] = 1
    with torch.inference_mode():
        result = model.network(input_ids=ids, global_attention_mask=mask, output_attentions=True)
    found = longformer.layers(result, "self", chosen)
    reference = dense(model, ids, global_attention_mask=mask)
    for layer, (weights, output, own) in enumerate(reference):
        assert (found[layer].weights - weights).abs().max() < 1e-6  # worst seen 1.8e-7
        assert (output - own).abs().max() < 1e-5
        size = ids.shape[-1]
        allowed = (Window(WINDOWS[layer] // 2) | Global(tuple(chosen))).allowed(size, size)
        assert torch.equal(found[layer].allowed[0], allowed)


def test_columns_that_are_no_distances_are_refused() -> None:
    with pytest.raises(ValueError, match="4 columns"):
        longformer.by_token(torch.rand(2, 6, 4))
    with pytest.raises(ValueError, match="6 columns"):
        longformer.by_token(torch.rand(2, 6, 6), [0])


def test_model_fills_a_blank_and_is_read_only(model: Model) -> None:
    trace = record(model, TEXT, blank=3)
    assert model.eager and len(trace.predictions(3)) == 5
    with pytest.raises(ModelError) as refused:
        record(model, TEXT, interventions=[Restrict(Window(1))])
    assert refused.value.message == "model_read_only"


def test_encoder_of_led_is_read_beside_its_other_maps(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    sizes = {
        "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "attention_window": 4,
        "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "decoder_start_token_id": 2,
        "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 64,
    }  # fmt: skip
    led = load(str(tiny.save("seq2seq", "led", tmp_path / "led", wordpiece, **sizes)))
    trace = record(led, TEXT, target="the mat")
    assert set(trace.parts) == {"encoder", "decoder", "cross"}
    encoder = trace.map("encoder")
    size = len(encoder.tokens)
    for layer in range(2):
        assert encoder.weights(layer).sum(-1) == pytest.approx(torch.ones(HEADS, size), abs=1e-5)
        assert torch.equal(encoder.attention(layer, 0).allowed, Window(2).allowed(size, size))
