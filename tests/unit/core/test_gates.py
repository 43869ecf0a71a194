"""Gates: each weight by itself, between 0 and 1, and 0 where a key is not allowed."""

from __future__ import annotations

import math

import torch

from attnviz import attend
from attnviz.core.gates import Gate


def test_a_gate_is_the_sigmoid_of_each_score_alone() -> None:
    scores = torch.tensor([[-2.0, 0.0, 3.0], [-2.0, 50.0, -math.inf]], dtype=torch.float64)
    found = Gate().weigh(scores)
    for row, meant in zip(found.tolist(), scores.tolist(), strict=True):
        for weight, score in zip(row, meant, strict=True):
            assert abs(weight - (0.0 if score == -math.inf else 1 / (1 + math.exp(-score)))) < 1e-15
    assert found[0, 0] == found[1, 0]  # whatever the others are
    assert Gate().weigh(scores.half()).dtype == torch.float32


def test_what_may_look_at_nothing_takes_nothing() -> None:
    q, k, v = torch.randn(2, 3), torch.randn(4, 3), torch.randn(4, 2)
    call = attend(q, k, v, rule=Gate(), allowed=torch.tensor([[True] * 4, [False] * 4]))
    assert call.weights[1].tolist() == [0] * 4 and call.output[1].tolist() == [0, 0]
    torch.testing.assert_close(call.output, call.weights @ v)
