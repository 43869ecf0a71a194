"""What holds for all weights: flows beside networkx, sums, and equal places that change places."""

from __future__ import annotations

import sys
from collections.abc import Callable

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attnviz.core.attention import attend
from attnviz.core.rules import Soft, TopK
from attnviz.core.states import Projection
from attnviz.measures import reading
from attnviz.measures.reading import (
    agreement,
    alti,
    closeness,
    closeness_of_heads,
    contributions,
    flow,
    lengths,
    max_flow,
    normalised_relevance,
    norms,
    relevance,
    rollout,
    with_residual,
)

SEEDS = st.integers(0, 2**31)


def weights(seed: int, layers: int = 3, heads: int = 2, places: int = 5) -> list[Tensor]:
    dice = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn(layers, heads, places, places, generator=dice, dtype=torch.float64)
    return list(scores.softmax(-1))


def reference(capacities: np.ndarray, source: int, sink: int) -> float:
    """The same by a library for graphs."""
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(capacities)))
    for one, other in zip(*capacities.nonzero(), strict=True):
        graph.add_edge(int(one), int(other), capacity=float(capacities[one, other]))
    return float(networkx.maximum_flow_value(graph, source, sink))


@given(SEEDS, st.integers(2, 9), st.floats(0.1, 1))
def test_max_flow_is_that_of_networkx_on_graphs_of_any_form(seed: int, nodes: int, share: float) -> None:
    """Cycles, pipes both ways, nodes without any; widths that differ by a million."""
    dice = np.random.default_rng(seed)
    pipes = 10 ** dice.uniform(-3, 3, (nodes, nodes)) * (dice.random((nodes, nodes)) < share)
    np.fill_diagonal(pipes, 0)
    before = pipes.copy()
    assert max_flow(pipes, 0, nodes - 1) == pytest.approx(reference(pipes, 0, nodes - 1), rel=1e-9, abs=1e-9)
    assert (pipes == before).all()


@settings(max_examples=12)
@given(SEEDS, st.booleans(), st.sampled_from([None, 1, 2]))
def test_flow_is_networkx_s_between_the_layers_of_a_model(seed: int, identity: bool, k: int | None) -> None:
    layers = weights(seed)
    if k is not None:
        layers = [TopK(k).weigh(one.log()) for one in layers]
    maps = [(one.mean(0) + torch.eye(5)) / 2 if identity else one.mean(0) for one in layers]
    pipes = np.zeros((20, 20))
    for layer, one in enumerate(maps):
        for query in range(5):
            for key in range(5):
                pipes[5 * (layer + 1) + query, 5 * layer + key] = one[query, key]
    for target in range(5):
        expected = [reference(pipes, 15 + target, place) for place in range(5)]
        assert flow(layers, target, identity=identity).tolist() == pytest.approx(expected, abs=1e-9)


def test_flow_through_sharp_causal_weights_is_networkx_s() -> None:
    """Many pipes of almost nothing: 24 places, one target, against the same graph."""
    dice = torch.Generator().manual_seed(3)
    scores = 6 * torch.randn(3, 1, 24, 24, generator=dice) + torch.full((24, 24), -torch.inf).triu(1)
    layers = list(scores.double().softmax(-1))
    pipes = np.zeros((96, 96))
    for layer, one in enumerate(layers):
        pipes[24 * (layer + 1) : 24 * (layer + 2), 24 * layer : 24 * (layer + 1)] = one[0]
    expected = [reference(np.where(pipes > 1e-12, pipes, 0), 72 + 20, place) for place in range(24)]
    found = flow(layers, 20, identity=False)
    assert found.tolist() == pytest.approx(expected, abs=1e-9)
    assert (found[21:] == 0).all()


@given(SEEDS, st.booleans())
def test_rollout_is_the_sum_over_all_ways_down(seed: int, identity: bool) -> None:
    layers = weights(seed, layers=2, places=3)
    maps = [(one.mean(0) + torch.eye(3)) / 2 if identity else one.mean(0) for one in layers]
    found = rollout(layers, identity=identity)
    for query in range(3):
        for key in range(3):
            ways = sum(float(maps[1][query, between] * maps[0][between, key]) for between in range(3))
            assert float(found[query, key]) == pytest.approx(ways, abs=1e-12)
    assert found.sum(-1).tolist() == pytest.approx([1] * 3)


