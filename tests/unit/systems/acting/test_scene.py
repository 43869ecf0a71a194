"""Worlds: what is told of them, what may be changed in them, and what is refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from attnviz.errors import ArgumentError
from attnviz.systems.acting.paths import length, shortest
from attnviz.systems.acting.scene import EMPTY, HELD_OUT, SIZES, TASKS, WALL, Mission, Scene, Thing
from attnviz.systems.acting.world import act, start

KEY, DOOR = Thing("key", "yellow"), Thing("door", "yellow", "locked")


def drawn(rows: str, mission: Mission, direction: int = 0) -> Scene:
    """A world from a drawing: # wall, . empty, K key, D door, G goal, B red ball, A the agent."""
    things = {
        "#": WALL,
        ".": EMPTY,
        "A": EMPTY,
        "K": KEY,
        "D": DOOR,
        "G": Thing("goal", "green"),
        "B": Thing("ball", "red"),
    }
    lines = rows.split()
    row = next(number for number, line in enumerate(lines) if "A" in line)
    cells = tuple(things[one] for line in lines for one in line)
    return Scene(mission, len(lines), cells, (lines[row].index("A"), row), direction)


DOORKEY = drawn("##### #A#.# #KD.# #.#G# #####", Mission("doorkey"), direction=1)


def test_every_cell_is_in_one_part() -> None:
    for task in TASKS:
        scene = start(task, SIZES[task][0], 5)
        numbers = sorted(number for part in scene.parts.values() for number in part)
        assert numbers == list(range(scene.size**2)) and scene.parts["here"] == (scene.cell(*scene.agent),)


def test_parts_name_what_the_mission_is_about() -> None:
    assert {name: DOORKEY.parts[name] for name in ("key", "door", "goal")} == {
        "key": (11,),
        "door": (12,),
        "goal": (18,),
    }
    scene = start("putnext", 6, 1)
    for name, pair in zip(("target", "beside"), scene.mission.wanted, strict=True):
        assert [scene.cells[cell].named for cell in scene.parts[name]] == [pair]


def test_a_wall_is_put_and_taken_away_and_the_way_changes() -> None:
    assert len(shortest(DOORKEY) or ()) == 8
    without = DOORKEY.toggle_wall(2, 1)  # beside the agent: round the door
    assert without.at(2, 1) == EMPTY and len(shortest(without) or ()) == 6
    assert without.toggle_wall(2, 1) == DOORKEY
    shut = without.toggle_wall(2, 1).move((1, 2), (3, 1))  # the key behind the door
    assert shortest(shut) is None and DOORKEY.at(1, 2) == KEY
    assert (length(DOORKEY), length(without), length(shut)) == (8, 6, None)


def test_a_thing_is_moved_and_the_first_scene_stays() -> None:
    moved = DOORKEY.move((1, 2), (1, 3))
    assert moved.at(1, 3) == KEY and moved.at(1, 2) == EMPTY and moved.parts["key"] == (16,)
    assert DOORKEY.at(1, 2) == KEY and DOORKEY.parts["key"] == (11,)


def test_the_agent_is_put_where_it_is_told() -> None:
    put = DOORKEY.put_agent(3, 1, 1)
    assert (put.agent, put.direction) == ((3, 1), 1) and shortest(put) == ("forward", "forward")


REFUSED: dict[str, Callable[[], object]] = {
    "acting_outside": lambda: DOORKEY.toggle_wall(5, 1),
    "acting_border": lambda: DOORKEY.toggle_wall(0, 1),
    "acting_taken": lambda: DOORKEY.move((1, 2), (2, 1)),
    "acting_agent_there": lambda: DOORKEY.move((1, 2), (1, 1)),
    "acting_nothing_there": lambda: DOORKEY.move((1, 3), (3, 1)),
    "acting_not_movable": lambda: DOORKEY.move((2, 2), (1, 3)),
    "acting_direction": lambda: DOORKEY.put_agent(1, 3, 4),
    "acting_not_there": lambda: start("goto", 6, 0).with_mission(Mission("goto", "red", "ball")),
    "acting_mission": lambda: Mission("open", "red", "ball"),
    "acting_task": lambda: start("dance", 6, 0),
    "acting_size": lambda: start("goto", 5, 0),
    "acting_seed": lambda: start("goto", 6, -1),
    "acting_action": lambda: act(DOORKEY, "done"),
    "acting_ended": lambda: act(replace(DOORKEY, ended="reached"), "left"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(message: str) -> None:
    with pytest.raises(ArgumentError) as refusal:
        REFUSED[message]()
    assert refusal.value.message == message


@pytest.mark.parametrize(
    "place", [(True, 1), (1.0, 2), ("1", 2), (None, 1), (10**30, 1), (-1, 1)], ids=lambda place: str(place)[:12]
)
def test_a_place_that_is_none_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ArgumentError):
        DOORKEY.at(*place)


@pytest.mark.parametrize("seed", [1_000_000, "1", 1.5, None, True])
def test_a_seed_that_is_none_is_refused(seed: int) -> None:
    with pytest.raises(ArgumentError) as refusal:
        start("doorkey", 8, seed)
    assert refusal.value.message == "acting_seed"


def test_missions_need_as_many_things_as_their_task_and_two_that_differ() -> None:
    for mission in (
        ("goto",),
        ("doorkey", "red", "ball"),
        ("putnext", "red", "ball", "red", "ball"),
        ("fetch", "red", "door"),
    ):
        with pytest.raises(ArgumentError) as refusal:
            Mission(*mission)
        assert refusal.value.message == "acting_mission"


def test_no_room_has_what_the_training_must_not_see_unless_it_is_asked_for() -> None:
    for task in TASKS[1:]:
        for seed in range(20):
            plain, unseen = start(task, 8, seed), start(task, 8, seed, unseen=True)
            named = {thing.named for thing in plain.cells}
            assert not named & set(HELD_OUT) and not set(plain.mission.wanted) & set(HELD_OUT)
            assert unseen.mission.wanted[0] in HELD_OUT


def test_a_seed_is_one_world_and_another_seed_another() -> None:
    for task in TASKS:
        assert start(task, 8, 7) == start(task, 8, 7) != replace(start(task, 8, 8), seed=7)
