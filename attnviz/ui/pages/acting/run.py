"""What is behind the page on acting: an episode as asked for, played piece by piece where a person changed it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from attnviz.systems.acting import AGENTS, DECIDER
from attnviz.ui.kit import SOFT, RuleChoice, as_rule, runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attnviz.core.interventions import Intervention
    from attnviz.core.rules import Rule
    from attnviz.systems.acting.deciding import Ask, DecisionAgent, Ride
    from attnviz.systems.acting.scene import Scene
    from attnviz.systems.acting.system import Agent, Episode, Hide
    from attnviz.trace import Trace

DOORKEY, TASKED = AGENTS
ASKED = (-64, -1)  # the returns that can be asked for: minus so many steps
TASKS = ("doorkey", "goto", "fetch", "open", "putnext")
SIZES = {"doorkey": (5, 6, 7, 8)}  # of the others 6 to 8
MOST_OWN = 128  # steps of an episode of one's own: 384 tokens
MOST, FEW = 100, 12  # steps after which an episode is not gone on with; those between two looks whether it goes round
LETTERS = {"L": "left", "R": "right", "F": "forward", "P": "pickup", "D": "drop", "O": "toggle"}
NAMED = {action: letter for letter, action in LETTERS.items()}
UNSEEN = ("return", "state", "action", "earlier")  # what can be hidden from one that looks at tokens
LANES = {"doorkey": ("key", "door", "goal"), "putnext": ("target", "beside", "other")}  # of the others target and other
EDIT = r"\d{1,2}(w\d{1,2}\.\d{1,2}|m\d{1,2}\.\d{1,2}\.\d{1,2}\.\d{1,2})"
EDITS = re.compile(rf"({EDIT}(-{EDIT}){{0,29}})?")  # 5w3.4-7m1.2.3.3: at step 5 a wall, at 7 a thing put elsewhere
MOVES = re.compile(
    r"(\d{1,2}\.[LRFPDOlrfpdo]{0,99})?"
)  # 5.FFL: from step 5 on; in small letters the agent's in between
Edit = tuple[int, tuple[int, ...]]  # the step; column and row, and where a thing goes


def sizes(task: str) -> tuple[int, ...]:
    """How many cells across a world of this task can be."""
    return SIZES.get(task, (6, 7, 8))


def lanes(task: str) -> tuple[str, ...]:
    """The parts of a world whose shares of the weight are shown."""
    return LANES.get(task, ("target", "other"))


def can_hide(request: Request) -> tuple[str, ...]:
    """What can be hidden by name."""
    return UNSEEN if request.decides else lanes(request.task)


def edits_of(text: str) -> tuple[Edit, ...]:
    """What was put elsewhere, as a link writes it.

    >>> edits_of("5w3.4-7m1.2.3.3")
    ((5, (3, 4)), (7, (1, 2, 3, 3)))
    """
    found = (re.split("[wm]", one) for one in text.split("-") if one)
    return tuple((int(step), tuple(map(int, places.split(".")))) for step, places in found)


@dataclass(frozen=True)
class Request:
    """An episode as caches know it: the world, what a person did in it, what is changed inside the agent.

    `what` and `beside` name another mission in words, as in "red.ball". `moves` are a person's from a step on, "" where
    there are none; with `held` the agent does not go on after them. `since` is the step from which the rule, the heads
    taken away and what is hidden count; `blind` names the part of the world that is hidden, `of` the heads it is hidden
    from, all where it is empty. `asked` is the return that is asked for where a Decision Transformer plays, 0 where
    another agent does.
    """

    task: str
    size: int
    seed: int
    unseen: bool = False
    what: str = ""
    beside: str = ""
    edits: tuple[Edit, ...] = ()
    moves: str = ""
    held: bool = False
    since: int = 0
    rule: RuleChoice = SOFT
    without: tuple[tuple[int, int], ...] = ()
    hidden: tuple[int, ...] = ()
    blind: str = ""
    of: tuple[int, ...] = ()
    asked: int = 0

    @property
    def untouched(self) -> Request:
        """The same world, the agent alone in it."""
        return Request(self.task, self.size, self.seed, self.unseen, self.what, self.beside, asked=self.asked)

    @property
    def decides(self) -> bool:
        """Does a Decision Transformer play, whose tokens look at tokens?"""
        return self.asked < 0

    @property
    def who(self) -> str:
        """The agent's name."""
        return DECIDER if self.decides else DOORKEY if self.task == "doorkey" else TASKED

    @property
    def inner(self) -> bool:
        """Is anything changed inside the agent?"""
        return bool(self.rule != SOFT or self.without or self.hidden or self.blind)

    @property
    def changed(self) -> bool:
        """Is it another episode than the agent's own?"""
        return bool(self.inner or self.edits or self.moves)

    @property
    def repeats(self) -> bool:
        """Does it do the same again where all is as it was? Not where one place is drawn by chance."""
        return self.rule.name != "sample"

    @property
    def mine(self) -> tuple[int, str]:
        """From which step a person moves, and how; past the end where nobody does."""
        start, _, letters = self.moves.partition(".")
        return (int(start), letters) if start else (MOST, "")


