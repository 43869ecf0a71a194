"""Every way of reading attention on numbers that were computed elsewhere, to the digits that were printed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attnviz.core.states import Norm, Projection
from attnviz.measures.reading import (
    Relevances,
    alti,
    closeness,
    contributions,
    flow,
    frozen,
    gradient_times_attention,
    logit_lens,
    mixing_ratio,
    normalised_relevance,
    norms,
    relevance,
    relevance_across,
    rollout,
    rows_to_one,
    through_norm,
    turned,
    with_residual,
)

TWO = ([[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.5, 0.5]])
THREE = (
    [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]],
    [[0.5, 0.25, 0.25], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]],
    [[0.6, 0.3, 0.1], [0.25, 0.5, 0.25], [0.1, 0.2, 0.7]],
)
Rows = list[list[float]]


def exact(rows: object) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def printed(found: Tensor, expected: object, digits: int = 6) -> None:
    """Each number as it was printed: off by half of the last digit at most."""
    assert found.shape == exact(expected).shape
    assert (found - exact(expected)).abs().max() <= 0.5000001 * 10**-digits


@pytest.mark.parametrize(
    ("layers", "identity", "expected"),
    [
        (TWO, False, [[0.62, 0.38], [0.55, 0.45]]),
        (TWO, True, [[0.78, 0.22], [0.3125, 0.6875]]),
        (THREE, False, [[0.38, 0.433, 0.187], [0.3225, 0.46875, 0.20875], [0.321, 0.3915, 0.2875]]),
        (
            THREE,
            True,
            [[0.56, 0.286, 0.154], [0.2103125, 0.60765625, 0.18203125], [0.200125, 0.2420625, 0.5578125]],
        ),
    ],
)
def test_rollout_has_the_upper_layer_on_the_left(layers: tuple[Rows, ...], identity: bool, expected: Rows) -> None:
    printed(rollout([exact(one) for one in layers], identity=identity), expected, 9)


@pytest.mark.parametrize(
    ("layers", "identity", "expected", "shares"),
    [
        (TWO, False, [[0.8, 0.5], [0.7, 0.6]], [[0.6154, 0.3846], [0.5385, 0.4615]]),
        (TWO, True, [[0.9, 0.25], [0.35, 0.8]], [[0.7826, 0.2174], [0.3043, 0.6957]]),
        (THREE, False, [[1, 1, 0.6], [0.95, 1, 0.6], [0.8, 0.8, 0.6]], None),
        (
            THREE,
            True,
            [[1, 0.55, 0.375], [0.475, 1, 0.45], [0.4, 0.4, 0.8]],
            [[0.519481, 0.285714, 0.194805], [0.246753, 0.519481, 0.233766], [0.25, 0.25, 0.5]],
        ),
    ],
)
def test_flow_runs_from_the_top_down_through_pipes_as_wide_as_the_weights(
    layers: tuple[Rows, ...], identity: bool, expected: Rows, shares: Rows | None
) -> None:
    maps = [exact(one) for one in layers]
    found = torch.stack([flow(maps, target, identity=identity) for target in range(len(maps[0]))])
    printed(found, expected, 9)
    if shares is not None:
        printed(rows_to_one(found), shares, 4 if len(shares) == 2 else 6)


def test_frozen_weights_give_the_exact_answer_of_a_model_that_has_nothing_else() -> None:
    found = frozen([exact(one) for one in TWO])
    printed(found, [[3.12, 0.88], [1.25, 2.75]], 9)
    brought = found[0] * exact([1, 2])
    printed(brought, [3.12, 1.76], 9)
    assert float(brought.sum()) == pytest.approx(4.88)


X, BIAS = exact([[1, 0], [3, 4]]), exact([0.1, 0.2])
VALUES = X @ exact([[1, 1], [0, 2]]) + exact([0.5, -0.5])
F = Projection(exact([[[2, 0], [1, 1]]]), BIAS).each(VALUES[None])
A = exact([TWO[0]])


def test_norms_are_those_of_weighted_transformed_values_and_the_vectors_sum_to_the_block_s_output() -> None:
    assert F.tolist() == [[[3.5, 0.5], [17.5, 10.5]]]
    printed(norms(A, F)[0], [[3.181981, 2.040833], [0.707107, 16.326665]])
    printed(contributions(A, F).sum(1) + BIAS, [[5, 1.7], [14.8, 8.7]], 9)


def test_alti_is_how_much_nearer_to_nothing_the_sum_is_without_a_part() -> None:
    vectors = with_residual(contributions(A, F), X)
    whole = vectors.sum(1) + BIAS
    printed(closeness(vectors, whole), [[4.6, 2.8], [0.8, 29.4]], 9)
    printed(alti(vectors, whole), [[0.621622, 0.378378], [0.02649, 0.97351]])


def test_value_zeroing_is_how_far_a_state_turns_without_one_value() -> None:
    """The bias of a value goes with it: what is left is the state less weight x f(x_j)."""
    vectors = contributions(A, F)
    whole = X + vectors.sum(1) + BIAS
    without = torch.stack([torch.stack([whole[q] - vectors[q, k] for k in range(2)]) for q in range(2)])
    found = turned(whole[:, None].expand(2, 2, 2), without)
    printed(found, [[0.009402, 0.007719], [0.000117, 0.025728]])
    printed(rows_to_one(found), [[0.549135, 0.450865], [0.004534, 0.995466]])


def test_relevance_adds_what_gradients_make_of_the_weights_lowest_layer_first() -> None:
    first, second = map(exact, TWO)
    below, above = exact([[1.6, 3.2], [0.4, 0.8]]), exact([[2.1, 3.8], [0, 0]])
    printed(relevance([(first, below), (second, above)], 2), [[5.636, 3.216], [0.08, 1.64]], 9)


def test_relevance_of_a_difference_leaves_a_row_without_relevance_as_it_was() -> None:
    """y = h2[0] - h2[1], its gradients worked out by hand from h1 = [2.1, 3.8] and x = [1, 2]."""
    first, second = map(exact, TWO)
    h1, x = exact([2.1, 3.8]), exact([1, 2])
    above = torch.stack([h1, -h1])
    to_h1 = exact([1, -1]) + second.T @ exact([1, -1])
    found = relevance([(first, torch.outer(to_h1, x)), (second, above)], 2)
    printed(found, [[4.4974, 2.0172], [0, 1]], 9)
    assert normalised_relevance(found)[1].tolist() == [0, 1]


Q = exact([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.25, 0.25, 0.5]]), exact([[1, 2, -1], [0, 1, 1], [2, 0, 1]])
S = exact([[1, 0], [0.4, 0.6]]), exact([[1, 0], [-1, 2]])
CROSS = exact([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]), exact([[1, -1, 2], [0.5, 2, 1]])


def test_relevance_across_follows_rule_10() -> None:
    source = relevance([Q], 3)
    printed(source, [[1.5, 0.6, 0], [0, 1.7, 0.2], [0.5, 0, 1.5]], 9)
    printed(normalised_relevance(source), [[1.454545, 0.545455, 0], [0, 1.777778, 0.222222], [0.5, 0, 1.5]])
    found = relevance_across(source, [(gradient_times_attention(*S), gradient_times_attention(*CROSS))])
    printed(found.own, [[2, 0], [0, 2.2]], 9)
    printed(found.other, [[1.181818, 0.218182, 1.8], [1.172727, 1.038384, 0.988889]])


def test_a_second_decoder_layer_carries_relevance_to_the_source_along() -> None:
    """Rule 7: what the target's own map mixes is mixed in what it has of the source, too."""
    own, cross = gradient_times_attention(*S), gradient_times_attention(*CROSS)
    once = Relevances.begin(relevance([Q], 3), 2).after_self(own).after_cross(cross)
    twice = once.after_self(own)
    assert torch.allclose(twice.other, once.other + own @ once.other)
    assert torch.allclose(twice.own, once.own + own @ once.own)
    assert torch.equal(twice.source, once.source)


