"""What the page on graphs shows: the class and on what it hangs, the graph, one node in every head, the numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import (
    SOFT,
    Selection,
    Steps,
    dark,
    draw,
    draw_heatmap,
    language,
    plain,
    rule_title,
    style_now,
    t,
    table,
    take_away,
)
from attnviz.ui.pages.graphs import run
from attnviz.ui.pages.graphs.choices import KEY, PARAMS, hear_clicks, map_name, read
from attnviz.ui.pages.graphs.run import ALL, NONE, ONE

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from torch import Tensor

    from attnviz.figures import Figure
    from attnviz.figures.graph.picture import Drawn
    from attnviz.figures.graph.stars import Star
    from attnviz.systems.graph.learn import Moment
    from attnviz.systems.graph.lookup import Tried
    from attnviz.systems.graph.system import GraphSystem
    from attnviz.trace import Trace
    from attnviz.ui.pages.graphs.choices import Course, Request

    Runs = tuple[Trace, Trace]  # without any change, and as it is asked for

CHART = KEY + "picture"
ROWS = 9  # of the table: the node and its neighbours
PACE, SLOW = 0.15, 0.4  # seconds that a picture, or several charts, of a training are to be seen at least
BOTH = (1, 2)  # GAT and GATv2
WAYS = ("trained", "untrained", "shuffled")


def _place(trace: Trace, request: Request) -> int:
    """Where the open node stands in a run."""
    return run.place(trace, request.asked.what, request.node)


def class_name(what: str, name: str) -> str:
    """A class in the reader's language; one that a person typed as it is."""
    return name if what == "typed" else t(f"graphs.class_{name.replace(' ', '_').replace('.', '')}")


def runs_of(found: GraphSystem, request: Request) -> Runs:
    """The run without any change, and as it is asked for."""
    before = read(found, request, changed=False)
    return before, read(found, request) if request.changed else before


def say_class(found: GraphSystem, request: Request, runs: Runs, course: Course | None) -> None:
    """First of all: the class of the open node, as it is and as it was changed, and how many are right.

    Of a training that is being watched there is nothing to say before its end.
    """
    if course is not None and course.running:
        return
    before, after = runs
    what, at = request.asked.what, _place(before, request)
    (name, share), (told, chance) = before.predictions(at, 1)[0], after.predictions(at, 1)[0]
    words = {
        "node": plain(request.node), "name": plain(class_name(what, name)), "share": f"{share:.0%}",
        "told": plain(class_name(what, told)), "chance": f"{chance:.0%}", "how": _how(request, after),
    }  # fmt: skip
    over = "says" if not request.changed else "still" if told == name else "turns"
    st.markdown(t(f"graphs.{over}", **words))
    st.caption(_truth(found, request))


def _how(request: Request, after: Trace) -> str:
    """What was changed, in a few words."""
    node, found = plain(request.node), []
    if request.off == ALL:
        found.append(t("graphs.how_all", node=node))
    elif request.off != NONE:
        found.append(t("graphs.how_one", node=node, other=plain(request.off.removeprefix(ONE))))
    if request.rule != SOFT:
        found.append(t("graphs.how_rule", rule=plain(rule_title(after.rule))))
    return t("graphs.comma").join(found)


def _truth(found: GraphSystem, request: Request) -> str:
    """What is truly so, and how many nodes are put right; of a typed graph nobody knows."""
    graph, what, number = found.graph, request.asked.what, found.node(request.node)
    if not graph.classes:
        return t("graphs.truth_typed", network=run.NAMED[request.asked.version])
    true = class_name(what, found.classes[graph.classes[number]])
    words = {"true": plain(true), "network": run.NAMED[request.asked.version], "node": plain(request.node)}
    if what == "karate":
        right = int((found.along()[0].argmax(-1).numpy() == graph.classes).sum())
        return t("graphs.truth_karate", right=right, all=len(graph), share=f"{right / len(graph):.0%}", **words)
    part = next((one for one, nodes in found.parts.items() if number in nodes.tolist()), "rest")
    return t("graphs.truth_cora", part=t(f"graphs.part_{part}"), **words)


