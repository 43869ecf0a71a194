"""Text that is written from right to left runs so in every picture; its weights stay with their tokens."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from attnviz import export
from attnviz.axes.direction import ENDED, ISOLATED
from attnviz.figures import grid, heatmap, tokens
from attnviz.figures.overview import column_line, from_afar, overview, row_line, zoomed
from attnviz.selection import PLAIN, Selection
from attnviz.trace import Trace
from tests.unit.figures.made import made

HEBREW = ("[CLS]", "שלום", "##ים", "20", "!", "[SEP]")
ARABIC = ("[CLS]", "مرحبا", "بالعالم", "[SEP]")


def hebrew() -> Trace:
    return made(HEBREW, text="שלומים 20!")


def test_the_first_key_stands_on_the_right_and_the_first_query_on_top() -> None:
    figure = heatmap(hebrew(), layer=0, head=0, cell=(1, 2))
    assert tuple(figure.layout.xaxis.range) == (5.5, -0.5) and tuple(figure.layout.yaxis.range) == (5.5, -0.5)
    np.testing.assert_array_equal(figure.data[0].z, hebrew().weights(0, 0).numpy())
    assert figure.layout.shapes[0].x0 == 1.5, "the frame goes by the numbers of the axis"


def test_all_axes_of_a_long_map_are_turned() -> None:
    many = made(["شمس"] * 60, text="شمس " * 60)
    figure = heatmap(many, layer=0, head=0)
    assert tuple(figure.layout.xaxis.range) == tuple(figure.layout.xaxis2.range) == (59.5, -0.5)
    selection = Selection(0, 0, 3, 5)
    for part in (overview(from_afar(many, selection), PLAIN), zoomed(many, selection, PLAIN, (range(9), range(9)))):
        assert all(axis.range[0] > axis.range[1] for axis in part.select_xaxes())
    for line in (row_line(many, selection, PLAIN), column_line(many, selection, PLAIN)):
        assert tuple(line.layout.xaxis.range) == (59.5, -0.5)


@pytest.mark.parametrize("labels", [HEBREW, ARABIC])
def test_tiles_are_mirrored_with_the_map(labels: tuple[str, ...]) -> None:
    there, here = _tiles(labels)
    np.testing.assert_array_equal(there, here[:, ::-1])


def _tiles(labels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The first tile of a text from right to left, and of one from left to right with the same weights."""
    size = len(labels)
    pictures = (grid(made(labels, text=text)).data[0].z for text in (labels[1], "plain"))
    there, here = (np.asarray(cells)[:size, :size] for cells in pictures)
    return there, here


def test_the_sentence_begins_on_the_right() -> None:
    figure = tokens(hebrew(), layer=0, head=0, query=1)
    assert figure.layout.xaxis.autorange == "reversed"
    assert tokens(made(), layer=0, head=0, query=1).layout.xaxis.autorange is None


def test_marks_stay_before_the_letters_that_they_stand_before() -> None:
    labels = heatmap(hebrew(), layer=0, head=0).layout.xaxis.ticktext
    assert labels == ("[CLS]", "שלום", ISOLATED + "##ים" + ENDED, "20", "!", "[SEP]")


def test_a_text_from_left_to_right_with_a_foreign_word_stays_as_it_is() -> None:
    figure = heatmap(made(("say", "שלום"), text="say שלום"), layer=0, head=0)
    assert tuple(figure.layout.xaxis.range) == (-0.5, 1.5)


def test_reader_and_page_are_told() -> None:
    data = export.reader_data(hebrew(), Selection())
    assert data["rightToLeft"] is True and export.reader_data(made(), Selection())["rightToLeft"] is False
    found = np.frombuffer(base64.b64decode(data["maps"]["head"]), dtype=np.uint8).reshape(6, 6)
    np.testing.assert_allclose(found / 255, hebrew().weights(0, 0).numpy(), atol=0.5 / 255 + 1e-6)
    assert '<h1 dir="auto">' in export.html(hebrew(), layer=0, head=0).decode()
