"""What a page holds is the trace's, and what it does not hold is counted and said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import attnviz as av
from attnviz.core.rules import Threshold
from attnviz.notebook.kept import Wish, sent
from attnviz.notebook.page import LIMIT, Page
from attnviz.notebook.survey import Boxes, surveyed
from attnviz.trace import Trace
from tests.unit.figures.made import made, numbered
from tests.unit.notebook.unpacked import pairs, raw, rounded, told, values

DOWN = 5


def weights_of(trace: Trace) -> np.ndarray:
    return np.concatenate([trace.weights(layer).numpy() for layer in trace.open_layers])


def test_a_short_text_is_there_whole() -> None:
    trace = made(layers=3, heads=2)
    (one,) = told(av.show(trace))["maps"]
    assert np.array_equal(values(one["sent"]["all"]).reshape(6, 7, 7), rounded(weights_of(trace)))
    assert "keys" not in one["sent"]


def test_what_the_mask_forbids_is_not_a_small_weight() -> None:
    (one,) = told(av.show(made(causal=True)))["maps"]
    assert np.array_equal(np.isnan(values(one["sent"]["all"]).reshape(-1, 7, 7)[0]), ~np.tril(np.ones((7, 7), bool)))


@pytest.fixture(scope="module")
def long() -> Trace:
    """As much as there is of random weights: 12 layers of 12 heads over 512 tokens."""
    return numbered(512, layers=12, heads=12)


@pytest.fixture(scope="module")
def large(long: Trace) -> Page:
    return av.show(long, layer=3, head=2)


def test_512_tokens_in_144_heads_take_at_most_a_megabyte_in_a_cell(large: Page) -> None:
    size = len(large._repr_html_().encode())  # 929,642 bytes seen
    assert 800_000 < size <= LIMIT == 1_000_000


def test_the_opened_head_of_a_long_text_is_whole(long: Trace, large: Page) -> None:
    held = told(large)["maps"][0]["sent"]
    assert held["place"] == [3, 2]
    assert np.array_equal(values(held["one"]).reshape(512, 512), rounded(long.weights(3, 2).numpy()))


def test_of_every_other_head_the_strongest_of_each_row_are_kept_exactly(long: Trace, large: Page) -> None:
    held = told(large)["maps"][0]["sent"]
    ranks = held["ranks"][0]
    assert held["ranks"] == [ranks] * 12 and ranks >= 1
    keys, kept = (found.reshape(12, 12, 512, ranks) for found in (pairs(held["keys"]), values(held["weights"])))
    for layer in (0, 7, 11):
        weights = long.weights(layer).numpy()
        assert np.array_equal(kept[layer], rounded(np.take_along_axis(weights, keys[layer], -1)))
        assert np.array_equal(np.sort(kept[layer], -1), rounded(np.sort(weights, -1)[..., -ranks:]))


def test_the_share_that_is_kept_is_said(long: Trace, large: Page) -> None:
    held = told(large)["maps"][0]["sent"]
    strongest = np.sort(weights_of(long), -1)[..., -held["ranks"][0] :].sum()
    assert held["share"] == pytest.approx(strongest / (144 * 512), rel=1e-4)


def test_the_rest_is_the_mean_of_what_is_not_kept_by_boxes() -> None:
    trace = made([f"t{i}" for i in range(11)], layers=1, heads=2, causal=True)
    found = surveyed(trace.attention(0), 3, Boxes.of(11, 11, DOWN)).first(2)
    weights = trace.weights(0).double().numpy()
    for head in range(2):
        cells: dict[tuple[int, int], list[float]] = {}
        for query in range(11):
            ranked = sorted(range(query + 1), key=lambda key: -weights[head, query, key])
            for key in range(query + 1):
                box = cells.setdefault((query * DOWN // 11, key * DOWN // 11), [])
                if key not in ranked[:2]:
                    box.append(weights[head, query, key])
        for box, values_ in cells.items():
            assert float(found.rest[head][box]) == pytest.approx(np.mean(values_) if values_ else 0.0, abs=1e-6)
        assert {(y, x) for y in range(DOWN) for x in range(DOWN) if not found.rest[head][y, x].isnan()} == set(cells)


def test_a_survey_by_blocks_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    attention, boxes = numbered(40, layers=1).attention(0), Boxes.of(40, 40, 7)
    whole = surveyed(attention, 4, boxes)
    monkeypatch.setattr("attnviz.notebook.survey.BLOCK", 500)
    pieces = surveyed(attention, 4, boxes)
    assert torch.equal(whole.keys, pieces.keys) and torch.equal(whole.weights, pieces.weights)
    assert torch.allclose(whole.sums, pieces.sums) and torch.equal(whole.counts, pieces.counts)


def test_where_not_even_one_weight_of_each_row_fits_the_opened_layer_keeps_its_own() -> None:
    trace = numbered(200, layers=4, heads=6)
    found = sent(Wish(trace, None, ("self", 2, 0), 12_000))["self"]
    assert sum(len(one) for one in found.values() if isinstance(one, str)) <= 12_000
    assert found["ranks"] == [0, 0, 1, 0] and "one" not in found
    assert len(values(found["weights"])) == 6 * 200
    down, across = found["boxes"]
    assert len(raw(found["rest"])) == 4 * 6 * down * across


def test_rows_that_do_not_sum_to_one_are_told() -> None:
    trace = made()
    cut = trace.weights(0, rule=Threshold(0.3, renormalise=False)).sum(-1)
    low, high = told(av.show(trace, rule=Threshold(0.3, renormalise=False)))["maps"][0]["sent"]["sums"]
    assert low < 0.9 and low <= float(cut[cut > 0].min()) and high <= 1.001
    assert told(av.show(trace))["maps"][0]["sent"]["sums"] == pytest.approx([1, 1], abs=1e-5)