@pytest.mark.parametrize("rms", [False, True])
def test_parts_through_a_norm_sum_to_what_torch_s_norm_makes_of_the_whole(rms: bool) -> None:
    dice = torch.Generator().manual_seed(0)
    parts = torch.randn(3, 5, 8, generator=dice, dtype=torch.float64)
    weight, bias = torch.randn(2, 8, generator=dice, dtype=torch.float64)
    whole = parts.sum(1)
    if rms:
        expected = torch.nn.functional.rms_norm(whole, (8,), weight, 1e-6)
    else:
        expected = torch.nn.functional.layer_norm(whole, (8,), weight, bias, 1e-6) - bias
    found = through_norm(parts, whole, Norm(weight, bias, 1e-6, rms)).sum(1)
    assert (found - expected).abs().max() < 1e-12  # worst seen 9e-16


def test_mixing_ratio_compares_the_length_of_what_others_bring_with_that_of_the_state_itself() -> None:
    vectors = exact([[[3, 4], [0, 5], [0, 1]], [[1, 0], [0, 0], [0, 1]], [[1, 1], [-1, -1], [2, 0]]])
    assert mixing_ratio(vectors).tolist() == pytest.approx([6 / 11, 1, 0])


def test_logit_lens_is_norm_and_unembedding_one_state_after_the_other() -> None:
    dice = torch.Generator().manual_seed(0)
    states, table = torch.randn(3, 4, 8, generator=dice), torch.randn(6, 8, generator=dice)
    weight, shift, bias = (torch.randn(size, generator=dice) for size in (8, 8, 6))
    found = logit_lens(states, table, norm=Norm(weight, shift, 1e-5, False), bias=bias)
    assert found.shape == (3, 4, 6)
    for layer in range(3):
        for place in range(4):
            normed = torch.nn.functional.layer_norm(states[layer, place], (8,), weight, shift)
            assert (found[layer, place] - (table @ normed + bias)).abs().max() < 1e-5  # worst seen 1e-6
