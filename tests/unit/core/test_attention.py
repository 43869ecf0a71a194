"""`attend` against torch's own attention, against loops in plain Python, and at its edges."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Argmax, Entmax, Rule, Sample, Soft, Sparsemax, Threshold, TopK, TopP
from tests.rules import every_kind

EVERY_RULE = every_kind(
    Soft(), Soft(0.5), Threshold(0.2), TopK(2), TopP(0.8), Argmax(), Sample(), Sparsemax(), Entmax(1.5)
)  # fmt: skip
SHAPES = [((), 5, 7), ((3,), 5, 7), ((2, 3), 5, 7), ((1, 1), 1, 1)]


def parts(batch: tuple[int, ...], queries: int, keys: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Random queries, keys, values (4 wide, values 6), allowed and bias; every query may look at key 0."""
    generator = torch.Generator().manual_seed(5)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*batch, *shape, generator=generator, dtype=torch.float64).to(dtype)

    allowed = torch.rand(*batch, queries, keys, generator=generator) < 0.6
    allowed[..., 0] = True
    return [normal(queries, 4), normal(keys, 4), normal(keys, 6), allowed, normal(queries, keys)]


def attend_by_loops(q_all: Tensor, keys: Tensor, values: Tensor, allowed: Tensor, bias: Tensor, scale: float) -> Tensor:
    """Softmax attention of one head, number by number."""
    output = []
    for q, query in enumerate(q_all.tolist()):
        seen = [k for k in range(len(keys)) if allowed[q, k]]
        scores = {k: scale * math.fsum(a * b for a, b in zip(query, keys[k].tolist(), strict=True)) for k in seen}
        shares = {k: math.exp(score + bias[q, k].item()) for k, score in scores.items()}
        total = math.fsum(shares.values())
        columns = values.T.tolist()
        output.append([math.fsum(shares[k] / total * column[k] for k in seen) for column in columns])
    return torch.tensor(output, dtype=torch.float64)


@pytest.mark.parametrize(("batch", "queries", "keys"), SHAPES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_soft_attention_equals_torch(
    batch: tuple[int, ...], queries: int, keys: int, masked: bool, biased: bool, scale: float | None
) -> None:
    q, k, v, allowed, bias = parts(batch, queries, keys)
    mask = bias if biased else torch.zeros_like(bias)
    mask = mask.masked_fill(~allowed, -torch.inf) if masked else mask
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    call = attend(q, k, v, rule=Soft(), allowed=allowed if masked else None, bias=bias if biased else None, scale=scale)
    gap = max((call.output - expected).abs().max(), (call.weights @ v - expected).abs().max())
    assert gap < 1e-14  # worst seen 6.7e-16


@pytest.mark.parametrize("scale", [0.5, -2.0, 0.0])
def test_soft_attention_equals_plain_loops(scale: float) -> None:
    q, k, v, allowed, bias = parts((), 5, 7)
    call = attend(q, k, v, rule=Soft(), allowed=allowed, bias=bias, scale=scale)
    expected = attend_by_loops(q, k, v, allowed, bias, scale)
    gap = max((call.output - expected).abs().max(), (call.weights @ v - expected).abs().max())
    assert gap < 1e-14  # worst seen 2.7e-16


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
def test_output_is_weights_times_values_under_every_rule(rule: Rule) -> None:
    q, k, v, allowed, bias = parts((2, 3), 5, 7)
    call = attend(q, k, v, rule=rule, allowed=allowed, bias=bias)
    gap = (call.output - torch.einsum("bhqk,bhkd->bhqd", rule.weigh(call.scores), v)).abs().max()
    assert gap < 1e-14  # worst seen 6.7e-16


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
@pytest.mark.parametrize("biased", [False, True])
def test_query_that_may_look_at_nothing_gets_zero_weights_and_output(rule: Rule, biased: bool) -> None:
    q, k, v, allowed, bias = parts((2, 3), 5, 7, torch.float32)
    allowed[0, 1, 2] = False
    call = attend(q, k, v, rule=rule, allowed=allowed, bias=bias if biased else None)
    assert torch.equal(call.weights[0, 1, 2], torch.zeros(7))
    assert torch.equal(call.output[0, 1, 2], torch.zeros(6))
    assert call.output.isfinite().all()
    assert (call.output[0, 1, 3] != 0).any()


def test_bias_of_minus_infinity_forbids_like_allowed() -> None:
    q, k, v, allowed, _ = parts((3,), 5, 7)
    allowed[1, 2] = False
    bias = torch.zeros(3, 5, 7, dtype=torch.float64).masked_fill(~allowed, -torch.inf)
    by_bias, by_mask = attend(q, k, v, rule=Soft(), bias=bias), attend(q, k, v, rule=Soft(), allowed=allowed)
    assert torch.equal(by_bias.weights, by_mask.weights)
    gap = (by_bias.output - by_mask.output).abs().max()
    assert gap < 1e-14  # worst seen 0


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (1, 1, 7), (3, 1, 7), (1, 7)])
def test_mask_and_bias_broadcast_over_heads_and_queries(shape: tuple[int, ...]) -> None:
    q, k, v, _, _ = parts((3,), 5, 7)
    generator = torch.Generator().manual_seed(2)
    allowed, bias = torch.rand(shape, generator=generator) < 0.7, torch.randn(shape, generator=generator).double()
    narrow = attend(q, k, v, rule=Soft(), allowed=allowed, bias=bias)
    wide = attend(q, k, v, rule=Soft(), allowed=allowed.expand(3, 5, 7), bias=bias.expand(3, 5, 7))
    assert torch.equal(narrow.weights, wide.weights)
    gap = (narrow.output - wide.output).abs().max()
    assert gap < 1e-14  # worst seen 2.2e-16
    for head in range(3):
        gap = (narrow.only(head).weights - wide.weights[head]).abs().max()
        assert gap < 1e-14  # one head's product takes another kernel than three; worst seen 2.2e-16


