"""What the page on graphs asks: which graph, which network, which node, what is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.errors import TextError
from attnviz.ui.kit import (
    RULE_PARAMS,
    Param,
    between,
    choose_one,
    choose_rule,
    clicked,
    find,
    listen_to_clicks,
    offer_samples,
    one_of,
    rule_now,
    t,
)
from attnviz.ui.pages.graphs import run
from attnviz.ui.pages.graphs.run import ALL, NONE, ONE, Asked, Request

if TYPE_CHECKING:
    from attnviz.trace import Trace

KEY = "graphs."
KINDS = ("karate", "cora", "own", "lookup")
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
    "own": Param("node", KEY + "own", "", str),
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
    if what == "own":
        _type()
    own = (now("edges"), now("labels")) if what == "own" else ("", "")
    return Asked(what, now("version"), int(st.session_state[PARAMS["seed"].key]), *own)


def _type() -> None:
    """A graph as edges, the labels of a few of its nodes, or a file."""
    left, right = st.columns([7, 5], gap="small")
    with left:
        st.text_area(t("graphs.edges"), key=PARAMS["edges"].key, height=96, help=t("graphs.edges_help"))
    with right:
        st.text_input(t("graphs.labels"), key=PARAMS["labels"].key, help=t("graphs.labels_help"))
        with st.popover(t("graphs.file"), icon=":material/upload_file:"):
            st.file_uploader(t("graphs.upload"), ["csv", "tsv", "txt"], key=KEY + "upload", on_change=_take_file)
    if problem := st.session_state.pop(KEY + "problem", None):
        raise TextError(problem)


def _take_file() -> None:
    """A file was brought: its text is what stands in the box."""
    file = st.session_state[KEY + "upload"]
    if file is None:
        return
    text = run.decoded(file.getvalue())
    if text is None:
        st.session_state[KEY + "problem"] = "graph_file"
    else:
        st.session_state[PARAMS["edges"].key] = text


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
