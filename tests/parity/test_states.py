"""The stream of states and the output projections against hooks on transformers' own eager models."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnviz import AttnvizError, ModelError, RemoveHeads, TopK, Trace, load, record
from attnviz.core.states import Block, Projection
from attnviz.models import Model
from tests.parity import tiny
from tests.parity.architectures.__main__ import main
from tests.parity.architectures.states import FOLLOWED, stream
from tests.parity.test_interventions import SIZES
from tests.parity.tiny import Models

TEXT, TARGET = "南京市长江大桥, the cat", "the mat 在上"
# The modules of transformers whose inputs and outputs are the reference: the projection, and the layer.
PLACES = {
    "bert": {"self": ("bert.encoder.layer.{}.attention.output.dense", "bert.encoder.layer.{}")},
    "gpt2": {"self": ("transformer.h.{}.attn.c_proj", "transformer.h.{}")},
    "llama": {"self": ("model.layers.{}.self_attn.o_proj", "model.layers.{}")},
    "gemma2": {"self": ("model.layers.{}.self_attn.o_proj", "model.layers.{}")},
    "gpt_neox": {"self": ("gpt_neox.layers.{}.attention.dense", "gpt_neox.layers.{}")},
    "t5": {
        "encoder": ("encoder.block.{}.layer.0.SelfAttention.o", "encoder.block.{}.layer.0"),
        "decoder": ("decoder.block.{}.layer.0.SelfAttention.o", "decoder.block.{}.layer.0"),
        "cross": ("decoder.block.{}.layer.1.EncDecAttention.o", "decoder.block.{}.layer.1"),
    },
}
# What stands between heads and projection in the types whose output is no sum over heads.
BETWEEN = {"bitnet", "diffllama", "jetmoe", "qwen3_next", "qwen3_5_text"}
BESIDE = {"mobilebert", "phi", "gpt_neox", "falcon_h1"}  # an MLP (or a Mamba) joins before the sum with the stream


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Models:
    return tiny.opener(tmp_path_factory.mktemp("models"), wordpiece, SIZES)


def kept(model: Model, **asked: Any) -> Trace:
    return record(model, TEXT, target=TARGET if model.kind == "seq2seq" else None, states=True, **asked)


def hooked(model: Model, trace: Trace) -> dict[str, tuple[Tensor, Tensor]]:
    """First input and output of every projection and layer of the eager model, by their names."""
    network = tiny.eager(model.kind, Path(model.name))
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_: object, args: tuple[Tensor, ...], given: dict[str, Tensor], output: Any) -> None:
            source = args[0] if args else given.get("hidden_states")
            first = output if isinstance(output, Tensor) else next(iter(output))
            if isinstance(source, Tensor) and isinstance(first, Tensor):
                seen.setdefault(name, (source[0], first[0]))

        return hook

    for name, module in network.named_modules():
        if "." in name:
            module.register_forward_hook(keep(name), with_kwargs=True)
    ids = torch.tensor([trace.encoded.ids])
    with torch.inference_mode():
        if trace.looked_at is None:
            network(input_ids=ids, use_cache=False)
        else:
            network(input_ids=torch.tensor([trace.looked_at.ids]), decoder_input_ids=ids, use_cache=False)
    return seen


def far(first: Tensor, second: Tensor) -> float:
    assert first.shape == second.shape
    return (first - second).abs().max().item()


@pytest.mark.parametrize("name", FOLLOWED)
def test_heads_through_the_projection_are_the_block_s_output_in_every_type(name: str) -> None:
    found = stream(name)
    assert found.blocks
    assert bool(found.between) == (name in BETWEEN)
    assert found.heads < 1e-5  # worst seen 1.9e-06


@pytest.mark.parametrize("name", FOLLOWED)
def test_stream_that_enters_and_what_is_added_are_the_stream_that_leaves_in_every_type(name: str) -> None:
    found = stream(name)
    assert found.lost == 0
    assert found.beside == (found.blocks if name in BESIDE else 0)
    assert found.sums < 1e-5  # worst seen 0


@pytest.mark.parametrize("name", PLACES)
def test_states_are_what_transformers_own_modules_read_and_give(name: str, model: Models) -> None:
    trace = kept(model(name))
    seen = hooked(model(name), trace)
    assert trace.parts[0] in PLACES[name] and set(trace.parts) == set(PLACES[name])
    for part, (projection, layer) in PLACES[name].items():
        for number in range(2):
            block = trace.map(part).block(number)
            heads, output = seen[projection.format(number)]
            assert far(block.output, output) < 1e-5  # worst seen 2.4e-06
            assert far(block.entered, seen[layer.format(number)][0]) < 1e-5  # worst seen 2.1e-06
            own = trace.map(part).attention(number).output.transpose(0, 1).flatten(1)
            assert far(own, heads) < 1e-5


def test_state_that_leaves_a_post_norm_block_is_the_normed_one(model: Models) -> None:
    trace = kept(model("bert"))
    seen = hooked(model("bert"), trace)
    for number in range(2):
        block, norm = trace.block(number), trace.block(number).norm
        assert far(block.normed, seen[f"bert.encoder.layer.{number}.attention"][1]) < 1e-5
        again = torch.nn.functional.layer_norm(block.left, block.left.shape[-1:], norm.weight, norm.bias, norm.epsilon)
        assert far(block.normed, again) < 1e-6
        assert not norm.rms


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "t5"])
def test_models_that_norm_only_what_they_read_have_no_normed_stream(name: str, model: Models) -> None:
    trace = kept(model(name))
    assert all(trace.map(part).block(1).normed is None for part in trace.parts)


def test_norm_after_the_projection_shows_as_added(model: Models) -> None:
    trace = kept(model("gemma2"))
    seen = hooked(model("gemma2"), trace)
    for number in range(2):
        block = trace.block(number)
        assert far(block.added, seen[f"model.layers.{number}.post_attention_layernorm"][1]) < 1e-5
        assert far(block.output, block.added) > 0.1
        assert far(block.entered + block.added, block.left) < 1e-6


def test_run_without_states_is_the_same_run_and_keeps_none(model: Models) -> None:
    plain, closer = record(model("bert"), TEXT), kept(model("bert"))
    assert torch.equal(plain.logits, closer.logits)
    assert all(torch.equal(plain.weights(layer), closer.weights(layer)) for layer in range(2))
    assert plain.blocks == ()
    with pytest.raises(AttnvizError) as refusal:
        plain.block(0)
    assert refusal.value.message == "states_not_kept"


def test_states_follow_the_changes_of_a_run(model: Models) -> None:
    plain, changed = kept(model("gpt2")), kept(model("gpt2"), rule=TopK(1), interventions=[RemoveHeads((0, 1, 2, 3))])
    assert torch.equal(plain.block(0).entered, changed.block(0).entered)
    bias = changed.block(0).linear.bias
    assert far(changed.block(0).output, bias.expand_as(changed.block(0).output)) < 1e-6
    assert far(plain.block(1).entered, changed.block(1).entered) > 0.1


def test_two_threads_one_with_states_never_disturb_each_other(model: Models) -> None:
    shared = model("llama")
    alone = kept(shared)

    def many(closer: bool) -> list[Trace]:
        return [record(shared, TEXT, states=closer) for _ in range(30)]

    with ThreadPoolExecutor(2) as threads:
        closer, plain = threads.map(many, (True, False))
    assert all(one.blocks == () and torch.equal(one.logits, alone.logits) for one in plain)
    assert all(torch.equal(one.block(1).left, alone.block(1).left) for one in closer)


def test_layer_without_attention_has_no_block(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    jamba = load(str(tiny.save("causal", "jamba", tmp_path, wordpiece, **SIZES["jamba"])))
    trace = kept(jamba)
    assert [block is None for block in trace.blocks] == [True, False, True]
    with pytest.raises(AttnvizError) as refusal:
        trace.block(0)
    assert refusal.value.message == "layer_gap"


def test_block_whose_heads_are_gated_says_what_stands_between(model: Models) -> None:
    block = kept(model("llama")).block(0)
    gated = replace(block, projection=None, between=("sigmoid", "mul"))
    with pytest.raises(AttnvizError, match="sigmoid, mul"):
        _ = gated.linear
    lost = replace(kept(model("llama")), blocks=(None, None))
    with pytest.raises(AttnvizError) as refusal:
        lost.block(1)
    assert refusal.value.message == "block_not_seen"


def test_model_that_keeps_its_attention_to_itself_shows_no_states(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    eager = load(str(tiny.save("masked", "mpnet", tmp_path, wordpiece)))
    with pytest.raises(ModelError) as refusal:
        record(eager, "the cat", states=True)
    assert refusal.value.message == "model_keeps_blocks"


def test_norms_of_a_worked_example_come_out_as_kobayashi_s() -> None:
    """FACTS: two tokens of width 2, one head; the vectors' sum + b_O is the block's output."""
    from attnviz import Soft, attend

    values = torch.tensor([[1.0, 0], [3, 4]]) @ torch.tensor([[1.0, 1], [0, 2]]) + torch.tensor([0.5, -0.5])
    weight, bias = torch.tensor([[[2.0, 0], [1, 1]]]), torch.tensor([0.1, 0.2])
    weights = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    call = attend(weights.log()[None], torch.eye(2)[None], values[None], rule=Soft(), scale=1.0)
    output = torch.tensor([[5, 1.7], [14.8, 8.7]])
    f = Block(output, Projection(weight, bias)).transformed(call)[0]
    assert torch.allclose(f, torch.tensor([[3.5, 0.5], [17.5, 10.5]]))
    vectors = call.weights[0, :, :, None] * f
    assert torch.allclose(vectors.norm(dim=-1), torch.tensor([[3.181981, 2.040833], [0.707107, 16.326665]]))
    assert torch.allclose(vectors.sum(1) + bias, output)


def test_command_prints_how_many_types_hold(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--states", "bert", "gemma2", "gpt_neox", "diffllama"])
    printed = capsys.readouterr().out
    assert "| gemma2 | 2 |" in printed
    assert "3 of 4 types: the heads through the projection are the block's output" in printed
    assert "3 of 4 types: what entered and what was added are what left" in printed
