"""Does an agent arrive on worlds it never saw, where do its heads look, what does it cost to hide that? Print, write.

    python -m attnviz.training.acting.card [agent-doorkey agent-tasks agent-dt] [--write] [--worlds 500]

Every world is moved by minigrid itself (`measure.py`). Weight and importance stand side by side: the share of each
head's weight on key, door and goal, and the success that is left when they are hidden from one head or from all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

import torch

from attnviz.core.rules import Argmax
from attnviz.shipped import WEIGHTS, recipe
from attnviz.systems.acting import AGENTS, DECIDER, NAMES
from attnviz.systems.acting.network import Actor
from attnviz.systems.acting.scene import SIZES, Scene
from attnviz.systems.acting.system import load
from attnviz.training.acting import asked, asked_words
from attnviz.training.acting.measure import Hidden, Way, part, played, some_empty_cell, worlds
from attnviz.training.acting.words import card, tables
from attnviz.training.folder import save_facts

MANY = 500  # worlds of each size or task
FEWER = {"agent-doorkey": 200, "agent-tasks": 100}  # of them, where something is hidden or the heads are watched
WATCHED = ("8", "goto", "fetch", "open", "putnext")  # the groups of these
WAYS = {"likeliest": Way(), "hard": Way(Argmax())}


def measured(name: str, many: int = MANY) -> dict[str, Any]:
    """All figures of an agent, each on as many worlds."""
    network = load(name).network
    groups = groups_of(name, many)
    few = {group: groups[group][: FEWER[name]] for group in WATCHED if group in groups}
    ways = {
        group: {way: told(network, scenes, how) for way, how in WAYS.items()} for group, scenes in groups.items()
    }  # fmt: skip
    return {
        "worlds": many, "fewer": min(many, FEWER[name]), "heads": network.shape.heads, "ways": ways,
        "shares": shares(network, few.values()),
        "without": {group: without(network, scenes) for group, scenes in few.items()},
    }  # fmt: skip


def groups_of(name: str, many: int) -> dict[str, list[Scene]]:
    """The worlds by group: sizes of DoorKey; tasks, and tasks whose words name pairs that no training world had."""
    if AGENTS[name] == ("doorkey",):
        return {str(size): worlds("doorkey", many, size=size) for size in SIZES["doorkey"]}
    seen = {task: worlds(task, many) for task in AGENTS[name]}
    return seen | {f"{task} unseen": worlds(task, many, unseen=True) for task in AGENTS[name]}


def told(network: Actor, scenes: list[Scene], way: Way) -> list[float]:
    """Success, and steps as a multiple of the shortest way's."""
    found = played(network, scenes, way)
    return [round(found.success, 4), round(found.ratio, 4)]


def shares(network: Actor, groups: Iterable[list[Scene]]) -> dict[str, dict[str, list[float]]]:
    """How much of each head's weight lies on each part, by moment."""
    found: dict[str, dict[str, list[float]]] = {}
    for scenes in groups:
        for name, parts in played(network, scenes, Way(watched=True)).shares.items():
            found[name] = {one: [round(float(head), 4) for head in heads] for one, heads in parts.items()}
    return found


def without(network: Actor, scenes: list[Scene]) -> dict[str, Any]:
    """The success that is left when a part is hidden from all heads, the first part from one, or a head answers
    nothing.
    """
    names = {"doorkey": ("key", "door", "goal"), "putnext": ("target", "beside")}.get(scenes[0].task, ("target",))
    hidden: dict[str, Hidden] = {name: part(name) for name in names}
    first, heads = next(iter(hidden.values())), range(network.shape.heads)

    def left(way: Way) -> float:
        return round(played(network, scenes, way).success, 4)

    return {
        "all": {name: left(Way(hidden=one)) for name, one in [*hidden.items(), ("empty", some_empty_cell)]},
        "one": [left(Way(hidden=first, heads=(head,))) for head in heads],
        "removed": [left(Way(removed=head)) for head in heads],
    }


def main() -> None:
    """Read the arguments, print, and write cards and figures when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="*", default=NAMES, metavar="agent", help="which agent; all unless named")
    parser.add_argument("--worlds", type=int, default=MANY, help="of each size or task")
    parser.add_argument("--write", action="store_true", help="write README.md and figures.json")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.agents:
        folder = WEIGHTS / name
        facts = recipe(folder) | {"parameters": load(name).parameters}
        figures = asked.measured(given.worlds) if name == DECIDER else measured(name, given.worlds)
        print(asked_words.tables(figures, facts) if name == DECIDER else tables(figures))
        if given.write:
            text = asked_words.card(figures, facts) if name == DECIDER else card(name, figures, facts)
            (folder / "README.md").write_text(text, encoding="utf-8")
            save_facts(folder, figures=figures)


if __name__ == "__main__":
    main()