@given(SEEDS)
def test_norms_sum_to_the_block_s_output(seed: int) -> None:
    dice = torch.Generator().manual_seed(seed)
    queries, keys, values = torch.randn(3, 4, 6, 8, generator=dice)
    projection = Projection(torch.randn(4, 8, 32, generator=dice), torch.randn(32, generator=dice))
    call = attend(queries, keys, values, rule=Soft())
    heads = torch.nn.functional.scaled_dot_product_attention(queries, keys, values)
    whole = heads.transpose(0, 1).reshape(6, 32) @ projection.weight.reshape(32, 32) + projection.bias
    vectors = contributions(call.weights, projection.each(values))
    assert (vectors.sum(1) + projection.bias - whole).abs().max() < 1e-4  # of outputs up to 60; worst seen 1.5e-5
    one = norms(call.weights, projection.each(values))
    assert one[2, 3, 1] == pytest.approx(float((call.weights[2, 3, 1] * projection.each(values)[2, 1]).norm()), 1e-5)


@given(SEEDS)
def test_lengths_of_what_is_never_laid_out_are_those_of_the_vectors(seed: int) -> None:
    torch.manual_seed(seed)
    weights, heads = torch.rand(3, 4, 5), torch.randn(3, 5, 7)
    assert torch.allclose(lengths(weights, heads), contributions(weights, heads).norm(dim=-1), atol=1e-12)


@given(SEEDS, st.booleans(), st.integers(1, 40), st.booleans())
def test_closeness_of_what_is_never_laid_out_is_that_of_the_vectors(
    seed: int, causal: bool, at_once: int, crossed: bool
) -> None:
    """However many keys are laid out together, and where a query sees no key at all."""
    torch.manual_seed(seed)
    weights, heads = torch.rand(3, 6, 6).double(), torch.randn(3, 6, 7).double()
    weights = weights.tril() if causal else weights * (torch.rand(6, 6) > 0.6)
    kept, whole = torch.randn(6, 7).double(), 3 * torch.randn(6, 7).double()
    vectors = contributions(weights, heads)
    vectors = torch.cat([vectors, kept[:, None]], 1) if crossed else with_residual(vectors, kept)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[closeness.__module__], "AT_ONCE", 7 * at_once)
        found = closeness_of_heads(weights, heads, kept, whole, None if crossed else 0)
    assert torch.allclose(found, closeness(vectors, whole), atol=1e-9)


@pytest.mark.parametrize("some", [slice(0, 3), slice(2, 5), slice(5, 6)])
def test_closeness_of_some_queries_is_theirs_among_all(some: slice) -> None:
    dice = torch.Generator().manual_seed(4)
    weights, heads = torch.rand(3, 6, 6, generator=dice).tril(), torch.randn(3, 6, 7, generator=dice)
    kept = torch.randn(6, 7, generator=dice)
    vectors = with_residual(contributions(weights, heads), kept)
    whole = vectors.sum(1).float()
    every = closeness(vectors, whole)
    found = closeness_of_heads(weights[:, some], heads, kept[some], whole[some], some.start)
    assert every[some].count_nonzero() > len(every[some]) and torch.allclose(found, every[some], atol=1e-5)


def test_a_key_without_weight_is_exactly_nothing_to_a_state_however_it_lies_in_memory() -> None:
    torch.manual_seed(2)
    weights, heads = torch.rand(4, 9, 9).tril(), torch.randn(4, 9, 160)
    whole = (30 * torch.randn(160, 9)).T  # its sums go another way than those of what is left of it
    found = closeness_of_heads(weights, heads, torch.randn(9, 160), whole, 0)
    assert (found.triu(1) == 0).all() and found.tril().count_nonzero() > 9


def shuffled(one: Tensor, order: Tensor, axes: tuple[int, ...]) -> Tensor:
    for axis in axes:
        one = one.index_select(axis, order)
    return one


def by_rollout(layers: list[Tensor], grads: list[Tensor]) -> Tensor:
    return rollout(layers)


def by_flow(layers: list[Tensor], grads: list[Tensor]) -> Tensor:
    return torch.stack([flow(layers, target) for target in range(layers[0].shape[-1])])


def by_relevance(layers: list[Tensor], grads: list[Tensor]) -> Tensor:
    return normalised_relevance(relevance(zip(layers, grads, strict=True), layers[0].shape[-1]))


def by_alti(layers: list[Tensor], grads: list[Tensor]) -> Tensor:
    """The gradients of the first layer, for want of vectors that change places with their places."""
    vectors = with_residual(torch.einsum("hqk,hkw->qkw", layers[0], grads[0]), layers[1][0] @ grads[1][0])
    return alti(vectors, vectors.sum(1))


