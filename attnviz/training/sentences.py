"""Sentences packed in rows for a model that writes on: each token is told from the earlier ones of its own text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from transformers import LlamaForCausalLM, MistralForCausalLM

from attnviz.training.batches import batches
from attnviz.training.corpus import Marked
from attnviz.training.packing import Rows
from attnviz.training.recipe import Recipe

NO_TARGET = -100
Network = LlamaForCausalLM | MistralForCausalLM


def targets(rows: Rows) -> np.ndarray:
    """The token after each one of the same text, `[row, position]`; -100 where a text ends."""
    found = np.full_like(rows.ids, NO_TARGET)
    goes_on = (rows.text[:, 1:] == rows.text[:, :-1]) & (rows.text[:, 1:] > 0)
    found[:, :-1] = np.where(goes_on, rows.ids[:, 1:], NO_TARGET)
    return found


def states(model: Network, batch: Mapping[str, Tensor]) -> Float[Tensor, "token width"]:
    """The last states of all tokens of a batch. A token sees the earlier ones of its own text."""
    text = batch["text"]
    seen = (text[:, None, :, None] == text[:, None, None, :]).tril().to(torch.bfloat16)
    found: Tensor = model.model(
        input_ids=batch["ids"], position_ids=batch["positions"], attention_mask=(1 - seen) * -1e4, use_cache=False
    ).last_hidden_state
    return found.flatten(0, 1)


def loss(model: Network, batch: Mapping[str, Tensor]) -> Tensor:
    """The next-token loss of one batch, in nats a token."""
    hidden = states(model, batch)
    wanted = batch["targets"].flatten()
    logits = model.lm_head(hidden[wanted != NO_TARGET])
    return F.cross_entropy(logits.float(), wanted[wanted != NO_TARGET])


def told(languages: list[list[Marked]], recipe: Recipe, ids: dict[str, int]) -> Iterator[dict[str, Tensor]]:
    """Without end: batches by name, `Rows` and the targets."""
    for rows in batches(languages, recipe, ids):
        arrays = {**asdict(rows), "targets": targets(rows)}
        yield {name: torch.from_numpy(array) for name, array in arrays.items()}
