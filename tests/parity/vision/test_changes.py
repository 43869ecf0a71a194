"""Rules, removed heads, forbidden edges, hidden, covered and shuffled patches act inside a run over a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import attnviz as av
from tests.parity.vision import network, noise, opened, saved

PICTURE = noise(64, 64)


def model_of(kind: str, folder: Path) -> av.VisionModel:
    return opened(saved(folder, network(kind), "stretched"))


def by_hand(model: av.VisionModel, rule: av.Rule | None = None, hidden: int | None = None) -> Any:
    """The labels of a ViT, layer for layer in plain torch: an independent reading of Dosovitskiy et al. 2021."""
    made: Any = model.network
    values = torch.from_numpy(np.array(model.see(PICTURE).values))[None]
    states = made.vit.embeddings(values)
    for layer in made.vit.layers:
        read = layer.layernorm_before(states)
        heads = [part(read)[0].view(-1, 4, 8).transpose(0, 1) for part in _parts(layer.attention)]
        scores = heads[0] @ heads[1].transpose(1, 2) / 8**0.5
        if hidden is not None:
            scores[..., hidden] = -torch.inf
        weights = scores.softmax(-1) if rule is None else rule.weigh(scores)
        mixed = (weights @ heads[2]).transpose(0, 1).reshape(1, -1, 32)
        states = states + layer.attention.o_proj(mixed)
        states = states + layer.mlp(layer.layernorm_after(states))
    return made.classifier(made.vit.layernorm(states)[:, 0])


def _parts(attention: Any) -> tuple[nn.Module, nn.Module, nn.Module]:
    return attention.q_proj, attention.k_proj, attention.v_proj


@pytest.mark.parametrize("rule", [None, av.Argmax(), av.TopK(3), av.Sparsemax(), av.Soft(temperature=0.5)])
def test_a_rule_inside_the_model_moves_what_it_says_as_plain_torch_has_it(rule: av.Rule | None, tmp_path: Path) -> None:
    model = model_of("vit", tmp_path)
    with torch.inference_mode():
        expected = by_hand(model, rule)
    trace = av.record(model, PICTURE, rule=rule)
    assert trace.answer is not None
    torch.testing.assert_close(trace.answer.scores, expected, atol=1e-5, rtol=0)


def test_a_hidden_patch_is_seen_by_nobody_and_the_labels_are_those_of_plain_torch_without_it(tmp_path: Path) -> None:
    model = model_of("vit", tmp_path)
    trace = av.record(model, PICTURE, interventions=[av.HideToken(6)])
    assert trace.answer is not None and all(float(trace.weights(layer)[..., 6].max()) == 0 for layer in range(2))
    with torch.inference_mode():
        torch.testing.assert_close(trace.answer.scores, by_hand(model, hidden=6), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["vit", "deit", "dinov2 with registers", "beit", "siglip with labels", "swin"])
def test_every_change_acts_and_leaves_the_model_as_it_was(kind: str, tmp_path: Path) -> None:
    model = model_of(kind, tmp_path)
    before = av.record(model, PICTURE)
    assert before.answer is not None
    for change in (av.RemoveHeads((0,)), av.KeepHead(1), av.ForbidEdge(0, 9, layers=(0,)), av.HideToken(9)):
        trace = av.record(model, PICTURE, interventions=[change])
        assert trace.answer is not None and not torch.equal(trace.answer.scores, before.answer.scores), change
        if not isinstance(change, av.KeepHead | av.RemoveHeads):
            assert float(trace.weights(0)[:, 0, 9].max()) == 0
    again = av.record(model, PICTURE)
    assert again.answer is not None and torch.equal(again.answer.scores, before.answer.scores)


def test_covering_a_patch_is_painting_it_in_the_mean_colour(tmp_path: Path) -> None:
    model = model_of("vit", tmp_path)
    seen = model.see(PICTURE)
    found = seen.without([6])  # row 1, column 1 behind the class token
    expected = seen.values.copy()
    expected[:, 8:16, 8:16] = 0
    assert (found.values == expected).all() and found.axis == seen.axis
    trace, before = av.record(model, found), av.record(model, PICTURE)
    assert trace.answer is not None and before.answer is not None
    assert not torch.equal(trace.answer.scores, before.answer.scores)
    with pytest.raises(av.AttnvizError, match="no patch"):
        seen.without([0])
    with pytest.raises(av.AttnvizError):
        seen.without([17])


def test_shuffled_patches_give_the_same_weights_in_their_places_where_there_are_no_positions(tmp_path: Path) -> None:
    """Self-attention alone does not know an order: what a place looks at goes with its patch."""
    made = network("vit")
    made.vit.embeddings.position_embeddings.data.zero_()
    model = opened(saved(tmp_path, made, "stretched"))
    seen = model.see(PICTURE)
    shuffled = seen.shuffled(seed=5)
    plain, moved = av.record(model, seen), av.record(model, shuffled)
    order = [0, *[number + 1 for number in shuffled.axis.order]]
    assert order != sorted(order) and plain.answer is not None and moved.answer is not None
    for layer in range(2):
        expected = plain.weights(layer)[:, order][:, :, order]
        torch.testing.assert_close(moved.weights(layer), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(moved.answer.scores, plain.answer.scores, atol=1e-5, rtol=0)
    assert [moved.queries.stands_for(place) for place in range(17)] == [plain.queries.stands_for(at) for at in order]


def test_shuffled_patches_move_what_a_model_with_positions_says_and_shuffled_back_do_not(tmp_path: Path) -> None:
    model = model_of("vit", tmp_path)
    seen = model.see(PICTURE)
    shuffled = seen.shuffled(seed=5)
    back = shuffled.placed(np.argsort(shuffled.axis.order))
    assert (back.values == seen.values).all() and back.axis.order == tuple(range(16))
    said = [av.record(model, one).answer for one in (seen, shuffled, back)]
    assert said[0] is not None and said[1] is not None and said[2] is not None
    assert torch.equal(said[0].scores, said[2].scores) and not torch.equal(said[0].scores, said[1].scores)
    with pytest.raises(ValueError, match="each of 16 patches once"):
        seen.placed([0] * 16)


def test_in_swin_a_patch_that_is_hidden_with_its_three_neighbours_is_hidden_in_the_next_stage(tmp_path: Path) -> None:
    model = model_of("swin", tmp_path)
    square = [av.HideToken(place) for place in (0, 1, 8, 9)]  # of 8 x 8 patches
    trace = av.record(model, PICTURE, interventions=square)
    assert float(trace.weights(1)[..., [0, 1, 8, 9]].max()) == 0
    assert float(trace.map("stage 2").weights(0)[..., 0].max()) == 0
    three = av.record(model, PICTURE, interventions=square[:3])
    assert float(three.map("stage 2").weights(0)[..., 0].max()) > 0
    own = av.record(model, PICTURE, interventions=[av.HideToken(5, part="stage 2")])
    assert float(own.map("stage 2").weights(0)[..., 5].max()) == 0 and float(own.weights(0)[..., 5].max()) > 0


def test_states_show_what_each_block_read_and_added(tmp_path: Path) -> None:
    model = model_of("vit", tmp_path)
    trace = av.record(model, PICTURE, states=True)
    block = trace.block(0)
    assert block.entered is not None and block.added is not None and block.left is not None
    assert block.entered.shape == (17, 32)
    torch.testing.assert_close(block.entered + block.added, block.left, atol=1e-5, rtol=0)
    with pytest.raises(av.ModelError):
        av.record(model_of("swin", tmp_path / "swin"), PICTURE, states=True)


def test_layers_are_told_and_a_run_can_be_stopped(tmp_path: Path) -> None:
    model, told = model_of("vit", tmp_path), list[tuple[int, int]]()
    av.record(model, PICTURE, on_layer=lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]
    with pytest.raises(av.Stopped):
        av.record(model, PICTURE, stop=lambda: True)


def test_a_small_picture_leaves_no_smaller_windows_for_the_next(tmp_path: Path) -> None:
    """Swin's layers clamp their windows to a small picture, and leave them so."""
    folder = saved(tmp_path, network("swin"), "as it is")
    fresh, used = opened(folder), opened(folder)
    small = av.record(used, noise(32, 32))
    assert len(small.tokens) == 64
    first, after = av.record(fresh, PICTURE).answer, av.record(used, PICTURE).answer
    assert first is not None and after is not None and torch.equal(first.scores, after.scores)
