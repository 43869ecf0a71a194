"""Which weights and words does an answer follow? Relevance through all maps, and integrated gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.errors import AttnvizError
from attnviz.experiments.reading.places import Places
from attnviz.measures.reading import gradient_times_attention, relevance, relevance_across
from attnviz.models.load import Model
from attnviz.recording.gradients import Differentiable, Target
from attnviz.recording.several import Several, Words
from attnviz.trace import Trace

Begin = Literal["mean", "zero"]
STEPS = 32  # of the way to the words, in integrated gradients


def relevances(run: Differentiable, target: Target) -> Float[Tensor, "query place"]:
    """How relevant is each place to each state of the text that is predicted? (Chefer et al. 2021, eq. 6 to 10)

    Raises `AttnvizError` at a layer without attention.
    """
    places, gradients = Places(run.trace), run.gradients(target)
    found = {}
    for one, layer in places.steps():
        slope = gradients.map(one.part).layers[layer]
        if slope is None:
            raise AttnvizError("block_not_seen", layer=layer)
        found[one.part, layer] = gradient_times_attention(one.weights(layer), slope)
    if not places.crossed:
        return relevance(((one, torch.ones_like(one)) for one in found.values()), len(places.labels))
    encoder = [one for (part, _), one in found.items() if part == "encoder"]
    source = relevance(((one, torch.ones_like(one)) for one in encoder), places.sources)
    layers = range(sum(part == "cross" for part, _ in found))
    both = relevance_across(source, [(found["decoder", layer], found["cross", layer]) for layer in layers])
    return torch.cat([both.other, both.own], 1)


def uppermost(run: Differentiable, target: Target) -> Float[Tensor, "query place"]:
    """Gradient x attention of the last layer alone; of an encoder-decoder its cross map and its own, side by side."""
    places, gradients = Places(run.trace), run.gradients(target)
    found = []
    for part in ("cross", "decoder") if places.crossed else (run.trace.part,):
        one = run.trace.map(part)
        layer = one.open_layers[-1]
        slope = gradients.map(part).layers[layer]
        if slope is None:
            raise AttnvizError("block_not_seen", layer=layer)
        found.append(gradient_times_attention(one.weights(layer), slope))
    return torch.cat(found, 1)


def integrated_gradients(
    model: Model, trace: Trace, target: Target, *, begin: Begin = "mean", steps: int = STEPS
) -> Float[Tensor, " place"]:
    """What does each word bring to `target`, on the way from words that are all the same?

    Sum over the width of (x - x0) * mean gradient, the words' embeddings x going from x0 to what they are before
    positions are added. x0 is the `mean` of the text's words, or `zero`, from which papers begin and which no model has
    met. Complete: the places sum to `target` less what it is at x0, as far as `steps` points, by Gauss and Legendre,
    suffice (`left_over`).
    (Sundararajan et al. 2017, eq. 1)

    It leaves out that another beginning gives another answer.
    """
    several, target = Several.of(model, trace).narrowed(target)
    texts = 1 if several.reply is None else 2
    at, shares = _points(steps)
    sums: list[Float[Tensor, "token width"]] = []
    for group in several.groups(steps):
        words, held = _walking(at[list(group)], begin, texts)
        with torch.inference_mode(False), torch.enable_grad():
            runs = several.run(len(group), words=words)
            ends = [words.of(text, model) for text in range(texts)]
            parts = [target(one.outcome).double() * share for one, share in zip(runs, shares[list(group)], strict=True)]
            slopes = torch.autograd.grad(torch.stack(parts).sum(), held, allow_unused=True)
        ways = [one[0] - _beginning(one, begin)[0] for one in ends]
        found = [
            way.double() * (0 if slope is None else slope.double().sum(0))
            for way, slope in zip(ways, slopes, strict=True)
        ]
        sums = found if not sums else [one + other for one, other in zip(sums, found, strict=True)]
    return torch.cat([one.sum(-1).cpu() for one in sums])


def along(
    start: Float[Tensor, "*thing"],
    whole: Float[Tensor, "*thing"],
    groups: Iterable[range],
    ends: Callable[[Tensor], Sequence[Tensor]],
    steps: int = STEPS,
) -> Float[Tensor, "*thing"]:
    """What does each number of a thing bring on the way from `start`: (x - x0) * mean gradient. Float64.

    `ends` gives the target of each of some things `[step, *thing]`, of the `steps` points those of one of the `groups`.
    """
    (at, shares), way = _points(steps), whole.double() - start.double()
    slopes = torch.zeros_like(way)
    for group in groups:
        with torch.inference_mode(False), torch.enable_grad():
            held = (start + way * at[list(group)].reshape(-1, *[1] * way.ndim)).float().requires_grad_()
            parts = [end.double() * share for end, share in zip(ends(held), shares[list(group)], strict=True)]
            (found,) = torch.autograd.grad(torch.stack(parts).sum(), held)
        slopes += found.double().sum(0)
    return slopes * way


def _points(steps: int) -> tuple[Float[Tensor, " step"], Float[Tensor, " step"]]:
    """How far along the way a gradient is asked for, and what it counts: by Gauss and Legendre."""
    points, shares = (torch.tensor(one, dtype=torch.float64) / 2 for one in np.polynomial.legendre.leggauss(steps))
    return points + 0.5, shares


def left_over(
    model: Model, trace: Trace, target: Target, found: Float[Tensor, " place"], begin: Begin = "mean"
) -> float:
    """How far are integrated gradients from complete: |sum - (y - y where all words are as at the beginning)|?"""
    several, target = Several.of(model, trace).narrowed(target)
    texts = 1 if several.reply is None else 2
    start = Words(*[lambda words: _beginning(words, begin)] * texts)
    whole, nothing = (float(target(several.run(1, words=words)[0].outcome)) for words in (Words(), start))
    return math.fabs(float(found.sum()) - (whole - nothing))


def _beginning(words: Float[Tensor, "run token width"], begin: Begin) -> Float[Tensor, "run token width"]:
    """What the words are before they differ."""
    if begin not in ("mean", "zero"):
        raise ValueError(f"integrated_gradients needs begin to be 'mean' or 'zero'; got {begin!r}")
    return torch.zeros_like(words) if begin == "zero" else words.mean(1, keepdim=True).expand_as(words)


def _walking(at: Float[Tensor, " run"], begin: Begin, texts: int) -> tuple[Words, list[Tensor]]:
    """Words so far on their way in each run, and these, from which a gradient can be asked for."""
    held: list[Tensor] = []

    def walked(words: Tensor) -> Tensor:
        start = _beginning(words, begin)
        found = (start + (words - start) * at.to(words)[:, None, None]).detach().requires_grad_()
        held.append(found)
        return found

    return Words(*[walked] * texts, gradients=True), held
