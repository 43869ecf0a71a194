"""Figures, measures, files and pages work on the trace of a picture as on any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import attnviz as av
from tests.parity.vision import network, noise, opened, saved


@pytest.fixture(scope="module", params=["vit", "dinov2 with registers", "swin"])
def trace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> av.Trace:
    model = opened(saved(tmp_path_factory.mktemp("model"), network(request.param), "a rest left out"))
    return av.record(model, noise(70, 50), rule=av.TopK(4))


def test_files_have_a_row_for_each_pair_of_places(trace: av.Trace) -> None:
    count = len(trace.tokens)
    assert av.export.csv(trace, layer=0, head=1).count(b"\n") == 1 + count * count
    assert b"<!doctype html>" in av.export.html(trace, layer=0, head=1)
    assert av.export.npz(trace)


def test_figures_and_the_page_of_a_notebook_are_made(trace: av.Trace) -> None:
    assert len(av.figures.heatmap(trace, layer=0, head=0).data)
    assert len(av.figures.grid(trace).data) and len(av.figures.tokens(trace, layer=0, head=0, query=0).data)
    page = av.show(trace)
    assert len(page._repr_html_()) < 1_500_000
    assert "Trace of" in repr(trace) and "patchs" not in repr(trace)


def test_a_trace_is_the_same_from_its_file(trace: av.Trace, tmp_path: Path) -> None:
    trace.save(tmp_path / "run.safetensors")
    found = av.load_trace(tmp_path / "run.safetensors")
    assert found.parts == trace.parts and found.kind == "vision"
    for part in trace.parts:
        mine, theirs = found.map(part), trace.map(part)
        assert mine.queries == theirs.queries and mine.keys is mine.queries
        assert all(torch.equal(mine.weights(layer), theirs.weights(layer)) for layer in range(mine.n_layers))
    assert found.answer is not None and found.predictions() == trace.predictions()


def test_measures_count_patches_as_they_count_tokens(trace: av.Trace) -> None:
    names = [name for name in dir(av.measures) if not name.startswith("_")]
    assert "entropy" in names
    entropy = torch.as_tensor(np.asarray(av.measures.entropy(trace.weights(0))))
    assert bool((entropy >= 0).all()) and float(entropy.max()) <= np.log2(4) + 1e-5  # top 4
