"""The formula shown for a weight: the numbers in it are put together again and must give the weight."""

from __future__ import annotations

import math
import re

import pytest
import torch

from attnviz.core.interventions import Reweigh
from attnviz.core.rules import Entmax, Rule, Soft, Sparsemax, TopK
from attnviz.models import load
from attnviz.recording.record import record
from attnviz.trace import Cell
from attnviz.ui.kit import RuleChoice, after_the_score, as_rule
from attnviz.ui.kit.formulas import short, softmax_formula, sparse_formula
from tests.unit.figures.made import made

PLACES = [(0, 0, 1, 2), (0, 2, 3, 3), (1, 1, 5, 0), (1, 0, 6, 6)]
NUMBER = r"(-?[0-9.]+(?:\\times10\^\{-?[0-9]+\})?)"


def value(text: str) -> float:
    """A number as a formula writes it."""
    return float(re.sub(r"\\times10\^\{(-?\d+)\}", r"e\1", text))


def cell(place: tuple[int, int, int, int], rule: Rule) -> Cell:
    return made().cell(*place, rule)


def row(place: tuple[int, int, int, int]) -> list[float]:
    """The scores of the cell's query, each a sum of products in plain float64."""
    layer, head, query, _ = place
    attention = made().layers[layer]
    q, keys = attention.queries[head][query].tolist(), attention.keys[head].tolist()
    return [sum(a * b for a, b in zip(q, key, strict=True)) / math.sqrt(len(q)) for key in keys]


@pytest.mark.parametrize("number", [0.0, 1.0, -0.335, 12.5, 0.0001, -0.00009999, 1.23e-5, -4e-12, 0.99999])
def test_short_numbers_keep_their_value(number: float) -> None:
    assert value(short(number)) == pytest.approx(number, rel=0.05, abs=0 if abs(number) < 1e-4 else 5.1e-5)


def test_short_numbers_never_show_a_small_one_as_zero() -> None:
    assert short(3e-7) == "3.0\\times10^{-7}"
    assert short(0.0) == "0.0000"


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("place", PLACES)
def test_softmax_formula_computes_to_the_weight_it_shows(place: tuple[int, int, int, int], temperature: float) -> None:
    found = cell(place, Soft(temperature))
    text = softmax_formula(found)
    exponents = re.search(rf"\\frac\{{e\^\{{{NUMBER}(?:/{NUMBER})?\}}\}}\{{e\^\{{{NUMBER}\}}\}}={NUMBER}$", text)
    assert exponents, text
    score, divisor, total, weight = exponents.groups()
    assert (divisor is None) == (temperature == 1.0), "the temperature stands in the formula where it acts"
    shown = math.exp(value(score) / (value(divisor) if divisor else 1.0) - value(total))
    powers = [math.exp(s / temperature) for s in row(place)]
    expected = powers[place[3]] / sum(powers)
    assert value(weight) == pytest.approx(expected, abs=5.1e-5)  # four decimals
    assert shown == pytest.approx(expected, rel=2e-4, abs=5e-5)  # two exponents of four decimals each
    assert found.weight == pytest.approx(expected, rel=1e-5)


def test_hard_rules_show_the_soft_weight_that_they_judge() -> None:
    kept, soft = cell(PLACES[0], TopK(1)), cell(PLACES[0], Soft())
    assert softmax_formula(kept) == softmax_formula(soft)
    assert "T" not in softmax_formula(kept)


def sparse_row(scores: list[float], alpha: float) -> list[float]:
    """Entmax by bisection of its own definition: the weights must sum to 1."""
    low, high = (alpha - 1) * max(scores) - 1, (alpha - 1) * max(scores)
    for _ in range(200):
        tau = (low + high) / 2
        weights = [max((alpha - 1) * s - tau, 0.0) ** (1 / (alpha - 1)) for s in scores]
        low, high = (tau, high) if sum(weights) >= 1 else (low, tau)
    return weights


@pytest.mark.parametrize("alpha", [1.2, 1.5, 2.0, 2.5, 4.0])
@pytest.mark.parametrize("place", PLACES)
def test_sparse_formula_computes_to_the_weight_it_shows(place: tuple[int, int, int, int], alpha: float) -> None:
    found = cell(place, Sparsemax() if alpha == 2 else Entmax(alpha))
    text = sparse_formula(found)
    slope, power = ("", "") if alpha == 2 else (rf"{NUMBER}\\times", rf"\^\{{1/{NUMBER}\}}")
    parts = re.search(rf"=\[{slope}\(?{NUMBER}\)?-\({NUMBER}\)\]_\+{power}={NUMBER}$", text)
    assert parts, text
    numbers = [value(part) for part in parts.groups()]
    times, score, tau, root, weight = (1.0, *numbers[:2], 1.0, numbers[2]) if alpha == 2 else numbers
    expected = sparse_row(row(place), alpha)[place[3]]
    assert weight == pytest.approx(expected, abs=6e-5)
    assert max(times * score - tau, 0.0) == pytest.approx(expected**root, abs=3e-4)  # alpha - 1 times four decimals


@pytest.fixture
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.ui.kit.languages.language", lambda: "en")


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    ("choice", "part"),
    [
        (RuleChoice("soft", 0.5, False), r"e^{s/T}"),
        (RuleChoice("sparsemax", None, False), r"[s-\tau]_+"),
        (RuleChoice("entmax", 1.5, False), r"[0.5\,s-\tau]_+^{1/0.5}"),
        (RuleChoice("entmax", 1.0, False), r"\frac{e^{s}}{\sum_j e^{s_j}}"),
        (RuleChoice("top-k", 1, False), "The rule top-k (k = 1)"),
        (RuleChoice("threshold", 0.0, True), "renormalis"),
    ],
    ids=str,
)
def test_each_rule_is_explained_by_its_own_formula(choice: RuleChoice, part: str) -> None:
    lines = after_the_score(cell(PLACES[0], as_rule(choice)))
    assert part in " ".join(lines)
    assert (len(lines) == 1) == (choice.name in ("soft", "sparsemax", "entmax"))


@pytest.mark.usefixtures("english")
def test_a_rule_that_cuts_a_weight_says_so() -> None:
    weights = made().weights(0, 0, TopK(1))
    query = 2
    cut, kept = int(weights[query].argmin()), int(weights[query].argmax())
    assert "cuts it: weight 0" in after_the_score(cell((0, 0, query, cut), TopK(1)))[-1]
    said = after_the_score(cell((0, 0, query, kept), TopK(1)))[-1]
    assert f"{torch.softmax(torch.tensor(row((0, 0, query, kept))), 0).max():.4f}" in said


@pytest.mark.usefixtures("english")
def test_a_layer_that_a_rule_was_not_put_into_is_explained_by_its_own() -> None:
    run = record(load("lab-1"), "南京市长江大桥", interventions=[Reweigh(TopK(1), layers=(0,))])
    cut, soft = (run.cell(layer, 0, 2, 3) for layer in (0, 1))
    assert "top-k (k = 1)" in after_the_score(cut)[-1]
    assert len(after_the_score(soft)) == 1 and "top-k" not in after_the_score(soft)[0]
