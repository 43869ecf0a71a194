"""What the page on graphs asks: which graph, which network, which node, what is taken away."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import TextError
from attnviz.ui.kit import (
    RULE_PARAMS,
    SOFT,
    Param,
    RuleChoice,
    Steps,
    as_rule,
    between,
    bring_text,
    choose_one,
    choose_rule,
    clicked,
    find,
    listen_to_clicks,
    offer_samples,
    one_of,
    rule_now,
    runs,
    t,
)
from attnviz.ui.pages.graphs import run
from attnviz.ui.pages.graphs.run import ALL, NONE, ONE, Asked

if TYPE_CHECKING:
    from attnviz.systems.graph.learn import Moment
    from attnviz.systems.graph.system import GraphSystem
    from attnviz.trace import Trace

KEY = "graphs."
KINDS = ("karate", "cora", "typed", "lookup")
VERSIONS = ("gat", "gatv2")
EDGES, LABELS = "a-b, a-c, b-c, c-d, d-e, d-f, e-f", "a=red, f=blue"
PAPERS = ("2163", "2247", "2058", "2436", "2205", "2604")  # test papers, 2058 and 2436 put wrong by both networks
PARAMS = {
    **RULE_PARAMS,
    "what": Param("graph", KEY + "what", "karate", one_of(*KINDS)),
    "version": Param("network", KEY + "version", "gat", one_of(*VERSIONS)),
    "seed": Param("seed", KEY + "seed", 1, between(0, 99, int)),
    "map": Param("map", KEY + "map", 0, between(0, 8, int)),
    "karate": Param("member", KEY + "karate", "8", str),
    "cora": Param("paper", KEY + "cora", PAPERS[0], str),
    "typed": Param("node", KEY + "typed", "", str),
    "off": Param("without", KEY + "off", NONE, str),
    "edges": Param("edges", KEY + "edges", EDGES, str),
    "labels": Param("labels", KEY + "labels", LABELS, str),
}


def now(name: str) -> str:
    """What is chosen or typed."""
    return str(st.session_state[PARAMS[name].key] or "")


def choose_what() -> str:
    """Which graph, or the experiment; in the sidebar the network, the rule and the seed."""
    what = choose_one(PARAMS["what"], KINDS, t("graphs.what"), lambda name: t(f"graphs.what_{name}"))
    with st.sidebar:
        if what != "lookup":
            named = run.NAMED.__getitem__
            choose_one(PARAMS["version"], VERSIONS, t("graphs.version"), named, t("graphs.version_help"))
            choose_rule()
        if what != "cora":
            st.number_input(t("graphs.seed"), 0, 99, key=PARAMS["seed"].key, help=t("graphs.seed_help"))
    return what


def asked(what: str) -> Asked:
    """Which network on which graph. Raises `TextError` for a typed graph that is none."""
    if what == "typed":
        _type()
    own = (now("edges"), now("labels")) if what == "typed" else ("", "")
    return Asked(what, now("version"), int(st.session_state[PARAMS["seed"].key]), *own)


def _type() -> None:
    """A graph as edges, the labels of a few of its nodes, or a file."""
    left, right = st.columns([7, 5], gap="small")
    with left:
        st.text_area(t("graphs.edges"), key=PARAMS["edges"].key, height=96, help=t("graphs.edges_help"))
    with right:
        st.text_input(t("graphs.labels"), key=PARAMS["labels"].key, help=t("graphs.labels_help"))
        unread = bring_text(PARAMS["edges"].key, ("csv", "tsv", "txt"), t("graphs.file"), t("graphs.upload"))
    if unread:
        raise TextError("graph_file")


@dataclass(frozen=True)
class Request:
    """A run: the node that is open, what is taken away, under which rule."""

    asked: Asked
    node: str
    off: str
    rule: RuleChoice

    @property
    def changed(self) -> bool:
        """Is it another run than the network's own?"""
        return self.off != NONE or self.rule != SOFT


def choose_node(ask: Asked) -> Request:
    """The node that is open, and what is taken away; both again from the start where they are not in this graph."""
    names, neighbours = run.names(ask), [NONE, ALL]
    if ask.what == "cora":
        st.text_input(t("graphs.paper", last=len(names) - 1), key=PARAMS["cora"].key)
        offer_samples(KEY + "sample", PAPERS, _take_paper, label=t("graphs.papers"))
    else:
        _keep(PARAMS[ask.what].key, names)
        st.selectbox(t("graphs.node"), names, key=PARAMS[ask.what].key, help=t("graphs.node_help"))
    node = now(ask.what).strip()
    neighbours += [ONE + name for name in run.neighbours(ask, node)]
    _keep(PARAMS["off"].key, neighbours)
    st.selectbox(
        t("graphs.off"), neighbours, format_func=_off_name, key=PARAMS["off"].key, help=t("graphs.off_help")
    )  # fmt: skip
    return Request(ask, node, now("off"), rule_now())


