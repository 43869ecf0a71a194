"""What would the model say, were a layer its last one? (Logit lens)"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from attnviz.core.states import Norm
from attnviz.measures.reading.norms import through_norm


def logit_lens(
    states: Float[Tensor, "*layer width"],
    unembedding: Float[Tensor, "vocabulary width"],
    *,
    norm: Norm | None = None,
    bias: Float[Tensor, " vocabulary"] | None = None,
) -> Float[Tensor, "*layer vocabulary"]:
    """The logits `[.., vocabulary]` that states between layers would give: `norm`, then the output embedding. Float64.

    (nostalgebraist 2020, "interpreting GPT: the logit lens") It leaves out the layers above, which may well read a
    state otherwise than the last one does: in the lower layers of many models it says nothing true (Belrose et al.
    2023).

    >>> import torch
    >>> logit_lens(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 5.0], [3.0, 7.0]])).tolist()
    [[2.0, 3.0]]
    """
    states = states.double()
    if norm is not None:
        flat = states.reshape(-1, states.shape[-1])
        flat = through_norm(flat, flat, norm)
        states = (flat if norm.bias is None else flat + norm.bias.double()).reshape(states.shape)
    logits = states @ unembedding.double().T
    return logits if bias is None else logits + bias.double()