def test_scores_are_products_times_scale_plus_bias() -> None:
    q, k, v, allowed, bias = parts((3,), 5, 7)
    call = attend(q, k, v, rule=Soft(), allowed=allowed, bias=bias, scale=0.25)
    assert torch.equal(call.products, q @ k.transpose(-1, -2))
    assert torch.equal(call.scores[allowed], (call.products * 0.25 + bias)[allowed])
    assert (call.scores[~allowed] == -torch.inf).all()


def test_scale_is_one_over_root_of_width_unless_given() -> None:
    q, k, v, _, _ = parts((3,), 5, 7)
    assert attend(q, k, v, rule=Soft()).scale == 0.5
    assert attend(q, k, v, rule=Soft(), scale=1.0).scale == 1.0


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
def test_only_one_head_equals_that_head_among_all(rule: Rule) -> None:
    q, k, v, allowed, bias = parts((3,), 5, 7)
    whole = attend(q, k, v, rule=rule.at(2), allowed=allowed, bias=bias)
    for head in range(3):
        call = attend(q, k, v, rule=rule.at(2, head), allowed=allowed, bias=bias).only(head)
        gap = (call.weights - whole.weights[head]).abs().max()
        assert gap < 1e-14  # worst seen 1.7e-16
        assert call.output.shape == (5, 6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("rule", [Soft(), TopK(2)], ids=str)
def test_weights_are_float32_or_better_and_output_keeps_its_type(dtype: torch.dtype, rule: Rule) -> None:
    q, k, v, allowed, bias = parts((3,), 5, 7, dtype)
    call = attend(q, k, v, rule=rule, allowed=allowed, bias=bias)
    assert call.weights.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert call.output.dtype == dtype
    assert call.output.isfinite().all()


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (5, 6), (5, 2)),  # queries and keys of different width
        ((3, 4), (5, 4), (6, 2)),  # more values than keys
        ((2, 3, 4), (5, 4), (5, 2)),  # a head axis on queries alone
        ((2, 3, 4), (1, 5, 4), (1, 5, 2)),  # key heads not repeated
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes: tuple[tuple[int, ...], ...]) -> None:
    unchecked = inspect.unwrap(attend)  # what a reader meets: annotations are checked under pytest alone
    with pytest.raises(ValueError, match="attend needs queries") as refusal:
        unchecked(*(torch.zeros(shape) for shape in shapes), rule=Soft())
    for shape in shapes:
        assert str(shape) in str(refusal.value)


def test_annotated_shapes_are_checked_under_pytest() -> None:
    with pytest.raises(Exception, match=r"(?s)Type-check error.*attend"):
        attend(torch.zeros(3, 4), torch.zeros(5, 4), torch.zeros(5, 2), rule=Soft(), allowed=torch.ones(3, 5))


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    q, k, v, _, _ = parts((3,), 5, 7)
    call = attend(q, k, v, rule=Soft())
    assert call.output.shape == (3, 5, 6)
    assert not {"products", "scores", "weights"} & set(vars(call))


def test_gradients_reach_queries_keys_and_values_through_hard_rules() -> None:
    q, k, v, _, _ = (tensor.requires_grad_() if tensor.is_floating_point() else tensor for tensor in parts((3,), 5, 7))
    attend(q, k, v, rule=TopK(3, renormalise=True)).output.sum().backward()
    assert all(tensor.grad.abs().sum() > 0 for tensor in (q, k, v))


def entropy(call: Attention) -> float:
    return -(call.weights * call.weights.clamp_min(1e-300).log()).sum(-1).mean().item()


def test_unscaled_products_of_64_numbers_saturate_softmax() -> None:
    """FACTS: 32 random keys, d = 64: 0.481 nats and 0.826 unscaled, 3.033 and 0.161 scaled, uniform ln 32."""
    generator = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(n, 64, generator=generator, dtype=torch.float64) for n in (500, 32))
    raw, scaled = (attend(queries, keys, keys, rule=Soft(), scale=scale) for scale in (1.0, None))
    assert entropy(raw) < 0.7 < 2.8 < entropy(scaled) < math.log(32)  # seen 0.527, 3.012
    assert raw.weights.amax(-1).mean() > 0.75
    assert scaled.weights.amax(-1).mean() < 0.25


def test_an_outline_has_the_shapes_and_holds_nothing() -> None:
    made = attend(torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 6), rule=Soft())
    bare = made.outline()
    for name in ("queries", "keys", "values"):
        one = getattr(bare, name)
        assert one.shape == getattr(made, name).shape and one.untyped_storage().nbytes() == 4, name
    assert (bare.rule, bare.scale, bare.n_heads) == (made.rule, made.scale, 3)
