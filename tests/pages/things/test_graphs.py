"""The page on graphs under AppTest: classes before and after a change, trainings that are watched, what is no graph."""

from __future__ import annotations

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from attnviz import shipped
from attnviz.messages import LANGUAGES, say, table
from attnviz.systems.graph.learn import EPOCHS
from attnviz.systems.graph.system import load
from attnviz.ui.pages.graphs.choices import KEY, PAPERS
from tests.pages.opened import by_key, run_page, said, seen


def opened(lang: str = "en", **link: str) -> AppTest:
    return run_page("graphs", lang, link)


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return by_key(at, KEY + name)


def verdict(at: AppTest) -> str:
    return seen(next(one.value for one in at.markdown if "**" in one.value))


def alts(at: AppTest) -> list[str]:
    return [chart.proto.alt for chart in at.get("plotly_chart")]


def places(at: AppTest) -> dict[int, tuple[float, float]]:
    """Where each node is drawn."""
    data = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
    return {
        node: (x, y)
        for trace in data[4:]
        for (_, node), x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True)
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_club_is_shown_trained_and_says_how_many_are_right(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error
    assert say("graphs.class_Officer", lang) in verdict(at) or say("graphs.class_Mr_Hi", lang) in verdict(at)
    assert "34" in said(at) and "97%" in said(at)  # the first seed
    assert len(alts(at)) == 1 and "34" in alts(at)[0] and "78" in alts(at)[0]


def test_without_its_edges_a_member_changes_sides_and_the_picture_stays_where_it_was() -> None:
    at = opened()
    before = places(at)
    control(at, "off").set_value("*").run()
    assert say("graphs.how_all", "en", node="8") in verdict(at)
    assert "turns from" in verdict(at)
    assert places(at) == before and len(before) == 34
    assert json.loads(at.get("plotly_chart")[0].proto.spec)["data"][1]["line"]["dash"] == "dot"
    control(at, "off").set_value(":30").run()
    assert say("graphs.how_one", "en", node="8", other="30") in verdict(at)


def test_another_node_has_other_neighbours_and_hard_attention_is_said() -> None:
    at = opened(without=":30", member="16", rule="hard", hard="argmax")
    assert control(at, "off").value == ""  # 16 has no edge to 30
    assert control(at, "off").options[2:] == [say("graphs.off_one", "en", node=name) for name in ("5", "6")]
    assert say("graphs.how_rule", "en", rule="argmax").split(" over")[0].lower() in verdict(at).lower()


def test_a_training_is_watched_to_its_end_and_gives_what_stood_there_before() -> None:
    at = opened()
    before = verdict(at)
    control(at, "training.start").click().run()
    assert not at.exception and not at.error
    assert verdict(at) == before and say("graphs.train", "en") == control(at, "training.start").label
    assert f"after {EPOCHS} steps" in said(at)


@pytest.mark.parametrize("version", ["gat", "gatv2"])
def test_a_paper_has_the_class_that_the_whole_graph_gives_it_and_evenness_stands_beside(version: str) -> None:
    system = load(f"cora-{version}")
    at = opened(graph="cora", network=version, paper="2058")
    logits, _ = system.along()
    name = system.classes[int(logits[2058].argmax())]
    assert say(f"graphs.class_{name}", "en") in verdict(at) and "of the test set" in said(at)
    even = shipped.figures(f"cora-{version}")["evenness"]["trained"]
    assert f"{even[0]:.2%}" in said(at) and f"{even[1]:.2%}" in said(at)


def test_the_papers_that_are_offered_are_of_the_test_set() -> None:
    test = set(load("cora-gat").parts["test"].tolist())
    assert {int(paper) for paper in PAPERS} <= test


@pytest.mark.parametrize("lang", LANGUAGES)
def test_gatv2_learns_the_look_up_in_two_clicks_and_gat_does_not(lang: str) -> None:
    at = opened(lang, graph="lookup")
    assert say("graphs.lookup_before", lang, keys=8).split("。")[0].split(".")[0] in said(at)
    control(at, "lookup.start").click().run()
    assert not at.exception and not at.error
    assert "100%" in said(at) and len(alts(at)) == 3
    assert "GATv2" in alts(at)[1] and "8" in alts(at)[1]


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ({"edges": "a"}, "graph_no_edges"),
        ({"edges": "\n".join(f"n{i}-n{i + 1}" for i in range(400))}, "graph_too_large"),
        ({"labels": "a=x"}, "graph_two_classes"),
        ({"labels": "q=x, a=y"}, "graph_label_unknown"),
        ({"labels": "a b"}, "graph_label"),
    ],
)
def test_what_is_no_graph_is_one_sentence(link: dict[str, str], message: str) -> None:
    at = opened(graph="typed", **link)
    assert not at.exception and len(at.error) == 1
    words = max(re.split(r"\{\w+\}", table("en")[f"error.{message}"]), key=len)
    assert words.strip() in seen(at.error[0].value).replace("\\", "")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ten_thousand_nodes_are_one_sentence(lang: str) -> None:
    at = opened(lang, graph="typed", edges="\n".join(f"{n},{n + 1}" for n in range(9_999)))
    assert not at.exception and len(at.error) == 1
    assert seen(at.error[0].value) == say("error.graph_too_large", lang, nodes=10_000, most=300)


def test_a_paper_that_is_not_there_is_one_sentence() -> None:
    at = opened(graph="cora", paper="99999")
    assert not at.exception and "2707" in seen(at.error[0].value)


def test_a_typed_graph_says_what_was_left_out_and_which_way_its_arrows_look() -> None:
    at = opened(graph="typed", edges="a->b, a->b, b->b, b->c", labels="a=x, c=y")
    assert not at.error and say("graphs.note_directed", "en") in said(at)
    assert say("graphs.note_doubled", "en", count=1) in said(at)
    assert say("graphs.note_loops", "en", count=1) in said(at)


def test_names_and_classes_that_a_person_typed_are_shown_as_they_are() -> None:
    at = opened(graph="typed", edges="*a*-<b>, <b>-[c](d)", labels="*a*=_x_, <b>=$y$", node="*a*")
    assert not at.exception and not at.error
    assert "\\*a\\*" in verdict(at) or "*a*" in verdict(at)
    assert "<b>" not in "".join(one.value for one in at.markdown[1:])  # the first is the page's own head
