"""How many bytes a result holds: every tensor of it, shared memory once, networks not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from attnviz import Trace, load, record
from attnviz.adapter.arena import PIECE
from attnviz.core.attention import Attention
from attnviz.figures import heatmap
from attnviz.systems.hierarchical import system as hierarchical
from attnviz.systems.hierarchical.effect import without_sentences
from attnviz.systems.hierarchical.system import colour
from attnviz.ui.pages.hierarchical.choices import Reading
from attnviz.ui.stores.sizes import nbytes
from tests.parity import tiny


@dataclass(frozen=True)
class Pair:
    first: Any
    second: Any = None


def test_a_tensor_counts_the_memory_that_it_keeps_alive() -> None:
    whole = torch.zeros(1000, 25)
    for held in (Pair(whole), Pair(whole, whole[:10]), Pair(whole[:1]), [whole.T, whole.expand(3, 1000, 25)]):
        assert 100_000 <= nbytes(held) < 102_000
    assert 200_000 <= nbytes(Pair(whole, whole.clone())) < 202_000


def test_arrays_and_words_count_too() -> None:
    array = np.zeros(100_000, dtype=np.uint8)
    assert 100_000 <= nbytes({"a": array, "b": array[5:].reshape(-1, 5)}) < 102_000
    assert nbytes("x" * 5000) > 5000
    labels = tuple(f"token {number}" for number in range(10_000))
    spans = tuple((number * 1000, number * 1000 + 3) for number in range(10_000))
    each = nbytes("token 1234") * 10_000
    assert 0.9 * each < nbytes(labels) - 8 * 10_000 < 1.1 * each
    assert nbytes(spans) > 10_000 * 100


def test_of_a_piece_made_for_many_what_is_used_counts() -> None:
    piece = torch.empty(PIECE // 4)
    assert 40_000 <= nbytes([piece[:5000], piece[5000:10_000], piece[:5000]]) < 42_000


def test_a_network_that_a_result_refers_to_does_not_count() -> None:
    text = hierarchical.samples("han-topics")[0]["text"]
    system = hierarchical.load("han-topics")
    trace = system.read(text)
    shown = Reading(system, trace, 1.0, colour(trace), without_sentences(system, trace))
    network = sum(one.nbytes for one in system.network.parameters())
    assert nbytes(trace) < nbytes(shown) < nbytes(trace) + 200_000 and network > 1_000_000


def tensors_of(trace: Trace) -> dict[int, int]:
    """Every storage of a trace and its maps by hand."""
    found = [trace.outputs, trace.logits, trace.boundaries]
    for one in (trace, *trace.others.values()):
        found += [one.outputs, one.logits]
        for layer in one.layers:
            assert isinstance(layer, Attention)
            found += [layer.queries, layer.keys, layer.values, layer.allowed, layer.bias, layer.sink]
    real = [one.untyped_storage() for one in found if type(one) is torch.Tensor]
    return {one.data_ptr(): one.nbytes() for one in real}


@pytest.mark.parametrize(("kind", "model_type"), [("masked", "bert"), ("causal", "gpt2"), ("seq2seq", "t5")])
def test_everything_of_one_run_counts(kind: str, model_type: str, tmp_path, wordpiece) -> None:  # type: ignore[no-untyped-def]
    model = load(str(tiny.save(kind, model_type, tmp_path, wordpiece)))
    trace = record(model, "the cat sat " * 20, **({"target": "she sat"} if kind == "seq2seq" else {}))
    tensors = sum(tensors_of(trace).values())
    assert tensors <= nbytes(trace) < tensors + 60_000
    assert trace.nbytes <= nbytes(trace) < trace.nbytes + 60_000, "tensors alike, labels and text beside"
    if not trace.others:  # whose maps share the logits
        assert trace.logits is not None
        gone = nbytes(trace) - nbytes(replace(trace, logits=None))
        assert abs(gone - trace.logits.untyped_storage().nbytes()) < 200  # the tensor's own description
    for part in trace.parts:
        assert abs(nbytes(trace.map(part)) - nbytes(trace)) < 5000, "another map of the same run is the same run"


def test_what_a_layer_keeps_of_what_it_was_asked_counts() -> None:
    trace = record(load("lab-4"), "the cat sat on the mat")
    before = nbytes(trace)
    layer = trace.layers[0]
    assert isinstance(layer, Attention)
    kept = layer.products.nbytes + layer.scores.nbytes + layer.weights.nbytes
    assert nbytes(trace) >= before + kept


def test_a_long_run_counts_what_it_holds_and_not_the_pieces_it_lies_in() -> None:
    trace = record(load("lab-4"), "the cat sat on the mat", values=False).slim()
    count, layers, width = len(trace.tokens), 4, 160
    tensors = 2 * count * layers * width * 4
    assert tensors <= nbytes(trace) < tensors + 15_000


def test_a_figure_counts_its_numbers() -> None:
    figure = heatmap(record(load("lab-4"), "the cat sat on the mat " * 8), layer=0, head=0)
    assert len(figure.to_json()) / 2 < nbytes(figure) < 4 * len(figure.to_json())
