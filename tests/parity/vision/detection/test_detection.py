"""Maps, boxes and labels of detectors are those of transformers' own eager attention, and what acts on them acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import attnviz as av
from attnviz.axes import Box, Patches, Slots
from attnviz.errors import AttnvizError, ModelError
from tests.parity.vision.detection import KINDS, PROCESSORS, QUERIES, SIZES, STRIDE, network, noise, opened, saved

CLOSE = 1e-5  # the worst seen: 3e-7 in weights, 2e-6 in logits
RETURNED = {
    "self": "attentions", "encoder": "encoder_attentions", "decoder": "decoder_attentions",
    "cross": "cross_attentions",
}  # fmt: skip


def eagerly(folder: Path, kind: str, picture: av.Picture) -> Any:
    """What the network of a folder returns with its own attention."""
    made = network(kind)
    own = type(made).from_pretrained(folder, attn_implementation="eager").eval()
    prepared = PROCESSORS[kind].from_pretrained(folder)(images=picture.image(), return_tensors="pt")  # type: ignore[attr-defined]
    with torch.inference_mode():
        return own(pixel_values=prepared["pixel_values"], output_attentions=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_map_every_box_and_every_label_is_that_of_eager_attention(kind: str, size: str, tmp_path: Path) -> None:
    folder, picture = saved(tmp_path, kind), noise(*SIZES[size])
    model = opened(folder)
    trace, plain = av.record(model, picture), eagerly(folder, kind, picture)
    assert trace.parts == (("self",) if kind == "yolos" else ("cross", "encoder", "decoder"))
    for part in trace.parts:
        own = trace.map(part)
        assert own.n_layers == len(plain[RETURNED[part]])
        for layer, theirs in enumerate(plain[RETURNED[part]]):
            torch.testing.assert_close(own.weights(layer), theirs[0], atol=CLOSE, rtol=0)
    assert trace.answer is not None and isinstance(trace.answer.read, Slots)
    torch.testing.assert_close(trace.answer.scores, plain.logits[0], atol=CLOSE, rtol=0)
    x, y, wide, high = (plain.pred_boxes[0] * torch.tensor(2 * [picture.width, picture.height])).unbind(-1)
    theirs = torch.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], -1)
    torch.testing.assert_close(torch.tensor(trace.answer.read.boxes).float(), theirs, atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_things_found_are_those_that_transformers_finds(kind: str, tmp_path: Path) -> None:
    folder, picture = saved(tmp_path, kind), noise(97, 61)
    trace, plain = av.record(opened(folder), picture), eagerly(folder, kind, picture)
    processor = PROCESSORS[kind].from_pretrained(folder)  # type: ignore[attr-defined]
    (theirs,) = processor.post_process_object_detection(plain, threshold=0.3, target_sizes=[(61, 97)])
    mine = av.measures.found(trace, 0.3)
    kept: dict[tuple[float, ...], tuple[float, int]] = {}  # of each query its surest label, as we have it
    for share, label, box in zip(theirs["scores"], theirs["labels"], theirs["boxes"], strict=True):
        kept.setdefault(tuple(box.tolist()), (float(share), int(label)))
    assert len(mine) == len(kept) > 0
    surest = sorted(kept.items(), key=lambda one: -one[1][0])
    for thing, (box, (share, label)) in zip(mine, surest, strict=True):
        assert thing.label == ["cat", "猫", "dog"][label] and thing.confidence == pytest.approx(share, abs=1e-5)
        assert tuple(thing.box) == pytest.approx(box, abs=1e-3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_places_are_a_grid_of_the_stride_and_queries_are_slots(kind: str, size: str, tmp_path: Path) -> None:
    model, picture = opened(saved(tmp_path, kind)), noise(*SIZES[size])
    seen, stride = model.see(picture), STRIDE[kind]
    rows, columns = seen.values.shape[1:]
    axis, whole = seen.axis, kind != "yolos"
    assert axis.rows == (-(-rows // stride) if whole else rows // stride)
    assert axis.columns == (-(-columns // stride) if whole else columns // stride)
    trace = av.record(model, seen)
    first = axis.stands_for(len(axis.first))
    assert isinstance(first, Box) and first.right == pytest.approx(stride * picture.width / columns)
    assert model.queries == QUERIES[kind] and model.labels == ("cat", "猫", "dog")
    if whole:
        assert isinstance(trace.queries, Slots) and trace.keys == axis
        assert trace.map("encoder").queries is trace.map("encoder").keys
        assert trace.map("decoder").queries is trace.map("decoder").keys
        assert all(trace.outputs.shape == (QUERIES[kind], 32) for trace in (trace, trace.map("decoder")))
        assert trace.map("encoder").outputs.shape == (len(axis), 32)
    else:
        assert isinstance(trace.queries, Patches) and trace.tokens[-1] == "query 3" and trace.special[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_or_a_removed_head_moves_the_boxes(kind: str, tmp_path: Path) -> None:
    model, picture = opened(saved(tmp_path, kind)), noise(97, 61)
    before = av.record(model, picture)
    part = "self" if kind == "yolos" else "cross"
    for changed in (
        av.record(model, picture, rule=av.Argmax()),
        av.record(model, picture, interventions=[av.RemoveHeads((1,), layers=(1,), part=part)]),
        av.record(model, picture, interventions=[av.HideToken(3, part=part)]),
    ):
        boxes = [torch.tensor(one.answer.read.boxes) for one in (before, changed)]  # type: ignore[union-attr]
        assert float((boxes[0] - boxes[1]).abs().max()) > 0.01
    hard = av.record(model, picture, rule=av.Argmax())
    assert all(float(hard.map(part).weights(0).max(-1).values.min()) == 1 for part in hard.parts)


@pytest.mark.parametrize("kind", ["conditional", "dab"])
def test_a_hidden_place_is_looked_at_by_no_query_and_covering_it_keeps_the_grid(kind: str, tmp_path: Path) -> None:
    model, picture = opened(saved(tmp_path, kind)), noise(97, 61)
    trace = av.record(model, picture, interventions=[av.HideToken(4, part="cross")])
    assert all(float(trace.weights(layer)[..., 4].max()) == 0 for layer in range(2))
    assert float(trace.map("encoder").weights(0)[..., 4].max()) > 0
    seen = model.see(picture)
    assert av.record(model, seen.without([4])).keys == seen.axis


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_covered_place_leaves_the_picture_as_large_as_it_was(kind: str, size: str, tmp_path: Path) -> None:
    seen, stride = opened(saved(tmp_path, kind)).see(noise(*SIZES[size])), STRIDE[kind]
    place = len(seen.axis.first) + seen.axis.rows * seen.axis.columns - 1  # the last, of which a part may be missing
    covered, row, column = seen.without([place]).values, seen.axis.rows - 1, seen.axis.columns - 1
    assert covered.shape == seen.values.shape
    own = np.zeros(covered.shape[1:], bool)
    own[row * stride : (row + 1) * stride, column * stride : (column + 1) * stride] = True
    assert not covered[:, own].any() and np.array_equal(covered[:, ~own], seen.values[:, ~own])
    assert seen.values[:, own].any()


def test_the_share_inside_is_what_was_worked_out_by_hand() -> None:
    """8 x 4 pixels in two places; the box covers the left half of the second, so that half of its weight counts."""
    slots, places = Slots(1, "query", ((4.0, 0.0, 6.0, 4.0),)), Patches(8, 4, rows=1, columns=2)
    said = av.Answer("token", torch.zeros(1, 1), ("cat",), slots, "several")
    look = av.attend(torch.zeros(1, 1, 2), torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), rule=av.Soft())
    trace = av.Trace(slots, places, (look,), answer=said, part="cross")
    assert av.measures.inside(trace, 0, 0).tolist() == [pytest.approx(0.25)]
    assert av.measures.covered(places, Box(4.0, 0.0, 6.0, 4.0)).tolist() == [0.0, 0.5]


def test_a_trace_of_a_detector_comes_back_from_its_file(tmp_path: Path) -> None:
    trace = av.record(opened(saved(tmp_path / "model", "dab")), noise(97, 61))
    trace.save(tmp_path / "trace.safetensors")
    again = av.load_trace(tmp_path / "trace.safetensors")
    assert again.parts == trace.parts and av.measures.found(again, 0.1) == av.measures.found(trace, 0.1)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    import transformers as hf

    network("detr").model.save_pretrained(tmp_path / "alone")
    with pytest.raises(ModelError) as failure:
        av.load(tmp_path / "alone")
    assert failure.value.message == "detector_alone"
    hf.DFineConfig().save_pretrained(tmp_path / "sampled")
    (tmp_path / "sampled" / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    with pytest.raises(ModelError) as failure:
        av.load(tmp_path / "sampled")
    assert failure.value.message == "detector_samples"
    model = opened(saved(tmp_path / "dab", "dab"))
    with pytest.raises(AttnvizError) as refused:
        av.record(model, noise(97, 61), states=True)
    assert refused.value.message == "model_keeps_blocks"
    with pytest.raises(ModelError) as failure:
        av.measures.found(av.record(model, noise(97, 61), predictions=False))
    assert failure.value.message == "model_finds_nothing"
