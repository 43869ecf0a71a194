"""What every rule promises of every row of scores, whatever the numbers."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from attnviz.core.rules import Argmax, Entmax, Rule, Sample, Soft, Sparsemax, Threshold, TopK, TopP, softmax
from tests.rules import every_kind

INF = float("inf")
SUM_TO_ONE = st.tuples(
    st.builds(Soft, st.floats(0.05, 20)),
    st.builds(TopK, st.integers(1, 12), st.just(True)),
    st.builds(TopP, st.floats(0.01, 1), st.just(True)),
    st.builds(Entmax, st.floats(1, 10)),
    st.builds(Sample, st.integers(0, 2**70)),
    st.just(Argmax()),
    st.just(Sparsemax()),
)
HARD = st.tuples(
    st.builds(Threshold, st.floats(0, 1), st.booleans()),
    st.builds(TopK, st.integers(1, 12), st.just(False)),
    st.builds(TopP, st.floats(0.01, 1), st.just(False)),
)
SMOOTH = st.tuples(st.builds(Soft, st.floats(0.05, 20)), st.builds(Entmax, st.floats(1, 2)), st.just(Sparsemax()))
RULES = st.tuples(SUM_TO_ONE, HARD).map(lambda families: tuple(every_kind(*families[0], *families[1])))
Rules = tuple[Rule, ...]


@st.composite
def score_tables(draw: st.DrawFn) -> Tensor:
    """Scores `[head, query, key]` in float64, whole multiples of 1/64 (some equal), with keys not allowed."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 12)))
    spread, share = draw(st.sampled_from([0.05, 0.5, 2.0, 16.0])), draw(st.sampled_from([0.3, 0.8, 1.0]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    scores = (spread * 64 * torch.randn(shape, generator=generator, dtype=torch.float64)).round() / 64
    return scores.masked_fill(torch.rand(shape, generator=generator) >= share, -INF)


@given(SUM_TO_ONE, score_tables())
def test_rows_sum_to_one_where_a_key_is_allowed(rules: Rules, scores: Tensor) -> None:
    expected = (scores > -INF).any(-1).double()
    for rule in rules:
        gap = (rule.weigh(scores).sum(-1) - expected).abs().max()
        assert gap < 1e-12, rule  # worst seen 3.3e-16
        gap = (rule.weigh(scores.float()).sum(-1) - expected).abs().max()
        assert gap < 1e-6, rule  # worst seen 1.8e-07


@given(HARD, score_tables())
def test_hard_rules_never_give_more_than_they_took(rules: Rules, scores: Tensor) -> None:
    soft = softmax(scores)
    for rule in rules:
        weights = rule.weigh(scores)
        assert (weights.sum(-1) <= 1 + 1e-12).all(), rule
        assert ((weights == 0) | (weights >= soft * (1 - 1e-12))).all(), rule


@given(RULES, score_tables())
def test_disallowed_cell_is_exactly_zero(rules: Rules, scores: Tensor) -> None:
    for rule in rules:
        weights = rule.weigh(scores)
        assert (weights[scores == -INF] == 0).all(), rule
        assert ((weights >= 0) & (weights <= 1 + 1e-12)).all(), rule


@given(RULES, score_tables(), st.integers(-64, 64))
def test_constant_added_to_a_row_changes_nothing(rules: Rules, scores: Tensor, constant: int) -> None:
    """Scores and constant are short binary numbers, so that their sum is exact and only the rule is tested."""
    for rule in rules:
        gap = (rule.weigh(scores + constant) - rule.weigh(scores)).abs().max()
        assert gap < 1e-13, rule  # worst seen 0


@given(SMOOTH, score_tables())
def test_log_weights_serve_as_scores(rules: Rules, scores: Tensor) -> None:
    for rule in rules:
        gap = (rule.weigh(softmax(scores).log()) - rule.weigh(scores)).abs().max()
        assert gap < 1e-12, rule  # worst seen 2.2e-16


@given(st.integers(1, 6), st.permutations(list(range(8))))
def test_log_weights_serve_hard_rules_where_scores_differ(k: int, order: list[int]) -> None:
    """Where scores are equal, rounding may part the tie."""
    scores = torch.tensor([order], dtype=torch.float64) / 2
    for rule in (TopK(k), TopP(k / 7), Argmax(), Threshold(k / 40)):
        gap = (rule.weigh(softmax(scores).log()) - rule.weigh(scores)).abs().max()
        assert gap < 1e-14, rule  # worst seen 1.1e-16


@given(RULES, score_tables())
def test_no_rule_changes_its_input(rules: Rules, scores: Tensor) -> None:
    before = scores.clone()
    for rule in rules:
        rule.weigh(scores)
        assert torch.equal(scores, before), rule


@given(SMOOTH, score_tables())
def test_larger_score_never_gets_less_weight(rules: Rules, scores: Tensor) -> None:
    order = scores.argsort(-1)
    for rule in rules:
        ordered = rule.weigh(scores).gather(-1, order)
        assert (ordered.diff(dim=-1) >= -1e-15).all(), rule


@given(score_tables())
def test_sparser_rules_keep_no_more_keys(scores: Tensor) -> None:
    counts = [(rule.weigh(scores) > 0).sum(-1) for rule in (Soft(), Entmax(1.5), Sparsemax())]
    assert (counts[0] >= counts[1]).all()
    assert (counts[1] >= counts[2]).all()
