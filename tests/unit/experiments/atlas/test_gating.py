"""Soft gates: at 0 and 1 they are removed heads; useless heads are idle, harmful ones hinder, needed ones help."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

import attnviz as av
from attnviz.errors import ModelError, Stopped
from attnviz.experiments.atlas import ROLES, SoftGates, fit_gates, gating
from attnviz.experiments.atlas.effects import Bench, bits, runs_of
from attnviz.experiments.atlas.gating import FREE, PUSHED, GatedLoss
from attnviz.models.load import Model

TEXTS = ["南京市长江大桥", "the cat sat on the mat"]


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt"])
def test_gates_at_0_and_1_are_the_loss_with_those_heads_removed(name: str) -> None:
    model = av.load(name)
    loss, bench = GatedLoss(model, runs_of(model, TEXTS), None), Bench(model, TEXTS, None, None)
    whole = torch.stack([
        bits(run, av.record(model, run.text, blank=run.blank).logits) for run in runs_of(model, TEXTS)
    ]).mean()  # fmt: skip
    assert float(loss(torch.ones(bench.size))) == pytest.approx(float(whole), abs=1e-4)
    gone = [(0, 1), (2, 0), (3, 3)]
    gates = torch.ones(bench.size)
    for place in gone:
        gates[place] = 0
    expected = float(whole) + float(bench.losses(gone).mean())
    assert float(loss(gates)) == pytest.approx(expected, abs=1e-4)


def test_the_slope_of_the_loss_is_the_difference_of_two_runs_between_0_and_1_too() -> None:
    model = av.load("lab-gpt")
    loss, gates = GatedLoss(model, runs_of(model, TEXTS), None), torch.full((4, 4), 0.6, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(gates), gates)
    assert bool((slope.abs() > 1e-3).all())
    for place in ((0, 3), (3, 1)):
        up, down = gates.detach().clone(), gates.detach().clone()
        up[place], down[place] = 0.63, 0.57
        assert float(slope[place]) == pytest.approx(float(loss(up) - loss(down)) / 0.06, rel=0.03, abs=1e-3)


def test_texts_that_go_through_one_by_one_have_the_slope_of_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model, slopes = av.load("lab-gpt"), []
    for together in (True, False):
        monkeypatch.setattr(gating, "together", lambda _, together=together: together)
        gates = torch.full((4, 4), 0.6, requires_grad=True)
        slopes += torch.autograd.grad(GatedLoss(model, runs_of(model, TEXTS), None)(gates), gates)
    assert torch.allclose(*slopes, atol=1e-5)


def test_a_gate_follows_its_push_where_the_loss_does_not_mind_by_more_than_it_is_worth() -> None:
    slopes = torch.tensor([[-0.5, -0.004, 0.0, 0.004, 0.5]])

    def ends(push: float) -> list[float]:
        *_, logits = fit_gates(lambda gates: (gates * slopes).sum(), torch.zeros(1, 5), push=push, worth=0.02)
        return [round(one) for one in logits.sigmoid()[0].tolist()]

    assert ends(1) == [1, 1, 1, 1, 0] and ends(-1) == [1, 0, 0, 0, 0]


def test_roles_are_told_by_both_gates_and_only_when_they_are_clear() -> None:
    opened = torch.tensor([[1.0, 0.1, 0.95, 0.6, torch.nan]])
    shut = torch.tensor([[0.9, 0.0, 0.05, 0.4, torch.nan]])
    found = SoftGates(opened, shut, {}, 1)
    assert [found.role(0, head) for head in range(4)] == ["helps", "hinders", "idle", None]
    assert found.of_role(None) == ((0, 3),) and found.of_role("idle") == ((0, 2),)


def made_worse(model: Model, useless: tuple[int, int], harmful: tuple[int, int]) -> Model:
    """The model with one head that writes nothing, and one that writes much against what the model says."""
    network = copy.deepcopy(model.network)
    layers = network.model.layers
    width = network.config.hidden_size // network.config.num_attention_heads

    def written(place: tuple[int, int]) -> torch.Tensor:
        attention = layers[place[0]].self_attn
        return attention.o_proj.weight.data[:, place[1] * width : (place[1] + 1) * width]

    torch.manual_seed(0)
    written(useless).zero_()
    written(harmful).copy_(torch.randn_like(written(harmful)) * 4 * written(harmful).std())
    return replace(model, network=network)


def test_a_head_that_writes_nothing_is_idle_one_that_writes_noise_hinders_and_some_help() -> None:
    model = made_worse(av.load("lab-gpt"), (1, 0), (3, 1))
    told: list[tuple[int, int]] = []
    found = av.soft_gates(model, TEXTS, on_step=lambda done, count: told.append((done, count)))
    assert found.role(1, 0) == "idle" and found.role(3, 1) == "hinders"
    assert found.lost["hinders"] < 0 < found.lost["helps"] and found.of_role("helps")
    bench = Bench(model, TEXTS, None, None)
    for role in ROLES:
        assert found.lost[role] == pytest.approx(float(bench.losses(found.of_role(role)).mean()), abs=1e-6)
    assert told[0] == (1, FREE + 2 * PUSHED) and told[-1] == (FREE + 2 * PUSHED,) * 2


def test_a_stop_and_a_model_without_loss_are_sentences_and_the_model_stays_as_it_was() -> None:
    model = av.load("lab-1")
    before = av.record(model, TEXTS[0]).logits
    with pytest.raises(Stopped):
        av.soft_gates(model, TEXTS, stop=lambda: True)
    with pytest.raises(ModelError):
        av.soft_gates(replace(model, kind="plain"), TEXTS)
    av.soft_gates(model, TEXTS[:1])
    assert torch.equal(av.record(model, TEXTS[0]).logits, before)
