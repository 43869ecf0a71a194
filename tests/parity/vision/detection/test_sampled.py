"""Points that queries choose: where they lie and what they weigh is what transformers' own modules compute."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import transformers as hf

import attnviz as av
from attnviz.axes import Box, Levels, Slots
from attnviz.core.attention import Sampled
from attnviz.errors import AttnvizError
from tests.parity.vision import lit
from tests.parity.vision.detection import noise
from tests.parity.vision.detection.sampled import (
    ENCODED,
    HEADS,
    KINDS,
    LEVELS,
    POINTS,
    QUERIES,
    SIZES,
    Theirs,
    built,
    network,
    opened,
    saved,
    theirs,
)

CLOSE = 1e-5


def points(trace: av.Trace, layer: int) -> Sampled:
    found = trace.attention(layer)
    assert isinstance(found, Sampled)
    return found


def reach(own: Theirs, each: int = POINTS) -> torch.Tensor:
    """How far the features of each point's level reach, in pictures: their last cells may lie beyond it in part."""
    found = []
    for stride in (8, 16, 32):
        rows, columns = (math.ceil(side / stride) * stride / side for side in own.size)
        found += [[columns, rows]] * each
    return torch.tensor(found)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_points_weights_boxes_and_labels_are_those_of_transformers(
    kind: str, size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, picture = saved(tmp_path, kind), noise(*SIZES[size])
    trace, own = av.record(opened(folder), picture), theirs(folder, kind, picture, monkeypatch)
    assert trace.part == "cross" and trace.n_layers == len(own.places) == 2
    for layer in range(2):
        call = points(trace, layer)
        assert call.places.shape == (HEADS, QUERIES, LEVELS * POINTS, 2) and not call.values.shape[-1]
        where = own.places[layer].transpose(0, 1) * reach(own) * torch.tensor(SIZES[size])
        torch.testing.assert_close(call.places, where, atol=1e-3, rtol=CLOSE)  # pixels
        torch.testing.assert_close(trace.weights(layer), own.weights[layer].transpose(0, 1), atol=CLOSE, rtol=0)
    assert trace.answer is not None and isinstance(trace.answer.read, Slots)
    torch.testing.assert_close(trace.answer.scores, own.result.logits[0], atol=CLOSE, rtol=0)
    x, y, wide, high = (own.result.pred_boxes[0] * torch.tensor(2 * SIZES[size])).unbind(-1)
    boxes = torch.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], -1)
    torch.testing.assert_close(torch.tensor(trace.answer.read.boxes).float(), boxes, atol=1e-3, rtol=0)
    assert trace.keys.labels[0] == "level 1, point 1" and trace.keys.labels[-1] == f"level {LEVELS}, point {POINTS}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_maps_are_those_of_eager_attention(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, picture = saved(tmp_path, kind), noise(97, 61)
    trace, own = av.record(opened(folder), picture), theirs(folder, kind, picture, monkeypatch)
    for layer, weights in enumerate(own.result.decoder_attentions):
        torch.testing.assert_close(trace.map("decoder").weights(layer), weights[0], atol=CLOSE, rtol=0)
    encoder = trace.map("encoder")
    if kind.startswith("rt_detr"):  # every place of the coarsest level looks at all others
        assert not isinstance(encoder.attention(0), Sampled)
        assert (encoder.queries.rows, encoder.queries.columns) == (2, 3)  # type: ignore[attr-defined]
        torch.testing.assert_close(encoder.weights(0), own.result.encoder_attentions[0][0], atol=CLOSE, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("deformable")])
def test_the_points_that_places_of_the_encoder_choose_are_those_of_transformers(
    kind: str, size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, picture = saved(tmp_path, kind), noise(*SIZES[size])
    trace, own = av.record(opened(folder), picture).map("encoder"), theirs(folder, kind, picture, monkeypatch)
    (places, weights), (width, height) = own.encoder[0], SIZES[size]
    sides = [[math.ceil(side / stride) for side in own.size] for stride in (8, 16, 32)]
    assert trace.n_layers == len(own.encoder) == 1 and isinstance(trace.queries, Levels)
    assert [[grid.rows, grid.columns] for grid in trace.queries.grids] == sides
    where = places.transpose(0, 1) * reach(own, ENCODED) * torch.tensor([width, height])
    torch.testing.assert_close(points(trace, 0).places, where, atol=1e-3, rtol=CLOSE)  # pixels
    torch.testing.assert_close(trace.weights(0), weights.transpose(0, 1), atol=CLOSE, rtol=0)
    assert trace.keys.labels[-1] == f"level {LEVELS}, point {ENCODED}"


@pytest.mark.parametrize("size", SIZES)
def test_without_offsets_the_points_of_a_place_lie_in_the_middle_of_its_box(size: str, tmp_path: Path) -> None:
    """On every level: that of a place says where on the picture it lies. Those at the border may reach beyond."""
    made = built("deformable")
    trace = av.record(opened(saved(tmp_path, "deformable", made)), noise(*SIZES[size])).map("encoder")
    assert isinstance(trace.queries, Levels)
    for number, grid in enumerate(trace.queries.grids):
        (_, _, right, bottom), level = grid.covers, trace.queries.level(number)
        for place, (x, y) in enumerate(points(trace, 0).places[0, level, ENCODED * number].tolist()):
            row, column = divmod(place, grid.columns)
            assert x == pytest.approx(right * (column + 0.5) / grid.columns, abs=1e-2)
            assert y == pytest.approx(bottom * (row + 0.5) / grid.rows, abs=1e-2)
            box = grid.stands_for(place)
            inner = row < grid.rows - 1 and column < grid.columns - 1
            assert isinstance(box, Box) and (not inner or (box.left < x < box.right and box.top < y < box.bottom))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["rt_detr", "rt_detr_v2"])
