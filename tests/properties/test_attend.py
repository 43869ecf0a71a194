"""What must hold of `attend` for every rule and every choice of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Argmax, Entmax, Rule, Sample, Soft, Sparsemax, Threshold, TopK, TopP
from tests.rules import every_kind

PLACELESS: list[Rule] = [
    Soft(), Soft(0.5), Threshold(0.15), TopK(2, renormalise=True), TopP(0.7), Argmax(), Sparsemax(), Entmax(1.5),
]  # fmt: skip
EVERY_RULE = st.sampled_from(every_kind(*PLACELESS, Sample(4)))


@dataclass(frozen=True)
class Case:
    """Queries, keys and values `[head, position, width]` with as many keys as queries, a mask and a bias."""

    queries: Tensor
    keys: Tensor
    values: Tensor
    allowed: Tensor
    bias: Tensor

    def attend(self, rule: Rule) -> Attention:
        return attend(self.queries, self.keys, self.values, rule=rule, allowed=self.allowed, bias=self.bias)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    heads, positions, width = draw(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 4)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    spread = draw(st.sampled_from([0.3, 1.0, 4.0]))

    def normal(*shape: int) -> Tensor:
        return spread * torch.randn(heads, *shape, generator=generator, dtype=torch.float64)

    allowed = torch.rand(heads, positions, positions, generator=generator) < draw(st.sampled_from([0.3, 0.8, 1.0]))
    vectors = [normal(positions, width) for _ in range(3)]
    return Case(*vectors, allowed=allowed, bias=normal(positions, positions))


@given(cases(), st.sampled_from(PLACELESS), st.randoms(use_true_random=False))
def test_keys_and_values_permuted_together_leave_the_output_alone(case: Case, rule: Rule, random: object) -> None:
    order = list(range(case.keys.shape[1]))
    random.shuffle(order)
    moved = Case(
        case.queries, case.keys[:, order], case.values[:, order], case.allowed[..., order], case.bias[..., order]
    )
    gap = (moved.attend(rule).output - case.attend(rule).output).abs().max()
    assert gap < 1e-12  # worst seen 1.8e-15


@given(cases(), EVERY_RULE, st.integers(0, 5))
def test_later_tokens_cannot_move_causal_rows(case: Case, rule: Rule, last: int) -> None:
    causal = torch.ones_like(case.allowed).tril()
    seen = min(last, causal.shape[-1] - 1) + 1
    others = [torch.cat([part[:, :seen], part[:, seen:] * -9 + 100], dim=1) for part in (case.keys, case.values)]
    before = Case(case.queries, case.keys, case.values, causal, case.bias).attend(rule)
    after = Case(case.queries, *others, causal, case.bias).attend(rule)
    assert torch.equal(before.weights[:, :seen], after.weights[:, :seen])
    gap = (before.output[:, :seen] - after.output[:, :seen]).abs().max()
    assert gap < 1e-12  # worst seen 0


@given(cases(), EVERY_RULE)
def test_values_of_disallowed_keys_cannot_move_the_output(case: Case, rule: Rule) -> None:
    allowed = case.allowed.clone()
    allowed[..., -1] = False
    values = case.values.clone()
    values[:, -1] = 1e6
    before = Case(case.queries, case.keys, case.values, allowed, case.bias).attend(rule).output
    after = Case(case.queries, case.keys, values, allowed, case.bias).attend(rule).output
    gap = (before - after).abs().max()
    assert gap < 1e-12  # worst seen 0


@given(cases(), EVERY_RULE)
def test_attend_changes_none_of_its_inputs(case: Case, rule: Rule) -> None:
    tensors = (case.queries, case.keys, case.values, case.allowed, case.bias)
    before = [tensor.clone() for tensor in tensors]
    call = case.attend(rule)
    _ = call.products, call.scores, call.weights, call.output, call.only(0).weights
    assert all(torch.equal(old, new) for old, new in zip(before, tensors, strict=True))


@given(cases(), EVERY_RULE)
def test_disallowed_weights_are_exactly_zero_and_none_is_nan(case: Case, rule: Rule) -> None:
    call = case.attend(rule)
    assert (call.weights[~case.allowed] == 0).all()
    assert call.weights.isfinite().all()
    assert call.output.isfinite().all()


@given(cases(), EVERY_RULE)
def test_output_lies_between_the_smallest_and_largest_value(case: Case, rule: Rule) -> None:
    low = case.values.amin(1, keepdim=True).clamp_max(0)  # 0 is what a row without weight takes
    high = case.values.amax(1, keepdim=True).clamp_min(0)
    output = case.attend(rule).output
    assert ((output >= low - 1e-12) & (output <= high + 1e-12)).all()
