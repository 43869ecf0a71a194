"""What an answer about a picture rests on, beside explicit second runs, finite differences and plain loops."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import attnviz as av
from attnviz import ArgumentError, AttnvizError, BoxSide, Logit, Stopped
from attnviz.experiments.reading import pictured
from attnviz.experiments.reading.pictured import Wanted, filling, seen_to_rest
from attnviz.measures import found as things
from attnviz.measures.reading import alti, contributions, flow, rollout, rows_to_one, with_residual
from attnviz.pictures import Seen
from attnviz.recording.things import glances
from attnviz.recording.things.glances import Glances
from tests.parity.test_gradients import CELLS, Give, shifted
from tests.parity.vision import KINDS as SEEING
from tests.parity.vision import network, noise, opened, saved
from tests.parity.vision.detection import KINDS as FINDING
from tests.parity.vision.detection import saved as saved_finder
from tests.parity.vision.detection.sampled import saved as saved_pointer

NAMES = ("vit", "dinov2 with registers", "clip with labels", "beit", "detr", "dab", "yolos", "rt_detr")
COVERED = [*((name, by) for name in NAMES for by in ("zero", "mean", "other")), ("swin", "mean")]  # one at a time
OTHER = av.Picture(np.random.default_rng(5).integers(0, 255, (50, 70, 3), dtype=np.uint8))
Find = Callable[[str], tuple[av.VisionModel, Seen]]


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Find]:
    """A tiny model by its kind, and a picture as it reads it."""
    root: Path = tmp_path_factory.mktemp("models")

    @cache
    def one(name: str) -> tuple[av.VisionModel, Seen]:
        folder = root / name
        if name in SEEING:
            saved(folder, network(name), "stretched" if name == "swin" else "a rest left out")
        else:
            (saved_finder if name in FINDING else saved_pointer)(folder, name)
        model = opened(folder)
        return model, model.see(noise(70, 50))

    yield one


def surest(outcome: Any) -> torch.Tensor:
    return outcome.logits[:, 1].max()


def target_of(model: av.VisionModel) -> Any:
    if isinstance(model, av.DetectionModel):
        return surest if model.proposes else Logit(2, 1)
    return Logit(0, 1, against=2)


def said(model: av.VisionModel, seen: Seen, **more: Any) -> float:
    """The number of a run of this picture alone."""
    answer = av.record(model, seen, **more).answer
    assert answer is not None
    if not isinstance(model, av.DetectionModel):
        return float(answer.scores[0, 1] - answer.scores[0, 2])
    return float(answer.scores[:, 1].max() if model.proposes else answer.scores[2, 1])


@pytest.mark.parametrize(("name", "by"), COVERED)
def test_a_covered_patch_is_an_explicit_second_run(name: str, by: Any, find: Find) -> None:
    model, seen = find(name)
    target = target_of(model)
    way = f"occluded_{by}"
    found = av.attributions(model, seen, target=target, other=OTHER, ways=[way])
    other = model.see(av.open_picture(OTHER.image().resize((seen.picture.width, seen.picture.height)))).values
    axis, whole, brute = seen.axis, said(model, seen), []
    high, wide = seen.patch
    patches = [place for place in range(len(axis)) if axis.stands_for(place) is not None]
    cells = [(slice(row * high, (row + 1) * high), slice(column * wide, (column + 1) * wide))
             for row in range(axis.rows) for column in range(axis.columns)]  # fmt: skip
    full = [seen.values[:, *cell] for cell in cells]
    mean = np.mean([one for one in full if one.shape[1:] == (high, wide)], 0)
    for cell in cells:
        values = seen.values.copy()
        there = {"zero": np.zeros(1), "mean": mean[:, : values[:, *cell].shape[1], : values[:, *cell].shape[2]]}
        values[:, *cell] = other[:, *cell] if by == "other" else there[by]
        brute.append(whole - said(model, replace(seen, values=values)))
    expected = torch.tensor(brute)[[place - len(axis.first) for place in patches]].double()
    assert found.labels == tuple(axis.labels[place] for place in patches) and found.value == pytest.approx(
        whole, abs=1e-4
    )
    assert torch.allclose(found[way], expected, atol=1e-4)
    assert float(expected.abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["detr", "yolos"])
@pytest.mark.parametrize("side", range(4))
def test_the_side_of_a_box_is_that_of_the_box_that_is_drawn(name: str, side: int, find: Find) -> None:
    model, seen = find(name)
    names = ("left", "top", "right", "bottom")
    found = av.attributions(model, seen, target=BoxSide(1, names[side]), ways=["occluded_mean"])
    box = av.record(model, seen).answer.read.stands_for(1)
    _, rows, columns = seen.values.shape
    left, top, right, bottom = seen.axis.covers
    across = (right - left) / (seen.axis.columns * seen.patch[1]) * columns
    down = (bottom - top) / (seen.axis.rows * seen.patch[0]) * rows
    assert found.at == 1 and found.value * (across, down)[side % 2] == pytest.approx(box[side], abs=1e-3)


@pytest.mark.parametrize("name", ["vit", "clip with labels", "conditional", "yolos"])
def test_gradient_of_a_weight_is_the_finite_difference_in_every_map(name: str, find: Find) -> None:
    model, seen = find(name)
    exact = replace(model, network=copy.deepcopy(model.network).double())
    target = target_of(model)
    run = av.differentiable(exact, seen)
    gradients, largest = run.gradients(target), 0.0
    assert gradients.inputs is None and not run.trace.layers[0].queries.requires_grad
    for part in run.trace.parts:
        for layer in range(2):
            weights = run.trace.map(part).attention(layer).weights.double()
            for cell in CELLS[1:]:

                def value(by: float) -> float:
                    give = Give(weights=shifted(weights, cell, by), part=part, layers=(layer,))  # noqa: B023
                    return said(exact, seen, interventions=[give])

                expected = (value(1e-4) - value(-1e-4)) / 2e-4
                found = gradients.map(part).layers[layer]
                assert found.shape == weights.shape and abs(found[cell].item() - expected) < 1e-4
                largest = max(largest, abs(expected))
    assert largest > 1e-2


@pytest.mark.parametrize("name", ["vit", "swin", "detr"])
def test_integrated_gradients_sum_to_what_all_patches_bring_beside_the_mean_one(name: str, find: Find) -> None:
    model, seen = find(name)
    target = target_of(model)
    found = av.attributions(model, seen, target=target, ways=["integrated_gradients"])
    start = said(model, replace(seen, values=filling(seen, "mean")))
    inside = all(seen.axis.stands_for(place) is not None for place in range(len(seen.axis.first), len(seen.axis)))
    gap = abs(float(found["integrated_gradients"].sum()) - (found.value - start))
    assert gap < 0.05 * abs(found.value - start) + 1e-3 or not inside


def test_rows_are_read_where_the_answer_is(find: Find) -> None:
    model, seen = find("vit")
    trace, found = av.record(model, seen), av.attributions(model, seen, ways=["weights", "largest", "rollout"])
    rows = [trace.weights(layer).double() for layer in range(2)]
    assert torch.allclose(found["weights"], torch.stack([one[:, 0].mean(0) for one in rows]).mean(0)[1:])
    assert torch.allclose(found["largest"], torch.cat([one[:, 0] for one in rows]).amax(0)[1:])
    whole = torch.eye(len(trace.tokens), dtype=torch.float64)
    for one in rows:
        whole = (one.mean(0) + torch.eye(len(whole))) / 2 @ whole
    assert torch.allclose(found["rollout"], whole[0, 1:]) and found.own == -1

    detr, picture = find("detr")
    run = av.record(detr, picture)
    asked = av.attributions(detr, picture, at=3, ways=["weights", "largest"])
    cross = [run.map("cross").weights(layer)[:, 3].double() for layer in range(2)]
    assert torch.allclose(asked["weights"], torch.stack([one.mean(0) for one in cross]).mean(0) / 2)
    assert torch.allclose(asked["largest"], torch.cat(cross).amax(0))

    yolos, picture = find("yolos")
    run = av.record(yolos, picture)
    place = len(run.tokens) - 4 + 3
    asked, own = av.attributions(yolos, picture, at=3, ways=["weights"]), picture.axis
    patches = [number for number in range(len(own)) if own.stands_for(number) is not None]
    expected = torch.stack([run.weights(layer)[:, place].double().mean(0) for layer in range(2)]).mean(0)
    assert torch.allclose(asked["weights"], expected[patches])


def test_a_head_that_reads_the_mean_of_all_patches_has_the_mean_of_their_rows(find: Find) -> None:
    model, seen = find("clip with labels")  # the mean of the patches, without the class token
    followed = av.differentiable(model, seen).followed(Logit(0, 1))
    assert followed.tolist() == [False] + [True] * (len(seen.axis) - 1)
    rows = [av.record(model, seen).weights(layer)[:, 1:].double() for layer in range(2)]
    found = av.attributions(model, seen, ways=["weights"])
    assert torch.allclose(found["weights"], torch.stack([one.mean((0, 1)) for one in rows]).mean(0)[1:])
    whole = torch.eye(len(seen.axis), dtype=torch.float64)
    for layer in range(2):
        whole = (av.record(model, seen).weights(layer).double().mean(0) + torch.eye(len(whole))) / 2 @ whole
    rolled = av.attributions(model, seen, ways=["rollout"])["rollout"]
    assert torch.allclose(rolled, whole[1:].mean(0)[1:])
    vit, seen = find("vit")
    assert av.differentiable(vit, seen).followed(Logit(0, 1)).tolist() == [True] + [False] * (len(seen.axis) - 1)


def test_a_detector_is_asked_about_what_it_is_surest_of(find: Find) -> None:
    model, seen = find("detr")
    trace = av.record(model, seen)
    surest = things(trace, 0.0)[0]
    found = av.attributions(model, seen, ways=["weights"])
    label = trace.answer.labels.index(surest.label)
    assert found.at == surest.slot and found.value == pytest.approx(
        float(trace.answer.scores[found.at, label]), abs=1e-4
    )


@pytest.mark.parametrize("name", ["vit", "clip with labels"])
def test_vectors_and_flow_are_those_of_the_blocks_written_out(name: str, find: Find) -> None:
    """Every vector laid out, every map of all places multiplied or piped; the rows that the head reads, their mean."""
    model, seen = find(name)
    target = target_of(model)
    found = av.attributions(model, seen, target=target, ways=["flow", "norms", "norms_residual", "alti"])
    trace = av.record(model, seen, states=True)
    brought, longs, nears = [], [], []
    for layer in range(trace.n_layers):
        call, block = trace.attention(layer), trace.block(layer)
        assert block.norm is None  # these norm before a block
        vectors = contributions(call.weights, block.transformed(call))
        whole = with_residual(vectors, block.entered)
        brought.append(vectors.norm(dim=-1))
        longs.append(rows_to_one(whole.norm(dim=-1)))
        nears.append(alti(whole, block.entered + block.added))
    followed = av.differentiable(model, seen).followed(target)
    rows = range(len(brought[0])) if followed is None else torch.nonzero(followed).flatten().tolist()
    maps = [trace.weights(layer) for layer in range(trace.n_layers)]
    expected = {
        "flow": torch.stack([flow(maps, row) for row in rows]).mean(0),
        "norms": torch.stack(brought).mean(0)[list(rows)].mean(0),
        "norms_residual": rollout(longs, identity=False)[list(rows)].mean(0),
        "alti": rollout(nears, identity=False)[list(rows)].mean(0),
    }
    patches = [place for place in range(len(seen.axis)) if seen.axis.stands_for(place) is not None]
    assert not found.missing
    for way, row in expected.items():
        assert torch.allclose(found[way], row[patches].double(), atol=1e-5), way
        assert float(row[patches].std()) > 1e-5, way


def test_flow_between_too_many_places_is_missing_with_its_reason(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = find("vit")
    monkeypatch.setattr(pictured, "MOST_FLOW", len(seen.axis) - 1)
    found = av.attributions(model, seen, target=target_of(model), ways=["flow", "rollout"])
    assert list(found.rows) == ["rollout"] and found.missing["flow"].message == "reading_flow_many"
    assert str(len(seen.axis)) in found.missing["flow"].say("zh")


@pytest.mark.parametrize(("name", "reason"), [("swin", "reading_stages"), ("rt_detr", "reading_points")])
def test_what_no_map_can_say_is_missing_with_its_reason(name: str, reason: str, find: Find) -> None:
    model, seen = find(name)
    maps = ["weights", "largest", "rollout", "flow", "norms", "norms_residual", "alti"]
    maps += ["gradient_attention", "relevance", "value_zeroing", "edges_shared", "edges_lost"]
    maps += ["integrated_gradients"] if name == "rt_detr" else []
    found = av.attributions(model, seen, target=target_of(model), ways=[*maps, "occluded_mean"])
    assert list(found.missing) == maps and list(found.rows) == ["occluded_mean"]
    assert {one.message for one in found.missing.values()} == {reason}
    assert all(one.say("zh") and one.say("en") == str(one) for one in found.missing.values())


def test_queries_that_are_chosen_anew_are_not_asked_by_their_numbers(find: Find) -> None:
    model, seen = find("rt_detr")
    for target in (None, Logit(2, 1), BoxSide(2, "left")):
        with pytest.raises(av.ModelError) as refusal:
            av.attributions(model, seen, target=target)
        assert refusal.value.message == "reading_queries_anew"


def test_rule_and_changes_act_in_every_run(find: Find) -> None:
    model, seen = find("vit")
    hidden = [av.HideToken(3)]
    wanted = Wanted(Logit(0, 1), ways=["occluded_mean", "relevance", "weights"], rule=av.Soft(0.5), changes=hidden)
    found = seen_to_rest(model, seen, wanted)
    trace = av.record(model, seen, rule=av.Soft(0.5), interventions=hidden)
    assert found.value == pytest.approx(float(trace.answer.scores[0, 1]), abs=1e-5)
    assert float(found["occluded_mean"][2].abs()) < 1e-5 and found["relevance"][2] == 0 and found["weights"][2] == 0
    assert float(found["occluded_mean"].abs().max()) > 1e-3


def test_refusals_progress_and_stopping(find: Find) -> None:
    model, seen = find("vit")
    refused: list[tuple[str, Callable[[], object]]] = [
        ("argument_way", lambda: av.attributions(model, seen, ways=["head"])),
        ("no_such_position", lambda: av.attributions(model, seen, at=4)),
        ("picture_cannot", lambda: av.attributions(model, av.record(model, seen))),
        ("model_sees", lambda: av.attributions(model, "a text")),
        ("target_no_boxes", lambda: av.attributions(model, seen, target=BoxSide(0, "left"))),
        ("no_such_piece", lambda: av.attributions(model, seen, target=Logit(0, 99))),
        ("argument_side", lambda: BoxSide(0, "middle")),
        ("reading_other_picture", lambda: av.attributions(model, seen)["occluded_other"]),
    ]
    for message, ask in refused:
        with pytest.raises((AttnvizError, ArgumentError)) as refusal:
            ask()
        assert refusal.value.message == message
    with pytest.raises(AttnvizError) as refusal:
        BoxSide(9, "left")(av.Outcome(None, torch.zeros(1, 1), torch.zeros(5, 4)))
    assert refusal.value.message == "no_such_position"
    heard: list[tuple[int, int]] = []
    wanted = Wanted(ways=["weights", "occluded_mean"], on_runs=lambda done, of: heard.append((done, of)))
    found = seen_to_rest(model, seen, wanted)
    assert heard[-1] == (len(found.labels) + 1, len(found.labels) + 1) and len(heard) > 1
    asked = iter([False] * 3 + [True] * 99)
    with pytest.raises(Stopped):
        av.attributions(model, seen, stop=lambda: next(asked))


def test_a_large_picture_goes_through_the_model_in_fewer_at_once_and_is_refused_where_it_does_not_fit(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, seen = find("vit")
    pixels, asked = int(seen.values[0].size), []
    assert Glances(model, seen).at_once == 16
    monkeypatch.setattr(glances, "PIXELS", 5 * pixels)
    assert Glances(model, seen).at_once == 5
    assert [len(one) for one in Glances(model, seen).groups(12)] == [5, 5, 2]
    monkeypatch.setattr(glances, "check_picture", lambda _, places: asked.append(places))
    Glances(model, seen).run(torch.from_numpy(seen.values.copy())[None].repeat(3, 1, 1, 1))
    assert asked == [{"self": 3 * len(seen.axis)}]
