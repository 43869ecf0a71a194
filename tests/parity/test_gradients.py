"""Gradients of a run against finite differences: every other number comes from runs with a weight or gate moved."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnviz import (
    Attention,
    AttnvizError,
    Entmax,
    ForbidEdge,
    HideToken,
    Intervention,
    KeepHead,
    Logit,
    Model,
    ModelError,
    Outcome,
    Place,
    RemoveHeads,
    Rule,
    Soft,
    Sparsemax,
    Threshold,
    TopK,
    Trace,
    differentiable,
    load,
    record,
)
from tests.parity import tiny
from tests.parity.test_interventions import SIZES
from tests.parity.tiny import Models

TEXT, TARGET = "南京市长江大桥", "the mat 在上"
EXACT = ("bert", "gpt2", "opt", "gpt_neox", "bart")
# Types whose norms or rotary positions are computed in float32 whatever the model's number type.
ROUNDED = ("modernbert", "llama", "gemma2", "gpt_oss", "t5")
KINDS = (*EXACT, *ROUNDED)


@dataclass(frozen=True)
class Fixed(Rule):
    """Weights that are what they are, whatever the scores."""

    given: Tensor

    def weigh(self, scores: Tensor) -> Tensor:
        return torch.nn.functional.pad(self.given, (0, scores.shape[-1] - self.given.shape[-1])).expand_as(scores)


@dataclass(frozen=True, kw_only=True)
class Give(Intervention):
    """Compute one layer with given weights."""

    weights: Tensor

    def change(self, call: Attention, place: Place) -> Attention:
        return replace(call, rule=Fixed(self.weights))


@dataclass(frozen=True, kw_only=True)
class Gate(Intervention):
    """Multiply what one head brings."""

    head: int
    by: float

    def change(self, call: Attention, place: Place) -> Attention:
        factor = torch.ones(call.n_heads, 1, 1, dtype=call.values.dtype)
        factor[self.head] = self.by
        return replace(call, values=call.values * factor)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Models:
    """One tiny model by its type, in float64 where its experts are computed in it."""
    single = tiny.opener(tmp_path_factory.mktemp("models"), wordpiece, SIZES)

    @cache
    def find(name: str) -> Model:
        found = single(name)
        exact = copy.deepcopy(found.network).double() if name != "gpt_oss" else found.network
        return replace(found, network=exact)

    return find


def asked(model: Model, **more: Any) -> dict[str, Any]:
    return {"target": TARGET if model.kind == "seq2seq" else None, **more}


def logit(trace: Trace, position: int = 3, token: int = 20) -> float:
    assert trace.logits is not None
    return trace.logits[position, token].item()


def moved(model: Model, change: Callable[[float], Intervention], **more: Any) -> float:
    """The central difference of the logit over one intervention."""
    before = tuple(more.pop("interventions", ()))
    step = step_of(model)
    up, down = (
        logit(record(model, TEXT, **asked(model, **more), interventions=(*before, change(by)))) for by in (step, -step)
    )
    return (up - down) / (2 * step_of(model))


def shifted(weights: Tensor, cell: tuple[int, int, int], by: float) -> Tensor:
    weights = weights.clone()
    weights[cell] += by
    return weights


def step_of(model: Model) -> float:
    """Errors of a central difference go with the square of its step, those of rounding with its inverse."""
    return {"t5": 3e-4}.get(name := model.network.config.model_type, 1e-5 if name in EXACT else 3e-3)


def near(model: Model) -> float:
    return 1e-6 if model.network.config.model_type in EXACT else 1e-3


def double(trace: Trace, layer: int) -> Tensor:
    """Weights in the number type that the run computed in."""
    return trace.attention(layer).weights.double()


CELLS = ((0, 3, 1), (2, 3, 3), (3, 4, 0), (1, 1, 0))


@pytest.mark.parametrize("name", KINDS)
def test_gradient_of_a_weight_is_the_finite_difference_in_every_map(name: str, model: Models) -> None:
    run = differentiable(model(name), TEXT, **asked(model(name)))
    gradients = run.gradients(Logit(3, 20))
    largest = 0.0
    for part in run.trace.parts:
        for layer in range(2):
            weights = double(run.trace.map(part), layer)
            for cell in CELLS:

                def give(by: float) -> Give:
                    return Give(weights=shifted(weights, cell, by), part=part, layers=(layer,))  # noqa: B023

                expected = moved(model(name), give)
                found = gradients.map(part).layers[layer]
                assert found.shape == weights.shape
                assert abs(found[cell].item() - expected) < near(model(name))
                largest = max(largest, abs(expected))
    assert largest > 0.1


@pytest.mark.parametrize("name", KINDS)
def test_gradient_of_a_gate_is_the_finite_difference_in_every_map(name: str, model: Models) -> None:
    run = differentiable(model(name), TEXT, **asked(model(name)))
    gradients = run.gradients(Logit(3, 20))
    for part in run.trace.parts:
        for layer in range(2):
            for head in range(4):

                def gate(by: float) -> Gate:
                    return Gate(head=head, by=1 + by, part=part, layers=(layer,))  # noqa: B023

                found = gradients.map(part).gates[layer]
                assert found.shape == (4,)
                assert abs(found[head].item() - moved(model(name), gate)) < near(model(name))


@pytest.mark.parametrize("name", ["bert", "gpt2", "opt", "t5", "bart"])
def test_gradient_of_a_word_embedding_is_the_finite_difference(name: str, model: Models) -> None:
    """A token that stands once in the text: its row of the table is moved."""
    found = model(name)
    run = differentiable(found, TEXT, **asked(found))
    gradients = run.gradients(Some(3))
    encoded = run.trace.looked_at or run.trace.encoded
    assert gradients.inputs.shape == (len(encoded.ids), 32)
    place = 2
    number = encoded.ids[place]
    assert encoded.ids.count(number) == 1
    table = found.network.get_input_embeddings().weight
    for column in (0, 5, 31):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                kept = table[number, column].item()
                table[number, column] += sign * step_of(found)
                ends.append((record(found, TEXT, **asked(found)).outputs[3] @ Some.by).item())
                table[number, column] = kept
        expected = (ends[0] - ends[1]) / (2 * step_of(found))
        assert abs(expected) > 1e-3
        assert abs(gradients.inputs[place, column].item() - expected) < near(found)


@dataclass(frozen=True)
class Some:
    """A target that a reader made: some of one token's last states (tied embeddings would move a logit twice)."""

    position: int
    by: ClassVar[Tensor] = torch.linspace(-1, 2, 32, dtype=torch.float64)

    def __call__(self, outcome: Outcome) -> Tensor:
        return outcome.outputs[self.position] @ self.by


