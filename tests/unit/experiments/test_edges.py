"""Weights beside what removing them does: rank correlations by their formulas, sinks and edges counted by loops."""

from __future__ import annotations

import math

import pytest
import torch

from attnviz import ForbidEdge, load
from attnviz.experiments.edges import (
    by_chance,
    edge_effects,
    even_share,
    row_weights,
    strongest_sink,
    token_shares,
)
from attnviz.measures import prediction_change
from attnviz.measures.ranks import kendall, ranks, spearman
from attnviz.recording.record import record


def test_ranks_give_equal_values_the_mean_of_their_places() -> None:
    assert ranks([3, 1, 3, 2]).tolist() == [3.5, 1, 3.5, 2]


def test_rank_correlations_are_those_of_the_textbook_formulas() -> None:
    """1 - 6 sum d^2 / (n^3 - n), and (agreeing - other pairs) / all pairs, for ranks without ties."""
    first, second = [7, 4, 3, 10, 6, 2, 9, 8, 1, 5], [5, 7, 3, 10, 1, 9, 6, 2, 8, 4]
    differences = sum((a - b) ** 2 for a, b in zip(first, second, strict=True))
    assert spearman(first, second) == pytest.approx(1 - 6 * differences / (10**3 - 10))
    signs = [(first[i] - first[j]) * (second[i] - second[j]) > 0 for i in range(10) for j in range(i)]
    assert kendall(first, second) == pytest.approx((2 * sum(signs) - 45) / 45)
    assert [kendall([1, 2, 3], [3, 2, 1]), spearman([1, 2, 3], [3, 2, 1])] == pytest.approx([-1, -1])


def test_kendall_counts_ties_as_tau_b() -> None:
    first, second = [1.0, 2.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 3.0, 3.0]
    agree = disagree = only_first = only_second = 0
    for i in range(5):
        for j in range(i):
            a, b = first[i] - first[j], second[i] - second[j]
            agree += a * b > 0
            disagree += a * b < 0
            only_first += a == 0 and b != 0
            only_second += b == 0 and a != 0
    pairs = agree + disagree
    expected = (agree - disagree) / math.sqrt((pairs + only_first) * (pairs + only_second))
    assert kendall(first, second) == pytest.approx(expected)


def test_rank_correlations_of_a_list_without_order_are_not_numbers() -> None:
    assert math.isnan(kendall([1, 1, 1], [1, 2, 3])) and math.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_chance_is_the_published_limit_for_ten_values() -> None:
    """Two-sided 5 % limit of Spearman's rho for n = 10: 0.648 (Zar 1972)."""
    assert by_chance(list(range(10)), list(range(10))) == pytest.approx(0.648, abs=0.03)


TEXT = "中华人民共和国成立"


def test_token_shares_are_means_over_heads_and_the_texts_queries() -> None:
    trace = record(load("lab-2"), TEXT)
    last = len(trace.tokens) - 1
    found = token_shares(trace, [0, last])
    for layer in range(trace.n_layers):
        rows = [trace.weights(layer, head)[query].tolist() for head in range(2) for query in range(1, last)]
        for number, token in enumerate((0, last)):
            assert found[layer, number].item() == pytest.approx(sum(row[token] for row in rows) / len(rows), abs=1e-6)
    layer, head, share = strongest_sink(trace, [0, last])
    rows = trace.weights(layer, head)[1:last]
    assert share == pytest.approx((rows[:, 0] + rows[:, last]).mean().item(), abs=1e-6)
    assert even_share(trace) == pytest.approx(1 / len(trace.tokens))


def test_even_share_of_a_decoder_is_over_the_keys_behind() -> None:
    trace = record(load("lab-gpt"), TEXT)
    n = len(trace.tokens)
    counted = [query + 1 for query in range(n) if not trace.special[query]]
    assert even_share(trace) == pytest.approx(sum(1 / keys for keys in counted) / len(counted))


@pytest.mark.parametrize(("layer", "head"), [(None, None), (2, None), (3, 1)])
def test_row_weights_are_those_of_the_place(layer: int | None, head: int | None) -> None:
    trace = record(load("lab-4"), TEXT, blank=3)
    row = row_weights(trace, 3, layer, head)
    assert row.sum().item() == pytest.approx(1, abs=1e-5)
    if head is not None:
        assert torch.equal(row, trace.weights(3, 1)[3])


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt"])
def test_edges_are_tried_one_by_one(name: str) -> None:
    model, seen = load(name), []
    before = record(model, TEXT, blank=3 if name == "lab-4" else None)
    found = edge_effects(model, before, 3, where=(1,), on_edge=lambda done, of: seen.append((done, of)))
    assert found.keys == tuple(range(4 if name == "lab-gpt" else len(before.tokens)))
    assert seen[-1] == (len(found.keys), len(found.keys))
    place = found.keys.index(2)
    again = record(model, before.encoded, interventions=[ForbidEdge(3, 2, layers=(1,))])
    assert found.bits[place] == pytest.approx(prediction_change(before, again, 3), abs=1e-9)
    assert found.weights[place] == pytest.approx(before.weights(1)[:, 3, 2].mean().item(), abs=1e-7)


def test_edges_are_at_most_the_heaviest_so_many() -> None:
    model = load("lab-1")
    before = record(model, TEXT, blank=3)
    found = edge_effects(model, before, 3, most=4)
    heaviest = row_weights(before, 3).topk(4)
    assert set(found.keys) == set(heaviest.indices.tolist())
