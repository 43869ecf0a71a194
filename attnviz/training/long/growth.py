"""Heads of one model in another: what a copy has learnt, for a model that is to forget nothing for it.

Drills in the heads that a small model has cost it half a bit a token of running texts. So a copy is drilled, and of
every layer the heads that look back are put beside the old ones, which stay as they are until the new ones work there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedModel

from attnviz.training.long.drills import SPECIAL
from attnviz.training.sentences import Network

MORE = 2  # heads that each layer is given
SCALE = 0.7  # of what they add at first
BLOCK, GAP, TRIES = 64, 128, 6
PROJECTION = re.compile(r"layers\.(\d+)\.self_attn\.([qkvo])_proj\.weight$")
Chosen = Sequence[Sequence[int]]  # of each layer the numbers of some heads


def along(weights: Float[Tensor, "*head row key"], first: int) -> Float[Tensor, " *head"]:
    """The mean weight that the rows give to one key each: `first` for the first row, one further for every next."""
    part = weights[..., first : first + weights.shape[-2]]
    return part.diagonal(dim1=-2, dim2=-1).mean(-1)


@torch.inference_mode()
def looking_back(network: PreTrainedModel, start: int) -> dict[str, Float[Tensor, "layer head"]]:
    """What does a token give to the previous one, and in a block that returns to the one after where it stood?

    Means over random tokens: a block of 64, 128 others, the block again, after the token `start`.
    """
    rng, size = random.Random(5), network.config.vocab_size
    before, after = [], []
    kept = network.config._attn_implementation
    network.set_attn_implementation("eager")
    for _ in range(TRIES):
        block, gap = ([rng.randrange(SPECIAL, size) for _ in range(count)] for count in (BLOCK, GAP))
        found = network(
            input_ids=torch.tensor([[start, *block, *gap, *block]]), output_attentions=True, use_cache=False
        )
        weights = torch.stack([layer[0] for layer in found.attentions])  # [layer, head, query, key]
        before.append(along(weights[..., 1:, :], 0))
        after.append(along(weights[..., 1 + BLOCK + GAP : -1, :], 2))
    network.set_attn_implementation(kept)
    return {"previous_token": torch.stack(before).mean(0), "prefix_matching": torch.stack(after).mean(0)}


def chosen(habits: Mapping[str, Float[Tensor, "layer head"]]) -> list[list[int]]:
    """Of each layer the two heads that look back most; of the last layer, which no other reads, those that match."""
    most = torch.maximum(*habits.values())
    most[-1] = habits["prefix_matching"][-1]
    found: list[list[int]] = most.topk(MORE, dim=-1).indices.tolist()
    return found


def width(network: Network) -> int:
    """How many numbers does a head's query have?"""
    projection = network.model.layers[0].self_attn.q_proj
    return int(projection.out_features) // network.config.num_attention_heads


def grown(old: LlamaForCausalLM, drilled: LlamaForCausalLM, heads: Chosen) -> MistralForCausalLM:
    """A model of the old one's weights with heads of the drilled one beside its own; positions are the drilled one's.

    A head of another model reads what that model's norm gives it: its gain goes into queries, keys and values.
    transformers' Llama takes no number of heads that does not divide the width; its Mistral, the same network, does.
    """
    size, count = width(drilled), old.config.num_attention_heads + len(heads[0])
    said = {name: one for name, one in drilled.config.to_dict().items() if name not in ("model_type", "architectures")}
    said |= {"num_attention_heads": count, "num_key_value_heads": count, "head_dim": size, "sliding_window": None}
    made: MistralForCausalLM = MistralForCausalLM(MistralConfig(**said)).float()
    made.set_attn_implementation("sdpa")
    mine, theirs = old.state_dict(), drilled.state_dict()
    for name, weight in mine.items():
        projection = PROJECTION.search(name)
        if projection is None:
            continue
        layer, kind = int(projection[1]), projection[2]
        places = [number for head in heads[layer] for number in range(head * size, (head + 1) * size)]
        if kind == "o":
            mine[name] = torch.cat([weight, SCALE * theirs[name][:, places]], 1)
            continue
        norm = f"model.layers.{layer}.input_layernorm.weight"
        mine[name] = torch.cat([weight, theirs[name][places] * (theirs[norm] / mine[norm])], 0)
    made.load_state_dict(mine)
    return made


def only_new(network: MistralForCausalLM, first: int) -> Callable[[], None]:
    """Let only what belongs to heads from number `first` on be trained; the function that ends it."""
    begin = first * width(network)
    hooks = []
    for name, parameter in network.named_parameters():
        mask, projection = torch.zeros_like(parameter), PROJECTION.search(name)
        if projection is not None:
            mask.transpose(0, int(projection[2] == "o"))[begin:] = 1
        hooks.append(parameter.register_hook(lambda gradient, mask=mask: gradient * mask))

    def end() -> None:
        for hook in hooks:
            hook.remove()

    return end
