"""On which side of a token its weight lies, against plain sums."""

from __future__ import annotations

import math

import pytest

from attnviz import Argmax, load, record
from attnviz.measures import consulted, sides

TEXT = "这座桥很长。"


@pytest.mark.parametrize("rule", [None, Argmax()])
@pytest.mark.parametrize("layer", [None, 2])
def test_the_four_shares_are_plain_sums_and_add_up(rule: Argmax | None, layer: int | None) -> None:
    trace, query = record(load("lab-4"), TEXT), 3
    layers = range(trace.n_layers) if layer is None else [layer]
    rows = [trace.weights(one, head, rule)[query].tolist() for one in layers for head in range(trace.n_heads)]
    mean = [math.fsum(row[key] for row in rows) / len(rows) for key in range(len(trace.tokens))]
    assert consulted(trace, query, layer, rule).tolist() == pytest.approx(mean, abs=1e-6)  # worst seen 6e-8
    found = sides(trace, query, layer, rule)
    inner = range(1, len(trace.tokens) - 1)
    assert found.before == pytest.approx(math.fsum(mean[key] for key in inner if key < query), abs=1e-6)
    assert found.itself == pytest.approx(mean[query], abs=1e-6)
    assert found.after == pytest.approx(math.fsum(mean[key] for key in inner if key > query), abs=1e-6)
    assert found.special == pytest.approx(mean[0] + mean[-1], abs=1e-6)
    assert found.before + found.itself + found.after + found.special == pytest.approx(1, abs=1e-6)


def test_a_decoder_gives_nothing_to_what_comes_after() -> None:
    trace = record(load("lab-gpt"), TEXT)
    assert all(sides(trace, query).after == 0 for query in range(len(trace.tokens)))
