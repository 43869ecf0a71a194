"""Each similarity against its formula in plain loops of float64, and through `attend`."""

from __future__ import annotations

import math

import pytest
import torch

from attnviz import Soft, TopK, attend
from attnviz.core.similarity import ActivationUnit, Additive, Cosine, Dot, General, Joined, Leaky, Similarity

QUERIES, KEYS, WIDE = 3, 5, 7  # keys of another width for those that allow it


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dot(q: list[float], k: list[float]) -> float:
    return math.fsum(a * b for a, b in zip(q, k, strict=True))


def leaky(x: float) -> float:
    return x if x > 0 else 0.2 * x


def loops(similarity: Similarity, q: list[float], k: list[float]) -> float:
    """One pair, by the formula as the paper writes it."""
    if isinstance(similarity, Dot):
        return dot(q, k)
    if isinstance(similarity, Cosine):
        return dot(q, k) / math.sqrt(dot(q, q) * dot(k, k))
    if isinstance(similarity, General):
        return math.fsum(q[i] * similarity.weight[i, j].item() * k[j] for i in range(len(q)) for j in range(len(k)))
    if isinstance(similarity, Joined):
        return leaky(dot(similarity.query_vector.tolist(), q) + dot(similarity.key_vector.tolist(), k))
    if isinstance(similarity, Leaky):
        return dot(similarity.vector.tolist(), [leaky(a + b) for a, b in zip(q, k, strict=True)])
    if isinstance(similarity, ActivationUnit):
        parts = (similarity.query_weight, similarity.key_weight, similarity.product_weight)
        given = (q, k, [a * b for a, b in zip(q, k, strict=True)])
        said = [sum(dot(m[h].tolist(), x) for m, x in zip(parts, given, strict=True)) for h in range(6)]
        said = [x + b for x, b in zip(said, similarity.hidden_bias.tolist(), strict=True)]
        bent = [x if x > 0 else similarity.slope.item() * x for x in said]
        return dot(similarity.vector.tolist(), bent) + similarity.bias.item()
    assert isinstance(similarity, Additive)
    rows = range(len(similarity.vector))
    inner = [
        math.tanh(dot(similarity.query_weight[h].tolist(), q) + dot(similarity.key_weight[h].tolist(), k)) for h in rows
    ]
    return dot(similarity.vector.tolist(), inner)


KINDS = {
    "dot": (Dot(), 4),
    "cosine": (Cosine(), 4),
    "general": (General(drawn(4, WIDE, seed=2)), WIDE),
    "additive": (Additive(drawn(6, 4, seed=3), drawn(6, WIDE, seed=4), drawn(6, seed=5)), WIDE),
    "joined": (Joined(drawn(4, seed=6), drawn(WIDE, seed=7)), WIDE),
    "leaky": (Leaky(drawn(4, seed=6)), 4),
    "unit": (
        ActivationUnit(*(drawn(6, 4, seed=n) for n in (3, 4, 5)), drawn(6), drawn(1)[0], drawn(6, seed=2), drawn(1)[0]),
        4,
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_similarity_is_its_formula(name: str) -> None:
    similarity, width = KINDS[name]
    queries, keys = drawn(2, QUERIES, 4), drawn(2, KEYS, width, seed=9)
    found = similarity(queries, keys)
    for batch in range(2):
        for i in range(QUERIES):
            for j in range(KEYS):
                meant = loops(similarity, queries[batch, i].tolist(), keys[batch, j].tolist())
                assert found[batch, i, j].item() == pytest.approx(meant, abs=1e-12)  # worst seen 8e-15


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("rule", [Soft(), TopK(2)])
def test_attend_weighs_by_the_similarity_unscaled(name: str, rule: Soft | TopK) -> None:
    similarity, width = KINDS[name]
    queries, keys, values = drawn(QUERIES, 4), drawn(KEYS, width, seed=9), drawn(KEYS, 2, seed=8)
    call = attend(queries, keys, values, rule=rule, similarity=similarity)
    products = similarity(queries, keys)
    meant = rule.weigh(products / 2 if isinstance(similarity, Dot) else products)  # a width of 4: 1/sqrt(4)
    torch.testing.assert_close(call.weights, meant)
    torch.testing.assert_close(call.output, meant @ values)


def test_a_mask_and_a_scale_act_on_any_similarity() -> None:
    similarity, width = KINDS["additive"]
    queries, keys = drawn(QUERIES, 4), drawn(KEYS, width, seed=9)
    allowed = torch.ones(QUERIES, KEYS, dtype=torch.bool).tril()
    call = attend(queries, keys, keys, rule=Soft(), similarity=similarity, allowed=allowed, scale=3.0)
    torch.testing.assert_close(call.scores, (3 * similarity(queries, keys)).masked_fill(~allowed, -torch.inf))
    assert (call.weights[~allowed] == 0).all()


def test_an_additive_similarity_learns_through_attend() -> None:
    weights = [drawn(6, 4).requires_grad_(), drawn(6, WIDE).requires_grad_(), drawn(6).requires_grad_()]
    call = attend(drawn(2, 4), drawn(3, WIDE), drawn(3, 2), rule=Soft(), similarity=Additive(*weights))
    call.output.sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in weights)


def test_widths_that_a_similarity_cannot_compare_are_refused() -> None:
    with pytest.raises(ValueError, match=r"of the widths \(4, 7\)"):
        attend(drawn(2, 4), drawn(3, 4), drawn(3, 2), rule=Soft(), similarity=KINDS["general"][0])


def test_a_vector_without_length_is_like_nothing() -> None:
    assert Cosine()(torch.zeros(1, 4), torch.ones(2, 4)).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("name", ["joined", "leaky"])
def test_heads_with_vectors_of_their_own_stay_apart_when_one_is_taken_out(name: str) -> None:
    vectors = drawn(2, 4, seed=6)
    similarity = Joined(vectors, vectors.flip(0)) if name == "joined" else Leaky(vectors)
    call = attend(
        drawn(2, QUERIES, 4), drawn(2, KEYS, 4, seed=9), drawn(2, KEYS, 4), rule=Soft(), similarity=similarity
    )
    for head in (0, 1):
        torch.testing.assert_close(call.only(head).weights, call.weights[head])
    assert call.fits(QUERIES, KEYS) and Dot().only(1) == Dot()
