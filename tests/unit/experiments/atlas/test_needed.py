"""How many heads are needed: curves are real runs, greedy begins with the least missed, slopes equal differences."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

import attnviz as av
from attnviz.core.attention import Attention
from attnviz.core.interventions import Intervention, Place, RemoveHeads
from attnviz.errors import ArgumentError, ModelError, Stopped
from attnviz.experiments.atlas import ORDERS, Needed
from attnviz.experiments.atlas.effects import bits, runs_of

TEXTS = ["南京市长江大桥", "the cat sat on the mat"]


@dataclass(frozen=True)
class Gate(Intervention):
    """One head's output times a number."""

    head: int
    factor: float

    def change(self, call: Attention, place: Place) -> Attention:
        values = call.values.clone()
        values[..., self.head, :, :] *= self.factor
        return replace(call, values=values)


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt"])
def test_the_slope_of_a_gate_is_the_difference_of_two_runs(name: str) -> None:
    model = av.load(name)
    table = av.gate_slopes(model, TEXTS[:1])
    for layer, head in ((0, 2), (3, 1)):
        slopes = []
        for run in runs_of(model, TEXTS[:1]):
            up, down = (
                bits(run, av.record(
                    model, run.text, blank=run.blank, interventions=[Gate(head, factor, layers=(layer,))]
                ).logits)
                for factor in (1.01, 0.99)
            )  # fmt: skip
            slopes.append(abs(float(up - down)) / 0.02)
        assert float(table[layer, head]) == pytest.approx(sum(slopes) / len(slopes), rel=0.03, abs=2e-4)


@pytest.mark.parametrize("by", ["gates", "alone"])
def test_every_point_of_the_curve_is_a_run_without_those_heads(by: str) -> None:
    model = av.load("lab-gpt")
    found = av.heads_needed(model, TEXTS, by=by)  # type: ignore[arg-type]
    assert sorted(found.order) == [(layer, head) for layer in range(4) for head in range(4)]
    gone = found.order[:5]
    changes = [RemoveHeads((head,), layers=(layer,)) for layer, head in gone]
    lost = []
    for run in runs_of(model, TEXTS):
        after = av.record(model, run.text, interventions=changes).logits
        lost.append(float(bits(run, after) - bits(run, av.record(model, run.text).logits)))
    assert found.lost[5] == pytest.approx(sum(lost) / len(lost), abs=1e-4)
    table = av.gate_slopes(model, TEXTS) if by == "gates" else av.head_effects(model, TEXTS).mean
    values = [float(table[place]) for place in found.order]
    assert values == sorted(values)


def test_greedy_takes_first_what_is_missed_least_and_tells_how_far_it_is() -> None:
    model, told = av.load("lab-1"), []
    found = av.heads_needed(model, TEXTS[:1], by="greedy", on_head=lambda done, count: told.append((done, count)))
    count = len(found.order)
    effects = av.head_effects(model, TEXTS[:1])
    assert found.lost[1] == pytest.approx(float(effects.mean.nan_to_num(99).min()), abs=1e-5)
    assert told[0] == (1, count * (count + 1) // 2) and told[-1] == (told[0][1], told[0][1])
    told.clear()
    alone = av.heads_needed(model, TEXTS[:1], by="alone", on_head=lambda done, count: told.append((done, count)))
    assert found.lost[-1] == pytest.approx(alone.lost[-1], abs=1e-5)
    assert told == [(done, 2 * count) for done in range(1, 2 * count + 1)]


def test_as_few_as_will_do_are_counted_from_all_of_them_down() -> None:
    order = ((0, 0), (0, 1), (1, 0), (1, 1))
    found = Needed(order, (0.0, -0.2, 0.05, 0.5, 0.05), "loss", "alone")
    assert [found.fewest(most) for most in (0.1, 0.0, 1.0)] == [2, 3, 0]
    assert found.kept(3) == ((0, 1), (1, 0), (1, 1)) and found.kept(0) == () and found.kept(4) == order


def test_another_order_a_stop_and_a_model_without_loss_are_sentences() -> None:
    model = av.load("lab-1")
    with pytest.raises(ArgumentError, match="greedy"):
        av.heads_needed(model, TEXTS, by="luck")  # type: ignore[arg-type]
    for by in ORDERS:
        with pytest.raises(Stopped):
            av.heads_needed(model, TEXTS, by=by, stop=lambda: True)  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        av.gate_slopes(replace(model, kind="plain"), TEXTS)
    assert torch.isfinite(av.gate_slopes(model, TEXTS)).all()
