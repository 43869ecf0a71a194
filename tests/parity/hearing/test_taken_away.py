"""What is recorded of a sound or of values over time is saved, drawn and exported as any other trace is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

import attnviz as av
from tests.parity import hearing, series
from tests.unit.saved.same import assert_same

TRACES: Mapping[str, Callable[[Path], av.Trace]] = {
    "whisper": lambda folder: av.generate(
        hearing.opened(hearing.saved(folder, "whisper")), hearing.noise(0.63), most=4
    ),
    "letters": lambda folder: av.record(
        hearing.opened(hearing.saved(folder, "wav2vec2 that spells")), hearing.noise(0.1)
    ),
    "ast": lambda folder: av.record(hearing.opened(hearing.saved(folder, "ast")), hearing.noise(0.5)),
    "patchtst": lambda folder: av.record(series.opened(series.saved(folder, "patchtst")), series.table("patchtst")),
    "informer": lambda folder: av.record(series.opened(series.saved(folder, "informer")), series.table("informer")),
}


@pytest.mark.parametrize("what", TRACES)
def test_a_trace_is_saved_and_read_back_drawn_and_exported(what: str, tmp_path: Path) -> None:
    trace = TRACES[what](tmp_path / "model")
    trace.save(tmp_path / "trace.safetensors")
    back = av.load_trace(tmp_path / "trace.safetensors")
    assert_same(trace, back)
    for part in trace.parts:
        own, other = trace.map(part), back.map(part)
        assert torch.equal(own.weights(0), other.weights(0))
        av.figures.grid(own)
        av.figures.heatmap(own, layer=0, head=1)
        av.figures.tokens(own, layer=0, head=0, query=0)
    assert av.export.csv(trace, layer=0, head=1) and av.export.npz(trace)
    assert len(av.export.html(trace, layer=0, head=1, language="zh")) > 1000
    av.show(trace).save(tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 1000
