"""Many worlds in NumPy move as minigrid moves one; best actions are best; the cards' figures come out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attnviz.core.rules import Argmax
from attnviz.shipped import WEIGHTS, figures, recipe
from attnviz.systems.acting import AGENTS
from attnviz.systems.acting.deciding import Unseen
from attnviz.systems.acting.deciding import load as agent_of
from attnviz.systems.acting.network import seen
from attnviz.systems.acting.paths import shortest
from attnviz.systems.acting.scene import ACTIONS, COLOURS, HELD_OUT, KINDS, SIZES, STATES, TASKS, Mission, Thing
from attnviz.systems.acting.system import load
from attnviz.systems.acting.told import CARRYING, state_of
from attnviz.systems.acting.world import act, start
from attnviz.training.acting import asked_words, decide, optimise, tasks
from attnviz.training.acting.asked import Asking, Came, came
from attnviz.training.acting.many import Many
from attnviz.training.acting.measure import Way, part, played, worlds
from attnviz.training.acting.optimise import Recipe as Policy
from attnviz.training.acting.optimise import Rollout, advantages
from attnviz.training.acting.tasks import OneAlone, Recipe
from attnviz.training.acting.ways import Walks, made_ways, told, walked
from tests.unit.systems.acting.test_scene import drawn

CHANCES = (0.12, 0.12, 0.3, 0.2, 0.1, 0.16)


def test_many_worlds_move_as_minigrid_moves_each_of_them() -> None:
    draw = np.random.default_rng(0)
    scenes = [start(task, size, seed) for task in TASKS for size in SIZES[task] for seed in range(3)]
    many, live = Many.of(scenes), dict(enumerate(scenes))
    compared = 0
    for _ in range(50):
        actions = draw.choice(len(ACTIONS), size=len(scenes), p=CHANCES)
        done, lost = many.step(actions)
        for number, scene in list(live.items()):
            after = act(scene, ACTIONS[actions[number]])
            assert (after.ended == "reached", after.ended == "lost") == (done[number], lost[number])
            one = Many.of([after])
            assert all(
                np.array_equal(getattr(one, name)[0], getattr(many, name)[number]) for name in one.__dataclass_fields__
            )
            compared += 1
            live[number] = after
            if after.ended:
                del live[number]
    assert compared > 1_500 and len(live) < len(scenes)


def test_a_locked_door_opens_to_the_key_of_its_colour_alone() -> None:
    scene = drawn("##### #A..# #D..# #...# #####", Mission("doorkey"), direction=1)
    held = (None, Thing("key", "blue"), Thing("ball", "yellow"), Thing("key", "yellow"))
    many = Many.of([replace(scene, carrying=one) for one in held])
    for states in (("locked", "locked", "locked", "open"), ("locked", "locked", "locked", "closed")):
        many.step(np.full(len(held), ACTIONS.index("toggle")))
        assert [STATES[one] for one in many.cells[:, 2, 1, 2]] == list(states)


def test_many_worlds_are_seen_as_one_is() -> None:
    for words, task in ((False, "doorkey"), (True, "putnext")):
        scene = start(task, 8, 3)
        if words:
            for action in (shortest(scene) or ())[:-2]:
                scene = act(scene, action)
            assert scene.carrying
        one, many = seen(scene, words=words), Many.of([scene, scene]).seen(words=words)
        for name in ("cells", "state", "words"):
            assert torch.equal(getattr(one, name)[0], getattr(many, name)[1])
        assert many.there is not None and many.there.all()


def test_what_was_seen_stays_when_the_worlds_go_on() -> None:
    many = Many.of([start("fetch", 6, seed) for seed in range(4)])
    seen_then = many.seen(words=True)
    before = [getattr(seen_then, name).clone() for name in ("cells", "state", "words")]
    many.step(np.array([0, 1, 2, 3]))
    many.put(np.arange(4), Many.of([start("putnext", 8, seed) for seed in range(4)]), np.arange(4))
    for name, was in zip(("cells", "state", "words"), before, strict=True):
        assert torch.equal(getattr(seen_then, name), was)


def test_no_room_of_the_training_shows_what_is_held_out() -> None:
    pool = tasks.rooms(Recipe(layouts=20))
    named = {tuple(pair) for pair in pool.cells[..., [1, 0]].reshape(-1, 2)} | {tuple(one) for one in pool.words[:, :2]}
    out = {(COLOURS.index(colour), KINDS.index(kind)) for colour, kind in HELD_OUT}
    assert not named & out and not {tuple(one) for one in tasks.HELD[:, [1, 0]]} & out
    assert len(named) == 18 + 2  # empty cells and walls


def test_an_agent_begins_on_an_empty_cell_now_and_then_with_its_thing_in_hand() -> None:
    recipe = Recipe(worlds=200, layouts=3)
    many = tasks.Runner(tasks.rooms(recipe), recipe, np.random.default_rng(0)).many
    number, put = np.arange(200), many.task == TASKS.index("putnext")
    named = many.words[:, [1, 0]]
    held = many.carrying[:, 0] >= 0
    assert {KINDS[kind] for kind in many.cells[number, many.row, many.column, 0]} == {"empty"}
    assert (many.carrying[put & held][:, [0, 1]] == named[put & held]).all()
    things = ((many.cells[..., [0, 1]] == named[:, None, None]).all(-1)).sum((1, 2))
    assert (things[put & held] == 0).all() and (things[put & ~held] == 1).all()
    for task, share in (("putnext", recipe.begun), ("goto", recipe.carrying), ("open", recipe.carrying), ("fetch", 0)):
        found = held[many.task == TASKS.index(task)].mean()
        assert abs(found - share) < 0.15 and (found == 0) == (share == 0), task


def test_rounds_are_hard_and_flat_heads_cost_when_the_recipe_says_so() -> None:
    recipe = Recipe(frames=8 * 8_192, alone=0.5, flat=0.5, sharpness=0.2, silent=0.25, worlds=64)
    hard = [isinstance(recipe.way(number).rule, OneAlone) for number in range(recipe.rounds)]
    late = range(recipe.rounds // 2 + 1, recipe.rounds)
    assert hard == [number in late and number % 2 == 0 for number in range(recipe.rounds)] and any(hard)
    kept = torch.stack([recipe.way(0).kept for _ in range(50)])  # type: ignore[misc]
    assert set(kept.unique().tolist()) == {0.0, 1.0} and float(kept.mean()) == pytest.approx(0.75, abs=0.02)
    assert [recipe.sharper(done) for done in (0, 0.5, 0.75, 1)] == pytest.approx([0, 0, 0.1, 0.2])
    assert [Policy().sharper(done) for done in (0, 1)] == [0, Policy().sharpness] and Policy().way(9) == optimise.Way()


def test_a_lost_room_ends_without_a_reward_and_a_reached_one_with_1() -> None:
    recipe = Recipe(worlds=2, layouts=1)
    runner = tasks.Runner(tasks.rooms(recipe), recipe, np.random.default_rng(0))
    words = Mission("fetch", "yellow", "key")
    runner.many = Many.of([drawn(f"##### #...# #A{thing}.# #...# #####", words) for thing in "KB"])
    runner.taken = np.zeros(2, dtype=np.int64)
    rewards, over = runner.step(np.full(2, ACTIONS.index("pickup")))
    assert rewards.tolist() == [1, 0] and over.tolist() == [True, True]
    assert runner.ended == [(True, 1), (False, 1)]


def test_one_alone_is_hard_and_passes_the_gradient_of_the_softmax_on() -> None:
    scores = torch.tensor([[0.0, 1.0, 0.5]], requires_grad=True)
    found = OneAlone().weigh(scores)
    torch.testing.assert_close(found, torch.tensor([[0.0, 1.0, 0.0]]))
    (found * torch.tensor([[1.0, 0.0, 0.0]])).sum().backward()
    soft = scores.detach().softmax(-1)[0]
    assert scores.grad is not None
    torch.testing.assert_close(scores.grad[0], soft[0] * (torch.tensor([1.0, 0.0, 0.0]) - soft))


def test_advantages_are_those_of_a_plain_loop() -> None:
    torch.manual_seed(0)
    values, rewards, ends = torch.rand(5, 2), torch.rand(5, 2), torch.rand(5, 2) < 0.3
    recipe = Policy(gamma=0.9, lam=0.8)
    rollout = Rollout([], values, values, values, rewards, ends, torch.rand(2))
    for world in range(2):
        for step in range(5):
            wanted, weight = 0.0, 1.0
            for later in range(step, 5):
                after = values[later + 1, world] if later < 4 else rollout.last[world]
                goes_on = 0.0 if ends[later, world] else 1.0
                error = rewards[later, world] + 0.9 * after * goes_on - values[later, world]
                wanted += weight * float(error)
                weight *= 0.72 * goes_on
            assert abs(float(advantages(rollout, recipe)[step, world]) - wanted) < 1e-5


def test_a_short_training_writes_the_agent_that_it_trained(tmp_path: Path) -> None:
    made = (
        (tasks, Recipe(frames=192, worlds=8, steps=8, minibatch=16, layouts=2, alone=0.3), "words"),
        (optimise, Policy(frames=64, worlds=4, steps=8, minibatch=16, layouts=2), "doorkey"),
    )
    for kind, course, name in made:
        network = optimise.train(course, tmp_path / name, *kind.begun(course))
        agent = load(str(tmp_path / name))
        assert agent.tasks == AGENTS["agent-tasks" if name == "words" else "agent-doorkey"]
        assert recipe(tmp_path / name)["seconds"] >= 0
        for mine, kept in zip(network.parameters(), agent.network.parameters(), strict=True):
            torch.testing.assert_close(mine.detach(), kept, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    ("rate_at", "course", "steps"),
    [
        (optimise.rate_at, Recipe(), Recipe().rounds * Recipe().steps_a_round),
        (optimise.rate_at, Policy(), Policy().rounds * Policy().steps_a_round),
    ],
    ids=("tasks", "optimise"),
)
def test_the_rate_falls_to_the_last_one(rate_at: Callable[..., float], course: Recipe | Policy, steps: int) -> None:
    found = [course.rate * rate_at(step, course) for step in (0, steps // 2, steps)]
    middle = (course.rate + course.last_rate) / 2
    assert found == pytest.approx([course.rate, middle, course.last_rate], rel=1e-2)


def test_arguments_name_the_recipe_and_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["tasks", "--last-rate", "0.5", "--frames", "7", "--out", "there"])
    assert optimise.asked(Recipe, "agent-tasks", None) == (Recipe(last_rate=0.5, frames=7), Path("there"))
    monkeypatch.setattr("sys.argv", ["optimise"])
    assert optimise.asked(Policy, "agent-doorkey", None) == (Policy(), WEIGHTS / "agent-doorkey")


@pytest.mark.parametrize("name", list(AGENTS))
def test_the_figures_of_the_card_hold_for_a_few_of_its_worlds(name: str) -> None:
    said = figures(name)
    task = AGENTS[name][0]
    group = "8" if task == "doorkey" else task
    network, some = load(name).network, worlds(task, 12, size=8 if task == "doorkey" else None)
    for way, how in (("likeliest", Way()), ("hard", Way(Argmax()))):
        assert played(network, some, how).success >= said["ways"][group][way][0] - 0.2
    hidden = "key" if task == "doorkey" else "target"
    assert played(network, some, Way(hidden=part(hidden))).success <= said["without"][group]["all"][hidden] + 0.3
    watched = played(network, some, Way(watched=True)).shares
    first = "before" if task == "doorkey" else task
    for one, heads in watched[first].items():
        assert np.allclose(heads, said["shares"][first][one], atol=0.2)


@pytest.mark.parametrize("changes", [(), (Unseen("earlier"),)], ids=["whole", "blind"])
def test_many_rides_at_once_are_those_of_the_agent_that_plays_one(changes: tuple[Unseen, ...]) -> None:
    agent, scenes = agent_of("agent-dt"), worlds("doorkey", 6)
    found = came(agent.network, scenes, Asking(-14, changes=changes, likeliest=True))
    rides = [agent.play(scene, asked=-14, changes=changes, greedy=True) for scene in scenes]
    assert found.steps.tolist() == [one.steps for one in rides]
    assert found.reached.tolist() == [one.reached for one in rides]
    whole = sum(one.share("state").sum(0) for one in rides) / sum(one.steps for one in rides)
    torch.testing.assert_close(found.shares["state"], whole, atol=1e-5, rtol=0)


def test_ways_are_told_as_the_agent_is_told_them_and_their_returns_are_their_steps() -> None:
    scenes = [start("doorkey", size, seed) for size in (5, 8) for seed in range(3)]
    many, draw = Many.of(scenes), np.random.default_rng(0)
    for kind in ("late", "random"):
        found = walked(load("agent-doorkey").network, Many.of(scenes), kind, draw)
        for way, scene in zip(found, scenes, strict=True):
            after = scene
            for cells, carrying, action in zip(way["cells"], way["carrying"], way["actions"], strict=True):
                lit = state_of(after).nonzero().flatten().tolist()
                assert sorted(cells[cells >= 0].tolist()) == [one for one in lit if one != CARRYING]
                assert bool(carrying) == (CARRYING in lit)
                after = act(after, ACTIONS[action])
            lost = 0 if after.ended else 64
            assert way["returns"] == -len(way["actions"]) - lost and bool(after.ended) == (way["returns"] >= -64)
    assert told(many).shape == (6, 64)


def test_a_training_learns_from_every_step_with_its_own_return_to_go(tmp_path: Path) -> None:
    ways = made_ways(8, seed=1, together=2)
    ways.write(tmp_path / "ways.npz")
    again = Walks.read(tmp_path / "ways.npz")
    one = decide.batch(again, np.array([0, 1]), np.zeros(2))
    lengths = np.diff([*again.first, len(again.actions)])
    for row in range(2):
        known = one.actions[row] != decide.NONE
        assert known.sum() == lengths[row] and one.past.returns[row, 0, 0] == again.returns[row] / 10
    decide.train(decide.Recipe(steps=2, episodes=2, layers=1, heads=2, width=8), again, tmp_path / "dt")
    assert recipe(tmp_path / "dt")["behaviour"].keys() == {"agent", "late", "noisy", "random"}
    assert agent_of(str(tmp_path / "dt")).play(start("doorkey", 5, 0), limit=2).steps == 2


def test_the_card_of_the_one_that_is_asked_is_made_of_its_figures() -> None:
    written = (WEIGHTS / "agent-dt" / "README.md").read_text(encoding="utf-8")
    facts = recipe(WEIGHTS / "agent-dt") | {"parameters": agent_of("agent-dt").parameters}
    assert written == asked_words.card(figures("agent-dt"), facts)
    assert asked_words.tables(figures("agent-dt"), facts) in written


def test_a_return_is_minus_the_steps_and_more_is_taken_where_it_did_not_arrive() -> None:
    found = Came(np.array([5, 64]), np.array([True, False]), {})
    assert found.returns.tolist() == [-5, -128] and found.told() == [0.5, 5.0]
