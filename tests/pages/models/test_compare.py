"""The page that compares: its verdict, maps, ranking and pairs are those of the engine; what cannot be laid is said."""

from __future__ import annotations

import numpy as np
import pytest

import attnviz as av
from attnviz.experiments.reading.compare import compare
from attnviz.messages import say
from attnviz.ui.pages.compare.choices import CASES, FIRST, KEY, SECOND, WITH
from tests.pages.opened import array, by_key, charts, run_page, said, seen


def test_two_sentences_are_told_drawn_and_ranked() -> None:
    at = run_page("compare", "en", {})
    assert not at.exception and not at.error
    model = av.load("lab-4")
    found = compare(av.record(model, FIRST), av.record(model, SECOND), same=True)
    head, other, moved = found.ranked[0]
    assert f"Of 16 heads **{head[0]}.{head[1]}** moves most: **{moved:.0%}**" in said(at)
    pictures = charts(at)
    assert len(pictures) == 4
    change = array(pictures[2]["data"][0]["z"])
    assert np.allclose(change, found.difference(head, other).numpy(), atol=1e-4)
    signs = np.array(pictures[2]["data"][0]["text"])
    largest = np.unravel_index(np.abs(change).argmax(), change.shape)
    assert signs[largest] == ("+" if change[largest] > 0 else "−") and "" in signs
    assert array(pictures[3]["data"][0]["x"]) == pytest.approx([one[2] for one in found.ranked])
    first = found.changes(head, other)[0]
    assert f"{first[1]} ⟶ {first[2]} | {first[3]:.2f} | {first[4]:.2f}" in seen(said(at))


def test_a_head_of_a_link_is_open_and_another_is_chosen_by_the_list() -> None:
    at = run_page("compare", "zh", {"head": "1.2"})
    assert not at.exception and "A，头 1.2" in said(at)
    by_key(at, KEY + "head").set_value("0.3")
    at.run()
    assert not at.exception and "A，头 0.3" in said(at) and "在 0.3 里" in said(at)


def test_a_head_that_nobody_chose_stands_in_no_link() -> None:
    at = run_page("compare", "en", {})
    assert at.session_state[KEY + "head"] and "head" not in at.query_params
    other = by_key(at, KEY + "head").options[1].split(" ")[0]
    by_key(at, KEY + "head").set_value(other)
    at.run()
    assert at.query_params["head"] in (other, [other])


def test_two_models_are_laid_head_beside_nearest_head() -> None:
    at = run_page("compare", "en", {"b": FIRST, "against": "lab-gpt"})
    assert not at.exception and not at.error and "Heads of two models have no numbers in common" in said(at)
    found = compare(av.record(av.load("lab-4"), FIRST), av.record(av.load("lab-gpt"), FIRST), same=False)
    head, other, _ = found.ranked[0]
    assert f"B, head {other[0]}.{other[1]}" in said(at) and f"**{head[0]}.{head[1]}** has the least like it" in said(at)


def test_another_rule_of_one_model_and_nothing_at_all() -> None:
    at = run_page("compare", "en", {"b": FIRST, "rule_b": "argmax"})
    assert not at.exception and not at.error
    model = av.load("lab-4")
    found = compare(av.record(model, FIRST), av.record(model, FIRST, rule=av.Argmax()), same=True)
    assert f"**{found.ranked[0][2]:.0%}** of its weight lies elsewhere" in said(at)
    same = run_page("compare", "en", {"b": FIRST})
    assert "**Nothing changes:**" in said(same) and "⟶" not in said(same)


def test_a_sample_fills_both_sides() -> None:
    at = run_page("compare", "zh", {"head": "1.2"})
    by_key(at, KEY + "sample").set_value(say("compare.case_models", "zh"))
    at.run()
    assert not at.exception and not at.error
    assert [at.session_state[KEY + box] for box in ("a", "b", "model_a", "model_b", "rule_b")] == list(CASES["models"])


@pytest.mark.parametrize(
    "link", [{"b": "猫"}, {"a": " "}, {"b": ""}, {"a": "猫" * 400, "b": "猫" * 400}, {"model": "nmt-zh-en"}]
)
def test_what_cannot_be_laid_side_by_side_is_one_sentence(link: dict[str, str]) -> None:
    at = run_page("compare", "zh", link)
    assert not at.exception and len(at.error) == 1 and not charts(at)


def test_every_head_is_laid_beside_one_that_is_chosen_but_not_that_one_beside_itself() -> None:
    at = run_page("compare", "en", {"b": FIRST})
    by_key(at, KEY + "beside").set_value("2.1")
    at.run()
    run = av.record(av.load("lab-4"), FIRST)
    found = compare(run, run, same=True).with_one((2, 1))
    (head, _, moved), (least, _, little) = found.ranked[0], found.ranked[-1]
    words = f"Of A's 15 heads **{head[0]}.{head[1]}** is least like **2.1** of B: **{moved:.0%}** of the weight lies "
    assert not at.exception and words in said(at) and "B, head 2.1" in said(at)
    assert f"Most like it is **{least[0]}.{least[1]}**: {little:.0%}" in said(at)
    assert at.query_params["beside"] in ("2.1", ["2.1"])
    assert np.allclose(array(charts(at)[2]["data"][0]["z"]), found.difference(head, (2, 1)).numpy(), atol=1e-4)


def test_layers_are_compared_by_the_mean_of_their_heads() -> None:
    at = run_page("compare", "zh", {"of": "layers"})
    model = av.load("lab-4")
    found = compare(av.record(model, FIRST), av.record(model, SECOND), same=True).of_layers()
    head, other, moved = found.ranked[0]
    assert not at.exception and f"4 层里 **第 {head[0]} 层** 挪动最多：它有 **{moved:.0%}**" in said(at)
    assert f"A，第 {head[0]} 层，各头平均" in said(at)
    assert np.allclose(array(charts(at)[2]["data"][0]["z"]), found.difference(head, other).numpy(), atol=1e-4)
    two = run_page("compare", "en", {"b": FIRST, "against": "lab-gpt", "of": "layers", "beside": "1"})
    assert not two.exception and "**layer 1** of B" in said(two) and "Layers of two models" not in said(two)
    assert "Layers of two models" in said(run_page("compare", "en", {"b": FIRST, "against": "lab-gpt", "of": "layers"}))


@pytest.mark.parametrize("case", ["two_heads", "two_layers"])
def test_a_sample_lays_two_of_one_run_beside_each_other_and_the_next_lets_go(case: str) -> None:
    at = run_page("compare", "en", {})
    by_key(at, KEY + "sample").set_value(say(f"compare.case_{case}", "en"))
    at.run()
    assert not at.exception and (at.session_state[KEY + "of"], at.session_state[KEY + "beside"]) == WITH[case]
    assert "is least like **" in said(at)
    by_key(at, KEY + "sample").set_value(say("compare.case_number", "en"))
    at.run()
    assert (at.session_state[KEY + "of"], at.session_state[KEY + "beside"]) == ("heads", "")


@pytest.mark.parametrize(
    "link", [{"beside": "9.9"}, {"beside": "x"}, {"of": "layers", "beside": "2.1"}, {"head": "8.8"}]
)
def test_a_head_of_a_link_that_there_is_not_is_let_go(link: dict[str, str]) -> None:
    at = run_page("compare", "en", link)
    assert not at.exception and not at.error and "moves most" in said(at)
