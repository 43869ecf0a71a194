"""One bright patch on a dark picture, and models built by hand that look at what is bright: they light up there alone.

Every weight is 0 but for these: the first number of a patch's embedding is its brightness (that of a class token is
darker than any), the second is 1, the first number of a query is a constant and that of a key is the first of what the
layer reads. Layer norms keep the order of the first number, so that the brightest patch has the highest score, whoever
looks.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import attnviz as av
from attnviz.axes import Box
from tests.parity.vision import KINDS, SIZES, WAYS, lit, network, opened, saved

SHARP = 60.0


def built(kind: str) -> Any:
    """A network of a kind that looks at what is bright, in every head of every layer."""
    made = network(kind)
    for name, weights in made.named_parameters():
        weights.data.zero_()
        part, last = name.rsplit(".", 2)[-2:] if "." in name else ("", name)
        if "norm" in part or "layrnorm" in part:
            weights.data.fill_(float(last == "weight"))
        elif "patch_embedding" in name and last == "weight":
            weights.data[0] = 1 / weights[0].numel()
        elif "patch_embedding" in name:
            weights.data[1] = 1.0
        elif "position_embedding" in name and "clip" in kind.split()[0] and "siglip" not in kind:
            weights.data[..., 1] = 1.0  # its patches have no bias
        elif last in ("cls_token", "distillation_token", "register_tokens", "class_embedding"):
            weights.data[..., 0], weights.data[..., 1] = -3.0, 1.0
        elif part == "q_proj" and last == "bias":
            weights.data[::8] = SHARP  # the first of each head's 8
        elif part == "k_proj" and last == "weight":
            weights.data[::8, 0] = 1.0
    return made


def looked_at(trace: av.Trace) -> set[int]:
    """Where all heads of the first layer look most, whoever looks; only those count that may look there."""
    weights = trace.weights(0)
    bright = int(weights.amax((0, 1)).argmax())
    allowed = trace.attention(0).allowed
    sees = torch.ones(len(trace.tokens), dtype=torch.bool) if allowed is None else allowed[0, :, bright]
    return set(weights[:, sees].argmax(-1).unique().tolist())


def _seen(box: Box) -> bool:
    """Is it large enough to be painted? A sliver may be rounded away, or be brighter beside it."""
    return min(box.right - box.left, box.bottom - box.top) > 4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_bright_patch_is_where_every_kind_looks_at_sizes_that_it_does_not_divide(
    kind: str, size: str, tmp_path: Path
) -> None:
    folder, (width, height) = saved(tmp_path, built(kind), "a rest left out"), SIZES[size]
    model = opened(folder)
    axis = model.see(lit(width, height, Box(0, 0, 1, 1))).axis
    for place in (len(axis.first), len(axis) // 2 + 1, len(axis) - 1):
        box = axis.stands_for(place)
        assert isinstance(box, Box)
        if _seen(box):
            assert looked_at(av.record(model, lit(width, height, box))) == {place}, (place, box)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
def test_a_bright_patch_is_where_it_is_however_a_picture_is_prepared(way: str, size: str, tmp_path: Path) -> None:
    model, (width, height) = opened(saved(tmp_path, built("dinov2 with registers"), way)), SIZES[size]
    axis = model.see(lit(width, height, Box(0, 0, 1, 1))).axis
    there = [place for place, special in enumerate(axis.special) if not special]
    for place in (there[0], there[len(there) // 2], there[-1]):
        box = axis.stands_for(place)
        assert isinstance(box, Box)
        if _seen(box):
            assert looked_at(av.record(model, lit(width, height, box))) == {place}, (place, box)


# The size of the picture, the middle of a bright box of 6 x 6 pixels, and the row and column of its patch.
KNOWN = {
    "stretched": ((64, 128), (13, 90), (2, 0)),  # 4 x 4 patches of 16 x 32 pixels
    "stretched and cut": ((80, 80), (20, 61), (3, 0)),  # to 40 x 40, of which 4 are cut off at each side
    "short side and cut": ((144, 72), (43, 11), (0, 0)),  # to 72 x 36, cut at 20 and 2: 16 pixels each, from (40, 4)
    "filled up": ((48, 96), (24, 70), (3, 2)),  # to 24 x 48; 8 zeros at the left, 7 cut off above: from (-16, 14)
    "as it is": ((70, 45), (60, 38), (4, 7)),  # 8 x 5 patches; 6 columns and 5 rows are left out
}


@pytest.mark.parametrize("way", KNOWN)
def test_a_box_whose_patch_was_worked_out_by_hand_lights_up(way: str, tmp_path: Path) -> None:
    (width, height), (x, y), (row, column) = KNOWN[way]
    trace = av.record(opened(saved(tmp_path, built("vit"), way)), lit(width, height, Box(x - 3, y - 3, x + 3, y + 3)))
    (place,) = looked_at(trace)
    assert trace.tokens[place] == f"{row + 1},{column + 1}"
    box = trace.queries.stands_for(place)
    assert isinstance(box, Box) and box.left <= x <= box.right and box.top <= y <= box.bottom


def test_a_picture_that_its_camera_held_sideways_lights_up_where_people_see_it(tmp_path: Path) -> None:
    model, exif = opened(saved(tmp_path, built("vit"), "stretched")), Image.Exif()
    exif[0x0112] = 6
    upright = lit(60, 120, Box(45, 90, 60, 120))  # the last patch of 4 x 4
    file = BytesIO()
    upright.image().transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    trace = av.record(model, file.getvalue())
    assert looked_at(trace) == {len(trace.tokens) - 1} and trace.queries.stands_for(-1) == Box(45, 90, 60, 120)


def test_in_swin_whoever_is_in_another_window_can_not_see_the_bright_patch(tmp_path: Path) -> None:
    """8 x 8 patches in windows of 4 x 4, rolled by two in the second layer."""
    made = built("swin")
    trace = av.record(opened(saved(tmp_path, made, "stretched")), lit(64, 64, Box(8, 8, 16, 16)))  # row 1, column 1
    bright = 1 * 8 + 1
    for layer, inside in ((0, range(4)), (1, range(2))):
        own = trace.attention(layer)
        assert own.allowed is not None
        seers = {divmod(place, 8) for place in own.allowed[0, :, bright].nonzero().flatten().tolist()}
        assert seers == {(row, column) for row in inside for column in inside}
        outside = ~own.allowed[0]
        assert bool((own.scores[:, outside] == -torch.inf).all()) and bool((own.weights[:, outside] == 0).all())