@dataclass(frozen=True, eq=False)
class Played:
    """An episode, the steps that a person made, and a last look where it is not over.

    `circle` are two steps of which the second is the first again: from there on it goes round. `after` is the world
    after the last of a person's acts; `seen` what the agent sees at the end: weights `[head, cell]`, the probabilities
    of its actions, the value. Of a Decision Transformer these weights are all, with the rows of the last look.
    """

    episode: Episode | Ride
    mine: frozenset[int]
    after: Scene
    circle: tuple[int, int] | None = None
    seen: tuple[Any, Any, float] | None = None


@cache  # two agents: below 1 MB
def agent(name: str) -> Agent:
    """One whose heads look at cells."""
    from attnviz.systems.acting.system import load

    return load(name)


@cache  # 2 MB
def decider() -> DecisionAgent:
    """The one that is asked for a return."""
    from attnviz.systems.acting.deciding import load

    return load(DECIDER)


def heads(request: Request) -> tuple[tuple[int, int], ...]:
    """The heads of who plays, each a layer and a number."""
    layers, many = (decider().n_layers, decider().n_heads) if request.decides else (1, agent(request.who).n_heads)
    return tuple((layer, head) for layer in range(layers) for head in range(many))


@runs.kept
def world(request: Request) -> Scene:
    """The world at the start. Raises `AttnvizError` where a mission names what is not there."""
    from attnviz.systems.acting.scene import Mission
    from attnviz.systems.acting.world import start

    scene = start(request.task, request.size, request.seed, unseen=request.unseen)
    if not request.what or request.task == "doorkey":
        return scene
    words = (*request.what.split("."), *(request.beside.split(".") if request.beside else ()))
    return scene.with_mission(Mission(request.task, *words))


def edited(scene: Scene, places: tuple[int, ...]) -> Scene:
    """A wall put or taken away, a thing or the agent put elsewhere. Raises `AttnvizError` where it cannot be."""
    if len(places) == 2:
        return scene.toggle_wall(*places)
    (column, row, *end) = places
    return scene.put_agent(*end) if (column, row) == scene.agent else scene.move((column, row), (end[0], end[1]))


def _inner(request: Request) -> dict[str, Any]:
    """What is changed inside the agent, as the engine takes it."""
    from attnviz.systems.acting.system import Hide

    heads = request.of or None
    hidden: list[Hide] = [Hide(cell, heads) for cell in request.hidden if cell < request.size**2]
    hidden += [Hide(request.blind, heads)] if request.blind else []
    return {"rule": _rule(request), "changes": tuple(_removed(request)), "hidden": tuple(hidden)}


def _removed(request: Request) -> list[Intervention]:
    """The heads that are without effect."""
    from attnviz.core.interventions import RemoveHeads

    return [RemoveHeads((head,), layers=(layer,)) for layer, head in request.without]


