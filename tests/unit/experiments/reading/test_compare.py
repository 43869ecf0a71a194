"""Two readings compared: weights by unit and total variation by loops, ranked, another model's nearest head."""

from __future__ import annotations

import pytest
import torch

import attnviz as av
from attnviz.errors import ArgumentError
from attnviz.experiments.reading.compare import as_csv, compare
from attnviz.measures.reading import by_unit, moved_weight

ONE, OTHER = "The dog chased the cat because it was hungry.", "The dogs chased a cat because they were hungry."


def test_weights_by_unit_are_those_of_a_plain_loop() -> None:
    weights = torch.rand(2, 5, 5, dtype=torch.float64).softmax(-1)
    units = [(0, 2), (1,), (4,)]
    found = by_unit(weights, units)
    for head in range(2):
        for row, queries in enumerate(units):
            for column, keys in enumerate(units):
                mean = sum(float(weights[head, q, k]) for q in queries for k in keys) / len(queries)
                assert float(found[head, row, column]) == pytest.approx(mean)
    assert torch.allclose(found.sum(-1), torch.ones(2, 3, dtype=torch.float64))


def test_moved_weight_is_between_nothing_and_all_and_the_same_both_ways() -> None:
    one, other = (torch.rand(3, 4, 6, dtype=torch.float64).softmax(-1) for _ in range(2))
    moved = moved_weight(one, other)
    assert torch.equal(moved, moved_weight(other, one)) and bool((moved > 0).all()) and bool((moved < 1).all())
    assert moved_weight(one, one).tolist() == [0, 0, 0]
    assert float(moved_weight(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))) == 1


def test_the_head_that_moved_most_is_that_of_a_plain_loop_and_so_are_its_pairs() -> None:
    model = av.load("lab-4")
    first, second = av.record(model, ONE), av.record(model, OTHER)
    found = compare(first, second, same=True)
    loop = {}
    for layer in range(4):
        for head in range(4):
            a, b = found.first[layer, head], found.second[layer, head]
            rows = [sum(abs(float(x - y)) for x, y in zip(*both, strict=True)) / 2 for both in zip(a, b, strict=True)]
            loop[layer, head] = sum(rows) / len(rows)
    assert [head for head, _, _ in found.ranked] == sorted(loop, key=lambda one: -loop[one])
    (head, other, moved), *_ = found.ranked
    assert head == other and moved == pytest.approx(loop[head])
    change, asks, looks, before, after = found.changes(head, head)[0]
    differ = found.difference(head, head)
    assert abs(change) == float(differ.abs().max()) and after - before == pytest.approx(change)
    unit = found.units.labels.index(asks), found.units.labels.index(looks)
    assert before == pytest.approx(float(found.first[head][unit]), abs=1e-9) or len(set(found.units.labels)) < len(
        found.units.labels
    )
    lines = as_csv(found).splitlines()
    assert len(lines) == 1 + 16 * len(found.units.labels) ** 2 and lines[1].startswith("{}.{},".format(*head))


def test_one_reading_with_itself_moves_nothing_and_another_model_has_its_nearest_head() -> None:
    first = av.record(av.load("lab-4"), ONE)
    assert all(moved == 0 for _, _, moved in compare(first, first, same=True).ranked)
    assert all(moved == 0 and head == other for head, other, moved in compare(first, first, same=False).ranked)
    small = compare(first, av.record(av.load("lab-1"), ONE), same=False)
    assert len(small.ranked) == 16 and {head for _, (_, head), _ in small.ranked} == {0}
    for head, other, moved in small.ranked:
        every = [float(moved_weight(small.first[head], small.second[layer, 0])) for layer in range(4)]
        assert moved == pytest.approx(min(every)) and every.index(min(every)) == other[0]


def test_all_heads_are_laid_beside_one_and_layers_by_the_mean_of_their_heads() -> None:
    first, second = (av.record(av.load("lab-4"), text) for text in (ONE, OTHER))
    found = compare(first, second, same=True).with_one((1, 2))
    assert len(found.ranked) == 16 and {other for _, other, _ in found.ranked} == {(1, 2)}
    for head, other, moved in found.ranked:
        assert moved == pytest.approx(float(moved_weight(found.first[head], found.second[other])))
    own = compare(first, first, same=True)
    assert (1, 2) not in {head for head, _, _ in own.with_one((1, 2)).ranked} and len(own.with_one((1, 2)).ranked) == 15
    layers = own.of_layers()
    assert layers.others == [(layer, 0) for layer in range(4)] and layers.name((3, 0)) == "3"
    assert torch.allclose(layers.first[:, 0], own.first.mean(1)) and [one[0] for one in layers.with_one((3, 0)).ranked]
    assert as_csv(layers.with_one((3, 0))).splitlines()[1].split(",")[1] == "3"
    for what, head in ((own, (4, 0)), (layers, (0, 1))):
        with pytest.raises(ArgumentError, match="no head or layer"):
            what.with_one(head)


def test_texts_that_share_nothing_or_too_much_are_one_sentence() -> None:
    model = av.load("lab-4")
    with pytest.raises(ArgumentError, match="share no word"):
        compare(av.record(model, "猫"), av.record(model, "dogs sleep"), same=True)
    long = av.record(model, "猫狗" * 90)
    with pytest.raises(ArgumentError, match="more than 150"):
        compare(long, long, same=True)
