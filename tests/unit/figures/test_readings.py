"""The pictures of two readings against what a trace says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import attnviz as av
from attnviz.figures.paint.palette import diverging
from attnviz.figures.readings import Opened, arrows, lean_grid, opened_head, side_colours
from attnviz.measures import by_unit
from attnviz.selection import Style
from attnviz.text.segmentation import Reading

BRIDGE, MAYOR = Reading.parse("南京市/长江大桥"), Reading.parse("南京市长/江大桥")
BITS = torch.tensor([[0.2, -1.5, 0.0], [2.0, 0.1, -0.3]], dtype=torch.float64)
CLEAR = torch.tensor([[False, True, False], [True, False, False]])


@pytest.fixture(scope="module")
def trace() -> av.Trace:
    return av.record(av.load("lab-4"), "南京市长江大桥")


def test_grid_shows_every_lean_and_dots_the_clear_ones() -> None:
    figure = lean_grid(BITS, CLEAR, selected=((1, 0), (0, 1)))
    tiles, dots = figure.data
    np.testing.assert_array_equal(tiles.z, BITS.numpy())
    assert (tiles.zmin, tiles.zmax) == (-2, 2), "nothing must be 0 but 0"
    assert np.array(tiles.customdata).tolist() == [[[0, 0], [0, 1], [0, 2]], [[1, 0], [1, 1], [1, 2]]]
    assert [(round(y), round(x)) for x, y in zip(dots.x, dots.y, strict=True)] == [(0, 1), (1, 0)]
    assert tiles.text[0][1] == "-1.50"
    first, second = figure.layout.shapes
    assert (first.x0, first.y0, first.line.color) == (-0.5, 0.5, side_colours(False)[0])
    assert (second.x0, second.y0, second.line.color) == (0.5, -0.5, side_colours(False)[1])


def test_small_leans_stay_pale() -> None:
    assert lean_grid(BITS / 100, CLEAR).data[0].zmax == 0.5


def test_grid_speaks_both_languages_and_themes() -> None:
    english, chinese = (lean_grid(BITS, CLEAR, style=Style(language=words)) for words in ("en", "zh"))
    assert english.data[0].colorbar.ticktext[2] == "2.0 A" and chinese.data[0].colorbar.ticktext[2] == "2.0 甲"
    light, dark = (lean_grid(BITS, CLEAR, style=Style(dark=dark)) for dark in (False, True))
    assert light.data[0].colorscale != dark.data[0].colorscale


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_drawn_in_the_middle_of_two_colours(dark: bool) -> None:
    two = diverging(dark)
    assert [place for place, _ in two.ramp] == [0, 0.25, 0.5, 0.75, 1]
    assert two.first != two.second and two.ramp[0][1] != two.ramp[-1][1]


def test_an_opened_head_shows_the_text_alone_with_its_words_boxed(trace: av.Trace) -> None:
    figure = opened_head(trace, BRIDGE, Opened((2, 1), (0, 0), 0))
    np.testing.assert_array_equal(figure.data[0].z, trace.weights(2, 1)[1:-1, 1:-1].numpy())
    assert [(box.x0, box.x1) for box in figure.layout.shapes] == [(-0.5, 2.5), (2.5, 6.5)]
    assert {box.line.color for box in figure.layout.shapes} == {side_colours(False)[0]}
    other = opened_head(trace, MAYOR, Opened((2, 1), (0, 0), 1))
    assert [(box.y0, box.y1) for box in other.layout.shapes] == [(-0.5, 3.5), (3.5, 6.5)]


def test_by_word_sums_and_averages(trace: av.Trace) -> None:
    figure = opened_head(trace, MAYOR, Opened((1, 3), (0, 0), 1, "word"))
    expected = by_unit(trace.weights(1, 3)[1:-1, 1:-1], [0, 0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(figure.data[0].z, expected.numpy(), atol=1e-7)
    assert list(figure.layout.yaxis.ticktext) == ["南京市长", "江大桥"]


def test_difference_is_one_head_less_the_other(trace: av.Trace) -> None:
    figure = opened_head(trace, BRIDGE, Opened((3, 0), (0, 2), 0, "difference"))
    expected = (trace.weights(3, 0) - trace.weights(0, 2))[1:-1, 1:-1].numpy()
    np.testing.assert_array_equal(figure.data[0].z, expected)
    assert figure.data[0].zmin == -figure.data[0].zmax == -abs(expected).max()
    assert "more" in figure.data[0].hovertemplate


def test_arrows_go_from_before_to_after() -> None:
    figure = arrows(BITS, BITS + 1)
    assert len(figure.data) == BITS.numel()
    assert [tuple(line.y) for line in figure.data] == [(b, b + 1) for b in BITS.flatten().tolist()]
    assert list(figure.layout.xaxis.ticktext) == ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2"]
