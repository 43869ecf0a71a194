"""The whole of a long head from afar, parts of it, and lines: each picture against weights that are laid out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
import torch.nn.functional as F

from attnviz.core.rules import Rule, Sparsemax, TopK
from attnviz.errors import AttnvizError
from attnviz.figures import grid, heatmap
from attnviz.figures.cells import MOST_EXACT
from attnviz.figures.overview import MOST_POINTS, Part, column_line, from_afar, overview, row_line, zoomed
from attnviz.figures.paint.shades import NOT_ALLOWED, STEPS
from attnviz.messages import say
from attnviz.selection import Selection, Style
from attnviz.trace import Trace
from tests.unit.figures.made import made, numbered, sent

COUNT = 131
FIRST, HEAD = Selection(0, 0), Selection(1, 2)
PLAIN = Style()


@pytest.fixture(scope="module")
def trace() -> Trace:
    return numbered(COUNT, causal=True)


def pooled(trace: Trace, how: str, size: int, rule: Rule | None = None) -> torch.Tensor:
    """One head's cells from its dense weights, NaN where not allowed."""
    weights = trace.weights(1, 2, rule)[None]
    there = torch.ones(1, COUNT, COUNT).tril()
    if how == "max":
        found = F.adaptive_max_pool2d(weights, size)
    else:
        found = F.adaptive_avg_pool2d(weights, size) / F.adaptive_avg_pool2d(there, size)
    return found.masked_fill(F.adaptive_max_pool2d(there, size) == 0, torch.nan)[0]


def afar(
    trace: Trace, selection: Selection = HEAD, style: Style = PLAIN, *, box: Part | None = None, **asked: object
) -> go.Figure:
    """The overview of what is asked for."""
    return overview(from_afar(trace, selection, style.scale, **asked), style, box=box)


def in_bytes(shades: torch.Tensor) -> np.ndarray:
    return (shades.nan_to_num(0) * STEPS).round().masked_fill(shades.isnan(), NOT_ALLOWED).numpy()


@pytest.mark.parametrize("rule", [None, TopK(2), Sparsemax()], ids=str)
def test_overview_holds_the_largest_weight_of_each_cell(trace: Trace, rule: Rule | None) -> None:
    z = np.asarray(afar(trace, Selection(1, 2, rule=rule), size=40).data[0].z)
    assert z.dtype == np.uint8 and z.shape == (40, 40)
    assert np.abs(z - in_bytes(pooled(trace, "max", 40, rule))).max() == 0


def test_means_are_shown_as_shares_of_the_largest_and_the_bar_says_of_what(trace: Trace) -> None:
    figure, means = afar(trace, how="mean", size=40), pooled(trace, "mean", 40)
    top = means.nan_to_num(0).max()
    assert np.abs(np.asarray(figure.data[0].z) - in_bytes(means / top)).max() <= 1
    bar = figure.data[1].marker.colorbar
    assert bar.title.text == "mean weight of each cell" and float(bar.ticktext[-1]) == pytest.approx(
        float(top), rel=0.05
    )
    assert afar(trace).data[1].marker.colorbar.title.text == "largest weight of each cell"
    assert afar(trace, style=Style(language="zh")).data[1].marker.colorbar.title.text == "每格最大权重"


def test_shares_of_a_row_and_logarithms_are_pooled_as_the_scale_says(trace: Trace) -> None:
    weights = trace.weights(1, 2)
    share = F.adaptive_max_pool2d((weights / weights.amax(-1, keepdim=True))[None], 40)[0]
    hidden = pooled(trace, "max", 40).isnan()
    z = np.asarray(afar(trace, style=Style("row"), size=40).data[0].z)
    assert np.abs(z - in_bytes(share.masked_fill(hidden, torch.nan))).max() <= 1
    log = (pooled(trace, "max", 40).nan_to_num(1).clamp_min(1e-4).log10() + 4) / 4
    z = np.asarray(afar(trace, style=Style("log"), size=40).data[0].z)
    assert np.abs(z - in_bytes(log.masked_fill(hidden, torch.nan))).max() <= 1


