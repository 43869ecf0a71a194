"""Values put to zero and edges cut in models that look at pictures, beside explicit second runs of transformers' own
eager network, changed by hooks; and how many runs that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import attnviz as av
from attnviz import BoxSide, Logit
from attnviz.adapter.vision.reading import inputs
from attnviz.experiments.reading import seen_edges
from attnviz.experiments.reading.pictured import Wanted, seen_to_rest
from attnviz.experiments.reading.places import Places
from attnviz.experiments.reading.zeroing import each_turned
from attnviz.pictures import Seen
from attnviz.recording.things.glances import Glances, Repeated
from tests.parity.reading.seconds import hooked, softmax_without
from tests.parity.vision import KINDS, network, noise, opened, saved
from tests.parity.vision.detection import KINDS as FINDING
from tests.parity.vision.detection import saved as saved_finder

SEEING = ("vit", "deit and its teacher", "dinov2 with registers", "clip with labels", "siglip with labels", "beit")
NAMES = (*SEEING, *FINDING)
VALUES = ("v_proj", "value", "self_attn_value_proj", "cross_attn_value_proj")
EDGES = ("edges_shared", "edges_lost")
SLOT = 2  # the query of a detector that is asked about
Find = Callable[[str], tuple[av.VisionModel, Seen, Any]]


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Find]:
    """A tiny model by its kind, a picture as it reads it, and the eager network of the same folder."""
    root: Path = tmp_path_factory.mktemp("models")

    @cache
    def one(name: str) -> tuple[av.VisionModel, Seen, Any]:
        folder = root / name
        if name in KINDS:
            saved(folder, network(name), "a rest left out")
        else:
            saved_finder(folder, name)
        model = opened(folder)
        eager = type(model.network).from_pretrained(folder, attn_implementation="eager").eval()
        return model, model.see(noise(70, 50)), eager

    yield one


def target_of(model: av.VisionModel) -> Logit:
    return Logit(SLOT, 1) if isinstance(model, av.DetectionModel) else Logit(0, 1, against=2)


def again(eager: Any, seen: Seen, *hooks: tuple[torch.nn.Module, Callable[..., Any]], states: bool = False) -> Any:
    """The eager network's own run over the picture."""
    with torch.inference_mode(), hooked(list(hooks)):
        return eager(**inputs(eager, seen), output_hidden_states=states)


def number(result: Any, target: Logit) -> float:
    row = result["logits"][0] if result["logits"].ndim == 3 else result["logits"]
    return float(row[target.position, target.token] - (0 if target.against is None else row[0, target.against]))


def projections(eager: Any, part: str) -> list[torch.nn.Module]:
    """Those that make the values of a map, layer after layer."""
    found = []
    for name, module in eager.named_modules():
        crossed = "encoder_attn" in name or "cross_attn" in name
        side = "cross" if crossed else "decoder" if "decoder." in name else "encoder"
        vision = not name.startswith("text_model")
        if vision and name.split(".")[-1] in VALUES and part in ("self", side):
            found.append(module)
    return found


def states(result: Any, part: str) -> Any:
    name = {"self": "hidden_states", "encoder": "encoder_hidden_states"}.get(part, "decoder_hidden_states")
    return result[name]


def zero_at(key: int) -> Callable[..., Tensor]:
    def zero(module: object, given: object, output: Tensor) -> Tensor:
        output = output.clone()
        output[:, key] = 0
        return output

    return zero


@pytest.mark.parametrize("name", NAMES)
def test_value_zeroing_is_a_second_run_whose_projection_gives_nothing_for_one_place(name: str, find: Find) -> None:
    model, seen, eager = find(name)
    trace = av.record(model, seen)
    found = each_turned(Repeated(Glances(model, seen), states=True), Places(trace), model.name)
    assert list(found) == [(one.part, layer) for one, layer in Places(trace).steps()]
    plain, largest = again(eager, seen, states=True), {part: 0.0 for part in trace.parts}
    for (part, layer), table in found.items():
        assert table.shape == tuple(len(side) for side in (trace.map(part).queries, trace.map(part).keys))
        for key in range(0, table.shape[1], 4):
            second = again(eager, seen, (projections(eager, part)[layer], zero_at(key)), states=True)
            before, after = (states(one, part)[layer + 1][0].double() for one in (plain, second))
            expected = 1 - (before * after).sum(-1) / (before.norm(dim=-1) * after.norm(dim=-1))
            assert (table[:, key] - expected).abs().max() < 1e-5
            largest[part] = max(largest[part], float(expected.abs().max()))
    assert min(largest.values()) > 1e-4 and max(largest.values()) > 1e-3


