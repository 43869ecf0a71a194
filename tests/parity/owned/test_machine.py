"""A model on one's own machine: half precision against its own eager attention, and a device that is not the CPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

import attnviz as av
from attnviz import Model, ModelError, Trace, load, record
from attnviz.core.attention import Attention
from attnviz.models.memory import held
from tests.parity import tiny

TYPES = ("bert", "gpt2", "t5", "llama")
TEXT, TARGET = "the cat sat on the mat because it was tired", "the cats were sitting"
RULES = (av.Argmax(), av.TopK(2), av.TopP(0.6), av.Threshold(0.2), av.Sparsemax(), av.Entmax(1.5), av.Sample(3))
Half = Callable[[str, torch.dtype], tuple[Model, Path]]


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Half:
    """A tiny model by its type and number type, and the folder that it was read from."""
    root, found = tmp_path_factory.mktemp("half"), {}

    def find(name: str, dtype: torch.dtype) -> tuple[Model, Path]:
        if not (root / name).exists():
            tiny.save(tiny.kind_of(name), name, root / name, wordpiece)
        if (name, dtype) not in found:
            found[name, dtype] = load(root / name, device="cpu", dtype=dtype)
        return found[name, dtype], root / name

    return find


def of(model: Model, **asked: Any) -> Trace:
    """A run of the text, with its target where the model reads two."""
    return record(model, TEXT, **({"target": TARGET} if model.kind == "seq2seq" else {}), **asked)


def eager(name: str, folder: Path, dtype: torch.dtype, trace: Trace) -> Any:
    """What transformers alone computes in that number type, with its own slow attention."""
    network = tiny.MAKERS[tiny.kind_of(name)].from_pretrained(folder, attn_implementation="eager", dtype=dtype).eval()
    given = {"input_ids": torch.tensor([(trace.looked_at or trace.encoded).ids])}
    if trace.looked_at is not None:
        given["decoder_input_ids"] = torch.tensor([trace.encoded.ids])
    with torch.inference_mode():
        return network(**given, output_attentions=True)


def tensors(trace: Trace) -> list[Tensor]:
    """Every tensor that a trace is made of, of all its maps."""
    found = [one for one in (trace.outputs, trace.logits, trace.boundaries) if one is not None]
    for layer in trace.layers:
        assert isinstance(layer, Attention)
        found += [layer.queries, layer.keys, layer.values, layer.scores, layer.weights]
        found += [one for one in (layer.bias, layer.sink) if one is not None]
    return found + [one for other in trace.others.values() for one in tensors(other)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", TYPES)
def test_weights_in_half_precision_are_those_of_eager_attention_in_it(
    name: str, dtype: torch.dtype, half: Half
) -> None:
    model, folder = half(name, dtype)
    assert model.network.dtype == dtype  # transformers keeps parts of T5 in float32 beside float16
    trace = of(model)
    theirs = eager(name, folder, dtype, trace)
    parts = {"cross": "cross_attentions", "encoder": "encoder_attentions", "decoder": "decoder_attentions"}
    for part in trace.parts:
        for layer, weights in enumerate(theirs[parts.get(part, "attentions")]):
            # worst gap seen: 1.1e-2 in bfloat16, 9e-4 in float16
            torch.testing.assert_close(trace.map(part).weights(layer), weights[0].float(), atol=2e-2, rtol=0)
    torch.testing.assert_close(trace.logits, theirs.logits[0].float(), atol=0.1, rtol=0)


@pytest.mark.parametrize("name", TYPES)
def test_what_is_recorded_is_float32_whatever_the_model_computes_in(name: str, half: Half) -> None:
    for found in tensors(of(half(name, torch.bfloat16)[0])):
        assert (found.dtype, found.device.type) == (torch.float32, "cpu")


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("name", ["bert", "gpt2", "t5"])
def test_rules_weigh_float32_scores_in_bfloat16_as_well(name: str, rule: av.Rule, half: Half) -> None:
    trace = of(half(name, torch.bfloat16)[0], rule=rule)
    for part in trace.parts:
        for number in range(trace.map(part).n_layers):
            call = trace.map(part).attention(number)
            again = (call.queries @ call.keys.transpose(-1, -2)) * call.scale
            if call.bias is not None:
                again = again + call.bias
            if call.allowed is not None:
                again = again.masked_fill(~call.allowed, -torch.inf)
            assert torch.equal(call.weights, rule.at(number).weigh(again))
            if isinstance(rule, av.Argmax):
                assert torch.equal(call.weights.sum(-1), torch.ones(call.weights.shape[:-1]))


def test_rows_of_bfloat16_sum_to_one(half: Half) -> None:
    for name in TYPES:
        trace = of(half(name, torch.bfloat16)[0])
        assert all((trace.weights(layer).sum(-1) - 1).abs().max() < 1e-2 for layer in range(trace.n_layers))


def test_a_rule_picks_between_scores_that_bfloat16_cannot_tell_apart() -> None:
    queries = torch.tensor([[16.0, 1.0]], dtype=torch.bfloat16)
    keys = torch.tensor([[16.0, 0.0], [16.0, 1.0]], dtype=torch.bfloat16)  # products 256 and 257
    values = torch.tensor([[1.0], [2.0]], dtype=torch.bfloat16)
    call = av.attend(queries, keys, values, rule=av.Argmax(), scale=1.0)
    assert call.weights.tolist() == [[0.0, 1.0]] and call.output.tolist() == [[2.0]]


def test_a_rule_in_the_run_weighs_as_its_trace_says(half: Half) -> None:
    """The heads' output in the run is weights @ values of the trace, to bfloat16's rounding: no tie is broken anew."""
    model, _ = half("bert", torch.bfloat16)
    trace = record(model, TEXT, rule=av.Argmax(), states=True)
    block, call = trace.block(0), trace.attention(0)
    expected = block.linear.each(call.weights @ call.values).sum(0) + block.linear.bias
    torch.testing.assert_close(block.output, expected, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5"])
def test_interventions_act_in_bfloat16(name: str, half: Half) -> None:
    model, _ = half(name, torch.bfloat16)
    part = "encoder" if name == "t5" else None
    changes = [av.HideToken(token=2), av.ForbidEdge(query=4, key=1, part=part), av.RemoveHeads(heads=(0,))]
    before, after = of(model), of(model, interventions=changes)
    seen = after.map(part or "self")
    assert float(seen.weights(0)[:, :, 2].max()) == 0 and float(seen.weights(0)[:, 4, 1].max()) == 0
    assert not torch.equal(before.outputs, after.outputs)


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5"])
def test_batches_in_bfloat16_are_single_runs(name: str, half: Half) -> None:
    model, _ = half(name, torch.bfloat16)
    texts = [TEXT, "she sat down", "the cats were sitting on the mats"]
    targets = [TARGET, "she sat", "the"] if name == "t5" else None
    for number, trace in enumerate(av.record_batch(model, texts, targets=targets)):
        alone = record(model, texts[number], **({"target": targets[number]} if targets else {}))
        for layer in range(alone.n_layers):
            torch.testing.assert_close(trace.weights(layer), alone.weights(layer), atol=2e-2, rtol=0)
        assert all(one.dtype == torch.float32 for one in tensors(trace))


@pytest.mark.parametrize("name", ["gpt2", "t5"])
def test_writing_in_bfloat16_is_recorded_in_float32(name: str, half: Half) -> None:
    model, _ = half(name, torch.bfloat16)
    trace = av.generate(model, "the cat sat", most=4)
    again = (
        record(model, trace.encoded) if name == "gpt2" else record(model, trace.looked_at or "", target=trace.encoded)
    )
    assert all(one.dtype == torch.float32 for one in tensors(trace))
    for layer in range(trace.n_layers):
        torch.testing.assert_close(trace.weights(layer), again.weights(layer), atol=2e-2, rtol=0)


def test_gradients_in_bfloat16_are_float32(half: Half) -> None:
    model, _ = half("gpt2", torch.bfloat16)
    found = av.differentiable(model, TEXT).gradients(av.Logit(position=3, token=7))
    assert found.layers[0] is not None and found.inputs is not None
    assert found.layers[0].dtype == found.inputs.dtype == torch.float32
    assert float(found.layers[0].abs().max()) > 0


def test_long_runs_keep_float32_without_values(half: Half, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = half("bert", torch.bfloat16)
    short, long = of(model), of(model, values=False)
    for layer in range(short.n_layers):
        assert torch.equal(short.weights(layer), long.weights(layer))
    assert {one.dtype for one in tensors(long)} == {torch.float32}


@pytest.mark.parametrize("name", ["bfloat16", "torch.bfloat16", "bf16", torch.bfloat16], ids=str)
def test_number_types_go_by_their_names(name: str | torch.dtype, half: Half) -> None:
    _, folder = half("bert", torch.float32)
    assert load(folder, dtype=name).network.dtype == torch.bfloat16


def test_unless_asked_a_model_computes_in_float32_on_the_cpu(half: Half) -> None:
    _, folder = half("bert", torch.float32)
    assert str(load(folder).machine) == "float32, cpu" and load(folder).machine.plain


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "a word": ("device_unknown", {"device": "graphics"}),
    "nothing": ("device_unknown", {"device": ""}),
    "a number": ("device_unknown", {"device": 3.5}),
    "no numbers": ("device_unknown", {"device": "meta"}),
    "not there": ("device_missing", {"device": "cuda"}),
    "not there by number": ("device_missing", {"device": torch.device("cuda", 7)}),
    "whole numbers": ("dtype_unknown", {"dtype": torch.int8}),
    "a word for numbers": ("dtype_unknown", {"dtype": "exact"}),
}


@pytest.mark.parametrize(("message", "asked"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("name", ["lab-1", "han-topics"])
def test_wrong_machine_is_refused_with_one_sentence(name: str, message: str, asked: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as refusal:
        av.load(name, **asked)
    assert refusal.value.message == message
    for language in ("en", "zh"):
        assert str(next(iter(asked.values()))) in refusal.value.say(language)


def test_systems_take_no_other_machine_than_theirs() -> None:
    assert av.load("han-topics", device="cpu", dtype="float32").name == "han-topics"
    with pytest.raises(ModelError) as refusal:
        av.load("han-topics", dtype="bfloat16")
    assert refusal.value.message == "system_machine"


def test_float16_that_overflows_says_so(half: Half) -> None:
    model, _ = half("gpt2", torch.float16)
    large = load(half("gpt2", torch.float16)[1], dtype="float16")
    with torch.no_grad():
        large.network.transformer.h[1].mlp.c_proj.weight.fill_(6e4)
    with pytest.raises(ModelError) as refusal:
        of(large)
    assert refusal.value.message == "half_not_enough"
    of(model)


def test_half_precision_is_counted_as_such(half: Half) -> None:
    model, folder = half("bert", torch.bfloat16)
    assert model.size == 2 * model.parameters
    files = [folder / "model.safetensors"]
    stored = files[0].stat().st_size
    assert held(files).loading < stored < held(files, "BF16").loading < 1.6 * stored


def test_runs_on_another_device_are_the_runs_here() -> None:
    """`abroad.py` in a process of its own, since PyTorch keeps what it is told of a device (`elsewhere.py`)."""
    where = Path(__file__).with_name("abroad.py")
    asked = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(where)]
    done = subprocess.run(asked, cwd=where.parents[3], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout


def test_a_device_that_is_full_says_so(half: Half, monkeypatch: pytest.MonkeyPatch) -> None:
    _, folder = half("bert", torch.float32)
    model = load(folder)

    def full(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(model.network.bert.encoder.layer[1], "forward", full)
    with pytest.raises(av.TextError) as refusal:
        of(model)
    assert refusal.value.message == "device_full"
