"""What the detector is told: which query is to find which box, and how far it is from that."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from attnviz.training.detection.data import NONE, Batch
from attnviz.training.detection.network import Guesses

KIND, PLACE, OVERLAP = 2.0, 5.0, 2.0  # what label, corners and overlap count, in the match and in the loss (DETR)
SHARPNESS, FOUND = 2.0, 0.25  # of the focal loss (Lin et al. 2017)
SURE = 0.4  # the confidence a query is taught where its box misses; it grows with the overlap to 1
MIDDLE = 0.5  # a place says what lies there when it is in that share of a box's width and height


def corners(boxes: Float[Tensor, "*some 4"]) -> Float[Tensor, "*some 4"]:
    """Left, top, right and bottom of boxes given by centre and size."""
    half = boxes[..., 2:] / 2
    return torch.cat((boxes[..., :2] - half, boxes[..., :2] + half), -1)


def overlap(
    first: Float[Tensor, "*some 4"], second: Float[Tensor, "*others 4"]
) -> tuple[Float[Tensor, "*both"], Float[Tensor, "*both"]]:
    """Intersection over union of boxes given by corners, and its generalised form (Rezatofighi et al. 2019).

    >>> both = overlap(torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([1.0, 0.0, 3.0, 2.0]))
    >>> [round(float(value), 3) for value in both]
    [0.333, 0.333]
    """
    low, high = torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp_min(0).prod(-1)
    areas = [(one[..., 2:] - one[..., :2]).clamp_min(0).prod(-1) for one in (first, second)]
    union = areas[0] + areas[1] - shared
    low, high = torch.minimum(first[..., :2], second[..., :2]), torch.maximum(first[..., 2:], second[..., 2:])
    hull = (high - low).clamp_min(0).prod(-1)
    share = shared / union.clamp_min(1e-9)
    return share, share - (hull - union) / hull.clamp_min(1e-9)


@torch.no_grad()
def matched(
    logits: Float[Tensor, "layer picture query label"], boxes: Float[Tensor, "layer picture query 4"],
    batch: Batch, groups: int,
) -> Int64[Tensor, "layer picture query"]:  # fmt: skip
    """The true box that each query is to find, each box by one query of each group; `NONE` for the others."""
    chance = logits.sigmoid().clamp(1e-6, 1 - 1e-6)
    named = FOUND * (1 - chance) ** SHARPNESS * -chance.log()
    named = named - (1 - FOUND) * chance**SHARPNESS * -(1 - chance).log()
    labels = batch.labels.clamp_min(0)[None, :, None].expand(*named.shape[:3], -1)
    cost = KIND * named.gather(-1, labels)
    cost = cost + PLACE * (boxes[..., None, :] - batch.boxes[None, :, None]).abs().sum(-1)
    cost = cost - OVERLAP * overlap(corners(boxes)[..., None, :], corners(batch.boxes)[None, :, None])[1]
    table, real = cost.numpy(), batch.real.numpy()
    found, size = torch.full(logits.shape[:3], NONE), logits.shape[2] // groups
    for layer in range(table.shape[0]):
        for picture in range(table.shape[1]):
            true = real[picture].nonzero()[0]
            for first in range(0, table.shape[2], size):
                some = table[layer, picture, first : first + size][:, true]
                query, box = linear_sum_assignment(some)
                found[layer, picture, query + first] = torch.from_numpy(true[box])
    return found


def focal(logits: Float[Tensor, "*some label"], wanted: Float[Tensor, "*some label"]) -> Float[Tensor, "*some label"]:
    """The focal loss towards a wanted confidence from 0 to 1 (Li et al. 2020, quality focal loss)."""
    chance = logits.sigmoid()
    share = torch.where(wanted > 0, FOUND * 2, 1 - FOUND)
    return (
        share
        * (wanted - chance).abs() ** SHARPNESS
        * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    )


def told(
    logits: Float[Tensor, "layer picture query label"], boxes: Float[Tensor, "layer picture query 4"],
    found: Int64[Tensor, "layer picture query"], counted: Bool[Tensor, "picture query"], batch: Batch,
) -> Float[Tensor, ""]:  # fmt: skip
    """The loss of queries of which it is known what each is to find."""
    is_found, at = found != NONE, found.clamp_min(0)
    true = batch.boxes[None].expand(len(found), -1, -1, -1).gather(2, at[..., None].expand(*at.shape, 4))
    share, general = overlap(corners(boxes), corners(true))
    kinds = batch.labels[None].expand(len(found), -1, -1).gather(2, at).clamp_min(0)
    sure = torch.where(is_found, SURE + (1 - SURE) * share.detach(), 0.0)
    wanted = F.one_hot(kinds, logits.shape[-1]) * sure[..., None]
    named = (focal(logits, wanted).sum(-1) * counted).sum()
    placed = ((boxes - true).abs().sum(-1) * is_found).sum()
    covered = ((1 - general) * is_found).sum()
    return (KIND * named + PLACE * placed + OVERLAP * covered) / batch.real.sum().clamp_min(1)


def dense(said: Float[Tensor, "picture place value"], shape: tuple[int, int], batch: Batch) -> Float[Tensor, ""]:
    """The loss of a head that says of each place which thing lies there, and how far its four sides are."""
    rows, columns = shape
    down, across = (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns
    places = torch.cartesian_prod(down, across).flip(-1)
    away = (places[None, :, None] - batch.boxes[:, None, :, :2]).abs()
    least = torch.tensor([0.5 / columns, 0.5 / rows])  # the place that a small thing's middle is in counts
    reach = torch.maximum(batch.boxes[:, None, :, 2:] / 2 * MIDDLE, least)
    inside = (away <= reach).all(-1) & batch.real[:, None]
    area = torch.where(inside, batch.boxes[..., 2:].prod(-1)[:, None], torch.inf)
    smallest, at = area.min(-1)
    there = smallest < torch.inf
    kinds = batch.labels.gather(1, at).clamp_min(0)
    labels = said.shape[-1] - 4
    wanted = F.one_hot(kinds, labels) * there[..., None].float()
    true = corners(batch.boxes.gather(1, at[..., None].expand(*at.shape, 4)))
    sides = said[..., labels:].exp() * 0.1
    boxes = torch.cat((places - sides[..., :2], places + sides[..., 2:]), -1)
    general = overlap(boxes, true)[1]
    named = focal(said[..., :labels], wanted).sum()
    return (named + ((1 - general) * there).sum()) / there.sum().clamp_min(1)


def losses(said: Guesses, groups: int, batch: Batch) -> dict[str, Float[Tensor, ""]]:
    """The parts of a batch's loss: kept queries and other groups, noisy queries, and heads at each place."""
    own = said.logits.shape[2] - said.noisy.labels.shape[1]
    logits, boxes = said.logits[:, :, :own], said.boxes[:, :, :own]
    all_of_them = torch.ones(logits.shape[1:3], dtype=torch.bool)
    found = matched(logits, boxes, batch, groups)
    noise = said.noisy.found.expand(len(logits), -1, -1)
    return {
        "queries": told(logits, boxes, found, all_of_them, batch) / groups,
        "noisy": told(said.logits[:, :, own:], said.boxes[:, :, own:], noise, said.noisy.real, batch) / 2,
        "places": torch.stack([dense(one, said.shape, batch) for one in said.dense]).sum(),
    }