def shares(table: Tensor) -> Tensor:
    return table / table.sum(-1, keepdim=True)


@pytest.mark.parametrize("name", ["vit", "siglip with labels", "detr", "yolos"])
def test_the_row_of_value_zeroing_is_the_product_of_all_layers(name: str, find: Find) -> None:
    """In DETR half of a query's state is its own where it looks at the picture, whose places stay as they are."""
    model, seen, _ = find(name)
    trace = av.record(model, seen)
    tables = each_turned(Repeated(Glances(model, seen), states=True), Places(trace), model.name)
    places, slots = len(seen.axis), 0 if name in SEEING else len(trace.answer.read)
    whole = torch.eye(len(Places(trace).labels), dtype=torch.float64)
    for (part, _), table in tables.items():
        step = torch.eye(len(whole), dtype=torch.float64)
        if part == "self":
            step = shares(table)
        elif part == "encoder":
            step[:places, :places] = shares(table)
        elif part == "decoder":
            step[places:, places:] = shares(table)
        else:
            step[places:, places:] /= 2
            step[places:, :places] = shares(table) / 2
        whole = step @ whole
    at = {"vit": [0], "siglip with labels": range(places)}.get(name, [len(whole) - slots + SLOT])
    found = av.attributions(model, seen, target=target_of(model), ways=["value_zeroing"])["value_zeroing"]
    patches = [place for place in range(places) if seen.axis.stands_for(place) is not None]
    assert torch.allclose(found, whole[list(at)].mean(0)[patches], atol=1e-9) and float(found.std()) > 1e-5


def rows_of(model: av.VisionModel, trace: av.Trace) -> list[int]:
    """The rows that the answer is read from, known of each kind."""
    kind = model.network.config.model_type
    if isinstance(model, av.DetectionModel):
        return [len(trace.tokens) - len(trace.answer.read) + SLOT]
    if kind in ("siglip", "beit", "clip"):  # the mean of all, or of all patches
        return list(range(0 if kind == "siglip" else 1, len(trace.tokens)))
    if kind == "dinov2_with_registers":  # the class token beside the mean of the patches
        return [0, *range(5, len(trace.tokens))]
    return [0, 1] if kind == "deit" else [0]


