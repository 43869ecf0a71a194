"""What a byte of a large picture looks like, for Plotly and for what paints without it."""

from __future__ import annotations

import pytest
import torch

from attnviz.figures.paint.palette import theme
from attnviz.figures.paint.shades import NOT_ALLOWED, STEPS, colours_of_bytes, in_bytes
from attnviz.selection import Style


@pytest.mark.parametrize("dark", [False, True])
def test_every_byte_has_the_colour_of_its_place_on_the_ramp(dark: bool) -> None:
    style = Style(dark=dark)
    colours, stops = colours_of_bytes(style), theme(style).ramp
    last = len(stops) - 1
    for place, stop in enumerate(stops):
        assert colours[STEPS * place // last] == [*bytes.fromhex(stop[1:]), 255]
    low, high = (bytes.fromhex(stop[1:]) for stop in stops[:2])
    middle = STEPS // last // 2
    assert colours[middle][:3] == [round((a + b) / 2) for a, b in zip(low, high, strict=True)]
    (unseen,) = in_bytes(torch.tensor([0.5]), torch.tensor([True])).tolist()
    assert unseen == NOT_ALLOWED == len(colours) - 1
    assert colours[unseen] == [*bytes.fromhex(theme(style).not_allowed[1:]), 255]
