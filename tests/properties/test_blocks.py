"""Whatever the sizes, the rule and the block: what is streamed is what the dense weights hold."""

from __future__ import annotations

from unittest import mock

import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core import blocks as streaming
from attnviz.core.attention import Attention, attend
from attnviz.core.causal import CausalMask
from attnviz.core.masks import Window
from attnviz.core.rules import Rule
from tests.properties.test_attend import EVERY_RULE

CLOSE = {"atol": 1e-6, "rtol": 0, "equal_nan": True}


@st.composite
def calls(draw: st.DrawFn) -> Attention:
    heads, queries, keys = draw(st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)))
    dice = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    q, k = (torch.randn(heads, count, 4, generator=dice, dtype=torch.float64) for count in (queries, keys))
    allowed = {
        "all": None,
        "causal": CausalMask(queries, keys),
        "window": Window(3).allowed(queries, keys),
        "chance": torch.rand(heads, queries, keys, generator=dice) < 0.5,
    }[draw(st.sampled_from(["all", "causal", "window", "chance"]))]
    sink = torch.randn(heads, 1, generator=dice, dtype=torch.float64) if draw(st.booleans()) else None
    rule: Rule = draw(EVERY_RULE)
    return attend(q, k, k, rule=rule.at(2), allowed=allowed, sink=sink)


def marked(found: Attention) -> torch.Tensor:
    weights = found.weights.float()
    return weights if found.allowed is None else weights.masked_fill(~found.allowed, torch.nan)


@given(calls(), st.integers(1, 50), st.integers(1, 50), st.integers(1, 300))
def test_largest_weights_of_blocks_are_those_of_the_map(found: Attention, down: int, across: int, block: int) -> None:
    dense = marked(found)
    size = (min(down, dense.shape[-2]), min(across, dense.shape[-1]))
    expected = torch.nn.functional.adaptive_max_pool2d(dense.nan_to_num(-1.0), size)
    with mock.patch.object(streaming, "BLOCK", block):
        pooled = streaming.pooled(found, (down, across))
    torch.testing.assert_close(pooled, expected.masked_fill(expected < 0, torch.nan), **CLOSE)


@given(calls(), st.integers(1, 50), st.integers(1, 50), st.integers(1, 300))
def test_means_of_blocks_are_those_of_the_allowed_pairs(found: Attention, down: int, across: int, block: int) -> None:
    dense = marked(found)
    size = (min(down, dense.shape[-2]), min(across, dense.shape[-1]))
    pool = torch.nn.functional.adaptive_avg_pool2d
    expected = pool(dense.nan_to_num(0.0).double(), size) / pool((~dense.isnan()).double(), size)
    with mock.patch.object(streaming, "BLOCK", block):
        pooled = streaming.pooled(found, (down, across), "mean")
    torch.testing.assert_close(pooled, expected.float(), **CLOSE)


@given(calls(), st.data())
def test_any_window_is_that_part_of_the_map(found: Attention, data: st.DataObject) -> None:
    dense = marked(found)
    (top, left), (bottom, right) = (
        [data.draw(st.integers(low, count)) for count, low in zip(dense.shape[-2:], lows, strict=True)]
        for lows in ((0, 0), (1, 1))
    )
    top, left = min(top, bottom - 1), min(left, right - 1)
    part = streaming.window(found, range(top, bottom), range(left, right))
    torch.testing.assert_close(part, dense[..., top:bottom, left:right], **CLOSE)
