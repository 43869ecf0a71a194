"""A forecaster trained on one series, and what heads look back at, against plain loops."""

from __future__ import annotations

import math

import pytest
import torch

from attnviz.errors import AttnvizError
from attnviz.systems.series.clock import Clock
from attnviz.systems.series.heads import Habit, habit
from attnviz.systems.series.learn import held_out, period_of, task_of, training
from attnviz.systems.series.series import Series


def waves(count: int = 200, period: int = 8) -> Series:
    values = 20 + 5 * torch.sin(torch.arange(count) * 2 * math.pi / period)
    return Series("waves", Clock(), values)


@pytest.mark.parametrize("period", [5, 7, 12, 24])
def test_a_period_is_found_over_a_trend_and_with_gaps(period: int) -> None:
    steps = torch.arange(300)
    values = torch.sin(steps * 2 * math.pi / period) + 0.05 * steps
    values[40:55] = math.nan
    assert period_of(values) == period
    assert period_of(torch.randn(300, generator=torch.Generator().manual_seed(1))) == 0


def test_no_training_window_reaches_what_is_held_out() -> None:
    task = task_of(waves())
    assert (task.period, task.ahead, task.past) == (8, 8, 24)
    assert int(task.starts(held=False).max()) + task.ahead <= task.held <= int(task.starts(held=True).min())
    end = task.window(len(task.series))
    assert bool(end.came.isnan().all()) and torch.equal(end.values, task.series.values[-task.past :])


def test_a_training_learns_waves_better_than_the_last_value_and_is_the_same_again() -> None:
    task = task_of(waves())
    first, second = (list(training(task, steps=60, frame=20)) for _ in range(2))
    assert [one.step for one in first] == [0, 20, 40, 60] and first[-1].loss < first[1].loss
    assert [one.loss for one in first[1:]] == [one.loss for one in second[1:]]
    before, after = held_out(task, first[0].system), held_out(task, first[-1].system)
    assert after.system < min(after.last, before.system) and after.seasonal == pytest.approx(0, abs=1e-4)
    assert torch.equal(first[0].system.network.lags, second[0].system.network.lags), "a moment does not learn on"


def test_too_short_a_series_is_one_sentence() -> None:
    values = torch.arange(40.0)
    values[:26] = math.nan
    with pytest.raises(AttnvizError, match="too few"):
        task_of(Series("few", Clock(), values))


def test_shares_of_a_head_are_those_of_plain_loops() -> None:
    chance = torch.Generator().manual_seed(5)
    weights = torch.rand(3, 4, 30, generator=chance)
    seen = torch.rand(3, 30, generator=chance) > 0.2
    weights = weights * seen[:, None]
    weights = weights / weights.sum(-1, keepdim=True)
    wind = torch.randint(0, 3, (3, 30), generator=chance)
    found = habit(weights, seen, wind, day=24)
    yesterday, last, same, spread = 0.0, 0.0, 0.0, 0.0
    for window in range(3):
        newest = max(place for place in range(30) if seen[window, place])
        for hour in range(4):
            row = weights[window, hour].tolist()
            yesterday += sum(row[place] for place in range(30) if abs(30 + hour - place - 24) <= 1) / 12
            last += row[newest] / 12
            same += sum(row[place] for place in range(30) if wind[window, place] == wind[window, newest]) / 12
            bits = -sum(one * math.log(one) for one in row if one > 0)
            spread += bits / math.log(int(seen[window].sum())) / 12
    assert (found.yesterday, found.last) == (pytest.approx(yesterday, abs=1e-6), pytest.approx(last, abs=1e-6))
    assert (found.wind, found.entropy) == (pytest.approx(same, abs=1e-6), pytest.approx(spread, abs=1e-6))


def test_a_head_that_follows_places_is_not_called_by_the_wind_and_one_that_follows_it_is() -> None:
    wind = torch.tensor([[0] * 15 + [1] * 15, [1] * 10 + [0] * 20, [0, 1] * 15])
    newest = torch.zeros(3, 2, 30)
    newest[..., 25:] = 0.2
    seen = torch.ones(3, 30, dtype=torch.bool)
    by_place = habit(newest, seen, wind)
    assert by_place.wind - by_place.even[2] > 0.1 and by_place.name != "wind"
    same = (wind == wind[:, -1:]).float()
    follows = (same / same.sum(-1, keepdim=True))[:, None].expand(3, 2, 30)
    assert habit(follows, seen, wind).name == "wind"


def test_names_have_one_definition() -> None:
    even = (0.04, 0.01, 0.34)
    assert Habit(0.1, 0.5, 0.4, 0.5, even).name == "last" and Habit(0.5, 0.4, 0.4, 0.5, even).name == "yesterday"
    assert Habit(0.1, 0.1, 0.4, 0.95, even).name == "spread" and Habit(0.1, 0.1, 0.4, 0.7, even).name == "mixed"
    assert Habit(0.3, 0.1, 0.4, 0.7, (0.2, 0.01, 0.34)).name == "mixed", "not three times what is even"
