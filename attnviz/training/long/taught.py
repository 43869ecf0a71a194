"""What each step after the first course is held to: two teachers, the texts themselves, and what stood before.

Whoever learns a new thing forgets old ones. What lab-long knew of running texts after its first course, and what
lab-gpt knows of sentences, are taught on: a share of the loss of a token is how far what is foretold lies from what
the teacher foretells (distillation, Hinton et al. 2015), the rest is the token itself. Tokens that continue a passage
which stood before are no teacher's, who would not find them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor
from transformers import LlamaForCausalLM

from attnviz.training.long.drills import Row, Running
from attnviz.training.long.lessons import Lesson
from attnviz.training.sentences import NO_TARGET, Network, states

COPY = 0.25  # what tokens that continue a passage count beside the other tokens of the texts
MOST = 3_072  # tokens of a step's texts that are told: their logits cost as much as the network


@dataclass(frozen=True)
class Teachers:
    """Whom the network is to be like: on running texts, and on sentences."""

    texts: LlamaForCausalLM
    sentences: LlamaForCausalLM


def losses(network: Network, teachers: Teachers, share: float, lesson: Lesson) -> dict[str, Tensor]:
    """The loss of each part of a step, nats a token; `share` of a token's is the teacher's."""
    found = {"texts": of_texts(network, teachers.texts, lesson.texts, share)}
    if lesson.sentences is not None:
        found["sentences"] = of_sentences(network, teachers.sentences, lesson.sentences, share)
    return found | {lesson.kind: of_drill(network, lesson.drill)}


def of_drill(network: Network, row: Row) -> Tensor:
    """The loss of what is asked for in some rows."""
    hidden = network.model(input_ids=row.ids, use_cache=False).last_hidden_state
    asked = row.targets != NO_TARGET
    return F.cross_entropy(network.lm_head(hidden[asked]).float(), row.targets[asked])


def of_texts(network: Network, teacher: LlamaForCausalLM, row: Running, share: float) -> Tensor:
    """The loss of running texts: new tokens as the teacher tells them and as they are, copies as they are."""
    hidden = network.model(input_ids=row.ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
    with torch.no_grad():
        known = teacher.model(input_ids=row.ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
    wanted, copied = row.ids[:, 1:].flatten(), row.copied[:, 1:].flatten()
    new = (~copied).nonzero()[:, 0]
    new = new[torch.randperm(len(new))[:MOST]]
    found = taught(network.lm_head(hidden[new]), teacher.lm_head(known[new]), wanted[new], share)
    if copied.any():
        found = found + COPY * F.cross_entropy(network.lm_head(hidden[copied]).float(), wanted[copied])
    return found


def of_sentences(network: Network, teacher: LlamaForCausalLM, batch: Mapping[str, Tensor], share: float) -> Tensor:
    """The loss of a batch of sentences, each told from its own tokens."""
    wanted = batch["targets"].flatten()
    asked = wanted != NO_TARGET
    with torch.no_grad():
        known = teacher.lm_head(states(teacher, batch)[asked])
    return taught(network.lm_head(states(network, batch)[asked]), known, wanted[asked], share)


def taught(
    logits: Float[Tensor, "token word"], known: Float[Tensor, "token word"], wanted: Int64[Tensor, " token"],
    share: float,
) -> Float[Tensor, ""]:  # fmt: skip
    """`share` of the divergence from what the teacher foretells, KL(teacher || network), the rest cross-entropy."""
    found, given = logits.float().log_softmax(-1), known.detach().float().log_softmax(-1)
    away = F.kl_div(found, given, reduction="batchmean", log_target=True)
    return share * away + (1 - share) * F.nll_loss(found, wanted)