@pytest.mark.parametrize("way", [by_rollout, by_flow, by_relevance, by_alti], ids=lambda way: way.__name__)
@settings(max_examples=15)
@given(SEEDS, st.permutations(range(5)))
def test_places_that_change_places_change_the_answers_with_them(
    way: Callable[[list[Tensor], list[Tensor]], Tensor], seed: int, order: list[int]
) -> None:
    layers, dice = weights(seed), torch.Generator().manual_seed(seed)
    grads = [torch.randn(one.shape, generator=dice, dtype=torch.float64) for one in layers]
    if way is by_alti:  # [head, key, width]: width stands still
        grads = [torch.randn(2, 5, 4, generator=dice, dtype=torch.float64) for _ in layers]
    turn = torch.tensor(order)
    moved = [shuffled(one, turn, (1, 2)) for one in layers]
    other = [shuffled(one, turn, (1,) if way is by_alti else (1, 2)) for one in grads]
    assert torch.allclose(way(moved, other), shuffled(way(layers, grads), turn, (0, 1)), atol=1e-9)


@given(SEEDS)
def test_no_way_of_reading_changes_what_it_is_given(seed: int) -> None:
    layers = weights(seed)
    before = [one.clone() for one in layers]
    rollout(layers)
    flow(layers, 1)
    relevance(zip(layers, layers, strict=True), 5)
    with_residual(torch.stack([layers[0][0]] * 5), layers[1][0])
    assert all(torch.equal(one, other) for one, other in zip(layers, before, strict=True))


def test_a_target_that_is_not_there_and_maps_of_two_sizes_are_refused() -> None:
    layers = weights(0)
    with pytest.raises(ValueError, match="from 0 to 4; got 5"):
        flow(layers, 5)
    for way in (rollout, lambda maps: flow(maps, 0)):
        with pytest.raises(ValueError, match="square maps of one size"):
            way([*layers, torch.ones(2, 2)])
    with pytest.raises(ValueError, match="two nodes"):
        max_flow(np.zeros((2, 2)), 1, 1)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=7), st.permutations(range(7)))
def test_agreement_does_not_depend_on_the_order_of_the_places(values: list[int], order: list[int]) -> None:
    first = torch.tensor(values, dtype=torch.float64)
    second = first.roll(1)
    turn = torch.tensor([one for one in order if one < len(values)])
    one, other = agreement(first, second), agreement(first[turn], second[turn])
    assert one.overlap == pytest.approx(other.overlap)
    assert one.spearman == pytest.approx(other.spearman, nan_ok=True)


def test_agreement_is_by_size_and_of_seen_places_alone() -> None:
    first, second = torch.tensor([1.0, -9.0, 3.0, 2.0, 0.0]), torch.tensor([0.0, 2.0, -5.0, 4.0, 9.0])
    found = agreement(first, second, seen=torch.tensor([True, True, True, True, False]))
    assert found.overlap == pytest.approx(1)  # 1, 2 and 3 of both
    assert found.spearman == pytest.approx(0.4)  # ranks 1 4 3 2 and 1 2 4 3: 1 - 6 * 6 / 60
    with pytest.raises(ValueError, match="same places"):
        agreement(first, second[:2])


@pytest.mark.parametrize("own", [[0, 1, 2, 3], [2, 3], [1, 2], [2]])
def test_what_a_query_brings_itself_is_its_own_part_of_all_wherever_it_stands(own: list[int]) -> None:
    dice = torch.Generator().manual_seed(len(own))
    weights = torch.rand(3, len(own), 4, generator=dice)
    heads = torch.randn(3, 4, 5, generator=dice)
    found = reading.own_parts(weights, heads, own[0])
    every = reading.contributions(weights, heads)
    expected = torch.stack([every[query, key] for query, key in enumerate(own)])
    assert torch.allclose(found.double(), expected, atol=1e-6)


@pytest.mark.parametrize(("precision", "near"), [(torch.float32, 1e-3), (torch.float64, 1e-7)])
def test_lengths_of_heads_that_cancel_each_other_are_nothing_beside_one_of_them(
    precision: torch.dtype, near: float
) -> None:
    dice = torch.Generator().manual_seed(1)
    one, weights = torch.randn(1, 40, 768, generator=dice), torch.rand(1, 7, 40, generator=dice)
    heads = torch.cat([one.to(precision), -one.to(precision) / 3])
    found = reading.lengths(torch.cat([weights, 3 * weights]).to(precision), heads)
    assert (found <= near * (weights[0] * one[0].norm(dim=-1))).all()


def test_lengths_of_many_keys_are_those_of_the_vectors() -> None:
    dice = torch.Generator().manual_seed(1)
    weights, heads = torch.rand(3, 7, 40, generator=dice), torch.randn(3, 40, 5, generator=dice)
    expected = reading.contributions(weights, heads).norm(dim=-1)
    assert torch.allclose(reading.lengths(weights, heads), expected, atol=1e-12)
