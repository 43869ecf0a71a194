"""The forecaster against plain arithmetic in float64, a model built by hand, and what hidden hours must not do."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz import shipped
from attnviz.core.interventions import RemoveHeads
from attnviz.core.rules import Argmax, Soft
from attnviz.errors import AttnvizError
from attnviz.systems.series.clock import Clock
from attnviz.systems.series.files import forecast_csv
from attnviz.systems.series.network import LEAST_SPREAD, Forecaster, Given, Shape, Way, pinball
from attnviz.systems.series.system import System, load
from attnviz.systems.series.window import Scale, Window

MOMENT = "2014-11-19 12:00"


@pytest.fixture(scope="module")
def air() -> System:
    return load("air-beijing")


class Plain:
    """A network written out without `attend`, in float64."""

    def __init__(self, system: System) -> None:
        self.numbers = {name: one.double() for name, one in system.network.state_dict().items()}
        self.heads, self.layers = system.network.shape.heads, system.network.shape.layers

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.numbers[f"{name}.weight"].T + self.numbers[f"{name}.bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        spread = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        return spread * self.numbers[f"{name}.weight"] + self.numbers[f"{name}.bias"]

    def think(self, name: str, x: Tensor) -> Tensor:
        inner = F.gelu(self.linear(f"{name}.layers.0", self.norm(f"{name}.norm", x)))
        return x + self.linear(f"{name}.layers.1", inner)

    def look(self, name: str, x: Tensor, y: Tensor | None, seen: Tensor) -> tuple[Tensor, Tensor]:
        """What comes of a look, and its weights `[head, query, key]`."""
        asking = self.norm(f"{name}.norm", x)
        source = asking if y is None else y
        q, k, v = (
            self.linear(f"{name}.layers.{part}", one)
            for part, one in (("query", asking), ("key", source), ("value", source))
        )
        wide = q.shape[-1] // self.heads
        taken, weights = [], []
        for head in range(self.heads):
            cut = slice(head * wide, (head + 1) * wide)
            scores = q[:, cut] @ k[:, cut].T / math.sqrt(wide)
            scores[:, ~seen] = -math.inf
            weights.append(torch.softmax(scores, -1))
            taken.append(weights[-1] @ v[:, cut])
        return x + self.linear(f"{name}.layers.out", torch.cat(taken, -1)), torch.stack(weights)

    def memory(self, window: Window, values: Tensor, told: Tensor, seen: Tensor) -> Tensor:
        """What the encoder makes of the past."""
        assert window.beside is not None
        known = [window.beside.double(), window.clock.seasons(window.first, len(values)).double()]
        places = self.linear("past", torch.cat([values[:, None], told, *known], -1)) + self.numbers["lags"]
        for n in range(self.layers):
            places = self.think(f"encoder.{n}.1", self.look(f"encoder.{n}.0", places, None, seen)[0])
        return self.norm("remembered", places)


def plain(system: System, window: Window) -> tuple[Tensor, list[Tensor]]:
    """Quantiles `[ahead, 3]` and the cross weights of each layer."""
    net, seen, weights = Plain(system), ~window.values.isnan(), []
    logs = window.values.double().nan_to_num(0).log1p()
    level = logs[seen].mean()
    spread = max((logs[seen] - level).square().mean().sqrt().item(), LEAST_SPREAD)
    past, ahead = len(logs), len(window.came)
    values = torch.where(seen, (logs - level) / spread, 0.0)
    told = torch.stack([level.expand(past), torch.full((past,), math.log(spread)).double()], -1)
    memory, everyone = net.memory(window, values, told, seen), torch.ones(ahead, dtype=torch.bool)
    coming = window.clock.seasons(window.first + past, ahead).double()
    states = net.linear("coming", coming) + net.numbers["leads"]
    for n in range(net.layers):
        states, _ = net.look(f"decoder.{n}.0", states, None, everyone)
        states, found = net.look(f"decoder.{n}.1", states, memory, seen)
        weights.append(found)
        states = net.think(f"decoder.{n}.2", states)
    low, mid, high = net.linear("out", net.norm("said", states)).unbind(-1)
    three = torch.stack([mid - F.softplus(low), mid, mid + F.softplus(high)], -1)
    return (three * spread + level).expm1().clamp_min(0), weights


@pytest.mark.parametrize("moment", [MOMENT, "2014-01-30 18:00"])
def test_weights_and_forecast_are_those_of_plain_arithmetic(air: System, moment: str) -> None:
    window = air.window(moment).without(20, 31)
    found = air.forecast(window)
    values, weights = plain(air, window)
    for layer, expected in enumerate(weights):
        torch.testing.assert_close(found.trace.weights(layer).double(), expected, rtol=0, atol=2e-6)  # worst seen 4e-7
    torch.testing.assert_close(found.values.double(), values, rtol=2e-5, atol=1e-3)  # worst seen 2e-4 of 500


def test_a_trace_has_three_maps_of_hours_and_each_row_sums_to_one(air: System) -> None:
    trace = air.read(MOMENT)
    assert trace.parts == ("cross", "encoder", "decoder") and trace.kind == "series"
    assert trace.tokens[0] == "11-19 12:00" and trace.key_tokens[-1] == "11-19 11:00"
    for part in trace.parts:
        one = trace.map(part)
        assert [one.attention(layer).n_heads for layer in one.open_layers] == [4, 4]
        for layer in one.open_layers:
            total = one.weights(layer).sum(-1)
            torch.testing.assert_close(total, torch.ones_like(total))
    assert trace.map("encoder").keys is trace.map("encoder").queries


def test_hidden_hours_have_no_weight_and_no_say(air: System) -> None:
    window = air.window(MOMENT)
    hidden = window.without(48, 72)
    found = air.forecast(hidden)
    for part in ("cross", "encoder"):
        for layer in (0, 1):
            assert float(found.trace.map(part).weights(layer)[..., 48:72].abs().max()) == 0
    assert window.beside is not None
    other = window.beside.clone()
    other[48:72] = 5.0  # the weather of hidden hours has no say either
    assert torch.equal(found.values, air.forecast(replace(hidden, beside=other)).values)
    assert not torch.allclose(found.values, air.forecast(window).values, rtol=0.05)


def test_a_window_without_anything_to_see_is_refused(air: System) -> None:
    with pytest.raises(AttnvizError, match="none is left"):
        air.read(air.window(MOMENT).without(0, 72))
    with pytest.raises(AttnvizError, match="finite"):
        air.window(MOMENT).with_value(-1, math.inf)
    with pytest.raises(AttnvizError):
        air.window(MOMENT).with_value(72, 1.0)


@pytest.mark.parametrize("text", ["", "yesterday", "2014-13-01 08:00", "2013-12-31 08:00", "2014-12-31 08:00"])
def test_a_moment_that_cannot_be_asked_is_one_sentence(air: System, text: str) -> None:
    with pytest.raises(AttnvizError) as said:
        air.read(text)
    assert len(str(said.value)) > 20 and said.value.say("zh")


def test_the_network_without_attention_gives_every_hour_the_same_weight() -> None:
    trace = load("air-beijing-even").read("2014-05-12 08:00")
    for part in trace.parts:
        for layer in (0, 1):
            weights = trace.map(part).weights(layer)
            torch.testing.assert_close(weights, torch.full_like(weights, 1 / weights.shape[-1]))


def test_rules_and_heads_taken_away_move_the_forecast(air: System) -> None:
    usual, hard = air.forecast(MOMENT), air.forecast(MOMENT, rule=Argmax())
    assert bool(((hard.trace.weights(1) > 0).sum(-1) == 1).all()) and not torch.allclose(usual.values, hard.values)
    without = air.forecast(MOMENT, changes=[RemoveHeads((2,), layers=(1,), part="cross")])
    assert float(without.trace.attention(1).values[2].abs().max()) == 0
    assert not torch.allclose(usual.values, without.values, rtol=0.01)
    assert without.trace.changes and not without.trace.map("encoder").changes


def built_by_hand(past: int = 24, ahead: int = 4) -> System:
    """A network whose cross-attention compares nothing but the value of a past step: it looks at the highest."""
    network = Forecaster(Shape(past, ahead, 9, 0, width=8, heads=1, inner=8, layers=1))
    state = {name: torch.zeros_like(one) for name, one in network.state_dict().items()}
    for name in state:
        if name.endswith(("norm.weight", "remembered.weight", "said.weight")):
            state[name] += 1.0
    state["past.weight"][0, 0] = 1.0  # the value stands in the first number of each place
    state["coming.bias"][1] = 1.0
    state["decoder.0.1.layers.query.bias"][0] = 20.0  # every coming step asks for a high first number
    state["decoder.0.1.layers.key.weight"][0, 0] = 1.0
    network.load_state_dict(state)
    return System("by-hand", network.eval().requires_grad_(False), Scale())


@pytest.mark.parametrize("place", [0, 7, 23])
def test_a_spike_lights_up_at_its_hour_in_a_model_built_by_hand(place: int) -> None:
    values = torch.zeros(24)
    values[place] = 10.0
    window = Window(Clock(unit="hour"), 0, values, torch.full((4,), math.nan))
    weights = built_by_hand().read(window).weights(0, 0)
    assert weights.argmax(-1).tolist() == [place] * 4 and float(weights[:, place].min()) > 0.95


def test_the_held_out_year_is_forecast_better_with_attention_than_without(air: System) -> None:
    even, off, kept = load("air-beijing-even"), [], []
    for day in range(1, 29, 3):
        for month in (2, 5, 8, 11):
            text = f"2014-{month:02d}-{day:02d} 06:00"
            one, other = air.forecast(text), even.forecast(text)
            off.append(one.error)
            kept.append(other.error)
    assert sum(off) < sum(kept), "on the same 40 windows"
    figures = shipped.figures("air-beijing")["test"]
    assert figures["attention"]["mae"] < min(figures[name]["mae"] for name in ("even", "linear", "persistence"))
    assert figures["persistence"]["mae_1"] < figures["attention"]["mae_1"], "and the page says so"


def test_pinball_is_what_it_says_for_each_quantile() -> None:
    said, truth = torch.tensor([[0.0, 1.0, 5.0], [2.0, 2.0, 2.0]]), torch.tensor([2.0, 1.0])
    expected = [[0.1 * 2, 0.5 * 1, 0.1 * 3], [0.9 * 1, 0.5 * 1, 0.1 * 1]]
    torch.testing.assert_close(pinball(said, truth), torch.tensor(expected))


def test_a_forecast_as_a_table_has_every_hour_and_what_came(air: System) -> None:
    found = air.forecast(MOMENT)
    lines = forecast_csv(found).decode("utf-8-sig").splitlines()
    assert len(lines) == 25 and lines[1].startswith("2014-11-19T12:00,")
    assert float(lines[1].split(",")[2]) == pytest.approx(float(found.values[0, 1]), rel=1e-5)
    halved = forecast_csv(found, 2.0).decode("utf-8-sig").splitlines()
    assert float(halved[5].split(",")[4]) == pytest.approx(float(found.window.came[4]) / 2)


def test_quantiles_never_cross_whatever_the_network_is() -> None:
    torch.manual_seed(3)
    network = Forecaster(Shape(12, 5, 9, 0, width=8, heads=2, inner=8, layers=2))
    given = Given(
        torch.randn(4, 12), torch.rand(4, 12) > 0.2, torch.zeros(4, 12, 0), torch.randn(4, 12, 9), torch.randn(4, 5, 9)
    )
    found, _ = network(given, Way(Soft()))
    assert bool((found.diff(dim=-1) > 0).all()) and asdict(network.shape)["past"] == 12
