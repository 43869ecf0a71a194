"""What is open on the page on time series: a model with a window, or a series that no model has learnt yet.

A model from elsewhere comes in here: another `begin`, whose `asked` has a system with `forecast` and `network.shape`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import t
from attnviz.ui.pages.series import choices, run, shown
from attnviz.ui.pages.series.live import Course
from attnviz.ui.pages.series.run import Asked

if TYPE_CHECKING:
    from attnviz.systems.series.series import Series


@dataclass(frozen=True)
class Opened:
    """What is asked, None before a training; the series of a person's own, and its training where there is one."""

    asked: Asked | None
    series: Series | None = None
    course: Course | None = None

    def go_on(self, place: DeltaGenerator) -> None:
        """Train what is left of a training that was started."""
        if self.course is not None:
            self.course.go_on(place)


def begin(what: str) -> Opened:
    """What is chosen: Beijing's air at a moment, or a table of one's own. Raises `TextError`."""
    if what == "air":
        return Opened(choices.choose_moment())
    fingerprint, found = choices.choose_series()
    shown.say_series(found)
    if choices.choose_way(found) == "built":
        shape = run.air().network.shape
        asked = run.asked_built_in(found, choices.choose_start(found, shape.past, shape.past))
        st.caption(t("series.built_say"))
        return Opened(asked, found)
    task = choices.own_task(found)
    course = Course(f"{fingerprint} {found.name} {found.clock}", task)
    course.say()
    moment = course.moment
    if moment is None or course.work.running:
        return Opened(None, found, course)
    start = choices.choose_start(found, task.past, task.held)
    return Opened(run.asked_own(moment.system, task, start), found, course)
