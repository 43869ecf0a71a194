"""A model trained on a person's own series while they watch: the button, how far it is, what it forecasts meanwhile."""

from __future__ import annotations

import math
import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import Steps, style_now, t
from attnviz.ui.pages.series import told
from attnviz.ui.pages.series.choices import KEY

if TYPE_CHECKING:
    from attnviz.systems.series.learn import Moment, Task

PACE = 0.1  # seconds that a picture of a training is to be seen at least
BEFORE = 3  # windows of the past that a picture of a training shows beside what comes


class Course:
    """The training of one series: its button, how far it is, what it has so far."""

    def __init__(self, about: str, task: Task) -> None:
        self.task = task
        self.work = Steps(KEY + "training", about)
        self.work.buttons(t("series.train_again" if self.moment else "series.train"))
        self.bar = st.empty()

    @property
    def moment(self) -> Moment | None:
        """As far as it came; None before it began."""
        found: list[Moment] = self.work.found
        return found[-1] if found and found[-1].step else None

    def say(self) -> None:
        """How far the model has come, and how far off it is on what was held out."""
        from attnviz.systems.series.learn import STEPS, held_out

        if self.moment is None:
            st.caption(t("series.not_trained", past=self.task.past, ahead=self.task.ahead, period=self._period()))
            return
        found = held_out(self.task, self.moment.system)
        words = {
            "step": self.moment.step, "all": STEPS, "windows": found.windows, "mae": told.value(found.system),
            "last": told.value(found.last), "seasonal": told.value(found.seasonal), "period": self.task.period,
        }  # fmt: skip
        best = found.system <= min(one for one in (found.last, found.seasonal) if not math.isnan(one))
        st.markdown(t("series.trained_best" if best else "series.trained_behind", **words))
        st.caption(t("series.not_trained", past=self.task.past, ahead=self.task.ahead, period=self._period()))

    def _period(self) -> str:
        """The period that was found, in a few words."""
        return t("series.period", period=self.task.period) if self.task.period else t("series.period_none")

    def go_on(self, place: DeltaGenerator) -> None:
        """Train what is left, the forecast changing."""
        if not self.work.running:
            return
        from attnviz.systems.series.learn import FRAME, STEPS, training

        coming = islice(training(self.task), len(self.work.found), None)
        steps = [
            (t("series.training", step=n, all=STEPS), partial(next, coming)) for n in range(0, STEPS + 1, FRAME)
        ]  # fmt: skip
        for found in self.work.run(steps, self.bar):
            with place.container():
                _frame(self.task, found[-1])
            time.sleep(PACE)


def _frame(task: Task, moment: Moment) -> None:
    """The first forecast of the held-out part, as far as the training is."""
    from attnviz.figures.series import Frame, frame

    window = task.window(task.held)
    forecast = moment.system.forecast(window)
    first = max(0, task.held - BEFORE * task.ahead)
    drawn = Frame(task.series.values[first : task.held], window.came, forecast.values)
    off = told.value(forecast.error)
    st.html(frame(drawn, t("series.alt_frame", step=moment.step, off=off), style_now()))
    st.caption(t("series.watching", step=moment.step, loss="–" if math.isnan(moment.loss) else f"{moment.loss:.3f}",
                 off=off))  # fmt: skip
