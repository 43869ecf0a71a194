"""The one loop that every training goes through: batches in, a step down the loss, now and then something said or kept.

learner = adamw(network, rate=2e-3, decay=1e-4)
course = Course(steps=100, rate=2e-3, share=partial(cosine, steps=100, warm_up=10))
train(learner, batches, lambda batch: {"loss": loss(network, batch)}, course, say())
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from attnviz.training.muon import Muon

Batch = TypeVar("Batch")
Net = TypeVar("Net", bound=nn.Module)
LONGEST_GRADIENT = 1.0  # the norm that a step's gradient is cut to unless another is named
NEWEST = 0.02  # the least that a step's loss counts in the running mean that is said


@dataclass(frozen=True)
class Course:
    """How a training runs: its steps, the full learning rate, and the share of it at each step (from 0).

    `counts` is what a part of the loss counts in the sum that is descended, 1 unless named. With `bfloat16` the loss is
    computed under autocast; gradients and steps are float32 all the same.
    """

    steps: int
    rate: float
    share: Callable[[int], float]
    counts: Mapping[str, float] = field(default_factory=dict)
    bfloat16: bool = False


@dataclass(frozen=True)
class Learner:
    """The numbers that are trained, in the order in which their gradient is measured, and what moves them.

    A group of an optimiser that has `times` moves at so many times the rate of the step. A gradient with a norm above
    `longest` is cut to it.
    """

    parameters: Sequence[nn.Parameter]
    optimisers: Sequence[torch.optim.Optimizer]
    longest: float = LONGEST_GRADIENT

    def descend(self, loss: Tensor, rate: float) -> None:
        """One step of all optimisers down a loss."""
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.longest)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group.get("times", 1.0)
            optimiser.step()
            optimiser.zero_grad()


@dataclass(frozen=True)
class Now:
    """How far a training is: steps done, the running mean of each part of the loss, and the seconds since it began."""

    step: int
    losses: Mapping[str, float]
    seconds: float

    def __str__(self) -> str:
        """The parts of the loss as they are said."""
        return " ".join(f"{name} {value:.3f}" for name, value in self.losses.items())


@dataclass(frozen=True)
class Every:
    """What is done after every so many steps; with `last` after the last step too."""

    steps: int
    act: Callable[[Now], object]
    last: bool = False

    def due(self, step: int, steps: int) -> bool:
        """Is it done after `step` of `steps`?"""
        return step % self.steps == 0 or (self.last and step == steps)


@dataclass(frozen=True)
class Kept:
    """A file from which a training that was cut off goes on, as if it had not been: after at most so many steps.

    What else changes from step to step stands `beside`, such as the mean of an `Average`.
    """

    file: Path
    every: int = 200
    beside: Sequence[nn.Module] = ()

    def save(self, learner: Learner, now: Now) -> None:
        """Write the numbers, what moves them, how far they are, and the state of torch's random numbers."""
        state = {
            "parameters": [one.detach() for one in learner.parameters],
            "optimisers": [one.state_dict() for one in learner.optimisers],
            "beside": [one.state_dict() for one in self.beside],
            "random": torch.get_rng_state(), "step": now.step, "losses": dict(now.losses), "seconds": now.seconds,
        }  # fmt: skip
        new = self.file.with_suffix(".new")
        torch.save(state, new)
        new.replace(self.file)  # whole or not at all

    def resume(self, learner: Learner, batches: Iterator[object]) -> Now:
        """Put everything back as it was, past the batches that were learnt from; how far it was, 0 without a file."""
        if not self.file.exists():
            return Now(0, {}, 0.0)
        state = torch.load(self.file)
        for _ in range(state["step"]):
            next(batches)
        self._put(state, learner)
        for optimiser, kept in zip(learner.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        torch.set_rng_state(state["random"])
        return Now(state["step"], state["losses"], state["seconds"])

    def start(self, learner: Learner) -> None:
        """Begin a new course with the numbers that an earlier one left in this file: the next stage of a training."""
        self._put(torch.load(self.file), learner)

    @torch.no_grad()
    def _put(self, state: Mapping[str, Any], learner: Learner) -> None:
        for one, kept in zip(learner.parameters, state["parameters"], strict=True):
            one.copy_(kept)
        for module, kept in zip(self.beside, state["beside"], strict=True):
            module.load_state_dict(kept)


def train(
    learner: Learner,
    batches: Iterable[Batch],
    losses: Callable[[Batch], Mapping[str, Tensor]],
    course: Course,
    *after: Every,
    kept: Kept | None = None,
) -> float:
    """Go down the loss for all steps of a course, one batch each; the seconds that it took.

    `losses` gives the parts of a batch's loss by name. Of `after`, what is due is done in the order given. With `kept`
    the training can be cut off at any time, and goes on from that file when it is begun again.
    """
    coming = iter(batches)
    begun = kept.resume(learner, coming) if kept else Now(0, {}, 0.0)
    began, smooth = time.time() - begun.seconds, dict(begun.losses)
    for number, batch in zip(range(begun.step, course.steps), coming, strict=False):
        with torch.autocast("cpu", dtype=torch.bfloat16) if course.bfloat16 else nullcontext():
            parts = losses(batch)
        learner.descend(total(parts, course.counts), course.rate * course.share(number))
        newest = max(NEWEST, 1 / (number + 1))
        for name, part in parts.items():
            before = smooth.get(name, 0.0)
            smooth[name] = before + (part.item() - before) * newest
        now = Now(number + 1, dict(smooth), time.time() - began)
        for one in after:
            if one.due(now.step, course.steps):
                one.act(now)
        if kept and now.step % kept.every == 0:
            kept.save(learner, now)
    return time.time() - began


def total(parts: Mapping[str, Tensor], counts: Mapping[str, float]) -> Tensor:
    """The parts of a loss together, each as often as it counts."""
    first, *rest = (part if name not in counts else counts[name] * part for name, part in parts.items())
    for part in rest:
        first = first + part
    return first


def say(every: int = 100, name: str = "") -> Every:
    """Print the losses and the seconds after every so many steps."""

    def act(now: Now) -> None:
        print(f"{name} step {now.step} {now} {now.seconds:.0f} s".strip(), flush=True)

    return Every(every, act)


def adamw(
    network: nn.Module, *, rate: float, decay: float, betas: tuple[float, float] = (0.9, 0.999), fused: bool = False
) -> Learner:
    """All of a network, moved by AdamW (Loshchilov and Hutter 2019)."""
    parameters = list(network.parameters())
    chosen = torch.optim.AdamW(parameters, lr=rate, betas=betas, weight_decay=decay, fused=fused)
    return Learner(parameters, [chosen])


def muon(network: nn.Module, *beside: nn.Module, rate: float, decay: float, float32: bool = False) -> Learner:
    """Muon for the matrices inside the layers, AdamW for the rest (embeddings, norms, biases, heads `beside`).

    With `float32` its matrix products are not rounded to bfloat16, which is slow where a processor has none.
    """
    parameters = [one for part in (network, *beside) for one in part.parameters()]
    inside = [p for name, p in network.named_parameters() if ".layers." in name and p.ndim == 2]
    chosen = {id(p) for p in inside}
    by_matrix: torch.optim.Optimizer = (
        Muon(inside, lr=rate, weight_decay=decay)
        if float32
        else torch.optim.Muon(inside, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    )
    rest = [p for p in parameters if id(p) not in chosen]
    return Learner(
        parameters,
        [
            by_matrix,
            torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=decay, fused=True),
        ],
    )


def cosine(step: int, *, steps: int, warm_up: int = 0) -> float:
    """The share of the full learning rate at a step: linear warm-up, then along a cosine to 0.

    >>> [round(cosine(step, steps=4, warm_up=2), 2) for step in range(5)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


def straight(step: int, *, steps: int, warm_up: int, last: float = 0.02) -> float:
    """The share of the full learning rate at a step: linear warm-up, then straight down, no lower than `last`.

    >>> [round(straight(step, steps=10, warm_up=2), 2) for step in (0, 1, 5, 9)]
    [0.5, 0.9, 0.5, 0.1]
    """
    return min((step + 1) / warm_up, max(last, 1 - step / steps))


@dataclass(frozen=True)
class Average(Generic[Net]):
    """The running mean of a network's numbers over the steps, the newest counting at least 1 - `most`."""

    network: Net
    mean: Net
    most: float

    @classmethod
    def of(cls, network: Net, most: float) -> Average[Net]:
        """A mean that begins as the network is."""
        return cls(network, copy.deepcopy(network).eval(), most)

    @torch.no_grad()
    def move(self, now: Now) -> None:
        """Move the mean a little towards the network."""
        share = min(self.most, now.step / (now.step + 10))
        for kept, new in zip(self.mean.parameters(), self.network.parameters(), strict=True):
            kept.lerp_(new, 1 - share)


@dataclass
class Best:
    """A network's numbers where a value was lowest, and what was to be remembered of that moment."""

    value: float = math.inf
    state: Mapping[str, Tensor] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)

    def offer(self, network: nn.Module, value: float, **facts: float) -> None:
        """Keep the network as it is now, if the value is lower than all before."""
        if value < self.value:
            self.value, self.facts = value, facts
            self.state = {name: tensor.clone() for name, tensor in network.state_dict().items()}


def rounds(count: int, many: int, seed: int, *, whole: bool = False) -> Iterator[tuple[Tensor, torch.Generator]]:
    """Without end: numbers below `count` in random order, so many at a time, all of them before any comes again.

    What is left of a round comes as fewer, or with `whole` not at all. The generator is for what else is by chance.

    >>> numbers = rounds(2, 2, seed=1)
    >>> [sorted(next(numbers)[0].tolist()) for _ in range(2)]
    [[0, 1], [0, 1]]
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        for some in torch.randperm(count, generator=generator).split(many):
            if len(some) == many or not whole:
                yield some, generator
