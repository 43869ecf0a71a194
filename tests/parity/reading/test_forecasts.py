"""What a forecast rests on, beside explicit second runs and finite differences."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

import attnviz as av
from attnviz import ArgumentError, AttnvizError, Logit, Stopped
from attnviz.experiments.reading.foreseen import WAYS, _Run, foreseen_to_rest
from attnviz.experiments.reading.pictured import Wanted
from attnviz.measures.reading import flow
from attnviz.systems.series.network import Given, Way
from attnviz.systems.series.system import System, load
from attnviz.systems.series.window import Window
from tests.parity.test_gradients import Give, shifted

WHEN, OTHER, HOUR = "2014-02-20 08:00", "2014-05-12 08:00", 5
GOALS = {"median": Logit(HOUR, 1), "width of the interval": Logit(HOUR, 2, against=0)}


@pytest.fixture(scope="module")
def system() -> System:
    return load("air-beijing")


def said(system: System, window: Window, goal: Logit, **more: Any) -> float:
    values = system.forecast(window, **more).values[goal.position]
    return float(values[goal.token] - (0 if goal.against is None else values[goal.against]))


@pytest.mark.parametrize("goal", GOALS.values(), ids=GOALS)
def test_a_hidden_step_is_an_explicit_second_run(goal: Logit, system: System) -> None:
    window, other = system.window(WHEN).without(30, 33), system.window(OTHER)
    ways = ["occluded_zero", "occluded_mean", "occluded_other"]
    found = av.attributions(system, window, target=goal, other=other, ways=ways)
    whole, mean = said(system, window, goal), float(window.values.nanmean())
    assert found.value == pytest.approx(whole, abs=1e-3) and found.at == HOUR
    assert found.seen.tolist() == (~window.values.isnan()).tolist() and not found.seen[30]
    assert found.labels == tuple(system.read(window).key_tokens)
    for place in (0, 31, 40, 70, 71):
        gap = bool(window.values[place].isnan())
        theirs = float(other.values[place])
        brute = {
            "occluded_zero": window.without(place, place + 1),
            "occluded_mean": window if gap else window.with_value(place, mean),
            "occluded_other": window if gap or theirs != theirs else window.with_value(place, theirs),
        }
        for way, changed in brute.items():
            assert float(found[way][place]) == pytest.approx(whole - said(system, changed, goal), abs=2e-3), (
                way,
                place,
            )
    assert float(found["occluded_mean"].abs().max()) > 0.1


def test_gradient_of_a_weight_is_the_finite_difference_in_every_map(system: System) -> None:
    exact = replace(system, network=copy.deepcopy(system.network).double())
    window, goal = system.window(WHEN), GOALS["median"]
    trace = system.read(window)
    run = _Run(exact, window, trace, goal, HOUR, Wanted())
    given = run.given([window])
    wide = Given(*[one if one.dtype == torch.bool else one.double() for one in vars(given).values()])
    object.__setattr__(run, "given", lambda windows: wide)
    gradients, largest = run.live.gradients(goal), 0.0
    held = Way(av.Soft())
    exact.network(wide, held)
    for part in trace.parts:
        for layer in range(2):
            weights = held.calls[part][layer].weights[0].double()
            for cell in ((0, 5, 3), (2, 5, 20), (3, 7, 11)):

                def value(by: float) -> float:
                    give = Give(weights=shifted(weights, cell, by)[None], part=part, layers=(layer,))  # noqa: B023
                    found, _ = exact.network(wide, Way(av.Soft(), [give]))
                    return float(exact.scale.back(found)[0, HOUR, 1])

                expected = (value(1e-5) - value(-1e-5)) / 2e-5
                found = gradients.map(part).layers[layer]
                assert found.shape == weights.shape and found[cell].item() == pytest.approx(
                    expected, rel=1e-4, abs=1e-5
                )
                largest = max(largest, abs(expected))
    assert largest > 0.1


def test_integrated_gradients_sum_to_what_the_past_brings_beside_one_that_never_moved(system: System) -> None:
    window, goal = system.window(WHEN), GOALS["median"]
    found = av.attributions(system, window, target=goal, ways=["integrated_gradients"])
    logs = window.values.clamp_min(0).log1p()
    still = replace(window, values=torch.where(window.values.isnan(), window.values, logs.nanmean().expm1()))
    gap = float(found["integrated_gradients"].sum()) - (found.value - said(system, still, goal))
    assert abs(gap) < 0.05 * abs(found.value - said(system, still, goal))


def test_weights_and_rollout_are_rows_of_the_coming_step(system: System) -> None:
    trace = system.read(WHEN)
    found = av.attributions(system, WHEN, at=HOUR, ways=["weights", "largest", "rollout"])
    cross = [trace.weights(layer)[:, HOUR].double() for layer in range(2)]
    assert torch.allclose(found["weights"], torch.stack([one.mean(0) for one in cross]).mean(0) / 2)
    assert torch.allclose(found["largest"], torch.cat(cross).amax(0))

    def half(part: str, layer: int) -> torch.Tensor:
        return trace.map(part).weights(layer).mean(0).double() / 2

    past = torch.eye(72, dtype=torch.float64)
    for layer in range(2):
        past = past / 2 + half("encoder", layer) @ past
    taken = torch.zeros(24, 72, dtype=torch.float64)
    for layer in range(2):
        taken = taken / 2 + half("decoder", layer) @ taken
        taken = taken / 2 + half("cross", layer) @ past
    assert torch.allclose(found["rollout"], taken[HOUR])


def test_flow_is_that_through_both_sides(system: System) -> None:
    """72 past steps and 24 coming ones, each map between all of them: half of what looks stays where it is."""
    trace, past, coming = system.read(WHEN), slice(0, 72), slice(72, 96)
    sides = {"encoder": (past, past), "decoder": (coming, coming), "cross": (coming, past)}
    maps = []
    for part, layer in (("encoder", 0), ("encoder", 1), *((part, n) for n in (0, 1) for part in ("decoder", "cross"))):
        queries, keys = sides[part]
        whole = torch.eye(96, dtype=torch.float64)
        whole[queries, queries] /= 2
        whole[queries, keys] += trace.map(part).weights(layer).mean(0).double() / 2
        maps.append(whole)
    found = av.attributions(system, WHEN, at=HOUR, ways=["flow"])["flow"]
    assert torch.allclose(found, flow(maps, 72 + HOUR, identity=False)[past])
    assert float(found.std()) > 1e-4


def test_rule_and_changes_act_in_every_run_and_refusals_are_sentences(system: System) -> None:
    gone = [av.RemoveHeads((0, 1), layers=(0,), part="cross")]
    wanted = Wanted(at=HOUR, rule=av.TopK(5), changes=gone, ways=[way for way in WAYS if way != "occluded_other"])
    found = foreseen_to_rest(system, WHEN, wanted)
    changed = system.forecast(WHEN, rule=av.TopK(5), changes=gone).values[HOUR, 1]
    assert found.value == pytest.approx(float(changed), abs=1e-3) and not found.missing
    assert found.value != pytest.approx(float(system.forecast(WHEN).values[HOUR, 1]), abs=0.1)
    assert len(found.measured()) == len(found.rows) - 2
    for message, ask in (
        ("argument_way", lambda: av.attributions(system, WHEN, ways=["alti"])),
        ("no_such_position", lambda: av.attributions(system, WHEN, at=24)),
        ("reading_other_window", lambda: av.attributions(system, WHEN, ways=["occluded_other"])["occluded_other"]),
    ):
        with pytest.raises((AttnvizError, ArgumentError)) as refusal:
            ask()
        assert refusal.value.message == message
    asked = iter([False] * 2 + [True] * 99)
    with pytest.raises(Stopped):
        av.attributions(system, WHEN, stop=lambda: next(asked))
