"""Agents: the map lies where it should, rules and changes act while they play, and episodes can be taken away."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import attnviz as av
from attnviz.errors import AttnvizError
from attnviz.systems.acting.drawing import LETTERS, TILE, animated, lit, picture
from attnviz.systems.acting.episode import Episode
from attnviz.systems.acting.network import FEATURES, PARTS, Actor, Shape, words_of
from attnviz.systems.acting.scene import ACTIONS, COLOURS, KINDS, Mission, Scene
from attnviz.systems.acting.system import Agent, Hide, load, scene_of
from attnviz.systems.acting.world import act, start
from tests.unit.systems.acting.test_scene import DOORKEY, drawn


def built(words: bool = False) -> Agent:
    """An agent by hand: head 0 asks for keys, head 1 for the cell ahead; with words head 0 asks for their colour."""
    network = Actor(Shape(words=words, heads=2, width=8, inner=4, hidden=4)).requires_grad_(False)
    for one in network.parameters():
        one.zero_()
    network.key[0, 0, KINDS.index("key")] = 1
    network.key[1, 0, sum(PARTS[:3]) + 8] = 1  # one cell ahead
    network.key[1, 1, sum(PARTS[:4]) + 7] = 1  # straight on
    bias = network.ask[2].bias  # type: ignore[union-attr]
    bias[0] = 0 if words else 50
    bias[8:10] = 50
    if words:
        network.key[0, :3, len(KINDS) : len(KINDS) + 3] = torch.eye(3)
        network.meaning[:3, 0, :3] = 50 * torch.eye(3)
        bias[16] = 1  # the gate of the first colour, head 0
    return Agent("built", network, ("goto",) if words else ("doorkey",))


def test_a_head_that_asks_for_keys_looks_at_the_key_wherever_it_lies() -> None:
    agent = built()
    for scene in (DOORKEY, DOORKEY.move((1, 2), (1, 3))):
        weights = agent.look(scene).weights(0, 0)[0]
        assert weights.argmax() == scene.parts["key"][0] and weights.max() > 0.99


@pytest.mark.parametrize("direction", range(4))
def test_a_head_that_asks_for_the_cell_ahead_looks_where_the_agent_points(direction: int) -> None:
    scene = DOORKEY.put_agent(1, 3, direction)
    ahead = scene.cell(*scene.front)
    weights = built().look(scene).weights(0, 1)[0]
    assert weights.argmax() == ahead and weights[ahead] > 0.99


@pytest.mark.parametrize(("direction", "right"), list(enumerate(((2, 3), (1, 2), (2, 1), (3, 2)))))
def test_right_of_the_agent_is_its_own_right(direction: int, right: tuple[int, int]) -> None:
    agent = built()
    agent.network.key[1] = 0
    agent.network.key[1, 0, sum(PARTS[:3]) + 7] = 1  # neither ahead nor behind
    agent.network.key[1, 1, sum(PARTS[:4]) + 8] = 1  # one cell to the right
    scene = drawn("##### #...# #.A.# #...# #####", Mission("doorkey"), direction)
    assert agent.look(scene).weights(0, 1)[0].argmax() == scene.cell(*right)


def test_words_say_which_colour_a_head_looks_at() -> None:
    room = drawn("##### #AB.# #...# #..K# #####", Mission("goto", "red", "ball"))
    assert built(words=True).look(room).weights(0, 0)[0].argmax() == 7
    told = Scene(Mission("goto", "green", "ball"), room.size, room.cells, room.agent, 0)
    assert built(words=True).look(told).weights(0, 0)[0].max() < 0.1  # nothing green there


def test_many_worlds_at_once_give_the_numbers_of_one() -> None:
    from attnviz.core.rules import Soft
    from attnviz.systems.acting.network import seen

    torch.manual_seed(0)
    for words, task in ((False, "doorkey"), (True, "putnext")):
        network, scene = Actor(Shape(words=words)).requires_grad_(False), start(task, 6, 1)
        told = seen(scene, words=words)
        looked = network.look(told, Soft())
        one = network.out(network.hidden(looked.output[:, 0][None], told.state))
        said = network(told, Soft())
        torch.testing.assert_close(said.weights[0], looked.weights[:, 0], atol=1e-5, rtol=0)
        torch.testing.assert_close(torch.cat([said.logits[0], said.value]), one[0], atol=1e-5, rtol=0)


def test_a_network_that_is_told_words_answers_alike_for_all_colours() -> None:
    values = Actor(Shape(words=True)).values
    assert values.shape[-1] == FEATURES
    assert not values[..., PARTS[0] : PARTS[0] + PARTS[1]].any() and values[..., : PARTS[0]].any()


def test_a_rule_acts_while_it_plays() -> None:
    agent, scene = load("agent-doorkey"), start("doorkey", 6, 2)
    hard = agent.play(scene, rule=av.Argmax(), limit=3)
    assert set(hard.weights.flatten().tolist()) == {0.0, 1.0}
    assert not torch.equal(hard.probabilities[0], agent.play(scene, limit=1).probabilities[0])


def test_what_is_hidden_is_not_looked_at_and_follows_the_thing() -> None:
    agent, scene = load("agent-doorkey"), start("doorkey", 6, 2)
    found = agent.play(scene, hidden=[Hide("key", (1,)), Hide(0)], limit=4)
    for step in range(found.steps):
        keys = list(found.scenes[step].parts.get("key", ()))
        assert found.weights[step, 1, keys].isnan().all() and not found.weights[step, 0, keys].isnan().any()
        assert found.weights[step, :, 0].isnan().all()
    assert not found.share("key")[:, 1].any()


def test_a_head_that_is_removed_keeps_its_weights_and_changes_what_is_done() -> None:
    agent, scene = load("agent-doorkey"), start("doorkey", 6, 2)
    plain, without = agent.look(scene), agent.look(scene, changes=[av.RemoveHeads((0, 1, 2, 3))])
    assert torch.equal(plain.weights(0), without.weights(0))
    assert not torch.allclose(plain.probabilities(0), without.probabilities(0), atol=1e-3)


def test_the_shipped_agents_arrive() -> None:
    for name, task in (("agent-doorkey", "doorkey"), ("agent-tasks", "fetch")):
        found = [load(name).play(start(task, 8, seed)) for seed in range(3)]
        assert all(one.reached and one.shortest and one.steps <= one.shortest + 6 for one in found)


def test_a_person_s_moves_come_first() -> None:
    agent, scene = load("agent-doorkey"), start("doorkey", 6, 2)
    told = agent.play(scene, moves=("left", "left"), go_on=False)
    assert (told.actions, told.ended, len(told.scenes)) == (("left", "left"), "stopped", 3)
    on = agent.play(scene, moves=("left", "left"))
    assert on.reached and on.actions[:2] == ("left", "left")
    assert on.actions[2:] == agent.play(act(act(scene, "left"), "left")).actions


def test_drawn_actions_come_from_the_seed() -> None:
    torch.manual_seed(0)
    new, scene = Agent("new", Actor(Shape(words=False)).requires_grad_(False), ("doorkey",)), start("doorkey", 6, 2)
    first, again, other = (new.play(scene, greedy=False, seed=seed, limit=20).actions for seed in (1, 1, 2))
    assert first == again != other


def test_an_episode_is_a_trace_and_a_picture_that_moves() -> None:
    found = load("agent-doorkey").play(start("doorkey", 5, 1))
    assert found.trace.weights(0).shape == (4, found.steps, 25)
    torch.testing.assert_close(found.trace.weights(0, 2), found.weights[:, 2])
    opened = Image.open(io.BytesIO(found.gif(head=2, tile=16)))
    assert opened.size == (80, 80) and getattr(opened, "n_frames", 1) == found.steps + 1


def test_the_trace_of_an_episode_says_which_agent_looked_at_which_cells() -> None:
    scene = start("doorkey", 5, 1)
    trace = load("agent-doorkey").play(scene, hidden=[Hide(0, (2,))], limit=3).trace
    assert (trace.model, trace.kind, trace.parts, len(trace.queries)) == ("agent-doorkey", "acting", ("cross",), 3)
    assert trace.keys == load("agent-doorkey").look(scene).keys
    assert trace.weights(0).isfinite().all() and not trace.weights(0, 2)[:, 0].any()


def test_light_falls_on_the_cell_that_has_the_weight() -> None:
    weights = torch.zeros(25)
    weights[16] = 1.0  # column 1, row 3
    plain, lighted = picture(DOORKEY), lit(DOORKEY, weights.numpy())
    box = (TILE, 3 * TILE, 2 * TILE, 4 * TILE)
    assert plain.crop(box).tobytes() != lighted.crop(box).tobytes()
    assert plain.crop((0, 0, 5 * TILE, 3 * TILE)).tobytes() == lighted.crop((0, 0, 5 * TILE, 3 * TILE)).tobytes()
    below = (0, 4 * TILE, 5 * TILE, 5 * TILE)
    assert plain.crop(below).tobytes() == lighted.crop(below).tobytes()


def test_a_film_begins_with_light_and_ends_without() -> None:
    weights = torch.zeros(1, 25)
    weights[0, 16] = 1.0
    film = Image.open(io.BytesIO(animated([DOORKEY, DOORKEY], weights.numpy(), tile=TILE, milliseconds=100)))
    found = []
    for frame in range(2):
        film.seek(frame)
        found.append(np.abs(np.array(film.convert("RGB")).astype(float) - np.array(picture(DOORKEY))).mean())
    assert found[0] > 3 > found[1]


def test_each_colour_has_a_letter_of_its_own() -> None:
    assert set(LETTERS) == set(COLOURS) and len(set(LETTERS.values())) == len(COLOURS)


def test_a_share_is_of_where_the_thing_lies_at_each_step() -> None:
    scenes = (DOORKEY, DOORKEY.move((1, 2), (1, 3)), DOORKEY)
    weights = torch.zeros(2, 1, 25)
    weights[:, 0, 16] = 0.75  # where the key lies at the second step
    found = Episode(
        "built", scenes, ("left", "left"), torch.zeros(2, 6), "stopped", None, values=(0.0, 0.0), weights=weights
    )  # fmt: skip
    assert found.share("key").tolist() == [[0.0], [0.75]] and not found.share("target").any()


def test_words_are_numbers_and_those_that_are_not_there_are_none() -> None:
    ball, key = KINDS.index("ball"), KINDS.index("key")
    assert words_of(Mission("doorkey")) == [-1] * 4
    assert words_of(Mission("goto", "green", "ball")) == [1, ball, -1, -1]
    assert words_of(Mission("putnext", "green", "ball", "red", "key")) == [1, ball, 0, key]


def test_an_episode_of_what_is_reached_already_is_empty() -> None:
    found = load("agent-doorkey").play(start("doorkey", 5, 1))
    over = load("agent-doorkey").play(found.scenes[-1])
    assert found.reached and over.steps == 0 and over.trace.weights(0).shape == (4, 0, 25) and over.gif()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda: load("agent-doorkey").look(start("goto", 6, 0)), "acting_other_agent"),
        (lambda: load("agent-doorkey").play(DOORKEY, limit=-1), "acting_limit"),
        (lambda: load("agent-doorkey").play(DOORKEY, moves=("done",)), "acting_action"),
        (lambda: load("agent-doorkey").look(DOORKEY, hidden=[Hide(99)]), "no_such_key"),
        (lambda: load("agent-doorkey").look(DOORKEY, hidden=[Hide("key", (7,))]), "no_such_head"),
        (lambda: Hide("sofa"), "acting_place"),
        (lambda: scene_of("doorkey eight 3"), "acting_text"),
        (lambda: scene_of("doorkey 9 3"), "acting_size"),
        (lambda: scene_of(" "), "text_empty"),
    ],
)
def test_what_cannot_be_played_is_a_sentence(asked: object, message: str) -> None:
    with pytest.raises(AttnvizError) as refusal:
        asked()  # type: ignore[operator]
    assert refusal.value.message == message
    assert all(refusal.value.say(language) for language in ("zh", "en"))


def test_actions_are_named_in_the_trace() -> None:
    found = load("agent-doorkey").read("doorkey 5 0").predictions(0, top=6)
    assert {name for name, _ in found} == set(ACTIONS) and abs(sum(share for _, share in found) - 1) < 1e-5
