"""What a trace holds in memory, and what is left of it when only pictures are drawn."""

from __future__ import annotations

from dataclasses import replace

import torch

from attnviz import AttnvizError, load, record
from attnviz.axes import Steps
from attnviz.core.attention import attend
from attnviz.core.causal import CausalMask
from attnviz.core.rules import Soft
from attnviz.figures import grid, heatmap
from attnviz.trace import Trace
from tests.unit.figures.kinds import MAMBA, call, of
from tests.unit.figures.made import made


def bare(**said: object) -> Trace:
    """A trace of two places that holds nothing but what is said."""
    return replace(of("ab", [], outputs=torch.zeros(0, 0)), **said)


def test_every_tensor_counts() -> None:
    q, k, v = torch.zeros(3, 2, 4), torch.zeros(3, 2, 4), torch.zeros(3, 2, 8)  # 96, 96, 192 bytes
    mask, bias = torch.ones(1, 2, 2, dtype=torch.bool), torch.zeros(3, 2, 2)  # 4, 48
    one = attend(q, k, v, rule=Soft(), allowed=mask, bias=bias, sink=torch.zeros(3, 2))  # 24
    assert bare().nbytes == 0
    assert bare(layers=(one, MAMBA)).nbytes == 96 + 96 + 192 + 4 + 48 + 24
    assert bare(outputs=torch.zeros(2, 3), logits=torch.zeros(2, 5), boundaries=torch.zeros(2)).nbytes == 24 + 40 + 8
    other = bare(outputs=torch.zeros(2, 3).double(), part="tower")
    assert bare(outputs=torch.zeros(2, 3), others={"tower": other}).nbytes == 24 + 48


def test_what_is_shared_counts_once_and_a_view_counts_what_it_keeps_alive() -> None:
    fused = torch.zeros(2, 5, 12)
    q, k, v = fused.split(4, -1)
    assert bare(layers=(attend(q, k, v, rule=Soft()),) * 3).nbytes == fused.nbytes
    assert bare(outputs=fused[0, :1]).nbytes == fused.nbytes
    spread = torch.zeros(1, 1).expand(1_000, 1_000)
    assert bare(outputs=spread).nbytes == 4


def test_a_mask_that_is_not_laid_out_counts_nothing_and_stays_so() -> None:
    q = torch.zeros(1, 8_000, 1)
    one = attend(q, q, q, rule=Soft(), allowed=CausalMask(8_000, 8_000))
    trace = bare(layers=(one,))
    assert trace.nbytes == q.nbytes
    assert isinstance(trace.slim().layers[0].allowed, CausalMask)  # type: ignore[union-attr]


def test_weights_that_a_layer_has_computed_count_as_they_stay() -> None:
    one = call(1, 2, 2)
    before = bare(layers=(one,)).nbytes
    assert one.weights.numel() == 4
    assert bare(layers=(one,)).nbytes > before


def test_a_slim_trace_draws_the_same_pictures_and_holds_no_more_than_these_need() -> None:
    whole = record(load("lab-gpt"), "the cat sat on the mat")
    slim = whole.slim()
    for draw in (lambda trace: heatmap(trace, layer=1, head=2), grid):
        assert draw(whole) == draw(slim)
    tokens, layers = len(whole.tokens), whole.n_layers
    width = whole.outputs.shape[-1]
    assert slim.nbytes == 2 * tokens * layers * width * 4 < whole.nbytes
    for refused in (lambda: slim.attention(0).output, lambda: slim.predictions(0)):
        try:
            refused()
        except AttnvizError:
            continue
        raise AssertionError("what was left out is still there")


def test_slim_copies_no_tensor_that_lies_well() -> None:
    trace = made()
    first, slim = trace.layers[0], trace.slim().layers[0]
    assert first.queries is slim.queries and first.keys is slim.keys  # type: ignore[union-attr]
    fused = torch.zeros(2, 5, 12)
    q, k, v = fused.split(4, -1)
    both = bare(layers=(attend(q, k, v, rule=Soft()),)).slim().layers[0]
    assert both.queries is q, "two thirds of the storage are kept"  # type: ignore[union-attr]
    alone = bare(layers=(replace(both, keys=q),)).slim()  # type: ignore[type-var]
    assert alone.nbytes == q.nbytes, "one third is not worth the rest"


def test_a_trace_says_in_a_few_lines_what_it_is() -> None:
    said = repr(made(text="the cat " * 40)).splitlines()
    assert len(said) == 3 and max(map(len, said)) < 120
    assert said[0].startswith("Trace of made by hand (plain): 'the cat the")
    assert "7 tokens, 2 layers x 3 heads, map self" in said[1] and "Soft(temperature=1.0)" in said[2]
    assert repr(Trace(Steps(2), Steps(3), (call(1, 2, 3),))).splitlines()[1].startswith("  2 steps x 3 steps")
