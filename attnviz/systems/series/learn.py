"""A small forecaster trained on one series while somebody watches: the past is learnt from, its last fifth is held out.

    L  past steps that it reads: three periods, or three times what it forecasts
    H  coming steps: one period, where the series has one

The loss is the pinball loss of three quantiles; the same series gives the same training.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.core.adam import Adam
from attnviz.core.rules import Soft
from attnviz.errors import TextError
from attnviz.systems.series.clock import SEASONS
from attnviz.systems.series.network import Forecaster, Given, Shape, Way, pinball
from attnviz.systems.series.series import Series
from attnviz.systems.series.system import System
from attnviz.systems.series.window import Scale, Window

STEPS, FRAME = 300, 15  # steps of a training, and how many pass from one picture to the next
RATE, DECAY, MANY = 1e-2, 0.0, 24
WIDTH, HEADS, INNER = 32, 4, 64
SHAKEN = 0.03  # the deviation of what is added to values that are learnt from
HELD = 0.2  # of the steps
MOST_PAST, MOST_AHEAD = 104, 26
LEAST_WINDOWS = 8
LONGEST_PERIOD = 400
CLEAR = 0.3  # the least correlation of a series with itself, a period later


@dataclass(frozen=True, eq=False)
class Task:
    """What is learnt: a series, how much of it is read and forecast, its period (0: none was found)."""

    series: Series
    past: int
    ahead: int
    period: int

    @property
    def held(self) -> int:
        """The first step that is held out: no training window reaches it."""
        return len(self.series) - max(self.ahead, round(HELD * len(self.series)))

    @property
    def scale(self) -> Scale:
        """The mean and the deviation of what is learnt from."""
        known = self.series.values[: self.held]
        known = known[~known.isnan()]
        return Scale(
            middle=float(known.mean()), spread=max(float(known.std()), 1e-9 * max(1.0, float(known.abs().max())))
        )

    def starts(self, held: bool) -> Int64[Tensor, " window"]:
        """The steps at which a forecast can begin, of those learnt from or of those held out, something being known of
        the past and of what comes."""
        seen = (~self.series.values.isnan()).long()
        count = torch.cat([torch.zeros(1, dtype=torch.long), seen.cumsum(0)])
        first, last = (self.held, len(self.series)) if held else (self.past, self.held)
        starts = torch.arange(max(first, self.past), last - self.ahead + 1)
        return starts[
            (count[starts] - count[starts - self.past] >= self.past // 2) & (count[starts + self.ahead] > count[starts])
        ]

    def window(self, start: int) -> Window:
        """The window whose forecast begins at a step; what comes after the end of the series is not known."""
        values = self.series.values
        came = torch.full((self.ahead,), math.nan)
        known = values[start : start + self.ahead]
        came[: len(known)] = known
        return Window(self.series.clock, start - self.past, values[start - self.past : start], came)


@dataclass(frozen=True, eq=False)
class Moment:
    """How far a training is: steps done, the loss of the steps since the last moment, and the system as it is now."""

    step: int
    loss: float
    system: System


def task_of(series: Series) -> Task:
    """How much of a series is read and forecast. Raises `TextError` for one that is too short to learn and hold out."""
    period = period_of(series.values)
    ahead = min(max(period, 6), MOST_AHEAD, len(series) // 8)
    past = min(max(3 * period, 3 * ahead, 24), MOST_PAST, len(series) // 3)
    task = Task(series, past, ahead, period)
    if len(task.starts(held=False)) < LEAST_WINDOWS or not len(task.starts(held=True)):
        raise TextError("series_few_windows", steps=len(series), past=past, ahead=ahead)
    return task


def period_of(values: Float[Tensor, " step"]) -> int:
    """After how many steps is a series most like itself, once its trend is taken out? 0 where it never is.

    >>> period_of(torch.sin(torch.arange(120) * 2 * math.pi / 12))
    12
    """
    seen = ~values.isnan()
    steps = torch.arange(len(values), dtype=torch.float64)
    known, at = values[seen].double(), steps[seen]
    slope = ((at - at.mean()) * (known - known.mean())).sum() / (at - at.mean()).square().sum()
    rest = torch.where(seen, values.double() - known.mean() - slope * (steps - at.mean()), 0.0)
    longest = min(LONGEST_PERIOD, len(values) // 3)
    power = torch.fft.irfft(torch.fft.rfft(rest, 2 * len(rest)).abs().square())[: longest + 2]
    pairs = torch.fft.irfft(torch.fft.rfft(seen.double(), 2 * len(rest)).abs().square())[: longest + 2]
    alike = (power / pairs.clamp_min(1)) / (power[0] / pairs[0]).clamp_min(1e-12)
    peaks = [
        lag for lag in range(2, longest + 1) if alike[lag] >= max(CLEAR, alike[lag - 1]) and alike[lag] > alike[lag + 1]
    ]
    best = max((float(alike[lag]) for lag in peaks), default=0.0)
    return next((lag for lag in peaks if alike[lag] >= 0.85 * best), 0)


class Lessons:
    """The windows of a task, as a network is given them."""

    def __init__(self, task: Task) -> None:
        self.task, self.scale = task, task.scale
        self.values = self.scale.to(task.series.values)
        self.seasons = task.series.clock.seasons(0, len(task.series))

    def at(self, starts: Int64[Tensor, " window"]) -> tuple[Given, Float[Tensor, "window ahead"]]:
        """Some windows, and what came, in the network's scale."""
        past = starts[:, None] + torch.arange(-self.task.past, 0)
        coming = starts[:, None] + torch.arange(self.task.ahead)
        values = self.values[past]
        beside = torch.zeros(*values.shape, 0)
        given = Given(values.nan_to_num(0.0), ~values.isnan(), beside, self.seasons[past], self.seasons[coming])
        return given, self.values[coming]


