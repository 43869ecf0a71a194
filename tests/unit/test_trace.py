"""The record of a run, made by hand: what it hands out and what it refuses."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from attnviz.core.attention import Attention, attend
from attnviz.core.blocks import part
from attnviz.core.rules import Argmax, Entmax, Rule, Sample, Soft, Sparsemax, TopK
from attnviz.errors import AttnvizError, ModelError
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace

LABELS = ("[CLS]", "a", "b", "c", "[SEP]")
ENCODED = Encoded(
    "abc", (2, 5, 6, 7, 3), LABELS, (None, (0, 1), (1, 2), (2, 3), None), (True, False, False, False, True), None
)


def trace(rule: Rule | None = None, logits: bool = True) -> Trace:
    """Two layers of three heads over five tokens; the second layer is causal and biased by distance."""
    generator = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(2, 3, 5, 4, generator=generator) for _ in range(3))
    rule = Soft() if rule is None else rule
    causal = torch.ones(1, 5, 5, dtype=torch.bool).tril()
    distance = (torch.arange(5) - torch.arange(5)[:, None]).float()[None]
    return Trace(
        ENCODED, ENCODED, model="made by hand", kind="masked", rule=rule,
        layers=(
            attend(q[0], k[0], v[0], rule=rule.at(0)),
            attend(q[1], k[1], v[1], rule=rule.at(1), allowed=causal, bias=distance, scale=0.3),
        ),
        outputs=torch.zeros(5, 4), logits=torch.randn(5, 9, generator=generator) if logits else None,
        name_piece=lambda number: f"piece {number}",
    )  # fmt: skip


def test_trace_counts_layers_and_heads_and_names_tokens() -> None:
    found = trace()
    assert (found.n_layers, found.n_heads) == (2, 3)
    assert found.tokens == list(LABELS)
    assert found.special == (True, False, False, False, True)
    assert found.text == "abc"


def test_trace_is_frozen_and_hands_out_its_own_list_of_tokens() -> None:
    found = trace()
    found.tokens.append("more")
    assert len(found.tokens) == 5
    with pytest.raises(FrozenInstanceError):
        found.model = "another"


@pytest.mark.parametrize("rule", [Soft(), TopK(2), Sample(4)], ids=str)
def test_one_head_equals_that_head_of_the_layer(rule: Rule) -> None:
    found = trace(rule)
    for layer in range(2):
        whole = found.weights(layer)
        assert whole.shape == (3, 5, 5)
        for head in range(3):
            gap = (found.weights(layer, head) - whole[head]).abs().max()
            assert gap < 1e-6  # worst seen 3.0e-08
            seen = found.scores(layer, head) > -math.inf
            gap = (found.scores(layer, head) - found.scores(layer)[head])[seen].abs().max()
            assert gap < 1e-5  # worst seen 2.4e-07


@pytest.mark.parametrize("rule", [TopK(2), Sample(4)], ids=str)
def test_a_map_of_later_queries_alone_has_the_weights_that_they_have_in_the_whole(rule: Rule) -> None:
    found = trace(rule)
    later = replace(found, layers=tuple(part(one, 2, 5) for one in found.layers if isinstance(one, Attention)))
    for layer in range(2):
        torch.testing.assert_close(later.weights(layer), found.weights(layer)[:, 2:], atol=1e-6, rtol=0)
        torch.testing.assert_close(later.weights(layer, 1), found.weights(layer, 1)[2:], atol=1e-6, rtol=0)


def test_another_rule_weighs_the_scores_of_the_same_run() -> None:
    found = trace()
    assert torch.equal(found.weights(1, rule=Argmax()), Argmax().weigh(found.scores(1)))
    assert torch.equal(found.weights(1), Soft().weigh(found.scores(1)))
    assert torch.equal(trace(Sample(1)).weights(0, rule=Sample(9)), trace().weights(0, rule=Sample(9)))


def test_cell_numbers_lead_from_product_to_weight() -> None:
    found = trace()
    for layer, head, query, key in [(0, 0, 0, 0), (0, 2, 4, 1), (1, 1, 3, 2), (1, 0, 4, 4)]:
        cell = found.cell(layer, head, query, key)
        assert cell.score == pytest.approx(cell.product * cell.scale + cell.bias, abs=1e-6)  # worst seen 2.4e-08
        assert cell.weight == pytest.approx(math.exp(cell.score - cell.log_total), abs=1e-6)
        assert cell.weight == found.weights(layer, head)[query, key].item()
        assert cell.score == found.scores(layer, head)[query, key].item()
        assert cell.bias == (key - query if layer else 0)
        assert cell.scale == (0.3 if layer else 0.5)
        assert (cell.query_label, cell.key_label) == (LABELS[query], LABELS[key])
        assert (cell.layer, cell.head, cell.query, cell.key) == (layer, head, query, key)
        assert cell.keys == (query + 1 if layer else 5)


def test_cell_ranks_count_from_the_heaviest_key() -> None:
    found = trace()
    ranks = [found.cell(0, 1, 2, key).rank for key in range(5)]
    assert sorted(ranks) == [1, 2, 3, 4, 5]
    assert ranks.index(1) == found.weights(0, 1)[2].argmax()
    hard = [found.cell(0, 1, 2, key, rule=Argmax()).rank for key in range(5)]
    assert hard == ranks
    assert [found.cell(1, 0, query, 0).keys for query in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("rule", [Soft(), TopK(2), Argmax()], ids=str)
@pytest.mark.parametrize("layer", [0, 1])
def test_a_cell_knows_how_many_other_allowed_keys_have_its_weight(rule: Rule, layer: int) -> None:
    found = trace()
    for query in range(5):
        row, keys = found.weights(layer, 1, rule)[query].tolist(), range(query + 1 if layer else 5)
        for key in keys:
            alike = [other for other in keys if other != key and row[other] == row[key]]
            assert found.cell(layer, 1, query, key, rule=rule).alike == len(alike)


def test_cell_that_is_not_allowed_has_no_weight_but_keeps_product_and_bias() -> None:
    cell = trace().cell(1, 0, 1, 3)
    assert (cell.score, cell.soft, cell.weight) == (-math.inf, 0, 0)
    assert cell.bias == 2
    assert math.isfinite(cell.product)
    assert math.isfinite(cell.log_total)


def test_cell_under_a_hard_rule_keeps_the_soft_weight_beside_it() -> None:
    found = trace()
    cell = found.cell(0, 0, 1, 1, rule=Argmax())
    assert cell.soft == pytest.approx(found.weights(0, 0)[1, 1].item(), abs=1e-6)  # worst seen 5.4e-09
    assert cell.weight in (0, 1)
    assert cell.rule == Argmax()


@pytest.mark.parametrize(("rule", "alpha"), [(Sparsemax(), 2.0), (Entmax(1.5), 1.5), (Entmax(3.0), 3.0)], ids=str)
def test_cell_threshold_leads_from_score_to_sparse_weight(rule: Rule, alpha: float) -> None:
    found = trace(rule)
    for key in range(5):
        cell = found.cell(1, 2, 4, key)
        weight = max((alpha - 1) * cell.score - cell.tau, 0) ** (1 / (alpha - 1))
        assert weight == pytest.approx(cell.weight, abs=1e-3 if alpha > 2 else 1e-6)  # worst seen 1.7e-08
    assert math.isnan(trace().cell(0, 0, 0, 0).tau)


def test_cells_under_several_rules_are_the_cells_under_each_from_one_computation_of_the_scores() -> None:
    found, rules = trace(), [Soft(0.3), Argmax(), TopK(2), Entmax(1.5), Sample()]
    assert found.cells(1, 2, 4, 1, rules) == [found.cell(1, 2, 4, 1, rule) for rule in rules]
    head = found.attention(1, 2)
    assert all(head.under(rule).scores is head.scores and head.under(rule).rule == rule for rule in rules)


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_cell_under_a_temperature_counts_with_it(temperature: float) -> None:
    cell = trace(Soft(temperature)).cell(1, 1, 3, 2)
    assert cell.soft == pytest.approx(cell.weight, abs=1e-6)
    assert cell.weight == pytest.approx(math.exp(cell.score / temperature - cell.log_total), abs=1e-6)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((2, 0, 0, 0), "no_such_layer"),
        ((-1, 0, 0, 0), "no_such_layer"),
        ((0, 3, 0, 0), "no_such_head"),
        ((0, -1, 0, 0), "no_such_head"),
        ((0, 0, 5, 0), "no_such_query"),
        ((0, 0, 0, -1), "no_such_key"),
    ],
)
def test_place_outside_the_trace_is_refused_with_what_there_is(place: tuple[int, ...], message: str) -> None:
    with pytest.raises(AttnvizError) as refusal:
        trace().cell(*place)
    assert refusal.value.message == message
    last = {"no_such_layer": 1, "no_such_head": 2}.get(message, 4)
    assert f"0 to {last}" in str(refusal.value)
    assert f"0 到 {last}" in refusal.value.say("zh")


def test_probabilities_sum_to_one_and_predictions_are_the_likeliest_first() -> None:
    found = trace()
    probabilities = found.probabilities(2)
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-6)
    pieces = found.predictions(2, top=4)
    assert [piece for piece, _ in pieces] == [f"piece {n}" for n in probabilities.argsort(descending=True)[:4]]
    assert [p for _, p in pieces] == sorted((p for _, p in pieces), reverse=True)
    assert len(found.predictions(2, top=99)) == 9
    assert sum(p for _, p in found.predictions(2, top=99)) == pytest.approx(1, abs=1e-6)


def test_model_without_logits_predicts_nothing() -> None:
    with pytest.raises(ModelError) as refusal:
        trace(logits=False).predictions(0)
    assert refusal.value.message == "model_predicts_nothing"
    assert "made by hand" in str(refusal.value)


@pytest.mark.parametrize("position", [-1, 5])
def test_prediction_outside_the_text_is_refused(position: int) -> None:
    with pytest.raises(AttnvizError) as refusal:
        trace().predictions(position)
    assert refusal.value.message == "no_such_position"