@pytest.mark.parametrize("name", NAMES)
def test_edges_that_are_shared_out_are_those_of_interventions(name: str, find: Find) -> None:
    model, seen, _ = find(name)
    trace, target = av.record(model, seen), target_of(model)
    patches = [place for place in range(len(seen.axis)) if seen.axis.stands_for(place) is not None]
    found = av.attributions(model, seen, target=target, ways=["edges_shared"])
    expected = []
    for place in patches:
        cut = [av.ForbidEdge(row, place, part=trace.part) for row in rows_of(model, trace)]
        answer = av.record(model, seen, interventions=cut).answer
        expected.append(found.value - float(target(av.Outcome(answer.scores, torch.zeros(1, 1)))))
    assert found["edges_shared"].tolist() == pytest.approx(expected, abs=1e-4)
    assert max(map(abs, expected)) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_edges_that_are_lost_are_a_second_run_whose_softmax_leaves_weights_out(
    name: str, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, seen, eager = find(name)
    trace, target = av.record(model, seen), target_of(model)
    patches = [place for place in range(len(seen.axis)) if seen.axis.stands_for(place) is not None]
    found, whole = av.attributions(model, seen, target=target, ways=["edges_lost"]), number(again(eager, seen), target)
    size, expected = (len(trace.queries), len(trace.keys)), []
    for place in patches:
        with softmax_without(monkeypatch, size, rows_of(model, trace), place):
            expected.append(whole - number(again(eager, seen), target))
    assert found["edges_lost"].tolist() == pytest.approx(expected, abs=1e-4)
    assert max(map(abs, expected)) > 1e-3


def test_edges_of_an_answer_that_is_the_mean_of_all_places_hide_a_place(find: Find) -> None:
    model, seen, _ = find("siglip with labels")
    found = av.attributions(model, seen, target=Logit(0, 1), ways=["edges_shared"])
    hidden = [av.record(model, seen, interventions=[av.HideToken(one)]).answer for one in range(len(seen.axis))]
    expected = [found.value - float(answer.scores[0, 1]) for answer in hidden]
    assert found["edges_shared"].tolist() == pytest.approx(expected, abs=1e-4)


def test_an_edge_that_is_cut_may_move_a_box(find: Find) -> None:
    model, seen, _ = find("detr")
    found = av.attributions(model, seen, target=BoxSide(1, "top"), ways=EDGES)
    assert found.at == 1 and all(float(found[way].abs().max()) > 1e-4 for way in EDGES)
    assert not torch.allclose(found["edges_shared"], found["edges_lost"], atol=1e-4)
    assert not found.measured("edges_lost")  # none is held to the other


@pytest.mark.parametrize("name", ["vit", "detr"])
def test_every_run_is_counted_and_acts_with_the_changes_of_the_trace(name: str, find: Find) -> None:
    model, seen, _ = find(name)
    heard: list[tuple[int, int]] = []
    ways = ["value_zeroing", *EDGES]
    wanted = Wanted(
        target_of(model), ways=ways, changes=[av.HideToken(3)], on_runs=lambda done, of: heard.append((done, of))
    )  # fmt: skip
    found, trace = seen_to_rest(model, seen, wanted), av.record(model, seen)
    patches = len(found.labels)
    layers = sum(trace.map(part).n_layers * len(trace.map(part).keys) for part in trace.parts)
    assert heard[-1] == (layers + 2 * patches + 2,) * 2 and len({done for done, _ in heard}) == len(heard)
    place = found.labels.index(seen.axis.labels[3])
    assert found.rows.keys() == {*ways} and all(float(found[way][place].abs()) < 1e-5 for way in EDGES)
    # In DETR the hidden place can be seen by nobody; its own state never turns anything.
    assert float(found["value_zeroing"][place]) < 1e-9


def test_values_of_too_many_places_are_not_put_to_zero_and_the_reason_is_said(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, seen, _ = find("vit")
    runs, heard = 2 * len(seen.axis) + 1, list[tuple[int, int]]()
    wanted = Wanted(ways=["value_zeroing", "edges_lost"], on_runs=lambda done, of: heard.append((done, of)))
    monkeypatch.setattr(seen_edges, "MOST_ZEROED", runs)
    assert not seen_to_rest(model, seen, wanted).missing
    monkeypatch.setattr(seen_edges, "MOST_ZEROED", runs - 1)
    found = seen_to_rest(model, seen, wanted)
    assert heard[-1] == (len(found.labels) + 1,) * 2
    assert list(found.rows) == ["edges_lost"] and found.missing["value_zeroing"].message == "reading_zeroing_many"
    assert all(f"{runs}" in found.missing["value_zeroing"].say(lang) for lang in ("zh", "en"))


def test_states_that_are_not_one_for_each_layer_are_refused(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen, _ = find("vit")
    plain = seen_edges.Repeated.run

    def fewer(self: Repeated, rows: int, more: Any = ()) -> Any:
        found = plain(self, rows, more)
        for one in found:
            one.result["hidden_states"] = one.result["hidden_states"][1:]
        return found

    monkeypatch.setattr(seen_edges.Repeated, "run", fewer)
    found = av.attributions(model, seen, ways=["value_zeroing"])
    assert found.missing["value_zeroing"].message == "states_not_by_layer"
