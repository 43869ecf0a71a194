"""What models trained with GluonTS are told of each step, against numbers worked out by hand from its definitions."""

from __future__ import annotations

from datetime import datetime

import pytest
import torch

from attnviz.systems.series.calendar import TOLD, features, told
from attnviz.systems.series.clock import Clock
from attnviz.systems.series.files import forecast_csv
from attnviz.systems.series.system import Forecast, load
from attnviz.systems.series.window import Window

HOURS = Clock(datetime(2014, 12, 31, 22), "hour")


def test_hours_are_told_hour_weekday_day_of_month_and_year_and_age_as_gluonts_has_them() -> None:
    """Wednesday, 31 December, 22:00, and two hours later Thursday, 1 January, 0:00."""
    found = features(HOURS, 0, 3, 5)
    expected = [[22 / 23 - 0.5, 2 / 6 - 0.5, 0.5, 364 / 365 - 0.5, 0.30103], [-0.5, 3 / 6 - 0.5, -0.5, -0.5, 0.60206]]
    torch.testing.assert_close(found[[0, 2]], torch.tensor(expected), atol=1e-5, rtol=0)


def test_months_and_weeks_have_numbers_of_their_own_and_the_age_goes_on() -> None:
    months = features(Clock(datetime(2000, 1, 1), "month"), 11, 2, 2)
    torch.testing.assert_close(months[:, 0], torch.tensor([0.5, -0.5]))
    assert float(months[0, 1]) == pytest.approx(1.113943, abs=1e-5)  # lg 13
    weeks = features(Clock(datetime(2020, 12, 28), "day", 7), 0, 1, 2)  # the 53rd week, the 28th
    torch.testing.assert_close(weeks, torch.tensor([[27 / 30 - 0.5, 0.5]]))


@pytest.mark.parametrize("unit", ["second", "minute", "hour", "day", "month", "row"])
def test_as_many_numbers_as_a_model_wants_or_none_but_the_age(unit: str) -> None:
    clock, count = Clock(datetime(2020, 1, 1), unit), len(TOLD[unit])
    assert told(clock, count + 1) == (*TOLD[unit], "age") and told(clock, count + 2) is None
    found = features(clock, 5, 4, count + 2)
    assert found.shape == (4, count + 2) and float(found[:, :-1].abs().sum()) == 0 and bool((found[:, -1] > 0.8).all())
    assert features(clock, 0, 3, 0).shape == (3, 0)


def test_a_table_of_means_has_an_interval_only_where_the_model_gives_one() -> None:
    window = Window(HOURS, 0, torch.ones(4), torch.tensor([1.0, torch.nan]))
    values = torch.tensor([[0.5, 1.0, 2.0], [1.5, 2.0, 4.0]])
    trace = load("air-beijing").read("2014-02-20 08:00")
    lines = forecast_csv(Forecast(window, values, trace), middle="mean").decode("utf-8-sig").splitlines()
    assert lines == ["time,q10,mean,q90,came", "2015-01-01T02:00,0.5,1,2,1", "2015-01-01T03:00,1.5,2,4,"]
    values[:, [0, 2]] = torch.nan
    lines = forecast_csv(Forecast(window, values, trace), middle="mean").decode("utf-8-sig").splitlines()
    assert lines == ["time,mean,came", "2015-01-01T02:00,1,1", "2015-01-01T03:00,2,"]
