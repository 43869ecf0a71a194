"""Trainings that are watched: a network on the graph that is shown, and two on the dictionary look-up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import Selection, Steps, dark, draw, draw_heatmap, language, style_now, t, take_away
from attnviz.ui.pages.graphs import run, shown
from attnviz.ui.pages.graphs.choices import KEY, PARAMS

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from attnviz.figures import Figure
    from attnviz.systems.graph.learn import Moment
    from attnviz.systems.graph.lookup import Tried
    from attnviz.systems.graph.system import GraphSystem
    from attnviz.ui.pages.graphs.run import Asked, Request

BOTH = (1, 2)


class Course:
    """The training of one network: its button, how far it is, the moment that is shown."""

    def __init__(self, ask: Asked) -> None:
        self.ask = ask
        self.work = Steps(KEY + "training", str(ask))
        self.work.buttons(t("graphs.train"))
        self.bar: DeltaGenerator = st.empty()

    @property
    def moment(self) -> Moment:
        """As far as it was watched; its end where nobody watches."""
        from attnviz.systems.graph.learn import EPOCHS, training

        found: list[Moment] = self.work.found
        if found and (self.work.running or found[-1].epoch < EPOCHS):
            return found[-1]
        if self.work.running:
            return next(training(run.task(self.ask), self.ask.number, self.ask.seed))
        return run.learned(self.ask)

    def say(self, moment: Moment) -> None:
        """How far the network that is shown has come."""
        st.caption(t("graphs.epoch", epoch=moment.epoch, loss=f"{moment.loss:.3f}"))

    def go_on(self, show: Callable[[Moment, int], None], place: DeltaGenerator) -> None:
        """Train what is left, the picture changing."""
        if not self.work.running:
            return
        from attnviz.systems.graph.learn import EPOCHS, FRAME, training

        coming = islice(training(run.task(self.ask), self.ask.number, self.ask.seed), len(self.work.found), None)
        epochs = range(0, EPOCHS + 1, FRAME)
        steps = [(t("graphs.training", epoch=n, all=EPOCHS), partial(next, coming)) for n in epochs]
        for found in self.work.run(steps, self.bar):
            with place.container():
                show(found[-1], len(found))


def begin(ask: Asked) -> tuple[Course | None, GraphSystem, frozenset[int]]:
    """The training, where there is one to watch; the network that is shown; the nodes whose class was given."""
    if ask.what == "cora":
        return None, run.cora(ask), frozenset()
    course = Course(ask)
    moment = course.moment
    course.say(moment)
    shown.notes(moment.system)
    return course, moment.system, frozenset(run.task(ask).known)


def go_on(course: Course | None, request: Request, head: tuple[int, int], place: DeltaGenerator) -> None:
    """Train what is left of a training that was started, the edges growing."""
    if course is None:
        return
    known = frozenset(run.task(course.ask).known)

    def show(moment: Moment, number: int) -> None:
        drawn = shown.drawn_of(shown.runs_of(moment.system, request), request, head, known)
        shown.draw_graph(drawn, head, f"{shown.CHART}-{number}")
        course.say(moment)

    course.go_on(show, place)


def look_up() -> None:
    """The experiment: two networks trained on the same graphs, how often each is right, and where each looks."""
    from attnviz.systems.graph.lookup import FRAME, KEYS, STEPS, trained

    seed = int(st.session_state[PARAMS["seed"].key])
    st.markdown(t("graphs.lookup", keys=KEYS))
    work = Steps(KEY + "lookup", str(seed))
    work.buttons(t("graphs.lookup_train"))
    bar, place = st.empty(), st.empty()
    untrained = [next(trained(version, seed)) for version in BOTH]
    _draw_both(place, work.found or [untrained], len(work.found))
    coming = islice(_together(seed), len(work.found), None)
    steps = [(t("graphs.training", epoch=n, all=STEPS), partial(next, coming)) for n in range(0, STEPS + 1, FRAME)]
    for found in work.run(steps, bar):
        _draw_both(place, found, len(found))
    _take_both((work.found or [untrained])[-1], len(work.found))


def _together(seed: int) -> Iterator[list[Tried]]:
    """Both networks, step by step."""
    from attnviz.systems.graph.lookup import trained

    yield from map(list, zip(*(trained(version, seed) for version in BOTH), strict=True))


def _draw_both(place: DeltaGenerator, found: list[list[Tried]], number: int) -> None:
    """The verdict, both maps, and how often each was right."""
    from attnviz.systems.graph.lookup import KEYS, STEPS

    gat, other = found[-1]
    with place.container():
        words = {"gat": f"{gat.right:.0%}", "gatv2": f"{other.right:.0%}"}
        words |= {"chance": f"{1 / KEYS:.0%}", "step": str(gat.step)}
        over = "lookup_done" if gat.step >= STEPS else "lookup_so_far" if gat.step else "lookup_before"
        st.markdown(t(f"graphs.{over}", tops=_tops(gat), tops2=_tops(other), keys=KEYS, **words))
        for column, one in zip(st.columns(2, gap="medium"), (gat, other), strict=True):
            with column:
                st.markdown(f"**{one.trace.model}** · {t('graphs.lookup_right', right=f'{one.right:.0%}')}")
                draw_heatmap(one.trace, Selection(), style_now("unit", 300), _chart(one, number), _alt(one))
        draw(_curves(found), f"{KEY}curves-{number}", t("graphs.alt_curves", **words))


def _chart(one: Tried, number: int) -> str:
    """The key of a network's map: Streamlit takes each once in a run of the page."""
    return f"{KEY}map-{one.trace.model}-{number}"


def _tops(one: Tried) -> int:
    """How many different keys are the favourite of some query?"""
    from attnviz.systems.graph.lookup import KEYS

    return len(set(one.trace.weights(0, 0)[:, KEYS:].argmax(-1).tolist()))


def _alt(one: Tried) -> str:
    return t("graphs.alt_lookup", model=one.trace.model, tops=_tops(one), right=f"{one.right:.0%}")


def _curves(found: list[list[Tried]]) -> Figure:
    """How often each was right as it learnt."""
    from attnviz.figures import Line, lines

    rows: list[Any] = [
        Line(name, [both[n].step for both in found], [both[n].right for both in found])
        for n, name in enumerate(run.NAMED.values())
    ]
    return lines(
        rows, x_title=t("graphs.axis_step"), y_title=t("graphs.axis_right"), dark=dark(), language=language(),
        height=220,
    )  # fmt: skip


def _take_both(both: list[Tried], number: int) -> None:
    """What can be taken away of each."""
    for column, one in zip(st.columns(2, gap="medium"), both, strict=True):
        with column:
            take_away(one.trace, Selection(), style_now("unit", 300), chart=_chart(one, number))
