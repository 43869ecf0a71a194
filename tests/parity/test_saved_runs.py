"""Runs of tiny models of every sort of attention, saved and loaded; two towers of one model as two maps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from attnviz import Reweigh, TopP, Trace, figures, load, load_trace, measures, record
from attnviz.axes import Axis, Items, Patches
from attnviz.recording.record import run
from tests.parity import tiny
from tests.parity.architectures import ARCHITECTURES, build, way_of
from tests.unit.saved.same import assert_same

TEXT = "南京市长江大桥, the cat sat on the mats"
TYPES = (*tiny.MASKED[:2], "modernbert", "gpt2", "llama", "gemma2", "gpt_oss", "t5", "bart", "jamba")


OWN = {
    "jamba": {
        "num_key_value_heads": 2, "num_hidden_layers": 4, "attn_layer_period": 2, "attn_layer_offset": 1,
        "num_experts": 2,
    },
}  # fmt: skip


@pytest.mark.parametrize("model_type", TYPES)
def test_runs_of_many_architectures_load_equal(
    model_type: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    own = OWN.get(model_type, {})
    model = load(str(tiny.save(tiny.kind_of(model_type), model_type, tmp_path / model_type, wordpiece, **own)))
    changes = () if model.eager else (Reweigh(TopP(0.8), layers=(1 if model_type == "jamba" else 0,)),)
    trace = record(model, TEXT, interventions=changes)
    trace.save(tmp_path / "trace.safetensors")
    found = load_trace(tmp_path / "trace.safetensors")
    assert_same(trace, found)
    assert_same(trace.slim(), found.slim())


def towers() -> Trace:
    """A tiny CLIP that reads a text and a picture, each tower a map of its own."""
    architecture = ARCHITECTURES["clip"]
    way = way_of(architecture)
    _, found = run(build(architecture, way), eager=way == "eager", name="clip", **architecture.inputs)
    traces = {}
    for part, layers in found.items():
        count = next(layer.queries.shape[-2] for layer in layers)
        side = int((count - 1) ** 0.5)
        axis: Axis = Items(tuple(f"word {n}" for n in range(count)))
        if "vision" in part:
            axis = Patches(32, 32, side, side, first=("[CLS]",))
        assert len(axis) == count
        traces[part] = Trace(axis, axis, layers, model="clip", part=part)
    first, *others = traces.values()
    return Trace(**{**vars(first), "others": {one.part: one for one in others}})


def test_two_towers_are_two_maps_that_pictures_measures_and_files_work_on(tmp_path: Path) -> None:
    trace = towers()
    assert len(trace.parts) == 2 and not {"encoder", "decoder", "cross", "self"} & set(trace.parts)
    for part in trace.parts:
        one = trace.map(part)
        assert len(figures.grid(one).data)
        for by in ("token", "word", "patch"):
            shown = figures.heatmap(one, layer=0, head=0, by=by).data[0]
            assert torch.as_tensor(shown.z).shape == (len(one.queries), len(one.keys))
        assert measures.habits([one]).shape[:2] == (one.n_layers, one.n_heads)
    trace.save(tmp_path / "towers.safetensors")
    assert_same(trace, load_trace(tmp_path / "towers.safetensors"))
