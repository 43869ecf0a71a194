"""Which weights would change an answer, were they larger? (Gradient x attention, Chefer et al. 2021, 2103.15679)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.measures.reading.rollout import rows_to_one


def gradient_times_attention(
    weights: Float[Tensor, "*head query key"], gradients: Float[Tensor, "*head query key"]
) -> Float[Tensor, "query key"]:
    """Mean over the heads of (dy/dA * A)+, where y is what is to be explained. (Chefer et al. 2021, eq. 5)

    Weights that would lower y count nothing. It is of one layer, and leaves out the values of the layers below.

    >>> gradient_times_attention(torch.tensor([[0.5, 0.5]]), torch.tensor([[2.0, -3.0]])).tolist()
    [[1.0, 0.0]]
    """
    both = (weights.double() * gradients.double()).clamp_min(0)
    return both.reshape(-1, *both.shape[-2:]).mean(0)


def relevance(
    layers: Iterable[tuple[Float[Tensor, "*head place place"], Float[Tensor, "*head place place"]]], places: int
) -> Float[Tensor, "place place"]:
    """How relevant is each input `[.., key]` to each state on top `[query, ..]`? R = I, then R <- R + A~ R, upwards.

    `layers` are weights and gradients from the lowest to the uppermost, A~ of each as `gradient_times_attention` has
    it. (Chefer et al. 2021, eq. 6) The row of the place that the answer was read from is the explanation.

    >>> a = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    >>> relevance([(a, torch.ones(2, 2))], 2)
    tensor([[1.9000, 0.1000],
            [0.2000, 1.8000]], dtype=torch.float64)
    """
    found = torch.eye(places, dtype=torch.float64)
    for weights, gradients in layers:
        found = found + gradient_times_attention(weights, gradients) @ found
    return found


def normalised_relevance(relevance: Float[Tensor, "place place"]) -> Float[Tensor, "place place"]:
    """R - I as shares of its rows, + I. (Chefer et al. 2021, eq. 8 and 9) A row of zeros gives zeros, not NaN.

    >>> normalised_relevance(torch.tensor([[1.5, 0.5], [0.0, 1.0]])).tolist()
    [[1.5, 0.5], [0.0, 1.0]]
    """
    eye = torch.eye(len(relevance), dtype=torch.float64, device=relevance.device)
    return rows_to_one(relevance.double() - eye) + eye


@dataclass(frozen=True)
class Relevances:
    """Relevance between two texts: `own` of the target's places to each other, `other` of the source's to them.

    `source` is that of the source's places to each other, which an encoder has made and no rule here changes.
    """

    own: Float[Tensor, "target target"]
    other: Float[Tensor, "target source"]
    source: Float[Tensor, "source source"]

    @classmethod
    def begin(cls, source: Float[Tensor, "source source"], targets: int) -> Relevances:
        """Before the decoder's first layer."""
        eye = torch.eye(targets, dtype=torch.float64)
        return cls(eye, torch.zeros(targets, len(source), dtype=torch.float64), source.double())

    def after_self(self, attention: Float[Tensor, "target target"]) -> Relevances:
        """After a layer in which the target looks at itself, A~ of it given. (eq. 6 and 7)"""
        return replace(self, own=self.own + attention @ self.own, other=self.other + attention @ self.other)

    def after_cross(self, attention: Float[Tensor, "target source"]) -> Relevances:
        """After a layer in which the target looks at the source. (eq. 10; eq. 11 adds 0: no source looks back)"""
        own, source = normalised_relevance(self.own), normalised_relevance(self.source)
        return replace(self, other=self.other + own.T @ attention @ source)


def relevance_across(
    source: Float[Tensor, "source source"],
    steps: Sequence[tuple[Float[Tensor, "target target"], Float[Tensor, "target source"]]],
) -> Relevances:
    """How relevant are the places of source and target to the target's states on top, in an encoder-decoder?

    `source` is the encoder's `relevance`; `steps` are A~ (`gradient_times_attention`) of each decoder layer's own map
    and of its cross map, from the lowest. (Chefer et al. 2021, eq. 6 to 10)
    """
    targets = len(steps[0][0]) if steps else 0
    found = Relevances.begin(source, targets)
    for own, cross in steps:
        found = found.after_self(own).after_cross(cross)
    return found
