"""How near does each part come to the whole that it is a part of? (ALTI, and value zeroing's distance)"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from attnviz.measures.reading.rollout import rows_to_one

AT_ONCE = 2**18  # numbers of parts laid out together: they stay near a core


def closeness(
    vectors: Float[Tensor, "query key width"], whole: Float[Tensor, "query width"]
) -> Float[Tensor, "query key"]:
    """How much nearer to nothing is the whole without a part? relu(|y|_1 - |y - T_j|_1), in units of the state.

    `vectors` are T_j, what each key brings, the residual on the diagonal (`with_residual`); `whole` is y, their sum and
    the biases, before a norm or through it (`through_norm`). (Ferrando et al. 2022, eq. 8)

    >>> import torch
    >>> closeness(torch.tensor([[[4.0, 0.0], [0.0, -1.0]]]), torch.tensor([[4.0, 1.0]])).tolist()
    [[4.0, 0.0]]
    """
    y, parts = whole.double()[:, None], vectors.double()
    return (y.abs().sum(-1) - (y - parts).abs().sum(-1)).clamp_min(0)


def closeness_of_heads(
    weights: Float[Tensor, "head query key"],
    heads: Float[Tensor, "head key width"],
    kept: Float[Tensor, "query width"],
    whole: Float[Tensor, "query width"],
    own: int | None = None,
) -> Float[Tensor, "query part"]:
    """`closeness` of parts that are never laid out, T_j = sum over heads of weight x f(x_j). Float64.

    `kept` is what had been there, with the part of the key that each query is itself: of the first query the key `own`,
    of each other the next. It stands after all keys where that is None. Keys that a query gives no weight bring nothing
    and cost nothing. Vectors are summed in the inputs' precision, |y - T| as 2 max(y, T) - y - T, one step less.

    >>> heads, kept = torch.tensor([[[4.0, 0.0], [0.0, -2.0]]]), torch.tensor([[0.0, 2.0]])
    >>> closeness_of_heads(torch.tensor([[[1.0, 0.5]]]), heads, kept, torch.tensor([[4.0, 1.0]])).tolist()
    [[4.0, 0.0, 0.0]]
    """
    parts, shares = heads.transpose(0, 1), weights.permute(2, 1, 0).contiguous()  # [key, head, ..], [key, query, head]
    brought = (shares @ parts.sum(-1, keepdim=True))[..., 0].T
    largest, looks = torch.zeros_like(brought), weights.any(0)
    if own is not None:
        brought.diagonal(own).add_(kept.sum(-1))
        looks.diagonal(own).fill_(True)
    first, last = looks.int().argmax(0).tolist(), looks.flip(0).int().argmax(0).tolist()  # queries, by key
    step = max(1, AT_ONCE // whole.numel())
    for start in range(0, len(parts), step):
        keys = slice(start, start + step)
        rows = slice(min(first[keys]), len(whole) - min(last[keys]))
        some = torch.bmm(shares[keys, rows], parts[keys])
        if own is not None:
            _add_own(some, kept[rows], own + rows.start - start)
        largest[rows, keys] = some.clamp_min_(whole[rows]).sum(-1).T
    size = (whole.abs().sum(-1) + whole.sum(-1)).double()
    found = size[:, None] + brought.double() - 2 * largest.double()
    found *= looks  # nothing brings nothing, however sums are rounded
    if own is None:
        found = torch.cat([found, (whole.abs().sum(-1) - (whole - kept).abs().sum(-1)).double()[:, None]], 1)
    return found.clamp_min(0)


def _add_own(parts: Float[Tensor, "key query width"], kept: Float[Tensor, "query width"], own: int) -> None:
    """Add what had been there to the parts of the keys that the queries are themselves; of the first it is `own`."""
    found = parts.diagonal(-own, 0, 1).T
    first = max(-own, 0)
    found.add_(kept[first : first + len(found)])


def alti(
    vectors: Float[Tensor, "query key width"], whole: Float[Tensor, "query width"]
) -> Float[Tensor, "query key"]:  # fmt: skip
    """Which share of a layer's state comes from each place? `closeness` as shares of its row. (Ferrando et al. 2022)

    Layers are put together by `rollout(..., identity=False)`, since the residual is in already (sec. 3.2).

    It leaves out the MLP, takes the norm's deviation as given, and gives 0 to what pulls away from the sum.
    """
    return rows_to_one(closeness(vectors, whole))


def turned(states: Float[Tensor, "*query width"], without: Float[Tensor, "*query width"]) -> Float[Tensor, "*query"]:
    """How far does a state turn when a place's value is 0: 1 - cosine, 0 to 2. (Mohebbi et al. 2023, eq. 5)

    `states` are a layer's output, `without` the same with one value, of one key, put to 0 in that layer alone. Shares
    of a row (`rows_to_one`) can be rolled out without the identity.

    It leaves out how long the states are, and what two values do together only.

    >>> import torch
    >>> turned(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])).tolist()
    [1.0]
    """
    return (1 - F.cosine_similarity(states.double(), without.double(), dim=-1)).clamp(0, 2)
