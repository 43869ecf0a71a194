"""What an attention block adds to the stream: its output as it is, so many times, or normed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attnviz.core.states import Block

OUTPUT = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])


@pytest.mark.parametrize(
    ("added", "times"),
    [(OUTPUT, 1.0), (0.22 * OUTPUT, 0.22), (-OUTPUT, -1.0), (None, 1.0), (OUTPUT / OUTPUT.norm(dim=-1)[:, None], None)],
)
def test_an_output_is_added_so_many_times_and_one_that_is_normed_is_no_multiple(
    added: Tensor | None, times: float | None
) -> None:
    assert Block(OUTPUT, None, added=added).factor == (times if times is None else pytest.approx(times, rel=1e-6))
