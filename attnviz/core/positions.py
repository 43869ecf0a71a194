"""How a model can be told where a token stands: four encodings of the literature, each a pure function.

    sinusoidal   added to the embedding     Vaswani et al. 2017, sec. 3.5
    learned      added to the embedding     Gehring et al. 2017, sec. 3.1; Devlin et al. 2019
    rotary       turns queries and keys     Su et al. 2021, eq. 34
    alibi        added to the scores        Press et al. 2022, sec. 3

Attention by itself is permutation-equivariant: reorder the tokens and the outputs are reordered, nothing else. Only
what is said here breaks that. Positions count from 0.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

BASE = 10_000.0  # both papers' theta_i = base^(-2i/d)


def frequencies(width: int, base: float = BASE) -> Float[Tensor, " pair"]:
    """How fast does each pair of dimensions turn? theta_i = base^(-2i/width) radians a position, i = 0 .. width/2 - 1.

    Vaswani et al. 2017, sec. 3.5, and Su et al. 2021, eq. 15, with the same base of 10,000. float64. Raises
    `ValueError` for an odd width.

    >>> frequencies(4)
    tensor([1.0000, 0.0100], dtype=torch.float64)
    """
    if width < 2 or width % 2:
        raise ValueError(f"pairs of dimensions need an even width of at least 2; got {width}")
    return base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)


def sinusoidal(positions: Int[Tensor, "*batch"], width: int, base: float = BASE) -> Float[Tensor, "*batch {width}"]:
    """Which vector is added to the embedding at each position?

    PE(pos, 2i) = sin(pos theta_i), PE(pos, 2i+1) = cos(pos theta_i): Vaswani et al. 2017, sec. 3.5. Sine and cosine
    alternate, as in the paper. float64. A shift by k turns each pair by k theta_i, so PE(pos + k) is a linear function
    of PE(pos), and the dot product of two positions depends on their distance alone (`kernel`).

    >>> sinusoidal(torch.tensor([0, 1]), 2)
    tensor([[0.0000, 1.0000],
            [0.8415, 0.5403]], dtype=torch.float64)
    """
    turned = angles(positions, width, base)
    return torch.stack([turned.sin(), turned.cos()], dim=-1).flatten(-2)


def learned(table: Float[Tensor, "longest width"], positions: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch width"]:
    """Which learned vector is added to the embedding at each position? A row of a table (Devlin et al. 2019, sec. 3).

    There is no vector for a position beyond the table: `IndexError`.

    >>> learned(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    return table[positions]


def angles(positions: Int[Tensor, "*batch"], width: int, base: float = BASE) -> Float[Tensor, "*batch pair"]:
    """By how many radians is each pair of dimensions turned at each position? pos theta_i. float64.

    >>> angles(torch.tensor([0, 2]), 4)
    tensor([[0.0000, 0.0000],
            [2.0000, 0.0200]], dtype=torch.float64)
    """
    return positions[..., None] * frequencies(width, base)


def rotary(
    vectors: Float[Tensor, "*batch position d_head"], positions: Int[Tensor, "*#batch position"], base: float = BASE
) -> Float[Tensor, "*batch position d_head"]:
    """Queries or keys, each pair of dimensions turned by its angle: (x, y) -> (x cos - y sin, x sin + y cos).

    Su et al. 2021, eq. 34, with the paper's pairing: neighbours (2i, 2i+1) make a pair. (Llama's code and that of
    Hugging Face pair i with i + d/2, which is the same up to the order of the dimensions.) A query at m and a key at n
    turned so have a product that depends on m - n only. `positions` may lack leading axes or have them of size 1.

    >>> rotary(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """
    turned = angles(positions, vectors.shape[-1], base)
    cos, sin = (part.to(vectors.dtype) for part in (turned.cos(), turned.sin()))
    x, y = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([x * cos - y * sin, x * sin + y * cos], dim=-1).flatten(-2)


def slopes(n_heads: int) -> Float[Tensor, " head"]:
    """How steeply does each head's bias fall, in score a token?

    For a power of two 2^(-8/n), 2^(-16/n), ..., 2^-8 (Press et al. 2022, sec. 3); for other numbers the slopes of the
    next smaller power of two, then every other one of the next larger (the paper's published code). float64.

    >>> slopes(4)
    tensor([0.2500, 0.0625, 0.0156, 0.0039], dtype=torch.float64)
    """
    if n_heads < 1:
        raise ValueError(f"slopes are for at least one head; got {n_heads}")
    power = 2 ** int(math.log2(n_heads))
    first = 2.0 ** (-8 / power * torch.arange(1, power + 1, dtype=torch.float64))
    return first if power == n_heads else torch.cat([first, slopes(2 * power)[0::2][: n_heads - power]])


def alibi(
    n_heads: int, queries: Int[Tensor, "*batch query"], keys: Int[Tensor, "*batch key"]
) -> Float[Tensor, "*batch head query key"]:
    """What is added to the scores of each head? -m |i - j|, m its slope, i and j the positions of query and key.

    Press et al. 2022, sec. 3, there for a decoder, in which j <= i; here symmetric, for an encoder. float64.

    >>> alibi(1, torch.arange(2), torch.arange(3)) * 256
    tensor([[[ 0., -1., -2.],
             [-1.,  0., -1.]]], dtype=torch.float64)
    """
    distance = (queries[..., :, None] - keys[..., None, :]).abs()
    return 0.0 - slopes(n_heads)[:, None, None] * distance[..., None, :, :]  # 0.0 -: plain 0 on the diagonal, not -0


def kernel(distances: Float[Tensor, "*batch"], width: int, base: float = BASE) -> Float[Tensor, "*batch"]:
    """How alike are two positions at a distance, -1 to 1? The mean of cos(distance theta_i) over the pairs i.

    The exact cosine of two sinusoids (their dot product is width/2 times it), and the product of a rotary query and key
    whose every pair is the same vector of equal length before it is turned. float64.

    >>> kernel(torch.tensor([0.0, 1.0]), 2)
    tensor([1.0000, 0.5403], dtype=torch.float64)
    """
    return (distances[..., None] * frequencies(width, base)).cos().mean(-1)
