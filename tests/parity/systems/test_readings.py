"""The lean of a head in every kind of model that loads, with whole and with byte-level tokens, against plain loops."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from attnviz import Trace, load, record
from attnviz.measures import lean
from attnviz.text.segmentation import Reading
from tests.parity import tiny

BRIDGE, MAYOR = Reading.parse("南京市/长江大桥"), Reading.parse("南京市长/江大桥")


def by_hand(trace: Trace, layer: int, head: int) -> float:
    """The bits by loops over pairs of tokens, their characters looked up one by one."""
    spans, weights, scores = trace.encoded.spans, trace.weights(layer, head), trace.scores(layer, head)
    text = [place for place, special in enumerate(trace.special) if not special]
    sides: list[tuple[float, float]] = []
    pairs = {
        name: {
            (q, k)
            for q in text
            for k in text
            if q != k and scores[q, k] > -math.inf and together(spans[q], spans[k], ours)
            and not together(spans[q], spans[k], theirs)
        }
        for name, (ours, theirs) in {"first": (BRIDGE, MAYOR), "second": (MAYOR, BRIDGE)}.items()
    }  # fmt: skip
    for wanted in pairs.values():
        mass = chance = 0.0
        for q in sorted({q for found in pairs.values() for q, _ in found}):
            able = [k for k in text if k != q and scores[q, k] > -math.inf]
            total = sum(weights[q, k].item() for k in able)
            mass += sum(weights[q, k].item() / total for k in able if (q, k) in wanted)
            chance += sum(1 / len(able) for k in able if (q, k) in wanted)
        sides.append((mass, chance))
    lifts = [1 + (mass / chance if chance else 1) for mass, chance in sides]
    return math.log2(lifts[0] / lifts[1])


def together(one: tuple[int, int] | None, other: tuple[int, int] | None, reading: Reading) -> bool:
    """Do the first characters of two tokens stand in one unit? (Here no token crosses a unit's border.)"""
    if one is None or other is None:
        return False
    return any(start <= one[0] < end and start <= other[0] < end for start, end in reading.units)


# Qwen2's own tokenizer class keeps nothing Chinese of the test's small vocabulary.
@pytest.mark.parametrize("model_type", [name for name in (*tiny.MASKED, *tiny.CAUSAL) if name != "qwen2"])
def test_every_model_that_loads(model_type: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    model = load(str(tiny.save(tiny.kind_of(model_type), model_type, tmp_path / "model", wordpiece)))
    trace = record(model, "南京市长江大桥")
    found = lean(trace, BRIDGE, MAYOR, draws=20)
    assert found.bits.shape == (trace.n_layers, trace.n_heads) and found.bits.isfinite().all()
    assert found.bits[-1, -1].item() == pytest.approx(by_hand(trace, trace.n_layers - 1, trace.n_heads - 1), abs=1e-6)


@pytest.mark.parametrize("model_type", ["gpt2", "bert"])
def test_characters_in_byte_pieces(model_type: str, tmp_path: Path, byte_level: PreTrainedTokenizerBase) -> None:
    model = load(str(tiny.save(tiny.kind_of(model_type), model_type, tmp_path / "model", byte_level)))
    trace = record(model, "南京市长江大桥")
    assert sum(not special for special in trace.special) == 21, "three pieces a character"
    found = lean(trace, BRIDGE, MAYOR, draws=20)
    for layer in range(trace.n_layers):
        assert found.bits[layer, 1].item() == pytest.approx(by_hand(trace, layer, 1), abs=1e-6)
