"""The cheapest path against the published numbers and transformers' own; how monotonic heads are in plain loops."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor

from attnviz import Trace
from attnviz.axes import Frames, Seconds
from attnviz.core.attention import Observed
from attnviz.measures.listening import aligned, cheapest_path, first_frames, follows, heard_at, monotonic
from attnviz.text.tokens import Encoded

KNOWN = torch.tensor(
    [[0.7, 0.2, 0.05, 0.02, 0.02, 0.01], [0.1, 0.2, 0.5, 0.15, 0.03, 0.02], [0.01, 0.02, 0.05, 0.12, 0.4, 0.4]]
)
PATH = [[0, 0], [0, 1], [1, 1], [1, 2], [1, 3], [2, 3], [2, 4], [2, 5]]


def drawn(heads: int, tokens: int, frames: int) -> Tensor:
    generator = torch.Generator().manual_seed(tokens * 100 + frames)
    return torch.randn(heads, tokens, frames, generator=generator).mul(2).softmax(-1)


def test_known_weights_have_the_known_path() -> None:
    assert aligned(KNOWN[None], median=1).tolist() == PATH
    assert first_frames(torch.tensor(PATH), 3).tolist() == [0, 1, 3]


@pytest.mark.parametrize("size", [(1, 5, 40), (4, 12, 90), (3, 9, 3), (2, 2, 7)])
@pytest.mark.parametrize("width", [1, 7])
def test_the_path_is_that_of_transformers_own_alignment(size: tuple[int, int, int], width: int) -> None:
    from transformers.models.whisper.generation_whisper import _dynamic_time_warping, _median_filter

    weights = drawn(*size).double()
    own = (weights - weights.mean(-2, keepdim=True)) / weights.std(-2, keepdim=True, unbiased=False)
    matrix = _median_filter(own[None], width)[0].mean(0)
    tokens, frames = _dynamic_time_warping(-matrix.numpy())
    assert aligned(weights, median=width).tolist() == [[int(a), int(b)] for a, b in zip(tokens, frames, strict=True)]


def test_no_path_costs_less_than_the_one_that_is_found() -> None:
    """All paths through a small table, by plain recursion."""
    costs = torch.randn(4, 5, generator=torch.Generator().manual_seed(3))

    def least(row: int, column: int) -> float:
        if row < 0 or column < 0:
            return float("inf")
        before = (
            0.0
            if row == column == 0
            else min(least(row - 1, column - 1), least(row - 1, column), least(row, column - 1))
        )
        return float(costs[row, column]) + before

    found = sum(float(costs[row, column]) for row, column in cheapest_path(costs).tolist())
    assert found == pytest.approx(least(3, 4), abs=1e-5)


def test_one_token_has_all_frames_and_a_frame_that_says_nothing_counts_nothing() -> None:
    assert aligned(drawn(2, 1, 4)).tolist() == [[0, 0], [0, 1], [0, 2], [0, 3]]
    assert not bool(aligned(torch.full((1, 3, 4), 0.25)).isnan().any())


@pytest.mark.parametrize(("weights", "median"), [(torch.zeros(0, 2, 2), 7), (torch.ones(1, 2, 2), 4)])
def test_what_cannot_be_aligned_is_refused(weights: Tensor, median: int) -> None:
    with pytest.raises(ValueError, match="got"):
        aligned(weights, median=median)


@pytest.mark.parametrize("size", [(3, 6, 11), (2, 2, 4), (2, 1, 4)])
def test_how_monotonic_heads_are_is_kendalls_tau_in_plain_loops(size: tuple[int, int, int]) -> None:
    weights = drawn(*size)
    for head, found in zip(weights, monotonic(weights).tolist(), strict=True):
        where = [sum(frame * float(one) for frame, one in enumerate(row)) / float(row.sum()) for row in head.double()]
        pairs = list(combinations(where, 2))
        expected = sum((later > before) - (later < before) for before, later in pairs) / max(len(pairs), 1)
        assert found == pytest.approx(expected, abs=1e-5)


def test_a_head_that_follows_is_sharp_and_monotonic_and_one_that_is_only_one_of_both_is_not() -> None:
    sharp, even = torch.eye(6), torch.full((6, 6), 1 / 6)
    drifting = torch.softmax(0.01 * torch.outer(torch.arange(6.0), torch.arange(6.0)), -1)
    assert float(monotonic(drifting)) == 1.0
    found = follows(torch.stack([sharp, even, drifting, sharp.flip(0), sharp[[0] * 6]])).tolist()
    assert found[0] == pytest.approx(1.0) and max(found[1:]) < 0.05


def test_a_token_is_heard_where_the_row_above_it_looks_and_padding_is_left_out() -> None:
    """Marks, three words and the end; 50 frames of 20 ms and 30 of padding, where a second head looks."""
    ids = (1, 2, 10, 11, 12, 3)
    special = (True, True, False, False, False, True)
    spans = (None, None, (0, 1), (1, 2), (2, 3), None)
    tokens = Encoded("abc", ids, ("<s>", "<t>", "a", "b", "c", "</s>"), spans, special, None)
    frames = Frames(tuple((n / 50, (n + 1) / 50) for n in range(50)), last=("[PAD]",) * 30)
    looks = torch.full((2, 6, 80), 0.001)
    for row, tenth in enumerate((0, 0, 1, 3, 4, 4)):  # of the tokens 1 to 4 the rows write a, b, c and the end
        looks[0, row, tenth * 10 : tenth * 10 + 10] = 0.093
    looks[1, :, 60] = 0.921
    trace = Trace(tokens, frames, (Observed.of(looks),), part="cross")
    found = heard_at(trace)
    assert [one is None for one in found] == [True, True, False, False, False, True]
    assert [one.start for one in found if one] == pytest.approx([0.0, 0.2, 0.6], abs=0.041)
    assert heard_at(trace, [(0, 0)]) == found and all(isinstance(one, Seconds) for one in found[2:5])


def test_where_a_token_looks_is_the_middle_of_what_it_has_whatever_that_sums_to() -> None:
    rows = torch.tensor([[0.0, 0.9, 0.1], [0.0, 0.1, 0.2]])
    assert monotonic(rows) == monotonic(rows / rows.sum(-1, keepdim=True)) == 1
