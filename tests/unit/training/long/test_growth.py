"""Heads of a drilled copy in the model of before: which they are, what they do there; they alone move at first."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from attnviz.training.long import growth, train
from attnviz.training.recipe import Recipe, learner

SIZE, START = 60, 2
HEADS = [[2, 0], [0, 1]]


def network(seed: int, heads: int = 4) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=SIZE, hidden_size=16, num_hidden_layers=2, num_attention_heads=heads, intermediate_size=24,
        max_position_embeddings=512, tie_word_embeddings=True,
    )  # fmt: skip
    model: LlamaForCausalLM = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(6 if parameter.ndim == 2 else 1 + 0.2 * torch.rand_like(parameter))
            assert name
    return model


def test_new_heads_do_what_they_did_on_the_same_states_and_the_old_ones_too() -> None:
    old, drilled = network(0), network(1)
    made = growth.grown(old, drilled, HEADS)
    assert made.config.num_attention_heads == made.config.num_key_value_heads == 6
    ids = torch.randint(5, SIZE, (1, 30))
    seen: list[torch.Tensor] = []
    made.model.layers[0].self_attn.register_forward_pre_hook(
        lambda _, __, given: seen.append(given["hidden_states"]), with_kwargs=True
    )
    made.set_attn_implementation("eager")
    with torch.inference_mode():
        found = made(ids, output_attentions=True).attentions[0][0]
        for other, heads in ((old, [0, 1, 2, 3]), (drilled, HEADS[0])):
            other.set_attn_implementation("eager")
            state = made.model.embed_tokens(ids)
            layer = other.model.layers[0]
            turned = other.model.rotary_emb(state, torch.arange(30)[None])
            mask = torch.full((30, 30), -torch.inf).triu(1)[None, None]
            weights = layer.self_attn(layer.input_layernorm(state), turned, mask)[1][0]
            mine = found[:4] if other is old else found[4:]
            assert torch.allclose(mine, weights[heads], atol=1e-5)
    assert seen and not torch.allclose(found[4], found[5])


def test_what_was_made_opens_again(tmp_path: Path) -> None:
    made, ids = growth.grown(network(0), network(1), HEADS), torch.randint(5, SIZE, (1, 30))
    made.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert (again.config.num_attention_heads, again.config.head_dim, again.config.sliding_window) == (6, 4, None)
    with torch.inference_mode():
        assert torch.equal(again(ids).logits, made(ids).logits)


def test_a_model_that_is_given_heads_without_output_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SCALE", 0.0)
    old, ids = network(0), torch.randint(5, SIZE, (1, 30))
    made = growth.grown(old, network(1), HEADS)
    with torch.inference_mode():
        assert torch.allclose(made(ids).logits, old(ids).logits, atol=1e-4)


def test_heads_that_look_back_are_measured_and_chosen() -> None:
    habits = {
        "previous_token": torch.tensor([[0.9, 0.1, 0.2, 0.0], [0.8, 0.9, 0.0, 0.1]]),
        "prefix_matching": torch.tensor([[0.0, 0.1, 0.7, 0.3], [0.0, 0.1, 0.6, 0.5]]),
    }
    assert growth.chosen(habits) == [[0, 2], [2, 3]]
    found = growth.looking_back(network(0), START)
    assert {one.shape for one in found.values()} == {(2, 4)}
    flat = network(0)
    with torch.no_grad():
        for layer in flat.model.layers:
            layer.self_attn.q_proj.weight.zero_()  # every token looks at all before it alike
    even = growth.looking_back(flat, START)
    length = 1 + 2 * growth.BLOCK + growth.GAP
    before = sum(1 / (place + 1) for place in range(1, length)) / (length - 1)
    after = sum(1 / (place + 1) for place in range(length - growth.BLOCK, length - 1)) / (growth.BLOCK - 1)
    assert torch.allclose(even["previous_token"], torch.tensor(before), atol=1e-5)
    assert torch.allclose(even["prefix_matching"], torch.tensor(after), atol=1e-5)


def test_at_first_the_new_heads_alone_move() -> None:
    made = growth.grown(network(0), network(1), HEADS).train()
    before = {name: one.clone() for name, one in made.state_dict().items()}
    end = growth.only_new(made, 4)
    moving = learner(Recipe(heads=6, weight_decay=0.0), made)

    def step() -> set[str]:
        ids = torch.randint(5, SIZE, (2, 30))
        moving.descend(made(ids, labels=ids).loss, 1e-2)
        return {name for name, one in made.state_dict().items() if not torch.equal(one, before[name])}

    moved = step()
    assert len(moved) == 2 * 4 and all("_proj" in name and "self_attn" in name for name in moved)
    for name in moved:
        one, was = made.state_dict()[name], before[name]
        kept = (one[:, :16], was[:, :16]) if "o_proj" in name else (one[:16], was[:16])
        assert torch.allclose(*kept, atol=1e-6), name  # but for the rounding of Muon's products
    end()
    assert step() == set(before)


def test_the_model_of_before_turns_as_lab_gpt_and_the_copy_more_slowly() -> None:
    far = torch.arange(8_000)[None]
    plain, slow = (train.new_model(one).model.rotary_emb for one in (None, train.SLOWER))
    here = torch.zeros(1, 1, 40)
    one, other = plain(here, far)[0][0], slow(here, far)[0][0]
    same = [number for number in range(20) if torch.allclose(one[:, number], other[:, number])]
    turns = 2 * torch.pi * 10_000 ** (torch.arange(20) / 20)
    assert same == [number for number, wave in enumerate(turns.tolist()) if wave < 128]


def test_a_block_that_returns_is_looked_at_one_token_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "TRIES", 1)
    made, seen = network(3), list[torch.Tensor]()
    made.register_forward_pre_hook(lambda _, __, given: seen.append(given["input_ids"]), with_kwargs=True)
    found = growth.looking_back(made, START)
    ids = seen[0]
    again = 1 + growth.BLOCK + growth.GAP
    assert ids[0, 0] == START and ids[0, 1 : 1 + growth.BLOCK].tolist() == ids[0, again:].tolist()
    made.set_attn_implementation("eager")
    with torch.inference_mode():
        weights = made(input_ids=ids, output_attentions=True).attentions[1][0, 2]
    places = range(growth.BLOCK - 1)
    matching = sum(weights[again + place, 1 + place + 1].item() for place in places) / len(places)
    assert found["prefix_matching"][1, 2].item() == pytest.approx(matching, rel=1e-4)
    previous = sum(weights[place, place - 1].item() for place in range(1, ids.shape[1])) / (ids.shape[1] - 1)
    assert found["previous_token"][1, 2].item() == pytest.approx(previous, rel=1e-4)
