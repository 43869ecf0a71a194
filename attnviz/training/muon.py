"""Muon (Jordan et al. 2024) with its matrix products in float32.

``torch.optim.Muon`` rounds to bfloat16, which a processor without such numbers imitates: 12 s a step of our models in
place of 0.3. The step is the same but for that rounding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

FIRST, THIRD, FIFTH = 3.4445, -4.7750, 2.0315  # of the odd polynomial that draws singular values to 1
ROUNDS = 5
LEAST = 1e-7


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the orthogonal matrix closest to one: Newton-Schulz steps, singular values end between 0.7 and 1.2.

    >>> stretched = torch.diag(torch.tensor([5.0, 0.5, 1.0]))
    >>> [bool(0.6 < value < 1.3) for value in torch.linalg.svdvals(orthogonal(stretched))]
    [True, True, True]
    """
    tall = matrix.shape[0] > matrix.shape[1]
    found = (matrix.T if tall else matrix).float()
    found = found / found.norm().clamp_min(LEAST)
    for _ in range(ROUNDS):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=THIRD, alpha=FIFTH), found, beta=FIRST)
    return found.T if tall else found


class Muon(torch.optim.Optimizer):
    """Nesterov's momentum made orthogonal, as large as a step of AdamW (0.2 times the root of the longer side)."""

    def __init__(
        self, matrices: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        """`matrices` are moved at the rate `lr`; a vector among them is a ValueError."""
        kept = list(matrices)
        if any(one.ndim != 2 for one in kept):
            raise ValueError("Muon moves matrices alone")
        super().__init__(kept, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no closure is called
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            for one in group["params"]:
                if one.grad is not None:
                    self._move(one, group)

    def _move(self, one: nn.Parameter, group: dict[str, Any]) -> None:
        """One matrix's step."""
        before = self.state[one].setdefault("momentum", torch.zeros_like(one))
        before.lerp_(one.grad, 1 - group["momentum"])
        ahead = one.grad.lerp(before, group["momentum"])  # type: ignore[union-attr]  # asked by step()
        one.mul_(1 - group["lr"] * group["weight_decay"])
        one.add_(orthogonal(ahead), alpha=-group["lr"] * 0.2 * max(one.shape) ** 0.5)