def training(task: Task, seed: int = 1, steps: int = STEPS, frame: int = FRAME) -> Iterator[Moment]:
    """Train a network: a moment before the first step, and one after every `frame` steps."""
    chance, lessons, starts = torch.Generator().manual_seed(seed), Lessons(task), task.starts(held=False)
    network = _new(task, seed)
    adam, mean = Adam(network.parameters(), RATE, DECAY), copy.deepcopy(network)
    yield Moment(0, math.nan, _kept(task, mean))
    for done in range(frame, steps + 1, frame):
        losses = []
        for step in range(done - frame, done):
            adam.rate = RATE * min(1.0, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))
            some = starts[torch.randint(len(starts), (MANY,), generator=chance)]
            loss = _loss(network, *lessons.at(some), chance)
            losses.append(float(loss.detach()))
            adam.descend(loss)
            _follow(mean, network, min(0.95, step / (step + 10)))
        yield Moment(done, sum(losses) / len(losses), _kept(task, mean))


def _new(task: Task, seed: int) -> Forecaster:
    """An untrained network of the task's shape; torch's own chance stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Forecaster(Shape(task.past, task.ahead, SEASONS, 0, WIDTH, HEADS, INNER, layers=1, level=False))


def _loss(network: Forecaster, given: Given, truth: Tensor, chance: torch.Generator) -> Tensor:
    """The pinball loss of the steps that were measured, the values a little shaken."""
    values = given.values + SHAKEN * torch.randn(given.values.shape, generator=chance)
    found, _ = network(Given(values, given.seen, given.beside, given.seasons, given.coming), Way(Soft()))
    known = ~truth.isnan()
    return pinball(found[known], truth[known]).mean()


@torch.no_grad()
def _follow(mean: Forecaster, network: Forecaster, kept: float) -> None:
    """Move the running mean of the weights, which is what is shown."""
    for one, new in zip(mean.parameters(), network.parameters(), strict=True):
        one.lerp_(new, 1 - kept)


def _kept(task: Task, network: Forecaster) -> System:
    """The network as it is now; it goes on learning without this one."""
    still, clock = copy.deepcopy(network).eval().requires_grad_(False), task.series.clock
    return System(task.series.name, still, task.scale, step=(clock.unit, clock.count))


@dataclass(frozen=True)
class Held:
    """The mean absolute error over the held-out part, in the series' own unit: the system, and what it stands beside.

    `seasonal` repeats the last period, NaN where the series has none.
    """

    system: float
    last: float
    seasonal: float
    windows: int


@torch.inference_mode()
def held_out(task: Task, system: System, most: int = 200) -> Held:
    """How far off are forecasts of what was held out? At most so many windows, spread evenly."""
    starts = task.starts(held=True)
    starts = starts[torch.linspace(0, len(starts) - 1, min(most, len(starts))).round().long()]
    given, _ = Lessons(task).at(starts)
    found, _ = system.network(given, Way(Soft()))
    values = task.series.values
    truth = values[starts[:, None] + torch.arange(task.ahead)]
    filled = _filled(values)
    last = filled[starts - 1][:, None].expand_as(truth)
    period = task.period
    back = torch.arange(task.ahead) % max(period, 1) - period
    season = filled[starts[:, None] + back] if period else torch.full_like(truth, math.nan)
    own, kept, repeated = (
        float((one - truth).abs().nanmean()) for one in (system.scale.back(found[..., 1]), last, season)
    )
    return Held(own, kept, repeated, len(starts))


def _filled(values: Float[Tensor, " step"]) -> Float[Tensor, " step"]:
    """Each gap as the last step before it that was measured."""
    places = torch.where(values.isnan(), 0, torch.arange(len(values))).cummax(0).values
    return values[places]
