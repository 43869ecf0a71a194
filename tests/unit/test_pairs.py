"""Two texts that were read as one: a colour each, lines between their blocks, and one block by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from attnviz.export import reader_data
from attnviz.figures import grid, heatmap
from attnviz.figures.paint.palette import TEXTS
from attnviz.selection import Selection
from attnviz.text.pairs import Pair
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace
from tests.unit.figures.made import made

LABELS = ("[CLS]", "un", "##able", "cat", "[SEP]", "do", "##g", "[SEP]")
OWNERS = (None, 0, 0, 0, None, 1, 1, None)
BLOCKS = list(product((0, 1), repeat=2))


def paired() -> Trace:
    trace = made(LABELS)
    spans = (None, (0, 2), (2, 6), (7, 10), None, (11, 13), (13, 14), None)
    read = trace.queries
    assert isinstance(read, Encoded)
    both = replace(read, text="unable cat\ndog", spans=spans, pair=Pair(11, OWNERS))
    return replace(trace, queries=both, keys=both)


def places(which: int) -> list[int]:
    return [place for place, owner in enumerate(OWNERS) if owner == which]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_those_rows_and_columns_of_the_whole_head(block: tuple[int, int]) -> None:
    trace = paired()
    (rows, columns), figure = map(places, block), heatmap(trace, layer=1, head=2, block=block)
    weights = trace.weights(1, 2).tolist()
    found = np.asarray(figure.data[0].z)
    assert found == pytest.approx(np.array([[weights[row][column] for column in columns] for row in rows]))
    assert figure.data[0].meta == {"queries": rows, "keys": columns}
    assert list(figure.layout.xaxis.ticktext) == [LABELS[column] for column in columns]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_words_takes_the_pieces_of_each_together(block: tuple[int, int]) -> None:
    trace, words = paired(), ([[1, 2], [3]], [[5, 6]])
    weights = trace.weights(0, 1).double().numpy()
    figure = heatmap(trace, layer=0, head=1, block=block, by="word")
    expected = [
        [np.mean([sum(weights[row, column] for column in key) for row in query]) for key in words[block[1]]]
        for query in words[block[0]]
    ]
    assert np.asarray(figure.data[0].z) == pytest.approx(np.array(expected), abs=1e-6)
    assert figure.data[0].meta["queries"] == [unit[0] for unit in words[block[0]]]


def test_every_tile_of_the_grid_shows_the_block() -> None:
    trace = paired()
    whole, part = (np.asarray(grid(trace, block=block).data[0].z) for block in (None, (1, 1)))
    assert whole.shape != part.shape
    top = np.asarray(grid(trace, block=(1, 1)).data[0].z)[:2, :2]
    assert top == pytest.approx(trace.weights(0, 0)[5:7, 5:7].numpy() * 200, abs=1)  # bytes count in 1/200


def test_strips_and_letters_stand_over_the_tokens_of_each_text() -> None:
    figure = heatmap(paired(), layer=0, head=0)
    strips = {}
    for shape in figure.layout.shapes:
        if shape.line.color in TEXTS:
            down = shape.xref == "paper"
            strips[shape.line.color, down] = (shape.y0, shape.y1) if down else (shape.x0, shape.x1)
    assert strips == {(colour, side): ends for colour, ends in zip(TEXTS, ((0.5, 3.5), (4.5, 6.5)), strict=True)
                      for side in (True, False)}  # fmt: skip
    letters = {note.text: note.x for note in figure.layout.annotations}
    assert letters == {"<b>A</b>": 2, "<b>B</b>": 5.5}
    between = [(line.x0, line.x1) for line in figure.layout.shapes if line.line.dash == "dot"]
    assert between == [(-0.5, 7.5), (4.5, 4.5)]


def test_one_text_alone_has_neither_strips_nor_blocks() -> None:
    plain, asked = (heatmap(made(LABELS), layer=0, head=0, block=block) for block in (None, (0, 1)))
    assert not plain.layout.shapes and np.asarray(asked.data[0].z).shape == (8, 8)


def test_the_reader_in_the_browser_knows_whose_each_token_is() -> None:
    data = reader_data(paired(), Selection())
    assert data["texts"] == list(OWNERS) and data["keys"] is None
    assert reader_data(made(LABELS), Selection())["texts"] == []


def test_what_a_block_leaves_out_never_rescales_the_rest() -> None:
    trace = paired()
    kept = torch.tensor(np.asarray(heatmap(trace, layer=0, head=0, block=(0, 1)).data[0].z)).sum(-1)
    assert (kept < trace.weights(0, 0)[1:4].sum(-1) - 1e-3).all()
