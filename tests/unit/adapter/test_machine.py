"""A network's modules by their names: found once for one whose modules stay, and let go with it."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from attnviz import load
from attnviz.adapter import machine


def test_names_are_found_once_for_each_network_and_let_go_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.nn.Module] = []
    found = machine.names_of
    monkeypatch.setattr(machine, "names_of", lambda network: asked.append(network) or found(network))
    one, other = torch.nn.Sequential(torch.nn.Linear(2, 2)), torch.nn.Sequential(torch.nn.ReLU())
    for network in (one, other, one, other):
        assert machine.names_kept(network) == {id(module): name for name, module in network.named_modules()}
    assert asked == [one, other]
    gone = weakref.ref(one)
    asked.clear()
    del one, network
    gc.collect()
    assert gone() is None


def test_what_is_kept_of_a_model_are_the_names_of_its_modules() -> None:
    network = load("lab-gpt").network
    names = machine.names_kept(network)
    assert len(names) == sum(1 for _ in network.modules()) and "model.layers.3.self_attn" in names.values()
