"""Pictures by character and by word, against the weights of their tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attnviz.figures import choose, grid, heatmap
from attnviz.figures.paint.shades import NOT_ALLOWED, STEPS
from attnviz.selection import Selection
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace
from tests.unit.figures.kinds import TARGET, call, chinese, cross, of, read, windowed


def test_by_word_sums_keys_and_averages_queries() -> None:
    trace = chinese()
    cells = heatmap(trace, layer=0, head=1, by="word").data[0]
    weights, groups = trace.weights(0, 1).double().numpy(), [[0], [1, 2], [3, 4, 5, 6], [7]]
    expected = [[weights[np.ix_(rows, columns)].sum(1).mean() for columns in groups] for rows in groups]
    np.testing.assert_allclose(cells.z, expected, atol=1e-6)  # float32
    np.testing.assert_allclose(np.asarray(cells.z).sum(-1), 1, atol=1e-6)


def test_a_click_on_a_word_means_its_first_token_and_the_frame_its_word() -> None:
    figure = heatmap(chinese(), layer=0, head=0, by="word", cell=(5, 2))
    assert figure.data[0].meta == {"queries": [0, 1, 3, 7], "keys": [0, 1, 3, 7]}
    assert list(figure.layout.xaxis.ticktext) == ["[CLS]", "来到", "清华大学", "[SEP]"]
    (frame,) = figure.layout.shapes
    assert (frame.y0, frame.x0) == (1.5, 0.5)


def test_hiding_specials_by_word_leaves_the_words() -> None:
    figure = heatmap(chinese(), layer=0, head=0, by="word", specials=False, cell=(1, 0))
    assert list(figure.layout.yaxis.ticktext) == ["来到", "清华大学"]
    assert figure.data[0].meta["keys"] == [1, 3] and not figure.layout.shapes


def test_a_pair_of_words_is_not_allowed_only_where_no_token_may_look() -> None:
    trace = chinese(allowed=windowed(8, 2))
    cells = heatmap(trace, layer=0, head=0, by="word").data[0]
    closed = np.isnan(np.asarray(cells.z)).tolist()
    assert closed == [[False, True, True, True], [False, False, True, True], [True, False, False, True],
                      [True, True, False, False]]  # fmt: skip
    assert (np.asarray(grid(trace, by="word").data[0].z) == NOT_ALLOWED).sum() == 2 * 9


def test_grid_by_word_shows_the_same_weights() -> None:
    trace = chinese()
    z = np.asarray(grid(trace, by="word").data[0].z)[:4, :4]
    cells = heatmap(trace, layer=0, head=0, by="word").data[0]
    np.testing.assert_array_equal(z, np.round(np.asarray(cells.z) * STEPS))


def test_cross_maps_take_each_text_by_its_own_words() -> None:
    trace = cross(TARGET, ("un", "believ", "able"))
    joined = Encoded("unable 长江", (0, 1, 2, 3), ("un", "##able", "长", "江"), ((0, 2), (2, 6), (7, 8), (8, 9)),
                     (False,) * 4, None)  # fmt: skip
    trace = Trace(**{**vars(trace), "keys": joined, "layers": (call(1, 5, 4),)})
    figure = heatmap(trace, layer=0, head=0, by="word")
    assert figure.data[0].meta == {"queries": [0, 1, 2, 3, 4], "keys": [0, 2]}
    weights = trace.weights(0, 0)
    np.testing.assert_allclose(np.asarray(figure.data[0].z)[:, 0], weights[:, :2].sum(-1).numpy(), atol=1e-6)


def test_a_sink_by_word_is_the_mean_of_its_tokens() -> None:
    trace = chinese(sink=torch.tensor([[1.0], [2.0]]))
    _, sink = heatmap(trace, layer=0, head=0, by="word").data
    lost = 1 - trace.weights(0, 0).sum(-1)
    expected = [lost[0], lost[1:3].mean(), lost[3:7].mean(), lost[7]]
    np.testing.assert_allclose(np.asarray(sink.z)[:, 0], expected, atol=1e-6)


def test_the_border_by_word_stands_before_the_first_word_of_the_answer() -> None:
    spans = ((0, 2), (2, 6), (7, 10))
    encoded = Encoded("unable and", (0, 1, 2), ("un", "##able", "␣and"), spans, (False,) * 3, None)
    trace = Trace(**{**vars(of("abc", [call(1, 3, 3)])), "queries": encoded, "keys": encoded, "border": 2})
    assert heatmap(trace, layer=0, head=0).layout.shapes[0].x0 == 1.5
    assert heatmap(trace, layer=0, head=0, by="word").layout.shapes[0].x0 == 0.5


@pytest.mark.parametrize("by", ["token", "character", "word"])
def test_every_unit_draws_a_text_of_special_tokens_only(by: str) -> None:
    trace = of(("<pad>", "</s>"), [call(1, 2, 2)])
    assert np.asarray(heatmap(trace, layer=0, head=0, by=by, specials=False).data[0].z).shape == (2, 2)
    assert read(("<pad>",)).special == (True,)


@pytest.mark.parametrize("window", [None, 2])
def test_the_numbers_of_a_pair_are_those_of_its_cell_in_the_map(window: int | None) -> None:
    mask = None if window is None else windowed(8, window)
    trace, groups = chinese() if mask is None else chinese(allowed=mask), [[0], [1, 2], [3, 4, 5, 6], [7]]
    weights = trace.weights(0, 1).double().numpy()
    allowed = np.ones((8, 8), bool) if mask is None else mask.numpy().reshape(-1, 8, 8)[0]
    for rows, columns in ((1, 2), (2, 1), (2, 2), (3, 0), (0, 2)):
        found = choose.pair(trace, Selection(0, 1, groups[rows][-1], groups[columns][0], specials=False, by="word"))
        cells = [np.ix_(groups[rows], other) for other in groups]
        row = [weights[cell].sum(1).mean() if allowed[cell].any() else np.nan for cell in cells]
        np.testing.assert_allclose(found.weight, row[columns], atol=1e-6)  # float32
        assert (found.queries, found.keys) == (groups[rows], groups[columns])
        assert found.others == int(np.isfinite(row).sum())
        assert np.isnan(row[columns]) or found.rank == 1 + sum(other > row[columns] + 1e-9 for other in row)
        shared = sum(abs(other - row[columns]) <= 1e-9 for other in row) - 1
        assert np.isnan(row[columns]) or found.alike == shared
        assert found.alone == (len(found.queries) * len(found.keys) == 1)


def test_by_word_the_strongest_pair_is_that_of_the_map_by_word() -> None:
    trace = chinese()
    for head in range(2):
        weights = trace.weights(0, head).double().numpy()
        words = {(3, 1): weights[3:7, 1:3].sum(1).mean(), (1, 3): weights[1:3, 3:7].sum(1).mean()}
        assert choose.strongest(trace, Selection(0, head, by="word")) == max(words, key=lambda pair: words[pair])
