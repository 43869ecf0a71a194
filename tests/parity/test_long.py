"""Long texts are recorded without what no picture needs; the run can be watched and stopped, and nothing changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from attnviz import record
from attnviz.core.causal import CausalMask
from attnviz.core.interventions import HideToken
from attnviz.core.rules import TopK
from attnviz.errors import AttnvizError, Stopped, TextError
from attnviz.models import memory
from attnviz.trace import Trace
from tests.parity import tiny
from tests.parity.tiny import Models

TEXT = "the cat sat on the mats, 南京市长江大桥"
TYPES = ("bert", "gpt2", "llama", "mistral", "t5", "bart")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Models:
    return tiny.opener(tmp_path_factory.mktemp("models"), wordpiece, {})


@pytest.fixture
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["attnviz.recording.record"], "LONG", 2)


def same(first: Trace, second: Trace) -> None:
    """Every weight, state and prediction of two runs."""
    for part in first.parts:
        one, other = first.map(part), second.map(part)
        assert torch.equal(one.outputs, other.outputs)
        assert (one.logits is None) == (other.logits is None)
        assert one.logits is None or torch.equal(one.logits, other.logits)
        assert all(torch.equal(one.weights(layer), other.weights(layer)) for layer in one.open_layers)


def target(model_type: str) -> dict[str, str]:
    return {"target": "she sat"} if tiny.kind_of(model_type) == "seq2seq" else {}


@pytest.mark.parametrize("model_type", TYPES)
@pytest.mark.parametrize("changed", [False, True])
def test_a_long_text_is_recorded_as_a_short_one_without_its_values(
    model_type: str, changed: bool, model: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"rule": TopK(2), "interventions": [HideToken(1)]} if changed else {}
    short = record(model(model_type), TEXT, **target(model_type), **said)
    monkeypatch.setattr(sys.modules["attnviz.recording.record"], "LONG", 2)
    long = record(model(model_type), TEXT, **target(model_type), **said)
    same(short, long)
    assert all(not layer.values.shape[-1] for layer in long.layers)
    with pytest.raises(AttnvizError) as refusal:
        _ = long.attention(0).output
    assert refusal.value.message == "values_not_kept"
    kept = record(model(model_type), TEXT, values=True, **target(model_type), **said)
    assert torch.equal(kept.attention(0).output, short.attention(0).output)


@pytest.mark.parametrize("model_type", ["gpt2", "llama", "bert"])
def test_a_long_recording_holds_queries_and_keys_and_no_more(
    model_type: str, model: Models, everything_is_long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnviz.adapter.arena.PIECE", 1)  # else tensors share pieces that are larger than all of them
    trace = record(model(model_type), TEXT)
    for layer in trace.layers:
        for tensor in (layer.queries, layer.keys, layer.values):
            assert tensor.untyped_storage().nbytes() == tensor.nbytes, "a view would keep what it is a part of"
        assert "weights" not in vars(layer) and "output" not in vars(layer)


@pytest.mark.parametrize("model_type", ["gpt2", "llama"])
def test_causal_masks_are_not_laid_out(model_type: str, model: Models) -> None:
    trace = record(model(model_type), TEXT)
    assert all(isinstance(layer.allowed, CausalMask) for layer in trace.layers)


@pytest.mark.parametrize("model_type", TYPES)
def test_every_layer_is_told_in_order(model_type: str, model: Models) -> None:
    heard: list[tuple[int, int]] = []
    record(model(model_type), TEXT, on_layer=lambda *at: heard.append(at), **target(model_type))
    total = memory.n_calls(model(model_type).network.config)
    assert heard == [(count, total) for count in range(1, total + 1)]


@pytest.mark.parametrize("model_type", TYPES)
def test_a_run_can_be_stopped_and_the_model_is_as_it_was(model_type: str, model: Models) -> None:
    loaded, heard = model(model_type), list[int]()
    before = record(loaded, TEXT, **target(model_type))
    hooks = sum(len(module._forward_hooks) for module in loaded.network.modules())
    with pytest.raises(Stopped) as stopped:
        record(
            loaded, TEXT, on_layer=lambda count, _: heard.append(count), stop=lambda: bool(heard),
            **target(model_type),
        )  # fmt: skip
    assert heard == [1], "it must stop in the layer in which it was asked to"
    assert all(stopped.value.say(language) for language in ("en", "zh"))
    assert sum(len(module._forward_hooks) for module in loaded.network.modules()) == hooks
    same(before, record(loaded, TEXT, **target(model_type)))


@pytest.mark.parametrize("model_type", TYPES)
def test_a_run_without_predictions_is_the_same_but_for_them(model_type: str, model: Models) -> None:
    loaded, said = model(model_type), target(model_type)
    whole, lean = record(loaded, TEXT, **said), record(loaded, TEXT, predictions=False, **said)
    for part in whole.parts:
        one, other = whole.map(part), lean.map(part)
        assert other.logits is None and torch.equal(one.outputs, other.outputs)
        assert all(torch.equal(one.weights(layer), other.weights(layer)) for layer in one.open_layers)


def test_a_decoder_without_predictions_computes_one_alone_and_needs_less(
    model: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, rows = model("llama"), list[int]()
    loaded.network.lm_head.register_forward_hook(lambda module, inputs, output: rows.append(output.shape[1]))
    record(loaded, TEXT, predictions=False)
    record(loaded, TEXT)
    assert rows[0] == 1 and rows[1] > 10
    config = loaded.network.config
    assert memory.recorded(config, 1000) - memory.recorded(config, 1000, predictions=False) == 4000 * config.vocab_size


def test_a_run_that_is_stopped_before_it_begins_does_nothing(model: Models) -> None:
    with pytest.raises(Stopped):
        record(model("bert"), TEXT, on_layer=lambda *_: pytest.fail("it began"), stop=lambda: True)


def test_a_run_is_refused_by_what_it_records_and_not_by_its_weights(model: Models, tmp_path: Path) -> None:
    config = model("bert").network.config
    count = 50_000
    free = 2 * memory.recorded(config, count)
    assert free < memory.forecast(config, count), "the weights would not fit"
    memory.check_run(config, count, eager=False, free=free)
    with pytest.raises(TextError) as refusal:
        memory.check_run(config, 3 * count, eager=False, free=free)
    assert refusal.value.message == "run_too_long"
    assert abs(refusal.value.values["most"] - 2 * count) <= 1
    assert all("100000" in refusal.value.say(language) for language in ("en", "zh"))
    with pytest.raises(TextError):
        memory.check_run(config, count, eager=True, free=free)
