"""What is said about cost: the window in blocks equals the masked table, memory is counted right, formulas hold."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from attnviz import attend, load
from attnviz.core.masks import Global, Window
from attnviz.core.rules import Argmax, Soft
from attnviz.errors import TextError
from attnviz.experiments import cost
from attnviz.measures.patterns import PATTERNS, Pattern, counts, growth, points
from attnviz.models import read_card


def inputs(tokens: int, heads: int = 3, width: int = 5) -> list[torch.Tensor]:
    dice = torch.Generator().manual_seed(1)
    return [torch.randn(heads, tokens, width, generator=dice) for _ in range(3)]


@pytest.mark.parametrize("size", [0, 1, 2, 7, 16, 40, 200])
@pytest.mark.parametrize("tokens", [1, 2, 31, 32, 33, 100])
def test_window_in_blocks_equals_the_dense_table_under_the_mask(tokens: int, size: int) -> None:
    given = inputs(tokens)
    expected = attend(*given, rule=Soft(), allowed=Window(size).allowed(tokens, tokens)).output
    found = cost.joined(cost.banded(*given, size=size), tokens)
    assert (found - expected).abs().max() < 1e-6  # worst seen 7.2e-7


def test_window_in_blocks_takes_other_rules() -> None:
    given = inputs(50)
    expected = attend(*given, rule=Argmax(), allowed=Window(3).allowed(50, 50)).output
    assert (cost.joined(cost.banded(*given, size=3, rule=Argmax()), 50) - expected).abs().max() < 1e-6


def test_window_in_blocks_needs_as_many_keys_as_queries() -> None:
    queries, keys, values = inputs(6)
    with pytest.raises(ValueError, match="6 and 5"):
        cost.banded(queries, keys[:, :5], values[:, :5], size=1)


def test_window_in_blocks_computes_few_pairs_of_a_long_text() -> None:
    given = inputs(2048, heads=1)
    call = cost.banded(*given, size=4)
    assert call.weights.numel() == cost.banded_pairs(2048, 4) == 2048 * (32 + 8)
    assert call.weights.numel() < 2048**2 / 50


@pytest.mark.parametrize(
    ("compute", "most"),
    [
        (lambda: torch.zeros(1000), 4000),
        (lambda: torch.zeros(1000) + 1, 8000),  # the zeros are held until the sum is there
        (lambda: torch.zeros(1000).view(10, 100).t(), 4000),  # a view holds nothing of its own
        (lambda: torch.zeros(1000).add_(1), 4000),
        (
            lambda: torch.stack([torch.zeros(10).sum() for _ in range(50)]),
            4 * 50 + 4 * 50,
        ),  # each ten are let go of in turn
    ],
)
def test_bytes_are_those_held_at_once(compute, most: int) -> None:  # type: ignore[no-untyped-def]
    assert cost.bytes_of(compute) == most


def test_a_view_of_what_was_there_before_holds_nothing() -> None:
    given = torch.zeros(1000)
    assert cost.bytes_of(lambda: given.view(10, 100).t()) == 0
    assert cost.bytes_of(lambda: given.add_(1)) == 0


def test_laid_out_memory_grows_with_the_square_and_a_window_with_the_length() -> None:
    small, large = (cost.attention_cost(n, "dense").bytes for n in (256, 512))
    assert large / small == pytest.approx(4, rel=0.05)
    small, large = (cost.attention_cost(n, "banded", size=2).bytes for n in (256, 512))
    assert large / small == pytest.approx(2, rel=0.05)
    small, large = (cost.attention_cost(n, "fused").bytes for n in (256, 512))
    assert large / small == pytest.approx(2, rel=0.05)


def test_a_mask_on_a_full_table_saves_no_memory() -> None:
    dense = cost.attention_cost(256, "dense")
    assert cost.attention_cost(256, "masked", Window(2)).bytes >= dense.bytes


def test_tables_hold_no_more_than_is_forecast() -> None:
    for way in ("dense", "masked"):
        held = cost.attention_cost(512, way, Window(2)).bytes
        assert held < cost.TABLES * cost.weight_bytes(512**2)
        assert held > 2 * cost.weight_bytes(512**2)


def test_tables_that_do_not_fit_are_refused_in_a_sentence() -> None:
    with pytest.raises(TextError) as refused:
        cost.check_tables(4096, 4, free=10**9)
    assert refused.value.message == "cost_too_large" and "4096" in refused.value.say("zh")


def test_way_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="guess"):
        cost.attention_cost(8, "guess")


def test_forward_pass_is_attention_and_the_rest() -> None:
    found = cost.forward_cost(load("lab-4"), 64)
    assert 0 < found.attention < found.seconds
    assert found.rest == pytest.approx(found.seconds - found.attention)
    assert found.bytes > 64 * 8761 * 4  # the predictions alone


def test_formulas_are_those_of_loops() -> None:
    heads, width, n = 2, 3, 5
    counted = 0
    for _ in range(heads * n * n):
        counted += width  # the products of q.k
        counted += width  # the products of weight and value
    assert cost.multiplications(n * n, heads, width) == counted
    assert cost.weight_bytes(n * n, heads) == torch.zeros(heads, n, n).nbytes


def test_growth_of_a_window_is_linear_and_of_everything_square() -> None:
    lengths = [64, 128, 256]
    few = growth(Window(4), lengths)
    assert [b - a for a, b in pairwise(few)] == [64 * 9, 128 * 9]
    assert growth(Global((0,)), [10]) == [10 + 2 * 9]


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_has_a_mask_of_its_own(name: str) -> None:
    mine = Pattern(name).mask().allowed(20, 20)
    others = [Pattern(other).mask().allowed(20, 20) for other in PATTERNS if other != name]
    assert not any(torch.equal(mine, other) for other in others)


def test_pattern_of_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="guess"):
        Pattern("guess").mask()


@pytest.mark.parametrize("model", ["lab-1", "lab-2", "lab-4", "lab-8"])
def test_figures_without_a_pattern_are_those_of_the_card(model: str) -> None:
    card = read_card(model)
    one = next(point for point in points() if point.model == model and point.pattern == "all")
    for name, figure in (("_zh", one.zh), ("_en", one.en), ("", one.both)):
        assert figure == pytest.approx(card.figures[f"masked_accuracy{name}"], abs=1e-4)
    assert one.share == 1 and one.size is None


def test_figures_of_a_wider_window_are_no_worse_and_reach_the_models_own() -> None:
    for model in {point.model for point in points()}:
        own = [point for point in points() if point.model == model and point.pattern == "window"]
        assert [point.size for point in own] == [1, 2, 4, 8, 16, 32]
        assert all(a.both < b.both + 0.002 and a.share < b.share for a, b in pairwise(own))
        whole = next(point for point in points() if point.model == model and point.pattern == "all")
        assert own[-1].both == pytest.approx(whole.both, abs=0.002)


def test_figures_name_how_many_sentences_they_are_over() -> None:
    assert counts().keys() == {"sentences_zh", "sentences_en"} and min(counts().values()) > 500