def test_the_points_of_the_surest_query_lie_on_the_bright_place(kind: str, size: str, tmp_path: Path) -> None:
    """A network whose encoder proposes the brightest place first; the points lie in the middle of what it says."""
    model, (width, height) = opened(saved(tmp_path, kind, built(kind))), SIZES[size]
    rows, columns = 8, 12  # places of the finest level
    for row, column in ((0, 0), (3, 7), (7, 11), (5, 0)):
        left, top = column * width / columns, row * height / rows
        box = Box(left, top, left + width / columns, top + height / rows)
        trace = av.record(model, lit(width, height, box))
        for layer in range(2):
            for x, y in points(trace, layer).places[:, 0].flatten(0, 1).tolist():
                assert box.left - 1 <= x <= box.right + 1 and box.top - 1 <= y <= box.bottom + 1, (box, x, y)


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize("size", SIZES)
def test_what_a_query_knows_is_what_is_bright_where_its_points_lie(size: str, level: int, tmp_path: Path) -> None:
    """Every query looks at one place of one level, put by hand: of all cells of that level the bright one that its
    points are said to lie in moves its state most, also where the features reach beyond the picture.
    """
    width, height = SIZES[size]
    for number, (across, down) in enumerate(((0.2, 0.3), (0.6, 0.23), (0.55, 0.7))):
        made = built("deformable")
        made.model.reference_points.bias.data[:] = torch.tensor([across, down]).logit()
        for layer in made.model.decoder.layers:
            layer.encoder_attn.attention_weights.bias.data.view(HEADS, LEVELS, POINTS)[:, level] = 30.0
        as_it_is = hf.DeformableDetrImageProcessorPil(do_resize=False)
        model = opened(saved(tmp_path / str(number), "deformable", made, as_it_is))
        before = av.record(model, lit(width, height, Box(0, 0, 0, 0)))
        (x, y), side = points(before, 0).places[0, 0, level * POINTS].tolist(), 8 * 2**level
        moved = {}
        for top in range(0, height, side):
            for left in range(0, width, side):
                box = Box(left, top, min(left + side, width), min(top + side, height))
                away = max(abs(left + side / 2 - x), abs(top + side / 2 - y))
                if away > 1.5 * side and (left or top):  # its neighbours, and a far one, will do
                    continue
                moved[box] = float(av.record(model, lit(width, height, box)).outputs[0, 0])
        best = max(moved, key=lambda one: moved[one])
        assert best.left <= x <= best.right and best.top <= y <= best.bottom, (best, x, y, across, down)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_a_removed_head_and_a_point_left_out_act(kind: str, tmp_path: Path) -> None:
    model, picture = opened(saved(tmp_path, kind)), noise(97, 61)
    before = av.record(model, picture)
    hard = av.record(model, picture, rule=av.Argmax())
    assert all(float(hard.weights(layer).max(-1).values.min()) == 1 for layer in range(2))
    left = av.record(model, picture, interventions=[av.HideToken(3, part="cross")])
    assert float(left.weights(1)[..., 3].max()) == 0 < float(before.weights(1)[..., 3].max())
    gone = av.record(model, picture, interventions=[av.RemoveHeads((1,), part="cross")])
    for changed in (hard, left, gone):
        boxes = [torch.tensor(one.answer.read.boxes) for one in (before, changed)]  # type: ignore[union-attr]
        assert float((boxes[0] - boxes[1]).abs().max()) > 0.001
    covered = av.record(model, model.see(picture).without([0]))
    assert covered.answer is not None and before.answer is not None
    assert not torch.equal(covered.answer.scores, before.answer.scores)


