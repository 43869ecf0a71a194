"""The pictures of two readings against what a trace says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import attnviz as av
from attnviz.figures.paint.palette import diverging, theme
from attnviz.figures.readings import Opened, arrows, lean_grid, opened_head, pale, side_colours
from attnviz.measures import Lean, by_unit
from attnviz.selection import Style
from attnviz.text.segmentation import Reading

BRIDGE, MAYOR = Reading.parse("南京市/长江大桥"), Reading.parse("南京市长/江大桥")
BITS = torch.tensor([[0.2, -1.5, 0.0], [2.0, 0.1, -0.3]], dtype=torch.float64)
CLEAR = torch.tensor([[False, True, False], [True, False, False]])


@pytest.fixture(scope="module")
def trace() -> av.Trace:
    return av.record(av.load("lab-4"), "南京市长江大桥")


def found(bits: torch.Tensor = BITS, special: float = 0.0) -> Lean:
    """Leans whose clear heads are those of `CLEAR`; the first head rests where `special` is large."""
    edge = torch.where(CLEAR, bits.abs() / 2, bits.abs() + 1)
    rest = torch.zeros_like(bits)
    rest[0, 0] = special
    return Lean(BRIDGE, MAYOR, bits, -edge, edge, torch.ones_like(bits), rest)


def test_grid_shows_every_lean_and_colours_and_letters_the_clear_ones_alone() -> None:
    figure = lean_grid(found(), selected=((1, 0), (0, 1)))
    tiles, clear, _ = figure.data
    np.testing.assert_array_equal(tiles.z, BITS.numpy())
    assert {colour for _, colour in tiles.colorscale} == {pale(Style())}, "what is not clear has no colour of a reading"
    assert np.array(tiles.customdata).tolist() == [[[0, 0], [0, 1], [0, 2]], [[1, 0], [1, 1], [1, 2]]]
    assert [list(row) for row in clear.z] == [[None, -1, None], [1, None, None]]
    assert [colour for _, colour in clear.colorscale] == [*side_colours(False)[1:] * 2, *side_colours(False)[:1] * 2]
    assert [list(row) for row in clear.text] == [["", "<b>B</b><br>−1.50", ""], ["<b>A</b><br>+2.00", "", ""]]
    assert tiles.text[0][1] == "−1.50"
    first, second = figure.layout.shapes
    assert (first.x0, first.y0, first.line.color) == (-0.5, 0.5, side_colours(False)[0])
    assert (second.x0, second.y0, second.line.color) == (0.5, -0.5, side_colours(False)[1])


def test_heads_that_rest_are_hatched_and_have_no_number_and_no_colour() -> None:
    tiles, clear, hatch = lean_grid(found(special=0.9)).data
    assert [list(place) for place in hatch.meta] == [[0, 0]] and hatch.fillpattern.shape == "/"
    assert tiles.text[0][0] == "" and clear.z[0][0] is None
    assert (min(hatch.x[:5]), max(hatch.x[:5]), min(hatch.y[:5]), max(hatch.y[:5])) == (-0.46, 0.46, -0.44, 0.44)
    assert tiles.hovertext[0][0] == "rests on [CLS]/[SEP] or on itself"
    loud = Lean(BRIDGE, MAYOR, BITS, BITS - 9, BITS * 0 - 9, BITS * 0 + 1, BITS * 0 + 1)
    assert [list(row) for row in lean_grid(loud).data[1].z] == [[None] * 3] * 2, "however far out of its band"
    assert not lean_grid(found()).data[2].meta


@pytest.mark.parametrize(("heads", "written"), [(3, "−1.50"), (6, "−1.5"), (9, "")])
def test_more_heads_leave_room_for_fewer_digits(heads: int, written: str) -> None:
    bits = BITS.repeat(1, heads // 3)
    edge, ones = bits.abs() + 1, torch.ones_like(bits)
    tiles = lean_grid(Lean(BRIDGE, MAYOR, bits, -edge, edge, ones, ones * 0)).data[0]
    assert tiles.text[0][1] == written


def test_small_leans_stay_pale() -> None:
    small = Lean(BRIDGE, MAYOR, BITS / 100, BITS * 0 - 1, BITS * 0 + 1, BITS * 0 + 1, BITS * 0)
    assert [list(row) for row in lean_grid(small).data[1].z] == [[None] * 3] * 2


def test_grid_speaks_both_languages_and_themes() -> None:
    english, chinese = (lean_grid(found(), style=Style(language=words)) for words in ("en", "zh"))
    assert english.data[1].text[1][0] == "<b>A</b><br>+2.00" and chinese.data[1].text[1][0] == "<b>甲</b><br>+2.00"
    light, dark = (lean_grid(found(), style=Style(dark=dark)) for dark in (False, True))
    assert light.data[0].colorscale != dark.data[0].colorscale and light.data[1].colorscale != dark.data[1].colorscale


@pytest.mark.parametrize("dark", [False, True])
def test_letters_on_a_readings_colour_and_its_colour_on_the_page_can_be_read(dark: bool) -> None:
    style, ground = Style(dark=dark), "#0e1117" if dark else "#ffffff"
    for colour in side_colours(dark):
        assert contrast(theme(style).on_full, colour) >= 4.5, "WCAG 2 AA: 4.5 for text"
        assert contrast(colour, ground) >= 4.5 and contrast(colour, pale(style)) >= 3
    assert contrast(theme(style).text, pale(style)) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of the luminances of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


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
