"""Ask the weights of heads for the words of a text, and two different heads for the two readings of a stretch.

Multiple choice (Guzman-Rivera et al. 2012) over attention that is supervised directly (Strubell et al. 2018).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnviz.training.readings.data import MOST_STRETCHES

OUTSIDE = 8.0  # what a token outside counts against a stretch: at 1 heads cut what is plain in ways of their own
EVERY_HEAD = 0.1  # what it counts, beside the two best, that each head holds one of the readings
BATCH_HEAT = 0.5  # the temperature of a choice for a whole step, on costs that are means over its stretches
LEAST = 1e-7


def near(weights: Float[Tensor, "row head query key"]) -> Float[Tensor, "row head query 3"]:
    """ln of each query's weight on the token before it, on itself and on the token after it."""
    here = weights.diagonal(dim1=-2, dim2=-1)
    before = torch.nn.functional.pad(weights.diagonal(-1, -2, -1), (1, 0))
    after = torch.nn.functional.pad(weights.diagonal(1, -2, -1), (0, 1))
    return torch.stack([before, here, after], dim=-1).float().clamp_min(LEAST).log()


def costs(
    logs: Float[Tensor, "row head query 3"], joined: Bool[Tensor, "row query"]
) -> Float[Tensor, "row head query"]:
    """Cross-entropy of each query against its neighbours inside its word, evenly; itself where the word is one token.

    `joined` says which tokens belong to the one before them.
    """
    before = joined.float()
    after = torch.nn.functional.pad(before[:, 1:], (0, 1))
    alone = ((before + after) == 0).float()
    target = torch.stack([before, alone, after], dim=-1)
    target = target / target.sum(-1, keepdim=True)
    return -(logs * target[:, None]).sum(-1)


def by_stretch(
    cost: Float[Tensor, "row head query"], stretch: Int[Tensor, "row query"]
) -> Float[Tensor, "stretch head"]:
    """The costs summed over each stretch; row 0 gathers what is outside."""
    flat = cost.transpose(1, 2).flatten(0, 1)
    return torch.zeros(MOST_STRETCHES, flat.shape[1]).index_add(0, stretch.flatten(), flat)


def two_heads(
    first: Float[Tensor, "stretch head"], second: Float[Tensor, "stretch head"], temperature: Tensor
) -> Float[Tensor, " stretch"]:
    """The softest-cheapest of all pairs of different heads, one for each reading; a lower temperature is harder.

    -T ln mean over h != k of exp(-(first[h] + second[k]) / T).
    """
    heads = first.shape[1]
    pairs = -(first[:, :, None] + second[:, None, :]) / temperature
    pairs = pairs.masked_fill(torch.eye(heads, dtype=torch.bool), -torch.inf)
    count = torch.tensor(float(heads * (heads - 1)))
    return -temperature * (pairs.flatten(1).logsumexp(-1) - count.log())


def each_head(
    first: Float[Tensor, "stretch head"], second: Float[Tensor, "stretch head"], temperature: Tensor
) -> Float[Tensor, " stretch"]:
    """Each head's cheaper reading, softly, the mean over heads: none may cut it in a third way for nothing."""
    both = torch.stack([first, second], dim=-1)
    return -temperature * ((-both / temperature).logsumexp(-1) - torch.tensor(2.0).log()).mean(-1)


def given_roles(
    first: Float[Tensor, "stretch head"], second: Float[Tensor, "stretch head"]
) -> Float[Tensor, " stretch"]:
    """Control: the first half of the heads is told to take reading 1, the others reading 2."""
    half = first.shape[1] // 2
    return first[:, :half].mean(-1) + second[:, half:].mean(-1)


def reading_loss(
    weights: Float[Tensor, "row head query key"], batch: dict[str, Tensor], choice: str = "two"
) -> Float[Tensor, ""]:
    """What the top layer's weights cost: nats a stretch, and `OUTSIDE` times nats a token outside.

    A stretch counts whole, however many tokens stand around it. Spread over all tokens of a step, stretches were a
    tenth of the loss, and all heads learned the one likeliest cut: both readings were read off in 0.14 of held-out
    stretches after 1,700 steps of a smaller network, and in 0.78 of them when each stretch counted whole.

    `choice`: "batch" (two different heads for all stretches of a step), "two" (for each stretch its own two), "roles"
    (told beforehand) or "mean" (all heads, both readings: no choice).
    Outside stretches every head is asked alike.
    """
    logs, asked, stretch = near(weights), batch["asked"], batch["stretch"]
    one = costs(logs, batch["joined"]) * asked[:, None]
    other = costs(logs, batch["joined_too"]) * asked[:, None]
    plain = (stretch == 0) & asked
    outside = (one.mean(1) * plain).sum() / plain.sum().clamp_min(1)
    first, second = by_stretch(one, stretch)[1:], by_stretch(other, stretch)[1:]
    there = (torch.zeros(MOST_STRETCHES).index_add(0, stretch.flatten(), asked.flatten().float())[1:] > 0).float()
    count = there.sum().clamp_min(1)
    if choice == "batch":
        one, other = ((cost * there[:, None]).sum(0, keepdim=True) / count for cost in (first, second))
        heat = torch.tensor(BATCH_HEAT)
        inside = there * (two_heads(one, other, heat) + each_head(one, other, heat))
    elif choice == "two":
        heat = batch["temperature"]
        inside = (two_heads(first, second, heat) + EVERY_HEAD * each_head(first, second, heat)) / heat
    elif choice == "roles":
        inside = given_roles(first, second)
    else:
        inside = first.mean(-1) + second.mean(-1)
    return OUTSIDE * outside + (inside * there).sum() / count
