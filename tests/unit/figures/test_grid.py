"""Every head at once: each tile's bytes against the weights they stand for, worked out in plain loops."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest

from attnviz.core.rules import Sparsemax, Threshold, TopK
from attnviz.figures import grid
from attnviz.figures.grid import MOST_CELLS, SMALLEST
from attnviz.figures.paint.palette import DARK, LIGHT
from attnviz.figures.paint.shades import GAP, NOT_ALLOWED, STEPS
from attnviz.trace import Trace
from tests.unit.figures.made import DOG, made, numbered, sent, tile


def in_bytes(share: float) -> int:
    """A share of the ramp, 0 to 1, as the byte that stands for it."""
    return round(STEPS * min(max(share, 0.0), 1.0))


def heads_of(trace: Trace) -> list[tuple[int, int]]:
    return [(layer, head) for layer in range(trace.n_layers) for head in range(trace.n_heads)]


def colour_of(figure: go.Figure, byte: int) -> str:
    """The one colour that a byte lies in."""
    stops = figure.data[0].colorscale
    place = byte / GAP
    return next(c for (a, c), (b, d) in pairwise(stops) if a <= place <= b and c == d)


def test_grid_is_one_heatmap_of_bytes_and_one_point_a_head() -> None:
    figure = grid(made())
    assert [data.type for data in figure.data] == ["heatmap", "scatter"]
    assert np.asarray(figure.data[0].z).dtype == np.uint8
    assert [tuple(carried) for carried in figure.data[1].customdata] == heads_of(made())
    assert len(figure.data[1].x) == len(figure.data[1].y) == 6


def test_grid_sends_one_byte_a_weight() -> None:
    z = sent(grid(made()))["data"][0]["z"]
    assert z["dtype"] == "u1"


@pytest.mark.parametrize("rule", [None, TopK(2), Sparsemax()], ids=str)
def test_each_tile_holds_200_times_its_heads_weights(rule: object) -> None:
    trace = made()
    figure = grid(trace, rule=rule)
    for place, (layer, head) in enumerate(heads_of(trace)):
        weights = trace.weights(layer, head, rule).tolist()
        expected = [[in_bytes(weight) for weight in row] for row in weights]
        assert tile(figure, place, len(DOG)).tolist() == expected


ORDER = [(1, 2), (0, 1), (1, 0), (0, 2), (0, 0)]  # (1, 1) is not in it


def test_with_an_order_each_layers_heads_stand_in_it_and_every_tile_stays_its_heads() -> None:
    trace = made()
    figure, plain = grid(trace, order=ORDER, selected=(1, 0)), grid(trace)
    columns = sorted(set(plain.data[1].x))
    stands = {place: columns.index(x) for place, x in zip(heads_of(trace), figure.data[1].x, strict=True)}
    assert stands == {(0, 1): 0, (0, 2): 1, (0, 0): 2, (1, 2): 0, (1, 0): 1, (1, 1): 2}
    lines = {y: row for row, y in enumerate(sorted(set(figure.data[1].y)))}
    assert [lines[y] for y in figure.data[1].y] == [layer for layer, _ in heads_of(trace)], "a head stays in its layer"
    assert [tuple(carried) for carried in figure.data[1].customdata] == heads_of(trace), "a click opens the head there"
    for place in range(6):
        assert tile(figure, place, len(DOG)).tolist() == tile(plain, place, len(DOG)).tolist()
    (frame,) = figure.layout.shapes
    assert frame.x0 < figure.data[1].x[3] < frame.x1
    assert set(figure.layout.xaxis.ticktext) == {""} and "order" in figure.layout.xaxis.title.text


def test_with_an_order_each_heads_number_stands_above_its_tile_where_it_can_be_read() -> None:
    trace = made()
    figure = grid(trace, order=ORDER)
    _, tiles, numbers = figure.data
    assert list(numbers.text) == [str(head) for _, head in heads_of(trace)]
    half = len(DOG) / 2
    for x, y, left, top in zip(tiles.x, tiles.y, numbers.x, numbers.y, strict=True):
        assert (left, top) == pytest.approx((x - half, y - half))
    assert numbers.textfont.size >= SMALLEST
    assert not grid(trace, order=ORDER, height=60).data[2].text, "too low for numbers: hover says them"


def test_without_an_order_the_heads_stand_by_their_number() -> None:
    assert sent(grid(made(), order=())) == sent(grid(made()))


@pytest.mark.parametrize("count", [7, 25])
def test_between_the_tiles_is_nothing_but_gap(count: int) -> None:
    figure = grid(numbered(count))
    seen = np.asarray(figure.data[0].z).copy()
    for place in range(6):
        assert (tile(figure, place, count) <= STEPS).all()
        tile(figure, place, count, of=seen)[:] = 0
    assert set(np.unique(seen)) == {0, GAP}
    assert (seen == GAP).sum() == seen.size - 6 * count**2


def test_layers_go_down_and_heads_across() -> None:
    figure = grid(made())
    x, y = list(figure.data[1].x), list(figure.data[1].y)
    assert x[0] < x[1] < x[2]
    assert y[0] == y[1] == y[2] < y[3]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1], "the first layer must be on top"


@pytest.mark.parametrize("count", [65, 100, 131])
def test_long_texts_are_pooled_by_the_largest_weight(count: int) -> None:
    trace = numbered(count, layers=1, heads=2)
    figure = grid(trace)
    for head in range(2):
        weights = trace.weights(0, head).tolist()
        ends = [(i * count // MOST_CELLS, math.ceil((i + 1) * count / MOST_CELLS)) for i in range(MOST_CELLS)]
        expected = [
            [in_bytes(max(weights[q][k] for q in range(*rows) for k in range(*columns))) for columns in ends]
            for rows in ends
        ]
        assert tile(figure, head, MOST_CELLS).tolist() == expected


def test_exactly_64_tokens_are_not_pooled() -> None:
    trace = numbered(64, layers=1, heads=1)
    expected = [[in_bytes(weight) for weight in row] for row in trace.weights(0, 0).tolist()]
    assert tile(grid(trace), 0, 64).tolist() == expected


@pytest.mark.parametrize(("count", "exact"), [(5, True), (64, True), (65, False)])
def test_who_points_at_a_tile_reads_its_weights_where_a_cell_is_one_pair(count: int, exact: bool) -> None:
    picture = grid(numbered(count, layers=1, heads=1)).data[0]
    (down, pitch), (across, _) = picture.meta["down"], picture.meta["across"]
    assert picture.meta["exact"] is exact and (down, across) == (min(count, 64),) * 2 and pitch > down


def test_cells_that_are_not_allowed_are_not_drawn_as_zero() -> None:
    trace = made(causal=True)
    figure = grid(trace, rule=Threshold(0.3))
    for place, (layer, head) in enumerate(heads_of(trace)):
        found, weights = tile(figure, place, len(DOG)), trace.weights(layer, head, Threshold(0.3)).tolist()
        for query, row in enumerate(weights):
            for key, weight in enumerate(row):
                assert found[query, key] == (NOT_ALLOWED if key > query else in_bytes(weight))
    assert 0 in tile(figure, 0, len(DOG)), "a weight that a rule cut is a weight of 0"


def test_a_pooled_block_is_not_allowed_only_where_nothing_in_it_is() -> None:
    count = 100
    found = tile(grid(numbered(count, layers=1, heads=1, causal=True)), 0, MOST_CELLS)
    for row in range(MOST_CELLS):
        for column in range(MOST_CELLS):
            last_query = math.ceil((row + 1) * count / MOST_CELLS) - 1
            first_key = column * count // MOST_CELLS
            assert (found[row, column] == NOT_ALLOWED) == (first_key > last_query)


@pytest.mark.parametrize(("dark", "chosen"), [(False, LIGHT), (True, DARK)])
def test_bytes_that_are_no_weights_have_colours_of_their_own(dark: bool, chosen: object) -> None:
    figure = grid(made(), dark=dark)
    stops = figure.data[0].colorscale
    places = [place for place, _ in stops]
    assert places == sorted(places) and (places[0], places[-1]) == (0, 1)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, GAP)
    assert colour_of(figure, NOT_ALLOWED) == chosen.not_allowed
    assert colour_of(figure, GAP) == "rgba(0,0,0,0)"
    assert dict((round(place * GAP), colour) for place, colour in stops[:6]) == {
        40 * i: colour for i, colour in enumerate(chosen.ramp)
    }


def test_hiding_specials_does_not_rescale_what_stays() -> None:
    trace = made()
    figure = grid(trace, specials=False)
    inner = trace.weights(1, 2)[1:-1, 1:-1].tolist()
    assert tile(figure, 5, 5).tolist() == [[in_bytes(weight) for weight in row] for row in inner]


def test_scales_follow_their_plain_formulas() -> None:
    trace = made()
    weights = trace.weights(0, 1).tolist()
    by_row = [[in_bytes(weight / max(row)) for weight in row] for row in weights]
    by_log = [[in_bytes((math.log10(max(weight, 1e-4)) + 4) / 4) for weight in row] for row in weights]
    for scale, expected in (("row", by_row), ("log", by_log)):
        gap = np.abs(tile(grid(trace, scale=scale), 1, len(DOG)).astype(int) - np.array(expected))
        assert gap.max() <= 1, "one byte: a share that float32 puts on the other side of .5"


@pytest.mark.parametrize("count", [7, 25, 100])
def test_the_open_tile_and_no_other_is_framed(count: int) -> None:
    assert not grid(numbered(count)).layout.shapes
    figure, half = grid(numbered(count), selected=(1, 2)), min(count, MOST_CELLS) / 2
    (frame,) = figure.layout.shapes
    x, y = figure.data[1].x[5], figure.data[1].y[5]
    assert (x - frame.x0, y - frame.y0) == (frame.x1 - x, frame.y1 - y), "the tile must stand in the middle"
    assert frame.x1 - x > half, "the frame must not cover the tile's own cells"
    assert frame.x0 > figure.data[1].x[4] + half, "nor touch the tile beside it"
    assert max(figure.layout.xaxis.range) >= frame.x1 and max(figure.layout.yaxis.range) >= frame.y1


@pytest.mark.parametrize("count", [7, 25, 100])
def test_names_stand_at_the_middle_of_their_tiles(count: int) -> None:
    figure = grid(numbered(count))
    assert list(figure.layout.xaxis.tickvals) == list(figure.data[1].x[:3])
    assert list(figure.layout.yaxis.tickvals) == list(figure.data[1].y[::3])


def test_grid_speaks_both_languages_and_both_themes() -> None:
    english, chinese = grid(made(), language="en"), grid(made(), language="zh")
    assert list(english.layout.xaxis.ticktext) == ["head 0", "head 1", "head 2"]
    assert list(chinese.layout.yaxis.ticktext) == ["层 0", "层 1"]
    layer, head = "%{customdata[0]}", "%{customdata[1]}"
    assert english.data[1].hovertemplate == f"layer {layer}, head {head}: click to open<extra></extra>"
    assert chinese.data[1].hovertemplate == f"第 {layer} 层第 {head} 头：点击打开<extra></extra>"
    light, dark = grid(made(), dark=False), grid(made(), dark=True)
    assert light.data[0].colorscale != dark.data[0].colorscale
    assert light.layout.font.color != dark.layout.font.color


def test_a_single_token_still_makes_a_grid() -> None:
    figure = grid(numbered(1))
    assert {int(tile(figure, place, 1)[0, 0]) for place in range(6)} == {STEPS}