def _rule(request: Request) -> Rule | None:
    """The rule inside the agent, None for its own."""
    return None if request.rule == SOFT else as_rule(request.rule)


@runs.kept
def play(request: Request) -> Played:
    """The whole episode: the agent's own steps, a person's, and what was put elsewhere, each where it was done.

    Raises `AttnvizError` for what cannot be put where it should.
    """
    if request.decides:
        return _decided(request)
    who, scene, (begin, letters) = agent(request.who), world(request), request.mine
    pieces: list[Episode] = []
    after, step, end = scene, 0, begin + len(letters)
    cuts = sorted({0, request.since, begin, end, *(one for one, _ in request.edits)} & set(range(MOST)))
    for cut, until in zip(cuts, [*cuts[1:], MOST], strict=True):
        if cut > step:  # it was over before
            break
        for when, places in request.edits:
            if when == cut:
                after = scene = edited(scene, places)
        inner = _inner(request) if cut >= request.since and request.inner else {}
        if scene.ended or (request.held and cut >= end):
            break
        own = [LETTERS[one.upper()] for one in letters[cut - begin : until - begin]] if begin <= cut < end else []
        if own:
            found = [who.play(scene, moves=own, go_on=False, limit=until - cut, **inner)]
        else:
            found = _alone(who, scene, until - cut, inner, turns=until == MOST and request.repeats)
        pieces += found
        step, scene = step + sum(piece.steps for piece in found), found[-1].scenes[-1]
        after = scene if own else after
    return _ended(request, _joined(who, pieces, scene), after)


def _alone(who: Agent, scene: Scene, steps: int, inner: dict[str, Any], turns: bool) -> list[Episode]:
    """The agent by itself for so many steps at most; with `turns` no further than where it goes round."""
    found: list[Episode] = []
    while steps > 0:
        found.append(who.play(scene, limit=min(steps, FEW) if turns else steps, **inner))
        steps, scene = steps - found[-1].steps, found[-1].scenes[-1]
        if scene.ended or (turns and _circle([one for piece in found for one in piece.scenes[:-1]])):
            break
    return found


def _joined(who: Agent, pieces: list[Episode], last: Scene) -> Episode:
    """Episodes one after the other as one; a world that was changed in between stands as it was then."""
    import torch

    first = pieces[0] if pieces else who.play(last, go_on=False)
    scenes = tuple(one for piece in pieces for one in piece.scenes[:-1])
    weights = torch.cat([piece.weights for piece in pieces or [first]])
    probabilities = torch.cat([piece.probabilities for piece in pieces or [first]])
    values = tuple(one for piece in pieces for one in piece.values)
    ended = last.ended or ("limit" if len(scenes) >= MOST else "stopped")
    actions = tuple(one for piece in pieces for one in piece.actions)
    return replace(
        first, scenes=(*scenes, last), actions=actions, values=values, ended=ended, weights=weights,
        probabilities=probabilities,
    )  # fmt: skip


def _ended(request: Request, episode: Episode, after: Scene) -> Played:
    """An episode with what is known of its end; one that goes round is cut where it begins anew."""
    begin, letters = request.mine
    mine = by_hand(request, episode.steps)
    acts = [begin + len(letters) if request.moves else 0, request.since if request.inner else 0]
    since = max([*acts, *(step for step, _ in request.edits)])
    circle = None if episode.reached or request.held or not request.repeats else _circle(episode.scenes[since:])
    if circle:
        circle = circle[0] + since, circle[1] + since
        episode = _cut(episode, circle[1])
    seen = None
    if not episode.scenes[-1].ended:
        inner = _inner(request) if episode.steps >= request.since and request.inner else {}
        trace = (who := agent(request.who)).look(episode.scenes[-1], **inner)
        seen = (trace.attention(0).open_weights[:, 0], trace.probabilities(0), who.value(trace))
    return Played(episode, mine, after, circle, seen)


