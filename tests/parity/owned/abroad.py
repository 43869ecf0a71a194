"""Models on a device that is not the CPU (`elsewhere.py`): what they record there is what they record here.

Run by `test_machine.py` in a process of its own.
"""

from __future__ import annotations

import pytest
import torch

import attnviz as av
from attnviz import load
from tests.parity.owned import elsewhere
from tests.parity.owned.test_machine import RULES, TARGET, TEXT, TYPES, Half, half, of, tensors

__all__ = ["half"]  # a fixture


@pytest.mark.parametrize("name", TYPES)
def test_a_run_elsewhere_is_the_run_here(name: str, half: Half) -> None:
    here, folder = half(name, torch.float32)
    expected = of(here, states=True)
    with elsewhere.there():
        away = load(folder, device=elsewhere.DEVICE)
        assert {one.device.type for one in away.network.parameters()} == {elsewhere.DEVICE}
        found = of(away, states=True)
    for mine, theirs in zip(tensors(found), tensors(expected), strict=True):
        assert mine.device.type == "cpu" and not isinstance(mine, elsewhere.Away)
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.block(0).output, expected.block(0).output, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_rules_and_interventions_act_elsewhere(name: str, rule: av.Rule, half: Half) -> None:
    here, folder = half(name, torch.float32)
    changes = [av.HideToken(token=2), av.RemoveHeads(heads=(0,)), av.Restrict(av.masks.Window(3))]
    expected = of(here, rule=rule, interventions=changes)
    with elsewhere.there():
        found = of(load(folder, device=elsewhere.DEVICE), rule=rule, interventions=changes)
    for mine, theirs in zip(tensors(found), tensors(expected), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", TYPES)
def test_batches_and_writing_go_on_elsewhere(name: str, half: Half) -> None:
    here, folder = half(name, torch.float32)
    texts, targets = [TEXT, "she sat down"], [TARGET, "she sat"] if name == "t5" else None
    with elsewhere.there():
        away = load(folder, device=elsewhere.DEVICE)
        found = av.record_batch(away, texts, targets=targets)
        changed = av.record_batch(away, texts, targets=targets, interventions=[av.HideToken(token=1)])
        wrote = None if name == "bert" else av.generate(away, "the cat", most=3, temperature=1.0, seed=4)
    expected = [*av.record_batch(here, texts, targets=targets)]
    expected += av.record_batch(here, texts, targets=targets, interventions=[av.HideToken(token=1)])
    for mine, theirs in zip([*found, *changed], expected, strict=True):
        torch.testing.assert_close(mine.weights(0), theirs.weights(0), atol=1e-5, rtol=0)
    if wrote is not None:
        same = av.generate(here, "the cat", most=3, temperature=1.0, seed=4)
        assert wrote.encoded.ids == same.encoded.ids
        torch.testing.assert_close(wrote.weights(0), same.weights(0), atol=1e-5, rtol=0)


def test_each_layer_is_brought_home_before_the_next_is_computed(half: Half) -> None:
    """What a device holds of a run does not grow with its layers."""
    _, folder = half("bert", torch.float32)
    with elsewhere.there() as device:
        away = load(folder, device=elsewhere.DEVICE)
        moved: list[int] = []
        of(away, on_layer=lambda count, total: moved.append(device.brought))
    assert len(moved) == 2 and moved[0] >= 3, "queries, keys and values of the first layer"
    assert moved[1] - moved[0] >= 3, "and of the second"