def drawn_of(runs: Runs, request: Request, head: tuple[int, int], known: frozenset[int]) -> Drawn:
    """The picture's finished numbers: laid out as without any change, so that nothing jumps."""
    from attnviz.figures.graph.picture import Drawn
    from attnviz.systems.graph.layout import points

    before, trace = runs
    nodes = run.drawn_nodes(before, request.asked.what, head)
    there, allowed = (run.allowed_pairs(one)[nodes][:, nodes] for one in runs)
    pairs = tuple((i, j) for i, j in there.nonzero().tolist() if i != j)
    assert trace.logits is not None
    known_rows = _known_rows(request, head, there[0])
    weights = trace.weights(*head)[nodes][:, nodes].clone()
    weights[~known_rows] = 0
    return Drawn(
        [trace.tokens[node] for node in nodes], points(len(nodes), pairs), weights, allowed,
        trace.logits.argmax(-1)[nodes].tolist(), _classes(trace, request), known,
        nodes.index(_place(trace, request)), tuple(pair for pair in pairs if not allowed[pair]),
    )  # fmt: skip


def _known_rows(request: Request, head: tuple[int, int], near: Tensor) -> Tensor:
    """Whose weights are those of the whole graph `[node]`? Of a paper's surroundings the paper's, in layer 0 also those
    of the papers `near` it; the others look at papers that are not here."""
    if request.asked.what != "cora":
        return near | ~near
    found = near.clone() if head[0] == 0 else near & False
    found[0] = True
    return found


def _classes(trace: Trace, request: Request) -> list[str]:
    """The classes by name."""
    assert trace.logits is not None
    return [class_name(request.asked.what, trace.name_piece(n)) for n in range(trace.logits.shape[-1])]


def draw_graph(drawn: Drawn, head: tuple[int, int], key: str = CHART) -> None:
    """The graph."""
    from attnviz.figures.graph.picture import paint

    draw(paint(drawn, style_now()), key, _alt(drawn, head))


def _alt(drawn: Drawn, head: tuple[int, int]) -> str:
    """The picture in a sentence."""
    from attnviz.figures.graph.picture import most

    heaviest = t("graphs.comma").join(f"{drawn.labels[j]} {weight:.3f}" for j, weight in most(drawn, drawn.chosen, 3))
    counts = t("graphs.comma").join(
        f"{name} {drawn.kinds.count(kind)}" for kind, name in enumerate(drawn.classes) if kind in drawn.kinds
    )
    return t(
        "graphs.alt", nodes=len(drawn.labels), edges=len(drawn.pairs), counts=counts, node=drawn.labels[drawn.chosen],
        heaviest=heaviest, map=map_name(*head),
    )  # fmt: skip


def show_graph(runs: Runs, request: Request, head: tuple[int, int], known: frozenset[int]) -> None:
    """The graph, with what its widths mean and how much of it is drawn."""
    drawn = drawn_of(runs, request, head, known)
    draw_graph(drawn, head)
    hear_clicks(CHART, list(drawn.labels))
    st.caption(t("graphs.widths"))
    if request.asked.what == "cora":
        st.caption(t("graphs.part", drawn=len(drawn.labels), all=len(runs[0].tokens)))


def notes(found: GraphSystem) -> None:
    """What was left out of a typed graph, and that arrows have a direction."""
    graph = found.graph
    for name, count in (("doubled", graph.doubled), ("loops", graph.loops)):
        if count:
            st.caption(t(f"graphs.note_{name}", count=count))
    if graph.directed:
        st.caption(t("graphs.note_directed"))


def show_heads(trace: Trace, request: Request) -> None:
    """The open node in every head: stars, and the numbers behind them."""
    from attnviz.figures.graph.stars import stars

    at = _place(trace, request)
    allowed, maps = run.allowed_pairs(trace)[at], sorted(run.maps(trace))
    total = sum((trace.weights(*one)[at] for one in maps[1:]), trace.weights(*maps[0])[at])
    order = [at, *[int(n) for n in total.argsort(descending=True, stable=True) if allowed[n] and int(n) != at]]
    few = order[:ROWS]
    labels = [trace.tokens[node] for node in few]
    st.markdown(f"**{t('graphs.heads', node=plain(request.node))}**")
    drawn = [_star(labels, trace.weights(*one)[at, few], map_name(*one)) for one in maps]
    st.html(stars(labels, drawn, style_now()))
    st.caption(t("graphs.stars"))
    _numbers(trace, (at, few), maps)
    if len(order) > len(few):
        st.caption(t("graphs.more", shown=len(few) - 1, all=len(order) - 1))