def by_hand(request: Request, steps: int) -> frozenset[int]:
    """The steps that a person made, of so many; those of the agent between two of a person's take-overs are its own."""
    begin, letters = request.mine
    return frozenset(begin + place for place, one in enumerate(letters) if one.isupper() and begin + place < steps)


def _decided(request: Request) -> Played:
    """The whole episode of one that is asked for a return. Raises `AttnvizError` for what cannot be put anywhere."""
    from attnviz.systems.acting.deciding import Ask, grown
    from attnviz.systems.acting.told import MOST as LIMIT

    who, scene, (begin, letters) = decider(), world(request), request.mine
    plain, changed = Ask(request.asked, seed=request.seed), _ask(request)
    ride, after = who.begin(scene), scene
    for step in range(LIMIT + 1):
        for when, places in request.edits:
            if when == step:
                after = scene = edited(scene, places)
                ride = who.begin(scene, ride)
        if scene.ended or step == LIMIT or (request.held and step >= begin + len(letters)):
            break
        own = LETTERS[letters[step - begin].upper()] if begin <= step < begin + len(letters) else None
        ride = who.step(ride, changed if step >= request.since else plain, own)
        scene = ride.scenes[-1]
        after = scene if own else after
    ended = scene.ended or ("limit" if ride.steps >= LIMIT else "stopped")
    seen = None
    if not scene.ended and ride.steps < LIMIT:
        trace, asked = who.glance(ride, changed if ride.steps >= request.since else plain)
        seen = (grown(ride.weights, trace), trace.probabilities(len(trace.tokens) - 1), float(asked[-1]))
    return Played(
        replace(ride, ended=ended, shortest=way(ride.scenes[0])), by_hand(request, ride.steps), after, None, seen
    )


def _ask(request: Request) -> Ask:
    """What is asked of a Decision Transformer, and what is changed inside it."""
    from attnviz.systems.acting.deciding import Ask, Unseen

    changes = [*_removed(request), *([Unseen(request.blind)] if request.blind else [])]
    return Ask(request.asked, _rule(request), tuple(changes), seed=request.seed)


def _circle(scenes: Sequence[Scene]) -> tuple[int, int] | None:
    """The first step at which everything is as it was at an earlier one: whoever decides by what it sees goes round."""
    seen: dict[Scene, int] = {}
    for step, one in enumerate(scenes):
        scene = replace(one, steps=0)
        if scene in seen:
            return seen[scene], step
        seen[scene] = step
    return None


def _cut(episode: Episode, steps: int) -> Episode:
    """The first steps of an episode."""
    many = {name: getattr(episode, name)[:steps] for name in ("probabilities", "values", "weights", "actions")}
    return replace(episode, scenes=episode.scenes[: steps + 1], **many)


@runs.kept
def way(scene: Scene) -> int | None:
    """How many steps the shortest way has; None where there is none."""
    from attnviz.systems.acting.paths import length

    return length(scene)


def nameable(scene: Scene) -> list[str]:
    """The things of a world that a mission of its task can name, once each, as in "red.ball"."""
    from attnviz.systems.acting.scene import ASKED_FOR

    kinds = ASKED_FOR[scene.task]
    return list(dict.fromkeys(f"{one.colour}.{one.kind}" for one in scene.cells if one.kind in kinds))


@runs.kept
def read_own(name: str, mark: str, rule: RuleChoice, _content: bytes) -> Trace:
    """Arrays, known by the mark of their file, read by a Decision Transformer of one's own. Raises `AttnvizError`."""
    import numpy as np

    from attnviz import load
    from attnviz.errors import ModelError, TextError
    from attnviz.systems.acting.folder import DecisionModel, read_arrays

    model = load(name)
    if not isinstance(model, DecisionModel):
        raise ModelError("acting_own_other", model=name)
    given = read_arrays(_content)
    if (steps := len(np.atleast_1d(np.asarray(given.states)))) > MOST_OWN:
        raise TextError("acting_own_long", steps=steps, most=MOST_OWN)
    return model.read(given, rule=as_rule(rule))
