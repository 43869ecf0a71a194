"""A Decision Transformer plays as it is asked: returns count down, hidden tokens are not looked at, rides go on."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from PIL import Image

import attnviz as av
from attnviz.errors import AttnvizError
from attnviz.systems.acting.deciding import PARTS, UNSEEN, Ask, Unseen, load
from attnviz.systems.acting.network import REACH, SIDE
from attnviz.systems.acting.scene import ACTIONS
from attnviz.systems.acting.told import CARRYING, PLACES, PLANES, action_of, state_of
from attnviz.systems.acting.world import act, start
from tests.unit.systems.acting.test_scene import DOORKEY

AGENT = load("agent-dt")
SCENE = start("doorkey", 6, 1)
RIDE = AGENT.play(SCENE, asked=-16)


def test_a_state_tells_each_thing_where_it_lies_from_the_agent() -> None:
    scene = DOORKEY.put_agent(1, 3, direction=3)  # looks up; the key lies at (1, 2): one ahead
    lit = state_of(scene).nonzero().flatten().tolist()
    key = PLANES.index(("key", "")) * PLACES + (REACH + 1) * SIDE + REACH
    assert key in lit and CARRYING not in lit
    assert len(lit) == sum(one.kind != "empty" for one in scene.cells)
    taken = act(scene, "pickup")
    assert CARRYING in state_of(taken).nonzero().flatten() and key not in state_of(taken).nonzero().flatten()
    assert action_of("pickup").argmax() == ACTIONS.index("pickup")


def test_what_is_asked_for_rises_by_one_with_every_step_and_stays_below_zero() -> None:
    assert RIDE.asked == tuple(min(-1, step - 16) for step in range(RIDE.steps))
    short = AGENT.play(SCENE, asked=-2, limit=5)
    assert short.asked == (-2, -1, -1, -1, -1) and short.ended == "limit"


def test_who_asks_for_more_gets_more() -> None:
    scenes = [start("doorkey", size, seed) for size in (5, 6) for seed in range(4)]
    means = [sum(AGENT.play(one, asked=asked).steps for one in scenes) / len(scenes) for asked in (-10, -25, -45)]
    assert means[0] + 5 < means[1] < means[2] - 8


def test_the_rows_of_a_ride_are_those_of_one_look_at_all_of_it_and_its_trace_is_its_map() -> None:
    whole = AGENT.look(RIDE.scenes[:-1], RIDE.actions[:-1], Ask(-16))
    trace = RIDE.trace
    assert trace.tokens == whole.tokens and trace.tokens[:4] == ["R0", "s0", "a0", "R1"]
    for layer in range(AGENT.n_layers):
        torch.testing.assert_close(trace.weights(layer), whole.weights(layer), atol=1e-5, rtol=0)
    assert RIDE.weights[0, 0, 0, 1].isnan() and not RIDE.weights[0, 0, 1, :2].isnan().any()


def test_the_shares_of_a_state_are_its_row_and_come_to_one() -> None:
    shares = {part: RIDE.share(part) for part in PARTS}
    torch.testing.assert_close(sum(shares.values()), torch.ones(RIDE.steps, AGENT.n_layers, AGENT.n_heads))
    row = RIDE.weights[1, 2, 3 * 4 + 1]
    assert shares["return"][4, 1, 2] == row[12] and shares["state"][4, 1, 2] == row[13]
    assert shares["earlier_action"][4, 1, 2] == pytest.approx(float(row[2:12:3].sum()), abs=1e-6)


@pytest.mark.parametrize("what", UNSEEN)
def test_what_is_hidden_gets_no_weight_from_the_heads_it_is_hidden_from(what: str) -> None:
    ride = AGENT.play(SCENE, asked=-20, hidden=[Unseen(what, heads=(1,))], limit=6)
    row = ride.weights[:, :, 3 * 5 + 1]
    hidden = range(15) if what == "earlier" else range(("return", "state", "action").index(what), 17, 3)
    gone = [token for token in hidden if token < 17]
    assert row[:, 1, gone].isnan().all() and not row[:, [0, 2, 3]][..., :17].isnan().any()
    left = [token for token in range(17) if token not in gone]
    torch.testing.assert_close(row[:, 1, left].sum(-1), torch.ones(len(row)), atol=1e-5, rtol=0)


def test_with_the_returns_hidden_it_cannot_know_what_is_asked_for() -> None:
    rides = [AGENT.play(SCENE, asked=asked, hidden=[Unseen("return")]) for asked in (-5, -40)]
    assert rides[0].actions == rides[1].actions
    torch.testing.assert_close(rides[0].probabilities, rides[1].probabilities)


def test_a_ride_goes_on_after_another_as_if_it_had_been_one() -> None:
    first = AGENT.play(SCENE, asked=-16, limit=5)
    on = AGENT.play(first.scenes[-1], asked=-16, before=first)
    assert first.ended == "limit" and on.actions == RIDE.actions and on.ended == RIDE.ended
    torch.testing.assert_close(on.weights, RIDE.weights, equal_nan=True)


def test_prescribed_moves_are_made_and_where_it_may_not_go_on_it_stops() -> None:
    ride = AGENT.play(SCENE, moves=("left", "left"), go_on=False)
    assert ride.actions == ("left", "left") and ride.ended == "stopped"
    assert AGENT.play(SCENE, moves=("left",), asked=-20).actions[0] == "left"


def test_the_same_seed_draws_the_same_and_the_likeliest_need_none() -> None:
    assert AGENT.play(SCENE, asked=-16).actions == RIDE.actions
    assert AGENT.play(SCENE, asked=-40, seed=1).actions != AGENT.play(SCENE, asked=-40, seed=2).actions
    sure = AGENT.play(SCENE, asked=-16, greedy=True)
    assert sure.actions == tuple(ACTIONS[number] for number in sure.probabilities.argmax(-1).tolist())


def test_rules_and_heads_act_while_it_plays() -> None:
    hard = AGENT.play(SCENE, asked=-16, rule=av.Argmax(), limit=4)
    assert set(hard.weights.nan_to_num(0).unique().tolist()) == {0.0, 1.0}
    less = AGENT.play(SCENE, asked=-16, changes=[av.RemoveHeads((0, 1, 2, 3))], limit=1)
    assert not torch.allclose(less.probabilities, RIDE.probabilities[:1])


def test_a_film_shows_every_scene() -> None:
    film = Image.open(io.BytesIO(RIDE.gif(2, tile=8, milliseconds=100)))
    times = 0
    for frame in range(getattr(film, "n_frames", 1)):  # a step that changes nothing is no frame of its own, but time
        film.seek(frame)
        times += film.info["duration"]
    assert times == 100 * (RIDE.steps + 4)


@pytest.mark.parametrize("asked", [0, 5, -65, -1.5, True, "x", None])
def test_a_return_that_cannot_be_asked_for_is_a_sentence(asked: object) -> None:
    with pytest.raises(av.ArgumentError) as refusal:
        AGENT.play(SCENE, asked=asked)  # type: ignore[arg-type]
    assert refusal.value.message == "acting_asked" and refusal.value.say("zh")


def test_what_is_no_kind_of_token_another_task_and_a_head_that_is_not_there_are_sentences() -> None:
    with pytest.raises(av.ArgumentError):
        Unseen("key")
    with pytest.raises(av.ArgumentError) as refusal:
        AGENT.play(start("goto", 6, 0))
    assert refusal.value.message == "acting_other_agent"
    with pytest.raises(AttnvizError):
        AGENT.play(SCENE, hidden=[Unseen("return", heads=(9,))])
    over = replace(SCENE, ended="reached")
    assert AGENT.play(over).steps == 0 and AGENT.read(over).tokens == ["R0", "s0"]
