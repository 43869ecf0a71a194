"""Hard attention trained by REINFORCE (Williams 1992), as in Xu et al. 2015, sec. 4.1.

A word looks at one place p, drawn from a = softmax(energies). The gradient of the expected log-likelihood is

    d log p(y | p) + [log p(y | p) - b] d log a_p + entropy x d H(a)

with b a moving average of log p(y | p), 0.9 old and 0.1 new as there. The writer's state has read words alone, so that
a look changes its own word and no other, and a word's reward is its own log-likelihood. b is kept for each word of the
vocabulary: it must not depend on the place drawn, and may on the word, and "a" is easier than "hedgehog".
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.core.rules import Soft
from attnviz.systems.captions.network import Captioner
from attnviz.training.captions.data import Batch, inside

KEPT = 0.9  # of the moving average at each step


class Baseline:
    """A moving average of the reward of each word of a vocabulary."""

    def __init__(self, words: int, kept: float = KEPT) -> None:
        self.mean, self.met, self.kept = torch.zeros(words), torch.zeros(words, dtype=torch.bool), kept

    def expected(self, words: Int64[Tensor, " word"]) -> Float[Tensor, " word"]:
        """What is expected of these words; of one never met, the mean of those that were."""
        usual = self.mean[self.met].mean() if bool(self.met.any()) else self.mean.new_zeros(())
        return torch.where(self.met[words], self.mean[words], usual)

    def learn(self, words: Int64[Tensor, " word"], rewards: Float[Tensor, " word"]) -> None:
        """Move the averages of these words towards the rewards that they had."""
        counts = torch.zeros_like(self.mean).index_add_(0, words, torch.ones_like(rewards))
        sums = torch.zeros_like(self.mean).index_add_(0, words, rewards)
        here = counts > 0
        newest = sums / counts.clamp_min(1)
        moved = torch.where(self.met, self.kept * self.mean + (1 - self.kept) * newest, newest)
        self.mean, self.met = torch.where(here, moved, self.mean), self.met | here


def surrogate(
    log_weights: Float[Tensor, "word place"],
    log_likelihood: Float[Tensor, " word"],
    drawn: Int64[Tensor, " word"],
    expected: Float[Tensor, " word"],
    entropy: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Three losses whose gradients together are minus the estimate above: words, places, and entropy.

    `log_weights` are log a, `log_likelihood` is log p(y | the place `drawn`). Only the first has a value that means
    something; the second's is that of an estimate's handle.
    """
    chosen = log_weights.gather(-1, drawn[:, None])[:, 0]
    gain = (log_likelihood - expected).detach()
    spread = -(log_weights.exp() * log_weights).sum(-1)
    return -log_likelihood.mean(), -(gain * chosen).mean(), -entropy * spread.mean()


def hard_losses(network: Captioner, baseline: Baseline, entropy: float, batch: Batch) -> dict[str, Tensor]:
    """One draw of a place for each word of a batch, and the losses of it."""
    annotations = network.read(batch.pictures)
    states = network.states(batch.words[:, :-1], network.first(annotations).repeat(2, 1))
    both, real, truth = annotations.repeat(2, 1, 1), batch.real[:, 1:], batch.words[:, 1:]
    log_weights = torch.log_softmax(network.look(states, both, Soft()).scores, dim=-1)
    drawn = torch.distributions.Categorical(logits=log_weights.detach()).sample()
    seen = both.gather(1, drawn[..., None].expand(-1, -1, both.shape[-1]))
    logits = network.logits(states, seen)
    likelihood = torch.log_softmax(logits, -1).gather(-1, truth[..., None])[..., 0][real]
    expected = baseline.expected(truth[real])
    words, places, spread = surrogate(log_weights[real], likelihood, drawn[real], expected, entropy)
    baseline.learn(truth[real], likelihood.detach())
    right = (logits.argmax(-1) == truth)[real].float().mean()
    return {
        "loss": words, "places": places, "spread": spread, "right": right,
        "inside": inside(log_weights.detach().exp(), batch),
    }  # fmt: skip
