"""A graph as people type or bring it: what it becomes, or the one sentence that says why not."""

from __future__ import annotations

import csv
import io

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.errors import AttnvizError
from attnviz.systems.graph.files import edges_csv, graphml
from attnviz.systems.graph.graph import Graph, karate
from attnviz.systems.graph.layout import points
from attnviz.systems.graph.learn import Task, training
from attnviz.systems.graph.text import MOST_NODES, graph_of, labels_of
from attnviz.text.decode import decoded

SAME = {"ab", "ba", "bc", "cb"}
FORMS = (
    "a-b, b-c", "a-b\nb-c", "a - b；b—c", "a-b-c", "a,b\nb,c", "source,target\na,b\nb,c", "起点,终点\na,b\nb,c",
    "a\tb\nb\tc", "a b\nb c", "a,b,0.5\nb,c,0.7", "a--b,b–c", "a-b\r\nb-c\r\n",
)  # fmt: skip


def said(graph: Graph) -> set[str]:
    return {graph.names[a] + graph.names[b] for a, b in graph.edges}


@pytest.mark.parametrize("form", FORMS)
def test_edges_are_read_in_every_form(form: str) -> None:
    assert said(graph_of(form)) == SAME


@pytest.mark.parametrize("form", ["a->b, b->c", "a→b\nb→c", "a -> b -> c", "a=>b;b=>c"])
def test_arrows_make_edges_of_one_direction(form: str) -> None:
    graph = graph_of(form)
    assert said(graph) == {"ab", "bc"} and graph.directed
    assert graph.allowed.tolist() == [[True, False, False], [True, True, False], [False, True, True]]


def test_one_arrow_anywhere_makes_the_whole_graph_a_directed_one() -> None:
    for text in ("a->b, b-c", "b-c, a->b"):
        found = graph_of(text)
        named = {(found.names[a], found.names[b]) for a, b in found.edges}
        assert found.directed and named == {("a", "b"), ("b", "c")}


def test_doubled_edges_and_loops_are_counted_and_left_out() -> None:
    graph = graph_of("a-b, b-a, a-b, a-a, b-c")
    assert said(graph) == SAME and (graph.doubled, graph.loops) == (2, 1)
    assert graph.index.T.tolist()[-3:] == [[0, 0], [1, 1], [2, 2]]  # once each, for all


def test_a_node_alone_is_kept() -> None:
    graph = graph_of("a-b, c")
    assert graph.names == ("a", "b", "c") and graph.incoming[2] == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "graph_empty"), (" \n", "graph_empty"), ("a, a", "graph_no_edges"), ("a-a", "graph_no_edges"),
        ("a", "graph_no_edges"), ("-,-,-", "graph_no_edges"), ("x" * 400_001, "graph_too_long"),
        ("\n".join(f"n{i}-n{i + 1}" for i in range(10_000)), "graph_too_large"),
    ],
)  # fmt: skip
def test_what_is_no_graph_is_a_sentence(text: str, message: str) -> None:
    with pytest.raises(AttnvizError) as refusal:
        graph_of(text)
    assert refusal.value.message == message
    assert all(refusal.value.say(language) for language in ("zh", "en"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "graph_two_classes"), ("a=x", "graph_two_classes"), ("a=x, b=x", "graph_two_classes"),
        ("a", "graph_label"),
        ("=x", "graph_label"), ("a=", "graph_label"), ("z=x, a=y", "graph_label_unknown"),
        (", ".join(f"{n}={n}" for n in range(7)), "graph_many_classes"),
    ],
)  # fmt: skip
def test_labels_that_say_nothing_are_a_sentence(text: str, message: str) -> None:
    with pytest.raises(AttnvizError) as refusal:
        labels_of(text, graph_of("a-b, 0-1-2-3-4-5-6"))
    assert refusal.value.message == message


@given(st.text(max_size=80))
def test_no_text_brings_it_down(text: str) -> None:
    try:
        graph = graph_of(text)
    except AttnvizError:
        return
    assert 2 <= len(graph) <= MOST_NODES and all(0 <= one < len(graph) for edge in graph.edges for one in edge)
    assert not any(a == b for a, b in graph.edges) and len(set(graph.edges)) == len(graph.edges)


def test_what_lies_around_a_node_is_found_against_the_arrows() -> None:
    graph = graph_of("a->b->c->d, x->c")
    assert [graph.names[node] for node in graph.around(2)] == ["c", "b", "x", "a"]
    part = graph.part(graph.around(2))
    assert said(part) == {"ab", "bc", "xc"}


def test_taking_an_edge_away_takes_both_directions_where_it_has_none() -> None:
    graph = graph_of("a-b, b-c")
    assert graph.both_ways(0, 1) == ((0, 1), (1, 0)) and said(graph.without(graph.edges_of(1))) == set()
    assert graph_of("a->b").both_ways(1, 0) == ()


def test_the_layout_is_the_same_every_time_and_inside_the_square() -> None:
    club = karate()
    first = points(len(club), club.edges)
    points.cache_clear()
    assert points(len(club), club.edges) == first and len(set(first)) == 34
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in first)
    assert points(1, ()) == ((0.0, 0.0),)


def test_edges_and_graphml_hold_the_weights_of_every_head() -> None:
    graph = graph_of("=a-b, b-c, c-<d>")
    task = Task("typed", graph, {0: 0, 2: 1}, ("red", "blue"))
    trace = next(training(task, 1, 1)).system.whole()
    rows = list(csv.reader(io.StringIO(edges_csv(trace).decode("utf-8-sig"))))
    assert rows[0] == ["from", "to", "layer", "head", "weight"] and len(rows) == 1 + 5 * (6 + 4)
    into = [float(weight) for source, to, layer, head, weight in rows[1:] if (to, layer, head) == ("b", "0", "1")]
    assert sum(into) == pytest.approx(1, abs=1e-5) and rows[1][0] == "'=a"
    found = networkx.read_graphml(io.BytesIO(graphml(trace, ("red", "blue"))))
    assert found.number_of_edges() == 10 and found.nodes["3"]["label"] == "<d>"
    assert found.edges["1", "0"]["layer1_head0"] == pytest.approx(float(trace.weights(1, 0)[0, 1]), abs=1e-6)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_file_is_read_as_it_was_written(encoding: str) -> None:
    assert decoded("张三,李四".encode(encoding)) == "张三,李四"


def test_what_is_no_text_is_none() -> None:
    assert decoded(b"\x89PNG\x00\x01") is None and decoded(b"\x80\xff\xff") is None
