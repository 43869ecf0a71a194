"""Places that collect the weight of many: the same as in plain loops, special ones left out."""

from __future__ import annotations

import pytest
import torch

from attnviz.measures import sinks


def loops(weights: list[list[float]], special: list[bool], times: float) -> list[int]:
    found = []
    for key in range(len(weights[0])):
        total = 0.0
        for row in weights:
            total += 0.0 if row[key] != row[key] else row[key]
        if not special[key] and total / len(weights) * len(weights[0]) >= times:
            found.append(key)
    return found


@pytest.mark.parametrize("times", [1.0, 1.5, 3.0])
def test_sinks_are_those_of_plain_loops(times: float) -> None:
    generator = torch.Generator().manual_seed(4)
    weights = (torch.randn(7, 12, generator=generator) * 2).softmax(-1)
    weights[:, 5] += 0.5
    weights[2, 3] = torch.nan  # a pair that may not look
    special = [place == 0 for place in range(12)]
    found = sinks(weights, special, times=times)
    assert found == loops(weights.tolist(), special, times) and 5 in found


def test_uniform_weights_have_no_sink_and_a_special_place_is_none() -> None:
    assert sinks(torch.full((4, 10), 0.1)) == []
    weights = torch.tensor([[0.9, 0.05, 0.05]] * 3)
    assert sinks(weights, times=2) == [0] and sinks(weights, [True, False, False], times=2) == []
