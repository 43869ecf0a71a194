"""Weights, last states and what a head says are those of transformers' own eager attention, for every kind and size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import attnviz as av
from tests.parity.vision import FIRST, KINDS, SIZES, WAYS, network, noise, opened, prepared, saved, window_gap

CLOSE = 1e-5  # the worst seen: 9e-7 in weights, 4e-6 in states of up to 30


def eagerly(folder: Path, values: Any) -> Any:
    """What the network of a folder returns with its own attention; of CLIP and SigLIP the picture's tower."""
    made = opened(folder).network
    own = type(made).from_pretrained(folder, config=made.config, attn_implementation="eager").eval()
    config = getattr(own.config, "vision_config", own.config)
    given = {"pixel_values": torch.from_numpy(values)}
    side = config.image_size
    if config.model_type not in ("beit", "dinov2", "dinov2_with_registers"):  # which always interpolate
        given["interpolate_pos_encoding"] = tuple(values.shape[2:]) != (side, side)
    with torch.inference_mode():
        found = own(**given, output_attentions=True, output_hidden_states=True)
        if own.base_model is not own:
            found["last_hidden_state"] = own.base_model(**given).last_hidden_state
        return found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "swin"])
@pytest.mark.parametrize("way", ["stretched", "a rest left out", "short side, wide cut"])
def test_weights_states_and_labels_are_those_of_eager_attention(kind: str, way: str, tmp_path: Path) -> None:
    folder, picture = saved(tmp_path, network(kind), way), noise(97, 41)
    model = opened(folder)
    trace = av.record(model, picture)
    plain = eagerly(folder, prepared(model, way, picture))
    assert trace.kind == "vision" and trace.parts == ("self",) and trace.n_layers == len(plain.attentions)
    for layer, theirs in enumerate(plain.attentions):
        torch.testing.assert_close(trace.weights(layer), theirs[0], atol=CLOSE, rtol=0)
    last = plain.get("last_hidden_state", plain.hidden_states[-1])
    torch.testing.assert_close(trace.outputs, last[0], atol=1e-4, rtol=0)
    assert trace.special.count(True) == FIRST.get(kind, 1)
    if "logits" in plain:
        assert trace.answer is not None and model.labels == ("cat", "猫", "dog")
        torch.testing.assert_close(trace.answer.scores, plain.logits, atol=CLOSE, rtol=0)
        best, share = trace.predictions()[0]
        assert best == model.labels[int(plain.logits.argmax())] and 0 < share < 1
    else:
        assert trace.answer is None and model.labels == ()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
def test_a_picture_is_prepared_as_the_processor_of_its_folder_does(way: str, size: str, tmp_path: Path) -> None:
    model, picture = opened(saved(tmp_path, network("dinov2"), way)), noise(*SIZES[size])
    values = prepared(model, way, picture)
    seen = model.see(picture)
    assert (seen.values == values[0]).all()
    assert (seen.axis.rows, seen.axis.columns) == (values.shape[2] // 8, values.shape[3] // 8)
    assert len(av.record(model, seen).tokens) == seen.axis.rows * seen.axis.columns + 1


@pytest.mark.parametrize("way", WAYS)
def test_swin_says_what_it_says_by_itself_and_its_windows_hold_the_weights_of_its_own(way: str, tmp_path: Path) -> None:
    """transformers returns the last layer of each stage, a window a row of the batch; each must be a row of the map."""
    folder, picture = saved(tmp_path, network("swin"), way), noise(97, 41)
    model = opened(folder)
    trace, plain = av.record(model, picture), eagerly(folder, prepared(model, way, picture))
    assert trace.parts == ("stage 1", "stage 2") and trace.answer is not None
    torch.testing.assert_close(trace.answer.scores, plain.logits, atol=CLOSE, rtol=0)
    for part, theirs in zip(trace.parts, plain.attentions, strict=True):
        own = trace.map(part)
        weights, allowed = own.weights(1), own.attention(1).allowed
        assert allowed is not None and torch.equal(weights.sum(0) > 0, allowed[0] & (weights.sum(0) > 0))
        assert window_gap(weights, theirs) < CLOSE
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]), atol=CLOSE, rtol=0)


def test_a_long_picture_is_recorded_without_values_and_its_weights_are_the_same(tmp_path: Path) -> None:
    folder = saved(tmp_path, network("dinov2"), "as it is")
    model, picture = opened(folder), noise(8 * 40, 8 * 27)
    trace, plain = av.record(model, picture), eagerly(folder, prepared(model, "as it is", picture))
    assert len(trace.tokens) == 40 * 27 + 1 and trace.attention(0).values.shape[-1] == 0
    torch.testing.assert_close(trace.weights(1), plain.attentions[1][0], atol=CLOSE, rtol=0)
    kept = av.record(model, picture, values=True)
    assert kept.attention(0).values.shape[-1] == 8
    torch.testing.assert_close(kept.outputs, plain.last_hidden_state[0], atol=1e-4, rtol=0)


def test_the_region_that_patches_cover_is_what_was_cut_as_worked_out_by_hand(tmp_path: Path) -> None:
    """97 x 41 pixels."""
    expected = {
        "a rest left out": (0.0, 0.0, 97 * 40 / 46, 41 * 32 / 37),
        "short side, wide cut": (28 * 97 / 106, 2 * 41 / 45, 76 * 97 / 106, 42 * 41 / 45),  # 106 x 45, cut at 28 and 2
        "filled up": (8 * 97 / 56, -5 * 41 / 24, 48 * 97 / 56, 27 * 41 / 24),  # 56 x 24, cut at 8, 4.5 rows of zeros up
    }
    for way, region in expected.items():
        axis = opened(saved(tmp_path / way, network("vit"), way)).see(noise(97, 41)).axis
        assert axis.covers == pytest.approx(region), way
