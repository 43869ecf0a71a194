"""Each token of a picture lies where it says: one bright place changes the tokens that cover it, and no others; and a
weight put by hand on a token lights up its pixels.

The towers are built so that their attention adds nothing: what stands at a token then comes from its own patches alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

import attnviz as av
from attnviz.axes import Box
from attnviz.measures import on_picture, picture_shares
from tests.parity.captioning import KINDS, SIZES, network, opened, saved
from tests.parity.vision import lit

TOWERS = ("vision_tower", "vision_model", "visual")
QUESTION = "what is it ?"


def local(kind: str) -> Any:
    """A network of a kind whose tower looks nowhere: its patches stay as they are."""
    made = network(kind)
    for name, weights in made.named_parameters():
        mixes = name.rsplit(".", 2)[-2] in ("out_proj", "projection", "proj") and "patch_embed" not in name
        if any(tower in name for tower in TOWERS) and mixes:
            weights.data.zero_()
    return made


def keys_of(trace: av.Trace) -> torch.Tensor:
    """What the first layer that reads the picture compares its queries with, `[place, number]`."""
    found = trace.attention(0).keys
    return found.transpose(0, 1).flatten(1)


def touched(model: av.VisionLanguageModel, size: tuple[int, int], box: Box) -> list[int]:
    """The places whose key is another where a dark picture is bright in a box, the most changed first."""
    dark, bright = lit(*size, Box(0, 0, 0, 0)), lit(*size, box)
    before, after = (keys_of(av.record(model, QUESTION, picture=one)) for one in (dark, bright))
    moved = (after - before).norm(dim=1)
    return [place for place in moved.argsort(descending=True).tolist() if moved[place] > 1e-4]


def inner(box: Box) -> Box:
    """The middle of a box, which no scaling smears over its edges by much."""
    across, down = (box.right - box.left) / 3, (box.bottom - box.top) / 3
    return Box(*np.rint((box.left + across, box.top + down, box.right - across, box.bottom - down)).tolist())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_one_bright_place_is_the_token_that_says_it_covers_it(kind: str, size: str, tmp_path: Path) -> None:
    model = opened(saved(tmp_path, kind, local(kind)))
    keys = av.record(model, QUESTION, picture=lit(*SIZES[size], Box(0, 0, 0, 0))).keys
    pictured = [place for place in range(len(keys)) if isinstance(keys.stands_for(place), Box)]
    for place in (pictured[0], pictured[len(pictured) // 2 + 1], pictured[-1]):
        box = keys.stands_for(place)
        assert isinstance(box, Box)
        spot = inner(box)
        if min(spot.right - spot.left, spot.bottom - spot.top) < 1:
            continue
        found = touched(model, SIZES[size], spot)
        covering = {one for one in pictured if _meet(keys.stands_for(one), spot)}
        assert place in covering and set(found[: len(covering)]) == covering, (place, box, found)


def test_a_picture_that_is_laid_in_a_square_first_is_covered_where_it_lies_in_it(tmp_path: Path) -> None:
    """96 x 48 pixels in the middle of 96 x 96, of 4 x 4 patches: the two rows of patches between see it."""
    square = dict(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    model = opened(saved(tmp_path, "llava", local("llava"), hf.LlavaImageProcessorPil(do_pad=True, **square)))
    keys = av.record(model, QUESTION, picture=lit(96, 48, Box(0, 0, 0, 0))).keys
    boxes = {place: box for place in range(len(keys)) if isinstance(box := keys.stands_for(place), Box)}
    assert [tuple(box) for box in boxes.values()] == [
        (24.0 * column, 24.0 * row, 24.0 * (column + 1), 24.0 * (row + 1)) for row in range(2) for column in range(4)
    ]
    for place in (min(boxes), max(boxes)):
        assert touched(model, (96, 48), inner(boxes[place]))[:1] == [place]


def _meet(box: Any, spot: Box) -> bool:
    return bool(box.left < spot.right and spot.left < box.right and box.top < spot.bottom and spot.top < box.bottom)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_put_by_hand_on_a_token_lights_up_its_pixels(kind: str, size: str, tmp_path: Path) -> None:
    width, height = SIZES[size]
    trace = av.record(opened(saved(tmp_path, kind)), QUESTION, picture=lit(width, height, Box(0, 0, 0, 0)))
    for place in range(len(trace.keys)):
        box, weights = trace.keys.stands_for(place), torch.zeros(len(trace.keys))
        weights[place] = 0.5
        found = on_picture(weights, trace.keys, (width, height), (height, width))
        if not isinstance(box, Box):
            assert float(found.sum()) == 0
            continue
        assert float(found.sum()) == pytest.approx(0.5, abs=1e-6)
        rows, columns = found.sum(1).nonzero().flatten().tolist(), found.sum(0).nonzero().flatten().tolist()
        assert rows == list(range(int(box.top + 1e-9), int(np.ceil(box.bottom - 1e-9))))
        assert columns == list(range(int(box.left + 1e-9), int(np.ceil(box.right - 1e-9))))


def test_tiles_and_the_whole_picture_are_laid_over_each_other(tmp_path: Path) -> None:
    """97 x 41 pixels in 3 x 2 tiles, of 2 x 2 tokens each, and once more as a whole."""
    model = opened(saved(tmp_path, "idefics3"))
    trace = av.record(model, QUESTION, picture=lit(97, 41, Box(0, 0, 0, 0)))
    names = [trace.keys.labels[place] for place in trace.keys.pictured]  # type: ignore[attr-defined]
    assert names[:8] == ["1,1", "1,2", "2,1", "2,2", "1,3", "1,4", "2,3", "2,4"] and names[-4:] == [
        "[1,1]", "[1,2]", "[2,1]", "[2,2]",
    ]  # fmt: skip
    assert len(names) == 4 * (6 + 1)
    one = trace.keys.stands_for(trace.keys.labels.index("[2,2]"))
    assert one == Box(97 / 2, 41 / 2, 97, 41)


def test_shares_of_picture_prompt_and_answer_add_up(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "llava"))
    trace = av.record(model, QUESTION, picture=lit(64, 64, Box(0, 0, 9, 9)), target="a cat")
    weights, border = trace.weights(1), trace.border
    assert border == len(trace.tokens) - 2
    shares = picture_shares(trace, weights)
    torch.testing.assert_close(shares.sum(-1), torch.ones(shares.shape[:-1]))
    image = [place for place, name in enumerate(trace.tokens) if "," in name]
    assert len(image) == 16
    assert float(shares[2, -1, 0]) == pytest.approx(float(weights[2, -1, image].sum()), abs=1e-6)
    assert float(shares[2, -1, 2]) == pytest.approx(float(weights[2, -1, -2:].sum()), abs=1e-6)
    assert av.record(model, QUESTION, picture=lit(64, 64, Box(0, 0, 9, 9))).border is None
