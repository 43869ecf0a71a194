"""Decision Transformers give what transformers' own give: actions and every weight, from a folder and in `agent-dt`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import DecisionTransformerConfig, DecisionTransformerModel

import attnviz as av
from attnviz.core.rules import Argmax
from attnviz.models import load as load_model
from attnviz.shipped import WEIGHTS
from attnviz.systems.acting.deciding import load, past_of
from attnviz.systems.acting.folder import Arrays, DecisionModel
from attnviz.systems.acting.world import start

TINY = {"state_dim": 3, "act_dim": 2, "hidden_size": 8, "max_ep_len": 12, "n_layer": 2, "n_head": 2, "n_positions": 64}
CLOSE = {"atol": 1e-5, "rtol": 1e-5}  # the worst gap seen is 6e-7


def saved(folder: Path, **beside: Any) -> DecisionTransformerModel:
    """A tiny network of random numbers, as transformers keeps it."""
    torch.manual_seed(0)
    config = DecisionTransformerConfig(**{**TINY, **beside}, initializer_range=0.5, attn_implementation="eager")
    network = DecisionTransformerModel(config).eval()
    network.save_pretrained(folder)
    return network


def numbers(steps: int = 5) -> tuple[Any, Any, Any]:
    draw = np.random.default_rng(1)
    return draw.normal(size=steps), draw.normal(size=(steps, 3)), draw.normal(size=(steps, 2))


def theirs(network: DecisionTransformerModel, given: tuple[Any, Any, Any]) -> Any:
    returns, states, actions = (torch.tensor(one, dtype=torch.float32)[None] for one in given)
    steps = states.shape[1]
    with torch.no_grad():
        return network(
            states=states, actions=actions, rewards=None, returns_to_go=returns.reshape(1, steps, 1),
            timesteps=torch.arange(steps)[None], attention_mask=torch.ones(1, steps), output_attentions=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    "beside",
    [
        {}, {"n_inner": 5, "activation_function": "gelu_new", "action_tanh": False},
        {"scale_attn_by_inverse_layer_idx": True}, {"scale_attn_weights": False, "layer_norm_epsilon": 0.1},
    ],
    ids=lambda one: ", ".join(one) or "usual",
)  # fmt: skip
def test_a_folder_gives_the_weights_and_actions_of_transformers(beside: dict[str, Any], tmp_path: Path) -> None:
    network, given = saved(tmp_path, **beside), numbers()
    model = av.load(tmp_path)
    assert isinstance(model, DecisionModel)
    found, expected = model.read(Arrays(*given)), theirs(network, given)
    assert found.tokens[:5] == ["R0", "s0", "a0", "R1", "s1"] and len(found.tokens) == 15
    assert found.logits is not None
    torch.testing.assert_close(found.logits[1::3], expected.action_preds[0], **CLOSE)
    torch.testing.assert_close(found.outputs, expected.last_hidden_state.reshape(15, 8), **CLOSE)
    for layer, weights in enumerate(expected.attentions):
        torch.testing.assert_close(found.weights(layer), weights[0], **CLOSE)


def test_an_action_that_is_not_known_yet_changes_nothing_before_it(tmp_path: Path) -> None:
    network, (returns, states, actions) = saved(tmp_path), numbers()
    found = av.load(tmp_path).read(Arrays(returns, states, actions[:-1]))  # type: ignore[call-arg]
    expected = theirs(network, (returns, states, actions))
    assert len(found.tokens) == 14 and found.logits is not None
    torch.testing.assert_close(found.logits[1::3], expected.action_preds[0], **CLOSE)


def test_rules_and_changes_act_and_everything_is_made_of_its_trace(tmp_path: Path) -> None:
    saved(tmp_path)
    model = av.load(tmp_path)
    assert isinstance(model, DecisionModel)
    hard = model.read(Arrays(*numbers()), rule=Argmax())
    assert set(hard.weights(0, 0).unique().tolist()) == {0.0, 1.0}
    forbidden = model.read(Arrays(*numbers()), changes=(av.ForbidEdge(4, 3),))
    assert (forbidden.weights(0)[:, 4, 3] == 0).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a text", "acting_arrays_only"), (Arrays([1], [[1, 2]], []), "acting_arrays"),
        (Arrays([], [], []), "acting_arrays"), (Arrays([1, 2], [[1, 2, 3]], []), "acting_arrays"),
        (Arrays([1], [[1, 2, 3]], [[1]]), "acting_array_actions"),
        (Arrays([1], [[1, 2, 3]], [[1, 2]] * 3), "acting_array_actions"),
        (Arrays([1], [[1, 2, 3]], [], [12]), "acting_array_times"),
        (Arrays([1], [[1, 2, float("nan")]], []), "acting_no_array"),
        (Arrays(["x"], [[1, 2, 3]], []), "acting_no_array"), (Arrays([1], [[1], [1, 2]], []), "acting_no_array"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_a_sentence(given: Any, message: str, tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(av.AttnvizError) as refusal:
        av.load(tmp_path).read(given)  # type: ignore[arg-type]
    assert refusal.value.message == message
    assert all(refusal.value.say(language) for language in ("zh", "en"))


@pytest.mark.parametrize(
    "damage", [{"n_head": 3}, {"n_head": 0}, {"activation_function": "none"}, {"n_layer": "two"}, {"hidden_size": 16}]
)
def test_a_folder_that_does_not_fit_itself_is_a_sentence(damage: dict[str, Any], tmp_path: Path) -> None:
    saved(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **damage}))
    with pytest.raises(av.ModelError):
        av.load(tmp_path)


def test_where_a_text_is_read_the_sentence_says_how_it_is_read_instead(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(av.ModelError) as refusal:
        load_model(tmp_path)
    assert refusal.value.message == "acting_reads_arrays"
    assert all("Arrays(returns, states, actions)" in refusal.value.say(language) for language in ("zh", "en"))


def test_transformers_reads_the_shipped_agent_and_acts_alike() -> None:
    network = DecisionTransformerModel.from_pretrained(WEIGHTS / "agent-dt", attn_implementation="eager").eval().float()
    agent = load("agent-dt")
    ride = agent.play(start("doorkey", 6, 1), asked=-20)
    past = past_of(ride.scenes[:-1], ride.actions, ride.asked)
    with torch.no_grad():
        expected = network(
            states=past.states[None], actions=past.actions[None], rewards=None, returns_to_go=past.returns[None],
            timesteps=past.times[None], output_attentions=True,
        )  # fmt: skip
    chances = expected.action_preds[0].softmax(-1)
    torch.testing.assert_close(chances, ride.probabilities, **CLOSE)
    count = ride.weights.shape[-1]
    for layer, weights in enumerate(expected.attentions):
        torch.testing.assert_close(weights[0, :, :count, :count], ride.weights[layer].nan_to_num(0.0), **CLOSE)
