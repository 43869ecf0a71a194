"""The page on acting under AppTest: an episode whole in the browser, taken over, changed, hidden, odd links."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from attnviz import shipped
from attnviz.messages import LANGUAGES, say, table
from attnviz.systems.acting.paths import shortest
from attnviz.systems.acting.system import Episode, load
from attnviz.systems.acting.world import start
from attnviz.ui.pages.acting import run, told
from attnviz.ui.pages.acting.choices import KEY, SAMPLES
from attnviz.ui.pages.acting.run import Request
from tests.pages.opened import by_key, component, run_page, said
from tests.pages.pictures.lit import weights_of

FIRST = Request("doorkey", 8, 3)  # the agent at (1, 1), the key at (2, 4), the door at (5, 5), the goal at (6, 6)
NO_WAY = "0w4.5"  # before the door
BESIDE = "3w3.4"  # beside the key, on nobody's way


def opened(lang: str = "en", **link: str) -> AppTest:
    at = run_page("acting", lang, link)
    assert not at.exception
    return at


def given(at: AppTest) -> dict:
    return component(at, KEY + "picture")


def played(size: int = 8, seed: int = 3) -> Episode:
    return load(run.DOORKEY).play(start("doorkey", size, seed))


def says(at: AppTest, name: str, lang: str = "en") -> bool:
    """Is the longest piece of a message that is always the same on the page?"""
    words = table(lang)[f"acting.{name}"].replace("*", "")
    pieces = words.replace("{", "}").split("}")[::2]
    return max(pieces, key=len).strip() in said(at).replace("*", "")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_opens_on_an_episode_that_arrives_and_says_so_first(lang: str) -> None:
    at, episode = opened(lang), played()
    assert not at.error and episode.reached and episode.steps == episode.shortest
    words = {"agent": run.DOORKEY, "steps": episode.steps, "shortest": episode.shortest}
    assert at.markdown[2].value == say("acting.ends_reached", lang, **words)
    for phase in ("before", "with", "open"):
        assert says(at, f"lead_{phase}", lang)
    assert len(given(at)["steps"]) == episode.steps + 1 and given(at)["steps"][-1]["arrived"]


def test_the_browser_has_every_weight_world_and_likelihood_of_the_episode() -> None:
    episode = played()
    for head, weights in ((None, episode.weights.mean(1)), (2, episode.weights[:, 2])):
        found = given(opened() if head is None else opened(head=str(head)))
        assert np.allclose(weights_of(found).float(), weights, atol=1e-4)
        for lane, part in zip(found["lanes"], ("key", "door", "goal"), strict=False):
            row = episode.share(part).mean(1) if head is None else episode.share(part)[:, head]
            assert np.allclose(lane["shares"], row, atol=1e-4)
    for step, one in enumerate(found["steps"][:-1]):
        scene = episode.scenes[step]
        assert one["at"] == scene.cell(*scene.agent) and one["turn"] == scene.direction
        assert np.allclose(one["likely"], episode.probabilities[step], atol=1e-4)
        assert run.LETTERS[one["did"]] == episode.actions[step]
        assert {tuple(thing) for thing in one["things"]} == {
            (cell, *thing) for cell, thing in enumerate(scene.cells) if thing.kind not in ("wall", "empty")
        }


def test_a_wall_counts_from_its_step_on_and_before_stands_beside_after() -> None:
    at, own = opened(edits=BESIDE, step="3"), given(opened())
    found, wall = given(at), 4 * 8 + 3
    assert says(at, "now_reached") and says(at, "way_left") and not at.error
    assert [wall in one["walls"] for one in found["steps"][:5]] == [False, False, False, True, True]
    assert [one["at"] for one in found["steps"][:4]] == [one["at"] for one in own["steps"][:4]]
    assert found["before"] == [one["at"] for one in own["steps"]] and own["before"] is None and found["step"] == 3


def test_a_thing_carried_elsewhere_is_fetched_there_and_the_agent_can_be_put_too() -> None:
    moved = run.play(Request("doorkey", 8, 3, edits=run.edits_of("0m2.4.4.2")))
    assert moved.episode.scenes[0].at(4, 2).kind == "key" and moved.episode.reached
    assert moved.episode.steps == len(shortest(moved.episode.scenes[0]) or ())
    placed = run.play(Request("doorkey", 8, 3, edits=run.edits_of("0m1.1.4.6")))
    assert placed.episode.scenes[0].agent == (4, 6) and placed.episode.reached


def test_a_layout_without_a_way_is_said() -> None:
    at = opened(edits=NO_WAY)
    assert says(at, "no_way") and not says(at, "now_reached") and not at.error


@pytest.mark.parametrize("edits", ["0w1.1", "0w0.3", "0w9.9", "0m2.4.6.6", "0m3.3.4.4", "0m5.5.3.3", "2w3.3-2w2.4"])
def test_an_edit_of_a_link_that_cannot_be_is_one_sentence_and_the_agents_own_episode(edits: str) -> None:
    at = opened(edits=edits)
    assert len(at.error) == 1 and at.error[0].value.strip() and "acting_" not in at.error[0].value
    assert len(given(at)["steps"]) == played().steps + 1 and given(at)["before"] is None


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ({"seed": "-7"}, "range_seed"), ({"seed": "10000"}, "range_seed"), ({"seed": "x"}, "range_seed"),
        ({"size": "4"}, "range_size"), ({"size": "99"}, "range_size"),
        ({"edits": "<b>"}, "not_readable"), ({"moves": "3.XYZ"}, "not_readable"),
    ],
)  # fmt: skip
def test_a_number_or_a_move_that_there_is_not_is_told_and_the_page_is_as_usual(link: dict[str, str], name: str) -> None:
    at = opened(**link)
    assert len(at.warning) == 1 and not at.error
    assert len(given(at)["steps"]) == played().steps + 1


def test_what_a_link_says_of_steps_heads_and_cells_that_are_not_there_counts_for_nothing() -> None:
    at = opened(step="99", of="7", without="0.9", hidden="9999", blind="target", since="99", head="7")
    assert not at.error and given(at)["before"] is None and given(at)["step"] == played().steps


def test_the_key_hidden_from_all_heads_is_never_found_and_as_it_was_takes_it_back() -> None:
    at = opened(blind="key")
    assert says(at, "now_circle") and not at.error
    found = run.play(Request("doorkey", 8, 3, blind="key"))
    first, again = found.circle or (0, 0)
    scenes = found.episode.scenes
    assert again == found.episode.steps and scenes[first].agent == scenes[again].agent
    assert scenes[first].cells == scenes[again].cells and scenes[first].direction == scenes[again].direction
    assert np.isnan(weights_of(given(at))[0, 4 * 8 + 2])
    by_key(at, KEY + "as_before").click().run()
    assert says(at, "ends_reached") and "blind" not in at.query_params


def test_a_cell_hidden_from_one_head_is_hidden_there_alone_and_from_its_step_on() -> None:
    request = Request("doorkey", 8, 3, hidden=(34,), of=(1,), since=2)
    found, own = run.play(request).episode, played()
    assert np.array_equal(found.weights[:2], own.weights[:2])
    assert np.isnan(found.weights[2:, 1, 34]).all() and not np.isnan(found.weights[:, [0, 2, 3]]).any()


def test_a_person_takes_over_and_lets_go_again() -> None:
    held = opened(moves="2.LL", mine="1", step="4")
    found = given(held)
    assert says(held, "now_stopped") and len(found["steps"]) == 5 and found["held"]
    assert [one.get("mine") for one in found["steps"]] == [False, False, True, True, None]
    assert found["queries"] == 5 and found["steps"][4]["likely"] and not found["steps"][4]["arrived"]  # a last look
    on = given(opened(moves="2.LL"))
    assert len(on["steps"]) > 5 and on["steps"][-1]["arrived"] and not on["held"]
    own = played()
    assert [run.LETTERS[one["did"]] for one in on["steps"][:4]] == [*own.actions[:2], "left", "left"]


@pytest.mark.parametrize("head", [None, 1])
def test_a_last_look_stands_in_the_lanes_too(head: int | None) -> None:
    link = {} if head is None else {"head": str(head)}
    lanes = given(opened(moves="2.LL", mine="1", **link))["lanes"]
    scene = run.play(Request("doorkey", 8, 3, moves="2.LL", held=True)).episode.scenes[-1]
    looks = load(run.DOORKEY).look(scene).weights(0)[:, 0]
    row = looks.mean(0) if head is None else looks[head]
    shares = [float(row[list(scene.parts[name])].sum()) for name in ("key", "door", "goal")]
    assert [one["shares"][4] for one in lanes] == pytest.approx([*shares, 1 - sum(shares)], abs=1e-3)


def test_steps_of_the_agent_between_two_take_overs_stay_its_own() -> None:
    own = played()
    kept = "".join(run.NAMED[action] for action in own.actions[2:4]).lower()
    found = run.play(Request("doorkey", 8, 3, moves=f"1.L{kept}R", held=True))
    assert found.mine == {1, 4} and found.episode.actions[0] == own.actions[0]
    assert found.episode.actions[1:] == ("left", *own.actions[2:4], "right")
    table_ = told.csv_lines(found, "doorkey")
    assert [line.split(",")[2] for line in table_[1::4]] == ["agent", "person", "agent", "agent", "person"]
    at = opened(moves=f"1.L{kept}R", mine="1")
    assert [one.get("mine") for one in given(at)["steps"]] == [False, True, False, False, True, None]
    assert say("acting.how_moves", "en", count=2) in said(at)


def test_a_person_arrives_alone_by_the_shortest_way() -> None:
    way = "".join(run.NAMED[action] for action in shortest(start("doorkey", 6, 1)) or ())
    at = opened(size="6", seed="1", moves=f"0.{way}", mine="1", step=str(len(way)))
    assert says(at, "now_mine") and len(given(at)["steps"]) == len(way) + 1


def test_what_was_done_in_one_world_does_not_go_to_another() -> None:
    at = opened(edits=BESIDE, step="3", blind="key")
    by_key(at, KEY + "seed").set_value(4).run()
    assert "edits" not in at.query_params and "step" not in at.query_params
    assert given(at)["before"] is not None  # the key is still hidden: that belongs to the agent
    by_key(at, KEY + "task").set_value("goto").run()
    assert not at.error and given(at)["before"] is None


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_opens_in_its_words(sample: str) -> None:
    task, size, seed = sample.split()
    by, task = ("return", "doorkey") if task == "return" else ("cells", task)
    at = opened("zh", task=task, size=size, seed=seed, by=by)
    assert not at.error and not at.warning
    assert say(f"acting.task_{task}", "zh") in said(at) and len(given(at)["steps"]) > 1


def test_a_mission_is_chosen_from_what_is_there_and_another_of_a_link_is_told() -> None:
    scene = start("goto", 8, 4)
    options = run.nameable(scene)
    other = next(one for one in options if one != ".".join(scene.mission.wanted[0]))
    at = opened(task="goto", seed="4", what=other)
    assert set(by_key(at, KEY + "what").options) == {say("acting.thing", "en", **_words(one)) for one in options}
    assert say("acting.mission_goto", "en", what=say("acting.thing", "en", **_words(other))) in said(at)
    wrong = opened(task="goto", seed="4", what="red.goal")
    assert len(wrong.warning) == 1 and not wrong.error


def _words(thing: str) -> dict[str, str]:
    colour, kind = thing.split(".")
    return {"colour": say(f"acting.colour_{colour}", "en"), "kind": say(f"acting.kind_{kind}", "en")}


def test_the_table_is_the_mean_of_each_phase() -> None:
    found, episode = run.play(FIRST), played()
    taken = next(step for step, scene in enumerate(episode.scenes) if scene.carrying)
    phases = {one.name: one.steps for one in told.phases(found, "doorkey")}
    assert list(phases) == ["before", "with", "open"] and phases["before"] == tuple(range(taken))
    lead = told.leads(found, "doorkey")[0]
    means = [sum(float(episode.share("key")[step, head]) for step in range(taken)) / taken for head in range(4)]
    assert lead.head == int(np.argmax(means)) and lead.share == pytest.approx(max(means), abs=1e-5)
    shares = told.shares(found, "doorkey")
    assert np.allclose(sum(shares.values()), 1, atol=1e-4)
    html = " ".join(one.proto.body for one in opened().get("html"))
    cells = re.findall(r"<td class='([a-z ]*)'>([0-9.]+)</td>", html)
    expected = []
    for head in range(4):
        for steps in phases.values():
            for part, of in shares.items():
                share = float(of[list(steps), head].mean())
                how = [*(["last"] if part == "rest" else []), *(["most"] if share >= 0.5 else [])]
                expected.append((" ".join(how), f"{share:.2f}"))
    assert cells == expected


def test_the_episode_goes_away_as_a_film_and_as_a_table() -> None:
    found = run.play(FIRST)
    film = Image.open(BytesIO(found.episode.gif(None)))
    assert getattr(film, "n_frames", 1) == found.episode.steps + 1
    lines = told.csv_lines(found, "doorkey")
    assert len(lines) == 1 + 4 * found.episode.steps and lines[0].startswith("step,action,by,carrying,head,key,door")
    step, action, by, carrying, head, key = lines[2].split(",")[:6]
    assert (step, action, by, carrying, head) == ("0", found.episode.actions[0], "agent", "", "1")
    assert float(key) == pytest.approx(float(found.episode.share("key")[0, 1]), abs=1e-5)


def test_the_figures_are_the_cards_and_set_weight_beside_what_its_loss_costs() -> None:
    figures = shipped.figures(run.DOORKEY)
    at, left = opened(), figures["without"]["8"]
    for head in range(figures["heads"]):
        share, one, removed = figures["shares"]["before"]["key"][head], left["one"][head], left["removed"][head]
        row = next(line for line in said(at).split("\n") if line.startswith(f"| head {head} |"))
        assert f"| {share:.3f} |" in row and row.endswith(f"| {one:.3f} | {removed:.3f} |")
    success, ratio = figures["ways"]["8"]["likeliest"]
    assert f"{success:.3f} · ×{ratio:.3f}" in said(at)
    assert say("acting.hidden_one", "en", part="key", left=f"{left['all']['key']:.3f}") in said(at)
