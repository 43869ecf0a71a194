"""What does each place bring to a state, as a vector, and how long is that vector? (Norms)"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.states import Norm


def norms(
    weights: Float[Tensor, "head query key"], transformed: Float[Tensor, "head key width"]
) -> Float[Tensor, "head query key"]:
    """How long is what each head brings from each key, ||weight x f(x_j)||? (Kobayashi et al. 2020, eq. 4)

    `transformed` is f(x_j), a key's value through the output projection (`Block.transformed`). A key with a large
    weight and a short vector brings little: [CLS], [SEP] and other sinks.

    It leaves out that vectors cancel each other (`contributions`), the residual (`with_residual`), the norm
    (`through_norm`) and the MLP.

    >>> norms(torch.tensor([[[0.9, 0.1]]]), torch.tensor([[[3.0, 4.0], [6.0, 8.0]]]))
    tensor([[[4.5000, 1.0000]]], dtype=torch.float64)
    """
    found: Tensor = weights.double() * transformed.double().norm(dim=-1)[:, None, :]
    return found


def contributions(
    weights: Float[Tensor, "head query key"], transformed: Float[Tensor, "head key width"]
) -> Float[Tensor, "query key width"]:
    """What do all heads together bring from each key to each query, sum over heads of weight x f(x_j)? Float64.

    Summed over the keys, + the projection's bias, they are the block's output. (Kobayashi et al. 2020, sec. 2.2)

    >>> contributions(torch.tensor([[[0.9, 0.1]]]), torch.tensor([[[1.0, 0.0], [0.0, 5.0]]]))
    tensor([[[0.9000, 0.0000],
             [0.0000, 0.5000]]], dtype=torch.float64)
    """
    return torch.einsum("hqk,hkw->qkw", weights.double(), transformed.double())


def lengths(
    weights: Float[Tensor, "head query key"], transformed: Float[Tensor, "head key width"]
) -> Float[Tensor, "query key"]:
    """How long is each of the `contributions`, which are never laid out? Float64, of products in the inputs' precision.

    |sum over heads of a_h f_h|^2 = sum over pairs of heads of a_h a_g (f_h . f_g): heads^2 numbers a key, and no width
    for every query. In float32 heads that cancel each other leave up to 1e-3 of the length of one.

    >>> lengths(torch.tensor([[[0.5, 0.5]], [[1.0, 0.0]]]), torch.tensor([[[3.0, 4.0], [0.0, 2.0]]] * 2))
    tensor([[7.5000, 1.0000]], dtype=torch.float64)
    """
    shares, parts = weights.permute(2, 1, 0).double().contiguous(), transformed.transpose(0, 1)  # [key, ..., head, ..]
    alike = torch.bmm(parts, parts.transpose(1, 2)).double()  # [key, head, head]
    found: Tensor = ((shares @ alike) * shares).sum(-1).clamp_min(0).sqrt().T
    return found


def own_parts(
    weights: Float[Tensor, "head query key"], heads: Float[Tensor, "head key width"], own: int = 0
) -> Float[Tensor, "query width"]:
    """The `contributions` to each query of the key that it is itself, in the inputs' precision.

    Of the first query that is the key `own`, of each other the next.

    >>> heads = torch.tensor([[[1.0, 0.0], [0.0, 5.0]]])
    >>> own_parts(torch.tensor([[[0.9, 0.1], [0.8, 0.2]]]), heads).tolist()
    [[0.8999999761581421, 0.0], [0.0, 1.0]]
    """
    shares = weights.diagonal(own, 1, 2)[..., None]  # [head, query, 1]
    found = heads.new_zeros(weights.shape[1], heads.shape[2])
    for head, share in zip(heads[:, own : own + len(found)], shares, strict=True):
        found.addcmul_(head, share)
    return found


def with_residual(
    vectors: Float[Tensor, "place place width"], entered: Float[Tensor, "place width"]
) -> Float[Tensor, "place place width"]:
    """The same with what passes by the attention, the state itself, added on the diagonal.

    (Kobayashi et al. 2021, eq. 5: N-Res)

    >>> with_residual(torch.zeros(1, 1, 2), torch.tensor([[1.0, 2.0]])).tolist()
    [[[1.0, 2.0]]]
    """
    whole = vectors.double().clone()
    places = torch.arange(len(whole), device=whole.device)
    whole[places, places] += entered.double()
    return whole


def through_norm(
    vectors: Float[Tensor, "query *key width"], state: Float[Tensor, "query width"], norm: Norm
) -> Float[Tensor, "query *key width"]:
    """What a layer norm makes of parts of a state: (part - its mean) / the state's deviation x weight.

    `state` is what the norm is given, the sum of the parts; the norm's own bias belongs to none of them. RMS norm takes
    no mean. (Kobayashi et al. 2021, eq. 7: N-ResLN, with `with_residual` before it)

    >>> through_norm(torch.tensor([[[1.0, -1.0]]]), torch.tensor([[2.0, -2.0]]), Norm(None, None, 0.0, False)).tolist()
    [[[0.5, -0.5]]]
    """
    return normed(vectors.double(), norm) / spread(state, norm).reshape(-1, *(1 for _ in vectors.shape[1:]))


def normed(vectors: Float[Tensor, "*part width"], norm: Norm) -> Float[Tensor, "*part width"]:
    """What `through_norm` makes of parts before it divides by the deviation: it is linear, so heads may go apart.

    In the precision that they have.
    """
    parts = vectors if norm.rms else vectors - vectors.mean(-1, keepdim=True)
    return parts if norm.weight is None else parts * norm.weight.to(parts.dtype)


def spread(state: Float[Tensor, "query width"], norm: Norm) -> Float[Tensor, " query"]:
    """A state's deviation, as a norm has it."""
    epsilon = torch.finfo(torch.float32).eps if norm.epsilon is None else norm.epsilon
    whole = state.double()
    if not norm.rms:
        whole = whole - whole.mean(-1, keepdim=True)
    return (whole.square().mean(-1) + epsilon).sqrt()


def mixing_ratio(vectors: Float[Tensor, "place place width"]) -> Float[Tensor, " place"]:
    """How much of each state comes from other places: mixed / (mixed + preserved), lengths of the two sums, 0 to 1.

    (Kobayashi et al. 2021, eq. 9) NaN where both are 0.

    >>> mixing_ratio(torch.tensor([[[3.0], [1.0]], [[1.0], [1.0]]])).tolist()
    [0.25, 0.5]
    """
    own = torch.diagonal(vectors.double()).T
    kept, mixed = own.norm(dim=-1), (vectors.double().sum(1) - own).norm(dim=-1)
    found: Tensor = mixed / (mixed + kept)
    return found
