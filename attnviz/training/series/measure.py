"""What forecasts of the held-out year are measured by: the error of the median, the quantile score, the interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from attnviz.core.rules import Argmax, Rule, Soft
from attnviz.systems.series.heads import SHARES, Habit, habit
from attnviz.systems.series.network import Given, Way, pinball
from attnviz.systems.series.system import System
from attnviz.training.series.baselines import Say
from attnviz.training.series.data import Lesson, Windows

AT_ONCE = 128  # windows
HOURS = (1, 3, 6, 12, 24)  # ahead whose errors are told apart
EVERY = 13  # of the windows one in so many says what heads do
Figures = dict[str, Any]


def said_by(system: System, rule: Rule | None = None, *, bare: bool = False) -> Say:
    """A system as what is measured; `bare`: it is given no weather."""

    @torch.inference_mode()
    def say(lesson: Lesson) -> Tensor:
        given = replace(lesson.given, beside=torch.zeros_like(lesson.given.beside)) if bare else lesson.given
        found, _ = system.network(given, Way(rule or Soft()))
        return system.scale.back(found)

    return say


def measured(say: Say, windows: Windows, part: str = "test", every: int = 1) -> Figures:
    """All figures of one way to forecast, over the windows of a part, one in so many.

    `mae` is the mean absolute error of the median and `score` the mean pinball loss of the three quantiles, both in
    micrograms per cubic metre; `inside` the share of hours in the interval of 80 %, `wide` its mean width.
    """
    starts = windows.starts(part)[::every]
    found, truth = [], []
    for some in starts.split(AT_ONCE):
        lesson = windows.at(some)
        found.append(say(lesson))
        truth.append(lesson.truth)
    return figures_of(torch.cat(found), torch.cat(truth))


def figures_of(said: Tensor, truth: Tensor) -> Figures:
    """The figures of quantiles `[window, ahead, quantile]` against what came, NaN where that is not known."""
    known = ~truth.isnan()
    off = (said[..., 1] - truth).abs()
    inside = (said[..., 0] <= truth) & (truth <= said[..., 2])
    figures = {
        "mae": float(off[known].mean()), "score": float(pinball(said[known], truth[known]).mean()),
        "inside": float(inside[known].double().mean()), "wide": float((said[..., 2] - said[..., 0])[known].mean()),
    }  # fmt: skip
    figures |= {f"mae_{hour}": float(off[:, hour - 1][known[:, hour - 1]].mean()) for hour in HOURS}
    return {name: round(value, 4 if name == "inside" else 2) for name, value in figures.items()}


RULES: Mapping[str, Rule] = {"argmax": Argmax()}


@torch.inference_mode()
def habits(system: System, windows: Windows) -> dict[str, list[list[dict[str, Any]]]]:
    """The shares of every head of a system by map and layer, over windows of the held-out year."""
    starts = windows.starts("test")[::EVERY]
    lesson = windows.at(starts)
    wind = windows.air.wind[starts[:, None] + torch.arange(-lesson.given.values.shape[1], 0)]
    calls = _calls(system, lesson.given)
    return {
        part: [
            [_said(habit(head, lesson.given.seen, wind, own=part == "encoder")) for head in layer.unbind(1)]
            for layer in calls[part]
        ]
        for part in ("cross", "encoder")
    }  # fmt: skip


def _calls(system: System, given: Given) -> dict[str, list[Tensor]]:
    """The weights of all windows `[window, head, query, key]` by map and layer, some windows at a time."""
    found: dict[str, list[list[Tensor]]] = {"cross": [], "encoder": []}
    for at in range(0, len(given.values), AT_ONCE):
        cut = slice(at, at + AT_ONCE)
        some = Given(*(one[cut] for one in vars(given).values()))
        way = Way(Soft())
        system.network(some, way)
        for part, kept in found.items():
            kept.append([call.weights for call in way.calls[part]])
    return {part: [torch.cat(layer) for layer in zip(*kept, strict=True)] for part, kept in found.items()}


def _said(one: Habit) -> dict[str, Any]:
    """The shares of a head as a card keeps them."""
    shares = {name: round(float(getattr(one, name)), 4) for name in SHARES}
    return {**shares, "placed": round(one.placed, 4), "even": [round(each, 4) for each in one.even], "name": one.name}