def test_axes_count_tokens_and_hover_names_the_tokens_of_a_cell(trace: Trace) -> None:
    figure = afar(trace, FIRST, size=40)
    assert list(figure.layout.xaxis.range) == [-0.5, COUNT - 0.5]
    assert list(figure.layout.yaxis.range) == [COUNT - 0.5, -0.5], "the first query must be on top"
    for value, text in zip(figure.layout.xaxis.tickvals, figure.layout.xaxis.ticktext, strict=True):
        assert text == f"{value}<br>t{value}"
    for axis in (figure.layout.xaxis2, figure.layout.yaxis2):
        ends = [tuple(map(int, (text if "–" in text else f"{text}–{text}").split("–"))) for text in axis.ticktext]
        assert len(ends) == 40 and ends[0][0] == 0 and ends[-1][1] == COUNT - 1
        assert all(b + 1 in (c, c + 1) for (_, b), (c, _) in pairwise(ends))
        assert axis.showticklabels is False and axis.visible is not False, "labels of invisible axes are not kept"
    assert (figure.data[0].xaxis, figure.data[0].yaxis) == ("x2", "y2")


def test_a_part_is_pooled_on_axes_that_count_the_texts_tokens(trace: Trace) -> None:
    part = (range(31, 131), range(10, 90))
    figure = afar(trace, size=40, part=part)
    weights = trace.weights(1, 2).masked_fill(torch.ones(COUNT, COUNT).triu(1) > 0, -1)[31:131, 10:90]
    expected = F.adaptive_max_pool2d(weights[None], 40)[0]
    assert (np.asarray(figure.data[0].z) == in_bytes(expected.masked_fill(expected < 0, torch.nan))).all()
    assert list(figure.layout.xaxis.range) == [9.5, 89.5] and list(figure.layout.yaxis.range) == [130.5, 30.5]
    assert all(10 <= value < 90 for value in figure.layout.xaxis.tickvals)
    assert figure.layout.yaxis2.ticktext[0] == "31–33" and figure.layout.xaxis2.ticktext[-1] == "88–89"


def test_the_part_that_is_open_is_framed_in_tokens(trace: Trace) -> None:
    assert not afar(trace, FIRST).layout.shapes
    (frame,) = afar(trace, FIRST, Style(height=170), box=(range(20, 30), range(5, 9))).layout.shapes
    assert (frame.y0, frame.y1, frame.x0, frame.x1) == (19.5, 29.5, 4.5, 8.5)


def test_what_is_sent_does_not_grow_with_the_text() -> None:
    sizes = [len(str(sent(afar(numbered(count), FIRST, size=60)))) for count in (200, 400)]
    assert sizes[1] < 1.1 * sizes[0]
    z = sent(afar(numbered(200), FIRST, size=60))["data"][0]["z"]
    assert z["dtype"] == "u1" and len(z["bdata"]) < 1.5 * 60 * 60


@pytest.mark.parametrize("side", [40, 64, 65])
def test_window_holds_the_weights_of_its_tokens(trace: Trace, side: int) -> None:
    figure = zoomed(trace, HEAD, PLAIN, (range(50, 50 + side), range(20, 20 + side)))
    expected = trace.weights(1, 2).masked_fill(torch.ones(COUNT, COUNT).triu(1) > 0, torch.nan)
    expected = expected[50 : 50 + side, 20 : 20 + side]
    z = np.asarray(figure.data[0].z)
    if side <= 64:
        np.testing.assert_allclose(z, expected.numpy(), atol=1e-6)
    else:
        assert z.dtype == np.uint8 and np.abs(z - in_bytes(expected)).max() == 0
    assert figure.data[0].meta == {"queries": list(range(50, 50 + side)), "keys": list(range(20, 20 + side))}
    assert figure.layout.meta == {"query": 50, "key": 20}
    assert figure.layout.xaxis.ticktext[0] == "t20" and figure.layout.yaxis.ticktext[0] == "t50"


def test_a_window_shades_its_rows_by_the_whole_row(trace: Trace) -> None:
    weights = trace.weights(1, 2)
    share = (weights / weights.amax(-1, keepdim=True))[100:110, 3:13]
    figure = zoomed(trace, HEAD, Style("row"), (range(100, 110), range(3, 13)))
    np.testing.assert_allclose(np.asarray(figure.data[0].z), share.numpy(), atol=1e-6)