def _keep(key: str, options: list[str]) -> None:
    """Begin with the first where what is chosen is not there."""
    if st.session_state[key] not in options:
        find(key, options[0])


def _off_name(off: str) -> str:
    if off in (NONE, ALL):
        return t("graphs.off_none" if off == NONE else "graphs.off_all")
    return t("graphs.off_one", node=off.removeprefix(ONE))


def _take_paper(paper: str) -> None:
    st.session_state[PARAMS["cora"].key] = paper


def choose_map(trace: Trace) -> tuple[int, int]:
    """Which layer and head the picture shows; the last layer first."""
    maps = run.maps(trace)
    key = PARAMS["map"].key
    if int(st.session_state[key]) >= len(maps):
        find(key, 0)
    number = st.selectbox(
        t("graphs.map"), range(len(maps)), format_func=lambda n: map_name(*maps[n]), key=key, help=t("graphs.map_help")
    )  # fmt: skip
    return maps[int(number)]


def map_name(layer: int, head: int) -> str:
    """A layer and a head in a few words."""
    return t("graphs.map_last" if layer else "graphs.map_one", layer=layer, head=head)


def hear_clicks(chart: str, names: list[str]) -> None:
    """A click on a node opens it."""
    st.session_state[KEY + "drawn"] = names
    listen_to_clicks(KEY, {"head": chart}, on_head_change=_open_node)


def _open_node() -> None:
    """A node was clicked."""
    names, found = st.session_state.get(KEY + "drawn", []), clicked(KEY, "head")
    if found and found[1] < len(names):
        st.session_state[PARAMS[now("what")].key] = names[found[1]]


@runs.kept
def learned(ask: Asked) -> Moment:
    """The network at the end of its training; the same for everyone who asks the same."""
    from attnviz.systems.graph.learn import training

    return deque(training(run.task(ask), ask.number, ask.seed), maxlen=1)[0]


def read(found: GraphSystem, request: Request, changed: bool = True) -> Trace:
    """The run, as it is asked for or as it is without any change."""
    rule = as_rule(request.rule if changed else SOFT)
    off = run.without(found, request.node, request.off) if changed else ()
    if request.asked.what == "cora":
        return found.read(request.node, rule=rule, without=off)
    return found.whole(rule=rule, without=off)


class Course:
    """The training of one network: its button, how far it is, the moment that is shown."""

    def __init__(self, ask: Asked) -> None:
        self.ask = ask
        self.work = Steps(KEY + "training", str(ask))
        self.work.buttons(t("graphs.train"))
        self.bar = st.empty()

    @property
    def running(self) -> bool:
        """Is somebody watching it?"""
        return self.work.running

    @property
    def moment(self) -> Moment:
        """As far as it was watched; its end where nobody watches."""
        from attnviz.systems.graph.learn import EPOCHS, training

        found: list[Moment] = self.work.found
        if found and (self.work.running or found[-1].epoch < EPOCHS):
            return found[-1]
        if self.work.running:
            return next(training(run.task(self.ask), self.ask.number, self.ask.seed))
        return learned(self.ask)

    def say(self, moment: Moment) -> None:
        """How far the network that is shown has come."""
        st.caption(t("graphs.epoch", epoch=moment.epoch, loss=f"{moment.loss:.3f}"))

    def go_on(self, show: Callable[[Moment], None], place: DeltaGenerator) -> None:
        """Train what is left, the picture changing."""
        if not self.work.running:
            return
        from attnviz.systems.graph.learn import EPOCHS, FRAME, training

        coming = islice(training(run.task(self.ask), self.ask.number, self.ask.seed), len(self.work.found), None)
        epochs = range(0, EPOCHS + 1, FRAME)
        steps = [(t("graphs.training", epoch=n, all=EPOCHS), partial(next, coming)) for n in epochs]
        for found in self.work.run(steps, self.bar):
            with place.container():
                show(found[-1])


def begin(ask: Asked) -> tuple[Course | None, GraphSystem, frozenset[int]]:
    """The training, where there is one to watch; the network that is shown; the nodes whose class was given."""
    if ask.what == "cora":
        return None, run.cora(ask), frozenset()
    course = Course(ask)
    moment = course.moment
    if not course.work.running:  # then each picture says it
        course.say(moment)
    return course, moment.system, frozenset(run.task(ask).known)
