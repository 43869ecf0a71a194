"""One head, large: labels, cells, scales and click targets against what a trace says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from plotly.io.json import to_json_plotly

from attnviz.core.rules import Threshold, TopK
from attnviz.errors import AttnvizError
from attnviz.figures import choose, heatmap
from attnviz.figures.cells import MOST_LABELS
from attnviz.figures.heatmap import paint_difference
from attnviz.figures.paint.palette import DARK, LIGHT, diverging
from attnviz.selection import PLAIN as PLAIN_STYLE
from attnviz.selection import Selection
from tests.unit.figures.made import DOG, made, numbered, sent

PLAIN = {
    "unit": lambda weight, row: weight,
    "row": lambda weight, row: weight / max(row),
    "log": lambda weight, row: (math.log10(max(weight, 1e-4)) + 4) / 4,
}


def test_equal_labels_keep_their_own_row_and_column() -> None:
    trace = made()
    figure = heatmap(trace, layer=1, head=2)
    assert np.asarray(figure.data[0].z).shape == (7, 7)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert list(axis.tickvals) == list(range(7))
        assert list(axis.ticktext) == list(DOG)
    assert figure.data[0].x is None and figure.data[0].y is None, "names as coordinates would merge equal labels"
    np.testing.assert_array_equal(figure.data[0].z, trace.weights(1, 2).numpy())


def test_queries_go_down_from_the_top_and_keys_to_the_right() -> None:
    figure = heatmap(made(), layer=0, head=0)
    assert tuple(figure.layout.xaxis.range) == (-0.5, 6.5)
    assert tuple(figure.layout.yaxis.range) == (6.5, -0.5)
    long = heatmap(numbered(49, layers=1, heads=1), layer=0, head=0).layout
    assert tuple(long.xaxis2.range) == tuple(long.xaxis.range) == (-0.5, 48.5)
    assert tuple(long.yaxis2.range) == tuple(long.yaxis.range) == (48.5, -0.5)


def test_markup_in_labels_is_shown_and_not_obeyed() -> None:
    labels = ("<s>", "<b>x</b>", "a&b", "<br>", "</s>")
    text = to_json_plotly(heatmap(made(labels), layer=0, head=0))
    figure = heatmap(made(labels), layer=0, head=0)
    expected = ["&lt;s&gt;", "&lt;b&gt;x&lt;/b&gt;", "a&amp;b", "&lt;br&gt;", "&lt;/s&gt;"]
    for name in ("xaxis", "yaxis"):
        assert list(figure.layout[name].ticktext) == expected
    assert "<s>" not in text and "<b>" not in text


def test_hiding_specials_does_not_rescale_what_stays() -> None:
    trace = made()
    figure = heatmap(trace, layer=1, head=0, specials=False)
    np.testing.assert_array_equal(figure.data[0].z, trace.weights(1, 0).numpy()[1:-1, 1:-1])
    assert list(figure.layout.xaxis.ticktext) == list(DOG[1:-1])
    assert figure.data[0].meta == {name: [1, 2, 3, 4, 5] for name in ("queries", "keys")}, (
        "a click must still name the token of the text"
    )


def test_who_points_at_the_formula_is_told_the_tokens_of_the_framed_cell() -> None:
    figure = heatmap(made(), layer=1, head=0, specials=False, cell=(2, 4))
    assert figure.layout.meta == {"cell": (2, 4)} and figure.layout.shapes[-1].y0 == 0.5
    assert heatmap(made(), layer=1, head=0).layout.meta is None


def test_a_text_of_specials_only_is_still_drawn() -> None:
    figure = heatmap(made(("[CLS]", "[SEP]")), layer=0, head=0, specials=False)
    assert np.asarray(figure.data[0].z).shape == (2, 2)


@pytest.mark.parametrize("scale", list(PLAIN))
def test_each_scale_follows_its_plain_formula(scale: str) -> None:
    trace = made()
    figure = heatmap(trace, layer=0, head=1, rule=TopK(3), scale=scale)
    weights = trace.weights(0, 1, TopK(3)).double().tolist()
    expected = [[PLAIN[scale](weight, row) for weight in row] for row in weights]
    np.testing.assert_allclose(figure.data[0].z, expected, atol=3e-7)  # worst seen 6e-8, float32
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)


def test_row_scale_leaves_an_empty_row_empty() -> None:
    figure = heatmap(made(sharpness=0.1), layer=0, head=0, rule=Threshold(0.9), scale="row")
    assert (np.asarray(figure.data[0].z) == 0).all()


@pytest.mark.parametrize("scale", ["unit", "row", "log"])
def test_colour_bar_names_weights_in_the_readers_words(scale: str) -> None:
    bars = {
        words: heatmap(made(), layer=0, head=0, scale=scale, language=words).data[0].colorbar for words in ("en", "zh")
    }
    assert bars["en"].title.text != bars["zh"].title.text
    assert list(bars["en"].tickvals) == [0.0, 0.25, 0.5, 0.75, 1.0]
    if scale == "log":
        weights = [float(text.removeprefix("≤")) for text in bars["en"].ticktext]
        assert weights == pytest.approx([10 ** (4 * tick - 4) for tick in bars["en"].tickvals])


def test_the_explained_cell_is_framed() -> None:
    (frame,) = heatmap(made(), layer=0, head=0, cell=(2, 4)).layout.shapes
    assert (frame.y0, frame.y1, frame.x0, frame.x1) == (1.5, 2.5, 3.5, 4.5)
    (moved,) = heatmap(made(), layer=0, head=0, cell=(2, 4), specials=False).layout.shapes
    assert (moved.y0, moved.x0) == (0.5, 2.5), "without [CLS] every token stands one place earlier"


@pytest.mark.parametrize("cell", [None, (0, 3), (3, 6)])
def test_a_cell_that_is_not_shown_has_no_frame(cell: tuple[int, int] | None) -> None:
    assert not heatmap(made(), layer=0, head=0, cell=cell, specials=False).layout.shapes


@pytest.mark.parametrize("scale", list(PLAIN))
def test_hover_says_the_exact_weight_whatever_the_scale(scale: str) -> None:
    trace = made()
    cells = heatmap(trace, layer=1, head=1, rule=TopK(3), scale=scale).data[0]
    told = cells.z if "%{z:.4f}" in cells.hovertemplate else cells.customdata
    assert ("%{z:.4f}" in cells.hovertemplate) != ("%{customdata:.4f}" in cells.hovertemplate)
    np.testing.assert_array_equal(told, trace.weights(1, 1, TopK(3)).numpy())
    assert cells.meta == {"queries": list(range(7)), "keys": list(range(7))}


def test_chinese_labels_reach_the_browser_whole() -> None:
    labels = ("[CLS]", *"南京市长江大桥", "[SEP]")
    text = to_json_plotly(heatmap(made(labels), layer=0, head=0, language="zh"))
    figure = sent(heatmap(made(labels), layer=0, head=0, language="zh"))
    assert figure["layout"]["xaxis"]["ticktext"] == list(labels)
    assert "南" in text or "\\u5357" in text
    assert "Noto Sans CJK SC" in figure["layout"]["font"]["family"]


def test_a_long_label_is_shortened_before_it_is_escaped() -> None:
    figure = heatmap(made(("x" * 40, "<" * 40)), layer=0, head=0)
    assert list(figure.layout.xaxis.ticktext) == ["x" * 17 + "…", "&lt;" * 17 + "…"]


def test_300_tokens_are_one_trace_and_an_empty_one_for_the_axes() -> None:
    trace = numbered(300, layers=1, heads=1)
    cells, empty = heatmap(trace, layer=0, head=0).data
    assert (cells.type, cells.xaxis, cells.yaxis) == ("heatmap", "x2", "y2")
    np.testing.assert_array_equal(cells.z, trace.weights(0, 0).numpy())
    assert empty.x == (None,) and empty.hoverinfo == "skip"
    assert len(heatmap(numbered(48, layers=1, heads=1), layer=0, head=0).data) == 1


@pytest.mark.parametrize("words", ["en", "zh"])
@pytest.mark.parametrize("count", [7, 24, 25, 48])
def test_margins_leave_room_for_the_labels(count: int, words: str) -> None:
    layout = heatmap(made(("x" * 30,) * count), layer=0, head=0, language=words).layout
    pixels = 0.5 * 18 * layout.xaxis.tickfont.size  # 18 letters of half a font size, the narrowest that "x" is drawn
    assert layout.margin.l > pixels and layout.margin.b > 0.8 * pixels
    assert not layout.xaxis.automargin and not layout.yaxis.automargin, "Plotly would draw everything several times"


def test_only_as_many_labels_are_written_as_fit() -> None:
    for count in (48, 49, 300):
        axis = heatmap(numbered(count, layers=1, heads=1), layer=0, head=0).layout.xaxis
        assert len(axis.tickvals) <= MOST_LABELS
        assert list(axis.ticktext) == [f"t{place}" for place in axis.tickvals]
    hidden = heatmap(numbered(49, layers=1, heads=1), layer=0, head=0).layout.xaxis2
    assert list(hidden.ticktext) == [f"t{place}" for place in range(49)], "hover must know every token"
    assert hidden.showticklabels is False and hidden.showgrid is False


def test_cells_that_are_not_allowed_are_left_empty() -> None:
    figure = heatmap(made(causal=True), layer=0, head=0)
    z = np.asarray(figure.data[0].z)
    assert np.isnan(z[np.triu_indices(7, 1)]).all()
    assert not np.isnan(z[np.tril_indices(7)]).any()
    assert figure.layout.plot_bgcolor == LIGHT.not_allowed
    assert heatmap(made(), layer=0, head=0).layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_light_and_dark_differ_in_every_colour() -> None:
    light, dark = (heatmap(made(), layer=0, head=0, cell=(1, 2), dark=dark) for dark in (False, True))
    assert [colour for _, colour in light.data[0].colorscale] == list(LIGHT.ramp)
    assert [colour for _, colour in dark.data[0].colorscale] == list(DARK.ramp)
    assert light.layout.font.color != dark.layout.font.color
    assert light.layout.shapes[0].line.color != dark.layout.shapes[0].line.color


def test_heatmap_speaks_both_languages() -> None:
    english, chinese = (heatmap(made(), layer=0, head=0, language=words) for words in ("en", "zh"))
    assert english.layout.xaxis.title.text == "key: is looked at"
    assert chinese.layout.yaxis.title.text == "查询（在看）"
    assert "looks at" in english.data[0].hovertemplate and "看" in chinese.data[0].hovertemplate


@pytest.mark.parametrize(
    ("layer", "head", "sentence"), [(9, 0, "no layer 9"), (0, 9, "no head 9"), (-1, 0, "no layer -1")]
)
def test_a_layer_or_head_that_is_not_there_is_refused(layer: int, head: int, sentence: str) -> None:
    with pytest.raises(AttnvizError, match=sentence):
        heatmap(made(), layer=layer, head=head)


def test_drawing_changes_nothing_in_the_trace() -> None:
    trace = made()
    before = trace.weights(0, 0).clone()
    heatmap(trace, layer=0, head=0, scale="log", rule=TopK(1))
    assert (trace.weights(0, 0) == before).all()


def test_a_difference_is_of_what_both_pictures_show_on_two_colours_around_zero() -> None:
    whole, causal = made(), made(causal=True)
    selection = Selection(1, 2, 4, 1)
    first, second = choose.head(whole, selection), choose.head(causal, selection)
    figure = paint_difference(second.beyond(first), second, PLAIN_STYLE)
    expected = causal.weights(1, 2).numpy() - whole.weights(1, 2).numpy()
    np.testing.assert_array_equal(figure.data[0].z, expected)
    top = np.abs(expected).max()
    assert figure.data[0].zmax == -figure.data[0].zmin == pytest.approx(top)
    assert figure.data[0].colorscale[2][1] == diverging(False).ramp[2][1]
    assert figure.layout.shapes[0].y0 == 3.5, "the chosen pair is framed"
    both = paint_difference(second.beyond(second), second, PLAIN_STYLE).data[0]
    assert np.isnan(both.z[0, 1]) and both.z[1, 0] == 0 and both.zmax == 0.1, "noise stays pale"
