"""Each rule against published numbers, a loop in plain Python, and the promises of the module's docstring."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from attnviz.core.rules import Argmax, Entmax, Rule, Sample, Soft, Sparsemax, Threshold, TopK, TopP, softmax
from attnviz.errors import RuleError
from tests.rules import every_kind, kinds

INF = math.inf
EVERY_RULE = every_kind(
    Soft(), Soft(0.3), Soft(4.0), Threshold(0.2), Threshold(0.2, renormalise=True), TopK(2), TopK(2, renormalise=True),
    TopP(0.7), TopP(0.7, renormalise=True), Argmax(), Argmax(renormalise=False), Sample(), Sample(3, renormalise=False),
    Sparsemax(), Entmax(1.0), Entmax(1.5), Entmax(2.0), Entmax(10.0),
)  # fmt: skip
ROWS_OF_ONE = [Soft(), Soft(0.3), TopK(2, True), TopP(0.7, True), Argmax(), Sample(), Sparsemax(), Entmax(1.5)]


def soft_loop(row: list[float], temperature: float = 1.0) -> list[float]:
    top = max(row)
    if top == -INF:
        return [0.0] * len(row)
    shares = [math.exp((score - top) / temperature) for score in row]
    return [share / sum(shares) for share in shares]


def scaled_loop(left: list[float], renormalise: bool) -> list[float]:
    total = sum(left)
    return [weight / total for weight in left] if renormalise and total > 0 else left


def threshold_loop(row: list[float], minimum: float, renormalise: bool) -> list[float]:
    return scaled_loop([weight if weight >= minimum else 0.0 for weight in soft_loop(row)], renormalise)


def heaviest_first(weights: list[float]) -> list[int]:
    return sorted(range(len(weights)), key=lambda place: (-weights[place], place))


def top_k_loop(row: list[float], k: int, renormalise: bool) -> list[float]:
    weights = soft_loop(row)
    chosen = heaviest_first(weights)[:k]
    return scaled_loop([w if i in chosen else 0.0 for i, w in enumerate(weights)], renormalise)


def top_p_loop(row: list[float], p: float, renormalise: bool) -> list[float]:
    weights, chosen, held = soft_loop(row), [], 0.0
    for place in heaviest_first(weights):
        if held >= p:
            break
        chosen.append(place)
        held += weights[place]
    return scaled_loop([w if i in chosen else 0.0 for i, w in enumerate(weights)], renormalise)


def projection_loop(row: list[float], alpha: float) -> list[float]:
    """Sparsemax and entmax: tau, to its last digit, where ((alpha - 1) z - tau)+ ^ (1 / (alpha - 1)) sums to 1."""
    if max(row) == -INF:
        return [0.0] * len(row)
    z = [(alpha - 1) * score for score in row]

    def points(tau: float) -> list[float]:
        return [max(value - tau, 0.0) ** (1 / (alpha - 1)) for value in z]

    low, high = max(z) - 1.0, max(z)
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if math.fsum(points(middle)) > 1 else (low, middle)
    return points(low)


LOOPS: list[tuple[Rule, Callable[[list[float]], list[float]]]] = [
    (Soft(), soft_loop),
    (Soft(0.3), lambda row: soft_loop(row, 0.3)),
    (Soft(5.0), lambda row: soft_loop(row, 5.0)),
    (Threshold(0.15), lambda row: threshold_loop(row, 0.15, False)),
    (Threshold(0.15, renormalise=True), lambda row: threshold_loop(row, 0.15, True)),
    (TopK(1), lambda row: top_k_loop(row, 1, False)),
    (TopK(3), lambda row: top_k_loop(row, 3, False)),
    (TopK(3, renormalise=True), lambda row: top_k_loop(row, 3, True)),
    (TopK(99), soft_loop),
    (TopP(0.6), lambda row: top_p_loop(row, 0.6, False)),
    (TopP(0.6, renormalise=True), lambda row: top_p_loop(row, 0.6, True)),
    (Argmax(), lambda row: top_k_loop(row, 1, True)),
    (Argmax(renormalise=False), lambda row: top_k_loop(row, 1, False)),
    (Sparsemax(), lambda row: projection_loop(row, 2.0)),
    (Entmax(1.2), lambda row: projection_loop(row, 1.2)),
    (Entmax(1.5), lambda row: projection_loop(row, 1.5)),
]


def some_scores() -> torch.Tensor:
    """Rows `[5, 8, 9]` of float64 scores, a fifth of the keys and one whole row not allowed."""
    generator = torch.Generator().manual_seed(1)
    spread = torch.tensor([0.2, 0.5, 1.0, 2.0, 5.0], dtype=torch.float64)[:, None, None]
    scores = spread * torch.randn(5, 8, 9, generator=generator, dtype=torch.float64)
    scores = scores.masked_fill(torch.rand(scores.shape, generator=generator) < 0.2, -INF)
    scores[0, 0] = -INF
    return scores


@pytest.mark.parametrize(("rule", "loop"), LOOPS, ids=[str(rule) for rule, _ in LOOPS])
def test_rule_equals_a_plain_loop(rule: Rule, loop: Callable[[list[float]], list[float]]) -> None:
    scores = some_scores()
    expected = torch.tensor([[loop(row.tolist()) for row in head] for head in scores], dtype=torch.float64)
    gap = (rule.weigh(scores) - expected).abs().max()
    assert gap < 1e-14  # worst seen 1.1e-15
    gap = (rule.weigh(scores.float()) - expected).abs().max()
    assert gap < 1e-6  # worst seen 2.2e-07


def test_every_rule_but_the_drawn_one_has_a_plain_loop() -> None:
    assert {type(rule) for rule, _ in LOOPS} == set(kinds()) - {Sample}  # whose frequencies are counted below


def test_entmax_above_two_equals_a_plain_loop_as_far_as_its_slope_lets_it() -> None:
    """p = (z - tau)^(1/3) is vertical at the threshold: a tau off by its last digit moves a small p a long way."""
    scores = some_scores()
    rows = [[projection_loop(row.tolist(), 4.0) for row in head] for head in scores]
    expected = torch.tensor(rows, dtype=torch.float64)
    gap = (Entmax(4.0).weigh(scores) - expected).abs().max()
    assert gap < 1e-9  # worst seen 2.8e-15 here, 1.4e-11 on other scores


@pytest.mark.parametrize(
    ("rule", "scores", "published"),
    [
        (Soft(), [-2, 0, 0.5], [0.0486, 0.3592, 0.5922]),
        (Sparsemax(), [-2, 0, 0.5], [0, 0.25, 0.75]),
        (Entmax(1.5), [-2, 0, 0.5], [0, 0.3260, 0.6740]),
        (Entmax(1.33), [-1, 0, 0.5], [0.0460, 0.3276, 0.6264]),
        (Entmax(1.33), [1, 2, 3.5], [0.0026, 0.1012, 0.8963]),
    ],
)
def test_published_numbers_come_back(rule: Rule, scores: list[float], published: list[float]) -> None:
    found = rule.weigh(torch.tensor(scores, dtype=torch.float64))
    gap = (found - torch.tensor(published, dtype=torch.float64)).abs().max()
    assert gap <= 5e-5  # printed to four places; worst seen 4.5e-05


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
@pytest.mark.parametrize("shape", [(1, 4), (3, 4), (2, 3, 4), (1, 2, 3, 4)])
def test_row_without_allowed_keys_is_zero_never_nan(rule: Rule, shape: tuple[int, ...]) -> None:
    assert torch.equal(rule.weigh(torch.full(shape, -INF)), torch.zeros(shape))


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
def test_only_allowed_key_takes_all_the_weight(rule: Rule) -> None:
    scores = torch.tensor([[-INF, -INF, -3.0, -INF]])
    assert torch.equal(rule.weigh(scores), torch.tensor([[0.0, 0.0, 1.0, 0.0]]))


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
@pytest.mark.parametrize("size", [1e4, 1e30, 3e38])
def test_huge_scores_go_to_the_largest(rule: Rule, size: float) -> None:
    scores = torch.tensor([[-size, 0.0, size, -INF]])
    assert torch.equal(rule.weigh(scores), torch.tensor([[0.0, 0.0, 1.0, 0.0]]))


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_give_float32_weights(rule: Rule, dtype: torch.dtype) -> None:
    scores = some_scores().to(dtype)
    weights = rule.weigh(scores)
    assert weights.dtype == torch.float32
    assert torch.equal(weights, rule.weigh(scores.float()))


@pytest.mark.parametrize("temperature", [1e-60, 1e-40, 1e-6])
def test_very_small_temperature_is_argmax_never_nan(temperature: float) -> None:
    scores = torch.tensor([[-2.0, 0.0, 0.5], [-INF, 3.0, -1e30], [-INF, -INF, -INF]])
    assert torch.equal(Soft(temperature).weigh(scores), Argmax().weigh(scores))


def test_temperature_above_one_flattens_and_below_one_sharpens() -> None:
    scores = torch.tensor([[-2.0, 0.0, 0.5]])
    heaviest = [Soft(temperature).weigh(scores).max().item() for temperature in (0.25, 1.0, 4.0)]
    assert heaviest == sorted(heaviest, reverse=True)
    gap = (Soft(1e6).weigh(scores) - 1 / 3).abs().max()
    assert gap < 1e-6  # the distance itself, not rounding; seen 5.4e-07


@pytest.mark.parametrize("renormalise", [False, True])
def test_threshold_that_removes_everything_leaves_zeros(renormalise: bool) -> None:
    scores = torch.zeros(2, 4)
    assert torch.equal(Threshold(0.26, renormalise).weigh(scores), torch.zeros(2, 4))
    assert torch.equal(Threshold(0.25, renormalise).weigh(scores), torch.full((2, 4), 0.25))


@pytest.mark.parametrize("make", [lambda r: Threshold(0.3, r), lambda r: TopK(2, r), lambda r: TopP(0.6, r), Argmax])
def test_renormalise_scales_what_was_kept_to_sum_to_one(make: Callable[..., Rule]) -> None:
    scores = torch.tensor([[-2.0, 0.0, 0.5, 0.1]])
    plain, scaled = make(False).weigh(scores), make(True).weigh(scores)
    assert plain.sum() < 0.95
    assert torch.equal(plain, torch.where(plain > 0, softmax(scores), 0))
    gap = (scaled - plain / plain.sum()).abs().max()
    assert gap < 1e-7  # worst seen 0


@pytest.mark.parametrize("rule", [TopK(1, True), TopP(0.2, True), Argmax()], ids=str)
def test_tie_takes_the_earlier_key(rule: Rule) -> None:
    for scores in ([0.0, 1.0, 1.0, 1.0], [-INF, 2.0, -1.0, 2.0], [-INF, 0.0, 0.0, 0.0]):
        assert rule.weigh(torch.tensor([scores])).tolist() == [[0, 1, 0, 0]]
    assert rule.weigh(torch.zeros(1, 300))[0, 0] > 0  # unstable sorts break above a few dozen keys


def test_argmax_is_top_one_renormalised() -> None:
    assert torch.equal(Argmax().weigh(some_scores()), TopK(1, renormalise=True).weigh(some_scores()))


def test_entmax_one_is_soft_and_entmax_two_is_sparsemax() -> None:
    scores = some_scores()
    assert torch.equal(Entmax(1.0).weigh(scores), Soft().weigh(scores))
    gap = (Entmax(2.0).weigh(scores) - Sparsemax().weigh(scores)).abs().max()
    assert gap < 1e-14  # worst seen 1.1e-16
    gap = (Entmax(1.002).weigh(scores) - Soft().weigh(scores)).abs().max()
    assert gap < 3e-3  # the distance itself, not rounding; seen 2.0e-03


def test_sample_picks_the_same_keys_for_the_same_seed() -> None:
    scores = some_scores()
    assert torch.equal(Sample(7).weigh(scores), Sample(7).weigh(scores))
    assert not torch.equal(Sample(7).weigh(scores), Sample(8).weigh(scores))
    assert not torch.equal(Sample(7).at(1).weigh(scores), Sample(7).at(2).weigh(scores))


def test_sample_of_one_head_equals_that_head_among_all() -> None:
    scores = some_scores()
    whole = Sample(7).at(3).weigh(scores)
    assert torch.equal(Sample(7).at(3).weigh(scores[None])[0], whole)
    for head in range(len(scores)):
        assert torch.equal(Sample(7).at(3, head).weigh(scores[head]), whole[head])


def test_sample_leaves_the_callers_random_state_alone() -> None:
    before = torch.get_rng_state()
    Sample(7).weigh(some_scores())
    assert torch.equal(torch.get_rng_state(), before)


def test_sample_frequencies_follow_the_weights() -> None:
    scores = torch.tensor([[-INF, 0.0, 1.0, -INF, 2.0, -1.0, -INF]])
    counts = sum(Sample(seed).weigh(scores) for seed in range(3000)) / 3000
    gap = (counts - softmax(scores)).abs().max()
    assert gap < 0.03  # three deviations of a share of 1/2; seen 7.5e-03
    assert torch.equal(counts > 0, scores > -INF)


@pytest.mark.parametrize(("draw", "picked"), [(0.0, 1), (0.4999, 1), (0.5, 3), (1 - 2**-53, 3)])
def test_draw_on_the_very_edge_picks_an_allowed_key(draw: float, picked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def draws(rule: Sample, head: int, queries: int) -> torch.Tensor:
        return torch.full((queries,), draw, dtype=torch.float64)

    monkeypatch.setattr(Sample, "_draws", draws)
    weights = Sample().weigh(torch.tensor([[-INF, 2.0, -INF, 2.0, -INF]]))
    assert weights.argmax() == picked
    assert weights.sum() == 1


def test_sample_takes_seeds_of_any_size() -> None:
    assert Sample(10**40).weigh(torch.zeros(2, 3)).sum() == 2


def test_sample_keeps_its_own_weight_unless_renormalised() -> None:
    scores = some_scores()
    kept = Sample(5, renormalise=False).weigh(scores)
    assert torch.equal(kept, torch.where(Sample(5).weigh(scores) > 0, softmax(scores), 0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Soft(0), "temperature"), (lambda: Soft(-1.0), "temperature"), (lambda: Soft(INF), "temperature"),
        (lambda: Soft(math.nan), "temperature"), (lambda: Threshold(-0.1), "minimum"),
        (lambda: Threshold(1.1), "minimum"), (lambda: Threshold(math.nan), "minimum"), (lambda: TopK(0), "k"),
        (lambda: TopK(1.5), "k"), (lambda: TopP(0.0), "p"), (lambda: TopP(1.01), "p"), (lambda: Sample(-1), "seed"),
        (lambda: Sample(0.5), "seed"), (lambda: Entmax(0.99), "alpha"), (lambda: Entmax(10.1), "alpha"),
        (lambda: Entmax(math.nan), "alpha"),
    ],
)  # fmt: skip
def test_number_out_of_range_is_refused_in_both_languages(make: Callable[[], Rule], message: str) -> None:
    with pytest.raises(RuleError) as refusal:
        make()
    assert refusal.value.message == message
    assert isinstance(refusal.value, ValueError)
    value = str(refusal.value.values["value"])
    assert value in str(refusal.value)
    assert value in refusal.value.say("zh")
    assert str(refusal.value).endswith(".")
    assert refusal.value.say("zh").endswith("。")


def test_ends_of_a_range_are_allowed() -> None:
    for rule in (Threshold(0.0), Threshold(1.0), TopP(1.0), TopK(1), Sample(0), Entmax(10.0)):
        assert rule.weigh(torch.tensor([[0.0, 200.0]])).tolist() == [[0, 1]]


def test_base_rule_weighs_nothing() -> None:
    with pytest.raises(NotImplementedError):
        Rule().weigh(torch.zeros(1, 2))


@pytest.mark.parametrize("size", [0, 1, 2, 5, 13, 15, 16, 17])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_short_rows_have_torch_s_softmax_and_gradients(size: int, dtype: torch.dtype) -> None:
    made = torch.randn(3, 4, size, generator=torch.Generator().manual_seed(size)).to(dtype) * 30
    mine, torchs = made.clone().requires_grad_(), made.clone().requires_grad_()
    found, expected = softmax(mine), torch.softmax(torchs, -1)
    assert found.dtype == dtype and torch.allclose(found, expected, atol=2e-7 if dtype == torch.float32 else 1e-15)
    for one, given in ((found, mine), (expected, torchs)):
        (one * torch.arange(float(size))).sum().backward()
        assert given.grad is not None
    assert torch.allclose(mine.grad, torchs.grad, atol=1e-5 if dtype == torch.float32 else 1e-13)  # type: ignore[arg-type]
    equal = softmax(torch.zeros(1, size, dtype=dtype))
    assert torch.equal(equal, torch.full_like(equal, 1 / size if size else 1))