@pytest.mark.parametrize(("kind", "part"), [("rt_detr", "cross"), ("deformable", "cross"), ("deformable", "encoder")])
def test_a_removed_head_brings_nothing(kind: str, part: str, tmp_path: Path) -> None:
    """As its part of what is projected were zero."""
    made = network(kind)
    model, picture = opened(saved(tmp_path / "a", kind, made)), noise(97, 61)
    gone = av.record(model, picture, interventions=[av.RemoveHeads((2,), layers=(0,), part=part)])
    layer = made.model.encoder.layers[0].self_attn if part == "encoder" else made.model.decoder.layers[0].encoder_attn
    layer.output_proj.weight.data[:, 16:24] = 0
    other = av.record(opened(saved(tmp_path / "b", kind, made)), picture)
    torch.testing.assert_close(gone.answer.scores, other.answer.scores, atol=1e-5, rtol=0)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["rt_detr", "deformable"])
def test_what_names_a_place_where_there_are_points_is_refused(kind: str, tmp_path: Path) -> None:
    model, picture = opened(saved(tmp_path, kind)), noise(97, 61)
    for change in (av.HideToken(0), av.ForbidEdge(0, 0), av.Restrict(av.masks.Window(1))):
        with pytest.raises(AttnvizError) as refused:
            av.record(model, picture, interventions=[change])
        assert refused.value.message == "points_no_places"
    with pytest.raises(AttnvizError):
        av.record(model, picture, interventions=[av.HideToken(LEVELS * POINTS, part="cross")])
    if kind == "rt_detr":
        hidden = av.record(model, picture, interventions=[av.HideToken(1, part="encoder")])
        assert float(hidden.map("encoder").weights(0)[..., 1].max()) == 0
    else:  # the places of its encoder look at points too
        hidden = av.record(model, picture, interventions=[av.HideToken(LEVELS * ENCODED - 1, part="encoder")])
        assert float(hidden.map("encoder").weights(0)[..., -1].max()) == 0
        with pytest.raises(AttnvizError):
            av.record(model, picture, interventions=[av.HideToken(LEVELS * ENCODED, part="encoder")])


def test_the_share_inside_counts_the_points_that_lie_there(tmp_path: Path) -> None:
    trace = av.record(opened(saved(tmp_path, "rt_detr")), noise(97, 61))
    assert trace.answer is not None
    for slot in range(QUERIES):
        box = trace.answer.read.stands_for(slot)
        assert isinstance(box, Box)
        for head in range(HEADS):
            whole = 0.0
            for number, (x, y) in enumerate(points(trace, 1).places[head, slot].tolist()):
                if box.left <= x <= box.right and box.top <= y <= box.bottom:
                    whole += float(trace.weights(1, head)[slot, number])
            assert float(av.measures.inside(trace, 1, slot)[head]) == pytest.approx(whole, abs=1e-5)


def test_points_come_back_from_a_file_and_one_head_has_its_own(tmp_path: Path) -> None:
    trace = av.record(opened(saved(tmp_path / "model", "rt_detr_v2")), noise(97, 61))
    trace.save(tmp_path / "trace.safetensors")
    again = av.load_trace(tmp_path / "trace.safetensors")
    assert torch.equal(points(again, 1).places, points(trace, 1).places)
    torch.testing.assert_close(again.weights(1), trace.weights(1))
    spread = av.record(opened(saved(tmp_path / "other", "deformable")), noise(97, 61)).map("encoder")
    spread.save(tmp_path / "spread.safetensors")
    found = av.load_trace(tmp_path / "spread.safetensors")
    assert found.queries == spread.queries and torch.equal(points(found, 0).places, points(spread, 0).places)
    one = points(trace, 1).only(2)
    assert isinstance(one, Sampled) and torch.equal(one.places, points(trace, 1).places[2])
    with pytest.raises(AttnvizError):
        _ = points(trace, 1).output


def test_a_folder_that_does_not_say_how_pictures_are_prepared_is_told(tmp_path: Path) -> None:
    network("rt_detr").save_pretrained(tmp_path)
    model = opened(tmp_path)
    assert any(note.message == "picture_default" for note in model.notices)
    assert model.queries == QUERIES and model.see(noise(97, 61)).values.shape == (3, 640, 640)


def test_what_is_filled_up_round_a_picture_is_not_read(tmp_path: Path) -> None:
    """As beside a wider one in a batch of the network that was opened."""
    folder = saved(tmp_path, "deformable")
    own = type(network("deformable")).from_pretrained(folder, attn_implementation="eager").eval()
    values, real = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)), torch.ones(1, 64, 96)
    real[..., 48:] = 0
    with torch.inference_mode():
        read, theirs_read = (one(pixel_values=values, pixel_mask=real).logits for one in (opened(folder).network, own))
    torch.testing.assert_close(read, theirs_read, atol=CLOSE, rtol=0)
