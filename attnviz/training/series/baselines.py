"""What forecasts of Beijing's air are measured against: the last hour, the day before, and a linear model.

    persistence   every coming hour is as the last one that was measured
    seasonal      every coming hour is as the same hour of the day before, or of an earlier day that was measured
    linear        DLinear (Zeng et al. 2023): a moving mean of 25 hours and the rest, each through one linear layer

The first two get their interval from the errors that they made until 2012, as shares, for each coming hour. The linear
model sees the same three days of PM2.5, less its mean and over its spread, gaps filled with the last value, and is
trained on the same windows with the same loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from attnviz.systems.series.network import QUANTILES, pinball, scale_of
from attnviz.training import loop
from attnviz.training.series.data import AHEAD, PAST, Lesson, Windows

MEAN = 25  # hours of the moving mean
STEPS, MANY, RATE = 2_000, 128, 3e-3
UNIT = 50.0
Say = Callable[[Lesson], Float[Tensor, "window ahead quantile"]]


def filled(lesson: Lesson) -> Float[Tensor, "window past"]:
    """The past with each gap as the last hour before it that was measured, one at the beginning as the first."""
    values, seen = lesson.given.values, lesson.given.seen
    places = torch.arange(values.shape[-1])
    last = torch.where(seen, places, -1).cummax(-1).values
    first = seen.int().argmax(-1, keepdim=True)
    return values.gather(-1, torch.where(last < 0, first, last))


def persistence(lesson: Lesson) -> Float[Tensor, "window ahead"]:
    """The last hour that was measured, in logarithms."""
    return filled(lesson)[:, -1:].expand(-1, AHEAD)


def seasonal(lesson: Lesson) -> Float[Tensor, "window ahead"]:
    """The same hour of the last day on which it was measured, in logarithms; the last hour where there is none."""
    values, seen = lesson.given.values.unflatten(-1, (-1, AHEAD)), lesson.given.seen.unflatten(-1, (-1, AHEAD))
    days = torch.arange(1, values.shape[1] + 1)[:, None]
    day = (seen * days).argmax(1)
    found = values.gather(1, day[:, None])[:, 0]
    return torch.where(seen.any(1), found, persistence(lesson))


def with_interval(point: Callable[[Lesson], Tensor], windows: Windows) -> Say:
    """A point forecast with quantiles of the errors that it made on the windows of the training years."""
    lesson = windows.at(windows.starts("train")[::5])
    errors = lesson.truth.log1p() - point(lesson)
    shift = torch.stack([errors.nanquantile(q, 0) for q in QUANTILES], dim=-1)
    shift[:, 1] = 0.0  # the point itself

    def say(lesson: Lesson) -> Tensor:
        return (point(lesson)[..., None] + shift).expm1().clamp_min(0.0)

    return say


class Linear(nn.Module):
    """DLinear with an output for each quantile, in place of one."""

    def __init__(self) -> None:
        super().__init__()
        self.trend = nn.Linear(PAST, AHEAD * len(QUANTILES))
        self.rest = nn.Linear(PAST, AHEAD * len(QUANTILES))
        for one in (self.trend, self.rest):
            nn.init.constant_(one.weight, 1 / PAST)

    def forward(self, lesson: Lesson) -> Float[Tensor, "window ahead quantile"]:
        level, spread = scale_of(lesson.given.values, lesson.given.seen)
        values = (filled(lesson) - level) / spread
        padded = F.pad(values[:, None], (MEAN // 2, MEAN // 2), mode="replicate")
        trend = F.avg_pool1d(padded, MEAN, 1)[:, 0]
        found = (self.trend(trend) + self.rest(values - trend)).unflatten(-1, (AHEAD, -1))
        found = found * spread[..., None] + level[..., None]
        ordered: Tensor = found.clamp_max(8.0).expm1().clamp_min(0.0).sort(-1).values
        return ordered


def quantile_loss(said: Tensor, truth: Tensor) -> Tensor:
    """The mean pinball loss of the hours that were measured, in units of 50 micrograms."""
    known = ~truth.isnan()
    return pinball(said[known] / UNIT, truth[known] / UNIT).mean()


def linear(windows: Windows, steps: int = STEPS, seed: int = 18) -> Say:
    """Train the linear model; the best of 2013 is kept."""
    torch.manual_seed(seed)
    network, best = Linear(), loop.Best()
    asked = windows.at(windows.starts("validation")[::7])

    def look(_: loop.Now) -> None:
        with torch.inference_mode():
            best.offer(network, float(quantile_loss(network(asked), asked.truth)))

    loop.train(
        loop.adamw(network, rate=RATE, decay=0.0),
        windows.lessons(MANY, seed),
        lambda lesson: {"loss": quantile_loss(network(lesson), lesson.truth)},
        loop.Course(steps, RATE, lambda step: loop.cosine(step, steps=steps, warm_up=50)),
        loop.Every(100, look, last=True),
    )
    network.load_state_dict(dict(best.state))
    return torch.inference_mode()(network.forward)


def baselines(windows: Windows) -> Mapping[str, Say]:
    """All of them by name."""
    return {
        "persistence": with_interval(persistence, windows), "seasonal": with_interval(seasonal, windows),
        "linear": linear(windows),
    }  # fmt: skip
