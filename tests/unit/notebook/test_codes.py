"""Two bytes hold a weight to three significant digits, neither more nor less."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.notebook.codes import codes, packed, planes, shades
from tests.unit.notebook.unpacked import pairs, raw, value

EDGES = [1.0, 0.9996, 0.9994, 0.09995, 0.01, 1e-3, 0.5, 0.0625, 0.03125, 0.4375, 1e-7, 1e-20, 1e-38, 1.4e-45, 9.99, 0.0]


@given(st.lists(st.floats(0, 9.5, width=32), min_size=1, max_size=50))
def test_a_code_says_what_python_writes_with_three_digits(weights: list[float]) -> None:
    found = codes(torch.tensor(weights + EDGES))
    assert [value(int(one)) for one in found] == [float(f"{one:.3g}") for one in torch.tensor(weights + EDGES).tolist()]


def test_not_allowed_and_nothing_are_two_things() -> None:
    assert codes(torch.tensor([[math.nan, 0.0]])).tolist() == [[0, 1]]


def test_packed_numbers_come_back_in_their_order() -> None:
    first, second = np.arange(70_000, dtype=np.uint32) % 65_536, np.array([[7, 258]])
    assert pairs(packed(planes(first, second))).tolist() == [*first.tolist(), 7, 258]
    assert len(pairs(packed(planes()))) == 0


def test_a_shade_is_a_step_of_the_logarithm_and_0_where_nothing_is_allowed() -> None:
    found = shades(torch.tensor([1.0, 0.01, 1e-4, 0.0, math.nan])).tolist()
    assert found == [255, 1 + 254 // 2, 1, 1, 0]
    assert raw(packed(bytes(found))).tolist() == found