@pytest.mark.parametrize(
    "more",
    [
        {"rule": Soft(0.5)}, {"rule": Sparsemax()}, {"rule": Entmax(1.5)}, {"rule": TopK(3)},
        {"rule": Threshold(0.05, renormalise=True)},
        {"interventions": (HideToken(0),)}, {"interventions": (ForbidEdge(3, 2),)},
        {"interventions": (RemoveHeads((1,)), KeepHead(0, layers=(1,)))},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_rules_and_interventions_act_in_the_gradient_as_in_the_run(
    name: str, more: dict[str, Any], model: Models
) -> None:
    """The first token hidden leaves the first row of a causal map with nothing to look at: no NaN may come of it."""
    run = differentiable(model(name), TEXT, **more)
    plain = record(model(name), TEXT, **more)
    assert (run.trace.logits - plain.logits).abs().max() < 1e-12
    gradients = run.gradients(Logit(3, 20))
    assert all(one.isfinite().all() for one in (*gradients.layers, *gradients.gates, gradients.inputs))
    weights = double(run.trace, 0)
    for cell in CELLS:

        def give(by: float) -> Give:
            return Give(weights=shifted(weights, cell, by), layers=(0,))  # noqa: B023

        expected = moved(model(name), give, **more)
        assert abs(gradients.layers[0][cell].item() - expected) < 1e-6


def test_difference_of_two_logits_is_the_difference_of_their_gradients(model: Models) -> None:
    run = differentiable(model("gpt2"), TEXT)
    first, second, both = (run.gradients(one) for one in (Logit(2, 20), Logit(2, 31), Logit(2, 20, against=31)))
    assert both.value == pytest.approx(first.value - second.value)
    for layer in range(2):
        assert (both.layers[layer] - first.layers[layer] + second.layers[layer]).abs().max() < 1e-12
    assert (both.inputs - first.inputs + second.inputs).abs().max() < 1e-12


def test_causal_gradient_does_not_reach_later_tokens(model: Models) -> None:
    gradients = differentiable(model("llama"), TEXT).gradients(Logit(2, 20))
    assert (gradients.inputs[3:] == 0).all() and (gradients.inputs[:3] != 0).any()
    assert all((one[:, 3:] == 0).all() for one in gradients.layers)


def test_trace_is_that_of_a_plain_run_and_holds_no_graph(model: Models) -> None:
    run, plain = differentiable(model("bart"), TEXT, target=TARGET), record(model("bart"), TEXT, target=TARGET)
    assert run.trace.parts == plain.parts
    for part in plain.parts:
        mine, theirs = run.trace.map(part), plain.map(part)
        assert mine.tokens == theirs.tokens and mine.key_tokens == theirs.key_tokens
        for layer in range(2):
            assert (mine.weights(layer) - theirs.weights(layer)).abs().max() < 1e-6
            assert not mine.layers[layer].queries.requires_grad
        for one in (mine.outputs, mine.logits):
            assert one is None or not one.requires_grad


@pytest.mark.parametrize("wanted", [True, False])
def test_nothing_is_left_on_the_model_and_its_wish_for_gradients_does_not_matter(wanted: bool, model: Models) -> None:
    shared = model("bert")
    before = differentiable(shared, TEXT).gradients(Logit(3, 20)).layers[0]
    other = replace(shared, network=copy.deepcopy(shared.network).requires_grad_(wanted))
    found = differentiable(other, TEXT).gradients(Logit(3, 20))
    assert torch.equal(found.layers[0], before)
    assert all(one.grad is None and one.requires_grad == wanted for one in other.network.parameters())


def leaves(tensor: Tensor) -> set[int]:
    """The addresses of all tensors that a tensor's graph would give gradients to."""
    left, met, found = [tensor.grad_fn], set(), set()
    while left:
        step = left.pop()
        if step is None or step in met:
            continue
        met.add(step)
        left += [before for before, _ in step.next_functions]
        if hasattr(step, "variable"):
            found.add(step.variable.data_ptr())
    return found


def test_graph_begins_at_the_words_and_gates_and_at_no_parameter(model: Models) -> None:
    run = differentiable(model("bert"), TEXT)
    asked = {one.data_ptr() for one in (*run._gates["self"], run._inputs[0])}
    assert leaves(run._outcome.logits) == asked


def test_memory_is_given_back_when_the_run_is_let_go(model: Models) -> None:
    run = differentiable(model("bert"), TEXT)
    run.gradients(Logit(3, 20))
    held = weakref.ref(run._weights["self"][0])
    trace = run.trace
    gc.disable()
    try:
        del run
        assert held() is None
    finally:
        gc.enable()
    assert trace.weights(0).shape == (4, 9, 9)


def test_runs_of_two_threads_never_disturb_each_other(model: Models) -> None:
    shared = model("gpt2")
    alone = differentiable(shared, TEXT).gradients(Logit(3, 20)).layers[0]
    plain = record(shared, TEXT).logits

    def many(gradients: bool) -> list[Tensor]:
        if gradients:
            return [differentiable(shared, TEXT).gradients(Logit(3, 20)).layers[0] for _ in range(20)]
        return [record(shared, TEXT).logits for _ in range(40)]

    with ThreadPoolExecutor(2) as threads:
        ours, theirs = threads.map(many, (True, False))
    assert all(torch.equal(one, alone) for one in ours)
    assert all(torch.equal(one, plain) and one.is_inference() for one in theirs)


def test_someone_inside_inference_mode_gets_gradients_too(model: Models) -> None:
    with torch.inference_mode():
        inside = differentiable(model("bert"), TEXT).gradients(Logit(3, 20))
    assert torch.equal(inside.layers[1], differentiable(model("bert"), TEXT).gradients(Logit(3, 20)).layers[1])


def test_michel_s_worked_example_is_the_gradient_of_a_gate() -> None:
    """FACTS: outs [[[1,2],[0,1]], [[-1,1],[3,0]]] with dL/dout [[1,-1],[2,.5]] give |gates| [.5, 4]."""
    from attnviz import attend
    from attnviz.recording.gradients import _Held

    values = torch.tensor([[[1.0, 2], [0, 1]], [[-1, 1], [3, 0]]])
    call = attend(torch.zeros(2, 2, 2), torch.zeros(2, 2, 2), values, rule=Fixed(torch.eye(2)))
    held = _Held.of(call)
    loss = ((held.weights @ values) * held.gates[:, None, None] * torch.tensor([[1, -1], [2, 0.5]])).sum()
    (gates,) = torch.autograd.grad(loss, [held.gates])
    assert gates.abs().tolist() == [0.5, 4.0]


def test_refusals_name_what_is_not_there(
    model: Models, tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase
) -> None:
    run = differentiable(model("bert"), TEXT)
    for target, message in (
        (Logit(99, 0), "no_such_position"), (Logit(0, 10_000), "no_such_piece"), (Logit(0, 1, -1), "no_such_piece"),
    ):  # fmt: skip
        with pytest.raises(AttnvizError) as refusal:
            run.gradients(target)
        assert refusal.value.message == message
    with pytest.raises(AttnvizError) as refusal:
        Logit(0, 0)(Outcome(None, torch.zeros(3, 4)))
    assert refusal.value.message == "target_no_logits"
    with pytest.raises(AttnvizError) as refusal:
        run.gradients(Logit(0, 0)).map("cross")
    assert refusal.value.message == "no_such_part"
    with pytest.raises(ValueError, match=r"one number; got the shape \(9,"):
        run.gradients(lambda outcome: outcome.logits)
    eager = load(str(tiny.save("masked", "mpnet", tmp_path_factory.mktemp("mpnet"), wordpiece)))
    with pytest.raises(ModelError) as refusal:
        differentiable(eager, TEXT)
    assert refusal.value.message == "model_keeps_blocks"


def test_gradient_in_float32_is_within_a_thousandth(
    tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase, model: Models
) -> None:
    single = load(str(tiny.save("causal", "llama", tmp_path_factory.mktemp("llama"), wordpiece)))
    exact = differentiable(model("llama"), TEXT).gradients(Logit(3, 20))
    rounded = differentiable(single, TEXT).gradients(Logit(3, 20))
    for layer in range(2):
        assert (rounded.layers[layer] - exact.layers[layer]).abs().max() < 1e-3
        assert (rounded.gates[layer] - exact.gates[layer]).abs().max() < 1e-3
