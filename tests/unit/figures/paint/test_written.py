"""Numbers in cells are read on every ground."""

from __future__ import annotations

import pytest
import torch

from attnviz.figures.attribution.rows import alike
from attnviz.figures.paint.between import contrast, mixed
from attnviz.figures.paint.palette import diverging, theme
from attnviz.figures.positions import beginnings
from attnviz.selection import Style

EVEN = torch.linspace(-1, 1, 36).reshape(6, 6)


@pytest.mark.parametrize("dark", [False, True])
def test_how_alike_two_ways_are_is_read_on_every_ground(dark: bool) -> None:
    cells, numbers = alike(list("abcdef"), EVEN, Style(dark=dark)).data
    ramp = [colour for _, colour in diverging(dark).ramp]
    assert len(numbers.text) == 36 and numbers.hoverinfo == "skip" and cells.texttemplate is None
    for x, y, ink in zip(numbers.x, numbers.y, numbers.textfont.color, strict=True):
        assert contrast(ink, mixed(ramp, (float(EVEN[y, x]) + 1) / 2)) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
def test_where_a_word_begins_is_read_on_every_ground(dark: bool) -> None:
    chances = (EVEN + 1) / 2
    *pairs, numbers = beginnings(chances, list("abcdef"), list("uvwxyz"), Style(dark=dark)).data
    places = [place for pair in pairs for place in pair.y]
    assert numbers.text[:2] == ("0.00", "0.03") and set(numbers.y) == set(places)
    for x, y, ink in zip(numbers.x, numbers.y, numbers.textfont.color, strict=True):
        assert contrast(ink, mixed(theme(Style(dark=dark)).ramp, float(chances[places.index(y), x]))) >= 4.5