def test_a_cell_of_a_window_is_framed_where_it_stands(trace: Trace) -> None:
    part = (range(100, 110), range(3, 13))
    (frame,) = zoomed(trace, Selection(1, 2, 104, 5), PLAIN, part).layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (1.5, 2.5, 3.5, 4.5)
    assert not zoomed(trace, Selection(1, 2, 99, 5), PLAIN, part).layout.shapes


def test_tokens_beyond_the_text_are_refused(trace: Trace) -> None:
    with pytest.raises(AttnvizError):
        zoomed(trace, HEAD, PLAIN, (range(130, 140), range(5)))
    with pytest.raises(AttnvizError):
        row_line(trace, Selection(1, 2, COUNT), PLAIN)


def test_lines_follow_one_row_or_one_column(trace: Trace) -> None:
    weights = trace.weights(1, 2)
    (row,), (column,) = (
        row_line(trace, Selection(1, 2, 70), PLAIN).data,
        column_line(trace, Selection(1, 2, 0, 70), PLAIN).data,
    )
    np.testing.assert_allclose(row.y, weights[70, :71].numpy(), atol=1e-6)
    np.testing.assert_allclose(column.y, weights[70:, 70].numpy(), atol=1e-6)
    assert list(row.text) == [f"t{place}" for place in range(71)]
    assert list(column.x) == list(range(70, COUNT)), "what is not allowed is not 0"


def test_a_line_of_an_early_token_shows_what_it_may_look_at() -> None:
    """Of 7,455 tokens the twentieth looks at twenty, which were on no pixel of a line over all."""
    figure = row_line(numbered(3 * MOST_POINTS, causal=True, layers=1, heads=1), Selection(0, 0, 20), PLAIN)
    assert list(figure.data[0].x) == list(range(21)) and tuple(figure.layout.xaxis.range) == (-0.5, 20.5)
    assert figure.layout.xaxis.title.text == say("figure.line_token", "en"), "each point is one token"


def test_long_lines_keep_the_largest_weight_of_each_stretch() -> None:
    count = 2 * MOST_POINTS + 77
    long = numbered(count, layers=1, heads=1)
    (line,) = row_line(long, Selection(0, 0, 9), PLAIN).data
    weights = long.attention(0, 0).weights[9].numpy()
    x, y = np.asarray(line.x), np.asarray(line.y)
    assert len(x) == MOST_POINTS and (np.diff(x) > 0).all()
    np.testing.assert_allclose(y, weights[x], atol=1e-6)
    assert y.max() == pytest.approx(weights.max(), abs=1e-6)


def test_a_large_heatmap_is_sent_as_bytes_and_a_small_one_exactly() -> None:
    count = int(MOST_EXACT**0.5) + 1
    figure, trace = heatmap(numbered(count, causal=True), layer=0, head=1), numbered(count, causal=True)
    z = np.asarray(figure.data[0].z)
    expected = trace.weights(0, 1).masked_fill(torch.ones(count, count).triu(1) > 0, torch.nan)
    assert z.dtype == np.uint8 and (z == in_bytes(expected)).all()
    assert figure.data[1].marker.showscale and not figure.data[0].showscale, "the bar shows weights alone"
    assert np.asarray(heatmap(numbered(count - 1), layer=0, head=1).data[0].z).dtype == np.float32


def test_the_grid_of_a_long_text_says_how_far_it_is(trace: Trace) -> None:
    heard: list[float] = []
    grid(trace, on_progress=heard.append)
    heads = trace.n_layers * trace.n_heads
    assert heard == [number / heads for number in range(1, heads + 1)]


@pytest.mark.parametrize("by", ["token", "character", "word"])
def test_pooled_tiles_of_a_grid_are_those_of_the_shown_weights(by: str) -> None:
    labels = ["[CLS]", *(f"w{n}" for n in range(100)), "[SEP]"]
    trace = made(labels, text=" ".join(labels), causal=True, layers=1, heads=2)
    figure = grid(trace, specials=False, by=by)
    weights = trace.weights(0).masked_fill(torch.ones(102, 102).triu(1) > 0, -1)[:, 1:-1, 1:-1]
    expected = F.adaptive_max_pool2d(weights, 64)
    for head in range(2):
        tile = np.asarray(figure.data[0].z)[:64, head * 70 : head * 70 + 64]
        assert (tile == in_bytes(expected[head].masked_fill(expected[head] < 0, torch.nan))).all()
