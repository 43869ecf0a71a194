"""Worlds move as minigrid moves them, missions end when they are accomplished, shortest ways are the shortest."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import pytest

from attnviz.systems.acting.mini import DoorKeyEnv
from attnviz.systems.acting.paths import distances, phases, shortest
from attnviz.systems.acting.scene import ACTIONS, EMPTY, SIZES, TASKS, Mission, Scene, Thing
from attnviz.systems.acting.world import act, start
from tests.unit.systems.acting.test_scene import drawn


def test_a_way_in_doorkey_is_the_way_of_minigrid_s_own_environment() -> None:
    for seed in range(6):
        env, scene = DoorKeyEnv(size=6), start("doorkey", 6, seed)
        env.reset(seed=seed)
        over = False
        for action in shortest(scene) or ():
            assert not over and not scene.ended
            _, _, over, _, _ = env.step(ACTIONS.index(action))
            scene = act(scene, action)
            assert (tuple(env.agent_pos), env.agent_dir, env.step_count) == (scene.agent, scene.direction, scene.steps)
            assert (env.carrying is not None) == (scene.carrying is not None)
        assert over and scene.ended == "reached"


def searched(scene: Scene) -> int | None:
    """Steps of the shortest way, by trying every action of every state forwards."""
    waiting, been = deque([(scene, 0)]), set()
    while waiting:
        one, steps = waiting.popleft()
        if one.ended == "reached":
            return steps
        state = (one.cells, one.agent, one.direction, one.carrying)
        if one.ended or state in been:
            continue
        been.add(state)
        waiting.extend((act(one, action), steps + 1) for action in ACTIONS if action != "drop" or one.task == "putnext")
    return None


@pytest.mark.parametrize("task", ["doorkey", "goto", "fetch", "open"])
def test_no_way_is_shorter(task: str) -> None:
    for seed in range(2):
        scene = start(task, SIZES[task][0], seed)
        assert searched(scene) == len(shortest(scene) or ())


def test_from_every_place_the_steps_to_go_are_those_of_trying_all_ways() -> None:
    scene = drawn("###### #A...# #.##.# #.##B# #....# ######", Mission("goto", "red", "ball"))
    (table,) = distances(phases(scene))
    for place in [(number % 6, number // 6) for number, one in enumerate(scene.cells) if one == EMPTY]:
        for direction in range(4):
            begun = scene.put_agent(*place, direction)
            assert table[place[1], place[0], direction] == searched(begun) == len(shortest(begun) or ())


@pytest.mark.parametrize("task", TASKS)
def test_the_shortest_way_accomplishes_the_mission_with_its_last_step(task: str) -> None:
    for size in SIZES[task]:
        scene = start(task, size, 3)
        for action in shortest(scene) or ():
            assert not scene.ended
            scene = act(scene, action)
        assert scene.ended == "reached" and shortest(scene) == ()


def test_fetching_another_thing_loses() -> None:
    scene = drawn("##### #AB.# #...# #..K# #####", Mission("fetch", "yellow", "key"))
    after = act(scene, "pickup")
    assert after.ended == "lost" and after.carrying == Thing("ball", "red") and shortest(after) is None


def test_a_thing_is_laid_next_to_another() -> None:
    scene = drawn("##### #AK.# #...# #.B.# #####", Mission("putnext", "yellow", "key", "red", "ball"))
    way = shortest(scene)
    assert way is not None and way[0] == "pickup" and way[-1] == "drop"
    held = act(scene, "pickup")
    assert held.at(2, 1) == EMPTY and not held.ended and len(shortest(held) or ()) == len(way) - 1


def test_what_is_carried_without_need_is_laid_down_first() -> None:
    scene = drawn("##### #AK.# #...# #.B.# #####", Mission("putnext", "yellow", "key", "red", "ball"))
    scene = replace(scene, carrying=Thing("box", "blue"))
    way = shortest(scene) or ()
    assert [one for one in way if one in ("pickup", "drop")] == ["drop", "pickup", "drop"]


def test_a_wall_that_is_run_against_stays_as_it_is() -> None:
    scene = drawn("##### #A..# #...# #...# #####", Mission("doorkey"), direction=3)
    for action in ("forward", "pickup", "drop", "toggle"):
        after = act(scene, action)
        assert (after.cells, after.agent, after.steps) == (scene.cells, scene.agent, 1)


def test_in_a_door_of_the_outer_wall_one_can_but_turn() -> None:
    scene = drawn("##### #A..# #...# #...# #####", Mission("goto", "red", "ball"), direction=3)
    cells = list(scene.cells)
    cells[1] = Thing("door", "red", "open")
    out = act(Scene(scene.mission, 5, tuple(cells), (1, 1), 3), "forward")
    assert out.agent == (1, 0)
    stays = act(act(out, "forward"), "toggle")
    assert (stays.agent, stays.steps, stays.cells) == ((1, 0), 3, out.cells)
    assert act(act(stays, "left"), "left").direction == 1
