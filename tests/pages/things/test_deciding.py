"""The page on acting where a Decision Transformer plays: three tokens a step, a return asked for, odd links."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attnviz import shipped
from attnviz.messages import LANGUAGES, say
from attnviz.systems.acting.deciding import PARTS, Ride, load
from attnviz.systems.acting.world import start
from attnviz.ui.pages.acting import decided, run
from attnviz.ui.pages.acting.choices import KEY
from attnviz.ui.pages.acting.run import Request
from tests.pages.opened import by_key, component, run_page, said
from tests.pages.pictures.lit import weights_of

SMALL = {"by": "return", "size": "6", "seed": "1", "asked": "-16"}
REQUEST = Request("doorkey", 6, 1, asked=-16)


def opened(lang: str = "en", **link: str) -> AppTest:
    at = run_page("acting", lang, {**SMALL, **link})
    assert not at.exception
    return at


def given(at: AppTest) -> dict:
    return component(at, KEY + "picture")


def ride(asked: int = -16) -> Ride:
    return load(run.DECIDER).play(start("doorkey", 6, 1), asked=asked, seed=1)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_opens_on_what_was_asked_for_beside_what_came_of_it(lang: str) -> None:
    at, own = opened(lang), ride()
    assert not at.error and not at.warning and len(given(at)["steps"]) == own.steps + 1
    words = {"agent": run.DECIDER, "steps": own.steps, "shortest": own.shortest}
    assert say("acting.ends_reached", lang, **words) in said(at)
    name = "kept" if own.steps == 16 else "other"
    assert say(f"acting.asked_{name}", lang, asked=16, steps=own.steps) in said(at)
    assert say("acting.asked_say", lang, steps=16) in [one.value for one in at.caption]


@pytest.mark.parametrize("head", [-1, 2])
def test_the_browser_has_every_weight_of_a_layer_and_what_each_step_gives_each_part(head: int) -> None:
    found, own = given(opened(layer="1", head=str(head))), ride()
    weights = own.weights[1].mean(0) if head < 0 else own.weights[1, head]
    assert np.allclose(weights_of(found), weights, atol=1e-4, equal_nan=True)
    assert found["tokens"] == ["R", "s", "a"] and found["queries"] == found["keys"] == 3 * own.steps - 1
    for lane, part in zip(found["lanes"], PARTS, strict=True):
        of = own.share(part)[:, 1].mean(1) if head < 0 else own.share(part)[:, 1, head]
        assert np.allclose(lane["shares"], of, atol=1e-4)
    assert found["tiles"]["layers"] == [0, 1] and found["tiles"]["columns"] == 4 and found["tiles"]["all"]
    assert [one.get("value") for one in found["steps"][:-1]] == list(own.asked)


def test_another_return_is_another_episode_and_stands_in_the_link() -> None:
    at = opened()
    by_key(at, KEY + "asked").set_value(-40).run()
    assert not at.exception and at.query_params["asked"] == "-40"
    assert len(given(at)["steps"]) == ride(-40).steps + 1 > ride().steps + 5


@pytest.mark.parametrize("asked", ["0", "-65", "7", "x", "-1.5"])
def test_a_return_that_cannot_be_asked_for_is_one_sentence(asked: str) -> None:
    at = opened(asked=asked)
    assert len(at.warning) == 1 and not at.error
    assert at.warning[0].value == say("acting.range_asked", "en", first=-64, last=-1, start=-20)


def test_hidden_returns_count_from_their_step_on_and_as_it_was_takes_them_back() -> None:
    at = opened(blind="return", since="3", step="3")
    found = weights_of(given(at))
    assert not np.isnan(found[3 * 2 + 1, 0]) and np.isnan(found[3 * 3 + 1, [0, 3, 6, 9]]).all()
    assert say("acting.how_blind", "en", part="returns", heads="all heads") in said(at)
    assert given(at)["before"] is not None
    by_key(at, KEY + "as_before").click().run()
    assert "blind" not in at.query_params and given(at)["before"] is None


def test_heads_of_both_layers_can_be_taken_away_and_others_count_for_nothing() -> None:
    at = opened(without="0.1-1.2-5.5", of="3", hidden="9", layer="7", head="7")
    assert given(at)["without"] == [[0, 1], [1, 2]] and given(at)["hidden"] == [] and not at.error
    assert given(at)["open"] == [0, -1]
    assert say("acting.how_without", "en", heads="0.1, 1.2") in said(at)


def test_a_wall_and_a_persons_moves_are_kept_in_what_it_reads() -> None:
    edited = run.play(Request("doorkey", 6, 1, asked=-16, edits=run.edits_of("2w3.3"), moves="3.LL"))
    assert edited.mine == {3, 4} and edited.episode.actions[3:5] == ("left", "left")
    assert edited.episode.scenes[2].at(3, 3).kind != ride().scenes[2].at(3, 3).kind
    assert np.allclose(decided.weights(edited)[:, :, :5, :5], ride().weights[:, :, :5, :5], equal_nan=True)
    held = given(opened(moves="1.L", mine="1", step="2"))
    assert len(held["steps"]) == 3 and held["queries"] == 8 and held["steps"][2]["likely"]  # a last look


@pytest.mark.parametrize("edits", ["0w1.1", "0m3.3.4.4", "9w9.9"])
def test_an_edit_that_cannot_be_is_one_sentence(edits: str) -> None:
    at = opened(edits=edits)
    assert len(at.error) == 1 and len(given(at)["steps"]) == ride().steps + 1


def test_other_tasks_ask_for_no_return() -> None:
    at = opened(task="goto")
    assert not at.error and "tokens" not in given(at) and not [one for one in at.slider if one.key == KEY + "asked"]


def test_the_episode_goes_away_as_a_table_and_the_figures_are_the_cards() -> None:
    lines, own = decided.csv_lines(run.play(REQUEST)), ride()
    assert len(lines) == 1 + 8 * own.steps and lines[0].startswith("step,action,by,return_to_go,layer,head,return,")
    assert lines[1].split(",")[:6] == ["0", own.actions[0], "agent", "-16", "0", "0"]
    assert float(lines[1].split(",")[6]) == pytest.approx(float(own.share("return")[0, 0, 0]), abs=1e-5)
    figures, words = shipped.figures(run.DECIDER), said(opened())
    for asked, (arrived, steps, _) in figures["asked"].items():
        assert f"| {asked.replace('-', '−')} | {arrived:.3f} · {steps:.1f} |" in words
    assert f"| {run.DOORKEY} | {figures['learnt'][0]:.3f} · {figures['learnt'][1]:.1f} |" in words
