"""The sentence coloured by one query's weights."""

from __future__ import annotations

import numpy as np
import pytest

from attnviz.core.rules import TopK
from attnviz.errors import AttnvizError
from attnviz.figures import tokens
from attnviz.figures.paint.palette import colours
from tests.unit.figures.made import DOG, made, numbered


def test_one_line_holds_the_weights_of_the_query() -> None:
    trace = made()
    (cells,) = tokens(trace, layer=1, head=2, query=3, rule=TopK(2)).data
    row = trace.weights(1, 2, TopK(2))[3].numpy()
    np.testing.assert_array_equal(cells.z, row[None])
    np.testing.assert_array_equal(cells.customdata, row[None])
    assert list(cells.text[0]) == list(DOG)


@pytest.mark.parametrize("dark", [False, True])
def test_every_label_is_seen_on_its_ground(dark: bool) -> None:
    figure = tokens(made(), layer=0, head=0, query=3, rule=TopK(1), dark=dark)
    labels, shades = figure.layout.annotations, np.asarray(figure.data[0].z)[0]
    assert [label.text for label in labels] == list(DOG)
    assert {label.font.color for label, shade in zip(labels, shades, strict=True) if shade > 0.5} == {
        colours(dark).on_full
    }
    assert {label.font.color for label, shade in zip(labels, shades, strict=True) if shade < 0.5} == {
        colours(dark).text
    }


@pytest.mark.parametrize(("count", "lines"), [(24, 1), (25, 2), (48, 2), (50, 3)])
def test_text_wraps_after_24_tokens(count: int, lines: int) -> None:
    trace = numbered(count, layers=1, heads=1)
    (cells,) = tokens(trace, layer=0, head=0, query=0).data
    assert np.asarray(cells.z).shape == (lines, 24)
    flat, words = np.asarray(cells.z).ravel(), np.asarray(cells.text).ravel()
    np.testing.assert_array_equal(flat[:count], trace.weights(0, 0)[0].numpy())
    assert np.isnan(flat[count:]).all(), "what is no token must stay empty"
    assert list(words) == [f"t{place}" for place in range(count)] + [""] * (24 * lines - count)


def test_long_words_have_shorter_lines_that_fit_700_pixels() -> None:
    (cells,) = tokens(made(("understanding",) * 30), layer=0, head=0, query=0).data
    columns = np.asarray(cells.z).shape[1]
    assert columns * 8 * 6.5 < 700 - 100, "8 letters of half a font size, beside the colour bar"
    assert columns > 5


def test_the_query_is_framed_in_its_line() -> None:
    (frame,) = tokens(numbered(50, layers=1, heads=1), layer=0, head=0, query=30).layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (5.5, 6.5, 0.5, 1.5)


def test_row_scale_gives_the_largest_weight_the_full_colour() -> None:
    trace = made()
    (cells,) = tokens(trace, layer=0, head=0, query=1, scale="row").data
    row = trace.weights(0, 0)[1].double().numpy()
    np.testing.assert_allclose(cells.z[0], row / row.max(), atol=3e-7)  # float32; worst seen 6e-8
    np.testing.assert_array_equal(cells.customdata[0], trace.weights(0, 0)[1].numpy())


def test_markup_is_escaped_and_long_words_are_shortened() -> None:
    (cells,) = tokens(made(("<s>", "internationalisation")), layer=0, head=0, query=0).data
    assert list(cells.text[0]) == ["&lt;s&gt;", "interna…"]


def test_tokens_differ_by_theme_and_language() -> None:
    light, dark = (tokens(made(), layer=0, head=0, query=0, dark=dark) for dark in (False, True))
    assert light.data[0].colorscale != dark.data[0].colorscale
    english, chinese = (tokens(made(), layer=0, head=0, query=0, language=words) for words in ("en", "zh"))
    assert "weight" in english.data[0].hovertemplate and "权重" in chinese.data[0].hovertemplate


@pytest.mark.parametrize(
    ("layer", "head", "query", "sentence"), [(2, 0, 0, "no layer 2"), (0, 3, 0, "no head 3"), (0, 0, 7, "no token 7")]
)
def test_a_place_that_is_not_there_is_refused(layer: int, head: int, query: int, sentence: str) -> None:
    with pytest.raises(AttnvizError, match=sentence):
        tokens(made(), layer=layer, head=head, query=query)
