"""Adam (Kingma and Ba 2015, algorithm 1) for a handful of numbers, step for step what torch's own does.

`torch.optim` brings `torch._dynamo` along, 83 MB and 1.5 seconds, which a server that trains toys can do without.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

FIRST, SECOND, LEAST = 0.9, 0.999, 1e-8  # beta 1 and 2, epsilon


class Adam:
    """Moves `parameters` by their gradients; `decay` times a number is added to its gradient (L2)."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, decay: float = 0.0) -> None:
        self.parameters, self.rate, self.decay = list(parameters), rate, decay
        self.means = [(torch.zeros_like(one), torch.zeros_like(one)) for one in self.parameters]
        self.steps = 0

    @torch.no_grad()
    def descend(self, loss: Tensor) -> None:
        """One step down a loss."""
        with torch.enable_grad():
            gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        self.steps += 1
        for one, gradient, (mean, square) in zip(self.parameters, gradients, self.means, strict=True):
            if gradient is None:
                continue
            pull = gradient + self.decay * one
            mean.lerp_(pull, 1 - FIRST)
            square.mul_(SECOND).addcmul_(pull, pull, value=1 - SECOND)
            spread = (square / (1 - SECOND**self.steps)).sqrt() + LEAST
            one.addcdiv_(mean, spread, value=-self.rate / (1 - FIRST**self.steps))