def _star(labels: list[str], weights: Tensor, title: str) -> Star:
    """One head, its title saying what the node gives itself."""
    from attnviz.figures.graph.stars import Star

    own = t("graphs.star_title", map=title, own=f"{float(weights[0]):.2f}")
    rest = t("graphs.comma").join(f"{name} {float(w):.3f}" for name, w in zip(labels[1:], weights[1:], strict=True))
    return Star(own, weights, t("graphs.alt_star", title=own, node=labels[0], rest=rest))


def _numbers(trace: Trace, row: tuple[int, list[int]], maps: list[tuple[int, int]]) -> None:
    """Whom the node looks at, in numbers."""
    at, few = row
    with st.expander(t("graphs.numbers")):
        heads = [t("graphs.looks_at"), *(map_name(*one) for one in maps)]
        rows = [
            [t("graphs.itself") if node == at else plain(trace.tokens[node]),
             *(f"{float(trace.weights(*one)[at, node]):.3f}" for one in maps)]
            for node in few
        ]  # fmt: skip
        st.markdown(table(heads, rows, "---:"))


def show_evenness(request: Request) -> None:
    """How even the weights on Cora are, in numbers of the card."""
    figures = shipped.figures(f"cora-{request.asked.version}")
    even = figures["evenness"]
    words = {"first": f"{even['trained'][0]:.2%}", "second": f"{even['trained'][1]:.2%}"}
    st.markdown(
        t("graphs.even", test=f"{figures['test']:.1%}", alike=f"{figures['even']:.1%}", **words)
    )  # fmt: skip
    with st.expander(t("graphs.even_more")):
        rows = [[t(f"graphs.even_{way}"), *(f"{one:.4f}" for one in even[way])] for way in WAYS]
        st.markdown(table([t("graphs.even_what"), layer_name(0), layer_name(1)], rows, "---:"))
        st.markdown(
            t("graphs.even_seeds", mean=f"{figures['mean']:.3f}", deviation=f"{figures['deviation']:.3f}",
              seeds=len(figures["seeds"]))
        )  # fmt: skip


def layer_name(layer: int) -> str:
    """A whole layer in a few words."""
    return t("graphs.layer", layer=layer)


def take(trace: Trace, request: Request, head: tuple[int, int]) -> None:
    """The picture, the weights, the edges as a table and as GraphML, the link."""
    take_away(trace, Selection(*head, query=_place(trace, request)), style_now(), chart=CHART)
    for column, (kind, label) in zip(st.columns(2), (("csv", "take_edges"), ("graphml", "take_graphml")), strict=True):
        column.download_button(
            t(f"graphs.{label}"), lambda kind=kind: _file(trace, request, kind),  # type: ignore[misc]
            t("graphs.file_name", model=trace.model) + f".{kind}", key=f"{KEY}{label}", on_click="ignore",
            width="stretch",
        )  # fmt: skip


def _file(trace: Trace, request: Request, kind: str) -> bytes:
    """One file, made when it is asked for."""
    from attnviz.systems.graph.files import edges_csv, graphml

    return edges_csv(trace) if kind == "csv" else graphml(trace, _classes(trace, request))


def go_on(course: Course | None, request: Request, head: tuple[int, int], place: DeltaGenerator) -> None:
    """Train what is left of a training that was started, the edges growing."""
    if course is None:
        return
    known = frozenset(run.task(course.ask).known)

    def show(moment: Moment) -> None:
        from attnviz.figures.graph.frame import frame

        drawn = drawn_of(runs_of(moment.system, request), request, head, known)
        st.html(frame(drawn, _alt(drawn, head), style_now()))
        course.say(moment)
        time.sleep(PACE)

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
        time.sleep(SLOW)
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
                draw_heatmap(one.trace, Selection(), style_now("unit", 300), _chart(one, number), _alt_of(one))
        draw(_curves(found), f"{KEY}curves-{number}", t("graphs.alt_curves", **words))


def _chart(one: Tried, number: int) -> str:
    """The key of a network's map: Streamlit takes each once in a run of the page."""
    return f"{KEY}map-{one.trace.model}-{number}"


def _tops(one: Tried) -> int:
    """How many different keys are the favourite of some query?"""
    from attnviz.systems.graph.lookup import KEYS

    return len(set(one.trace.weights(0, 0)[:, KEYS:].argmax(-1).tolist()))


def _alt_of(one: Tried) -> str:
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
