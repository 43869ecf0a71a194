"""Lines and bars as data."""

from __future__ import annotations

import pytest

from attnviz.figures import Line, bars, lines
from attnviz.figures.paint.palette import SERIES_DARK, SERIES_LIGHT
from tests.unit.figures.made import sent

TWO = (Line("soft", (1, 2, 4), (0.1, 0.2, 0.4)), Line("<hard>", (1, 2, 4), (0.3, 0.2, 0.1), dashed=True))


def test_lines_hold_their_points_and_differ_in_more_than_colour() -> None:
    drawn = sent(lines(TWO, x_title="n", y_title="share"))["data"]
    assert [(line["x"], line["y"]) for line in drawn] == [([1, 2, 4], [0.1, 0.2, 0.4]), ([1, 2, 4], [0.3, 0.2, 0.1])]
    assert drawn[0]["marker"]["symbol"] != drawn[1]["marker"]["symbol"]
    assert "dash" not in drawn[0]["line"] and drawn[1]["line"]["dash"] == "dash"


def test_names_are_escaped_and_axes_named() -> None:
    figure = lines(TWO, x_title="a < b", y_title="share", log_x=True)
    assert figure.data[1].name == "&lt;hard&gt;"
    assert figure.layout.xaxis.title.text == "a &lt; b" and figure.layout.xaxis.type == "log"
    assert figure.layout.yaxis.type == "linear"


def test_a_single_line_has_no_legend() -> None:
    assert not lines(TWO[:1], x_title="n", y_title="y").layout.showlegend
    assert lines(TWO, x_title="n", y_title="y").layout.showlegend


@pytest.mark.parametrize(("dark", "palette"), [(False, SERIES_LIGHT), (True, SERIES_DARK)])
def test_colours_follow_the_theme(dark: bool, palette: tuple[str, ...]) -> None:
    assert [line.line.color for line in lines(TWO, x_title="n", y_title="y", dark=dark).data] == list(palette[:2])


def test_a_mark_stands_where_it_belongs() -> None:
    (shape,) = lines(TWO, x_title="n", y_title="y", marks=[(2, "here")]).layout.shapes
    assert shape.x0 == shape.x1 == 2
    assert [note.text for note in lines(TWO, x_title="n", y_title="y", marks=[(2, "here")]).layout.annotations] == [
        "here"
    ]


def test_on_a_logarithmic_axis_a_mark_stands_at_its_value_and_its_word_above_it() -> None:
    figure = lines(TWO, x_title="n", y_title="y", log_x=True, marks=[(2, "here")])
    assert figure.layout.shapes[0].x0 == 2
    assert figure.layout.annotations[0].x == pytest.approx(0.30103), "annotations of a log axis count in powers of ten"


def test_bars_say_their_numbers_and_the_chosen_one_stands_out() -> None:
    (drawn,) = bars(["a", "b"], [0.25, 0.5], title="share", chosen=1).data
    assert list(drawn.x) == [0.25, 0.5] and list(drawn.text) == ["0.250", "0.500"]
    assert drawn.marker.color[0] != drawn.marker.color[1]


def test_every_line_has_marks_however_long_or_dashed_it_is() -> None:
    long = Line("long", range(300), [0.1] * 300)
    drawn = sent(lines((*TWO, long), x_title="n", y_title="y"))["data"]
    assert all("markers" in line["mode"] for line in drawn)
    assert len({line["marker"]["symbol"] for line in drawn}) == 3
    assert drawn[2]["marker"]["maxdisplayed"] < 100  # that many side by side would be a band


@pytest.mark.parametrize(("language", "form"), [("zh", "power"), ("en", "SI")])
def test_large_numbers_are_written_as_readers_of_the_language_do(language: str, form: str) -> None:
    layout = lines(TWO, x_title="n", y_title="y", log_x=True, language=language).layout
    assert layout.xaxis.exponentformat == layout.yaxis.exponentformat == form


def test_every_mark_of_a_logarithmic_axis_is_as_large_as_the_others() -> None:
    near = lines([Line("n", (16, 64, 4096), (1, 2, 3))], x_title="n", y_title="y", log_x=True).layout.xaxis
    assert {20, 50, 100, 200, 500, 1000, 2000} <= set(near.tickvals)  # with D2 Plotly writes 2 and 5 in 8 pixels
    far = lines([Line("n", (1, 2), (0, 1e2)), Line("m", (1, 2), (10, 1e7))], x_title="n", y_title="y", log_y=True)
    assert far.layout.yaxis.dtick == 1 and far.layout.yaxis.tickvals is None


def test_layers_are_marked_one_by_one_and_shares_are_not() -> None:
    assert lines([Line("", range(4), (0.1, 0.2, 0.3, 0.4))], x_title="layer", y_title="y").layout.xaxis.dtick == 1
    for across in ((0.1, 1, 2), range(40), (0, 1)):
        drawn = Line("", list(across), [0.5] * len(across))
        assert lines([drawn], x_title="x", y_title="y").layout.xaxis.dtick is None
