"""Which heads help, which hinder? A gate from 0 to 1 on each, trained while all are pushed open, and pushed shut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnviz.adapter import outputs
from attnviz.adapter.registered import Call
from attnviz.core.adam import Adam
from attnviz.core.attention import Attention
from attnviz.core.given import check_functions
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ModelError, Stopped
from attnviz.experiments.atlas.effects import Bench, Head, Run, bits
from attnviz.guard import own, sentences
from attnviz.models.load import Model
from attnviz.models.memory import check_run
from attnviz.recording.batches import Batch, Reading, passes, together
from attnviz.recording.following import Following
from attnviz.recording.record import Watch, changes_of, read, run

Role = Literal["helps", "hinders", "idle"]
ROLES: tuple[Role, ...] = ("helps", "hinders", "idle")
Loss = Callable[[Float[Tensor, "layer head"]], Float[Tensor, ""]]
BEGIN = 2.0  # the logit of every gate before anything is fitted: 0.88, near the model as it is
FAR = 4.0  # a push ends there, at gates of 0.018 and 0.982: an inverse sigmoid has no end of its own
RATE = 0.3  # of Adam, in logits: from one end to the other in some 25 steps
FREE, PUSHED = 15, 30  # steps without a push, and with each
CLEAR = 2 / 3  # of a role: so far must a head have it to be called by it
WORTH = 0.02  # bits a token: a head worth less goes wherever it is pushed


@dataclass(frozen=True)
class SoftGates:
    """Two gates a head, `[layer, head]` from 0 to 1, NaN where there is none: fitted while `pushed` open and shut.

    `lost` is what is really lost, in bits a token, without all heads of a role ("helps", "hinders", "idle"), with them
    at 0 and the others whole; "others" without all that do not help. `runs` runs stand behind each.
    """

    opened: Float[Tensor, "layer head"]
    shut: Float[Tensor, "layer head"]
    lost: Mapping[str, float]
    runs: int

    def shares(self, layer: int, head: int) -> dict[Role, float]:
        """How far it has each role, 0 to 1: open though pushed shut, shut though pushed open, wherever it is pushed."""
        opened, shut = float(self.opened[layer, head]), float(self.shut[layer, head])
        return {"helps": shut, "hinders": 1 - opened, "idle": opened * (1 - shut)}

    def role(self, layer: int, head: int) -> Role | None:
        """Which of the three has it to two thirds? (Nam et al. 2025: facilitating, interfering, irrelevant)

        None where none has: both gates stay half open, so the head is best at part of its strength.
        """
        return next((role for role, share in self.shares(layer, head).items() if share >= CLEAR), None)

    def of_role(self, role: Role | None) -> tuple[Head, ...]:
        """The heads that have it, or None of the three, in the order of layers and heads."""
        places = self.opened.isfinite().nonzero().tolist()
        return tuple((layer, head) for layer, head in places if self.role(layer, head) == role)


def fit_gates(
    loss: Loss, begin: Float[Tensor, "layer head"], *, push: float = 0.0, worth: float = WORTH, steps: int = PUSHED
) -> Iterator[Float[Tensor, "layer head"]]:
    """The logits of gates after each step down `loss(gates)`, pushed open (`push` 1), shut (-1) or left alone (0).

    What is minimised is loss - push x worth / 4 x the sum of the logits, clipped at ±4. Half open, a gate of which the
    loss falls by less than `worth` from 0 to 1 follows the push. (Nam et al. 2025, eq. 2, with lambda = worth / 4)

    >>> slopes = torch.tensor([[-1.0, 0.0, 1.0]])
    >>> *_, logits = fit_gates(lambda gates: (gates * slopes).sum(), torch.zeros(1, 3), push=-1)
    >>> logits.sigmoid().round().tolist()
    [[1.0, 0.0, 0.0]]
    """
    with torch.inference_mode(False), torch.enable_grad():
        logits = nn.Parameter(begin.detach().clone())
        adam = Adam([logits], RATE)
    for _ in range(steps):
        with torch.inference_mode(False), torch.enable_grad():
            adam.descend(loss(logits.sigmoid()) - push * worth / 4 * logits.clamp(-FAR, FAR).sum())
        yield logits.detach().clone()


@sentences
def soft_gates(
    model: Model,
    texts: Sequence[str],
    *,
    worth: float = WORTH,
    rule: Rule | None = None,
    on_step: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> SoftGates:
    """Which heads help `model` with these texts, which hinder it, which do neither? (Nam et al. 2025, sec. 2)

    Each head's output is multiplied by a gate. They are fitted to the loss three times, by its gradient: freely, and
    from there pushed open and pushed shut. A head that stays open though pushed shut helps, one that shuts though
    pushed open hinders, one that follows both is idle; of heads that stand in for one another some may be idle. A head
    worth less than `worth` bits a token follows. What the roles are worth is then read with whole heads removed. It is
    fitted to these texts, and flattered by them. `on_step` hears how many steps are done, of how many.

    Raises what `gate_slopes` raises.

    >>> import attnviz as av
    >>> found = av.soft_gates(av.load("lab-1"), ["南京市长江大桥"])
    >>> sum(len(found.of_role(role)) for role in ("helps", "hinders", "idle"))
    4
    """
    check_functions(on_step=on_step, stop=stop)
    if model.kind not in ("masked", "causal"):
        raise ModelError("needed_no_loss", model=model.name)
    halted, report = own(stop), own(on_step)
    bench = Bench(model, texts, rule, halted)
    loss = GatedLoss(model, bench.runs, rule)
    done = 0

    def fitted(begin: Tensor, push: float, steps: int) -> Tensor:
        nonlocal done
        found = begin
        for logits in fit_gates(loss, begin, push=push, worth=worth, steps=steps):
            found, done = logits, done + 1
            if report is not None:
                report(done, FREE + 2 * PUSHED)
            if halted is not None and halted():
                raise Stopped("run_stopped")
        return found

    free = fitted(torch.full(bench.size, BEGIN), 0.0, FREE)
    there = _there(bench)
    opened, shut = (fitted(free, push, PUSHED).sigmoid().masked_fill(~there, torch.nan) for push in (1.0, -1.0))
    return _measured(SoftGates(opened, shut, {}, len(bench.runs)), bench)


def _there(bench: Bench) -> Bool[Tensor, "layer head"]:
    """Where is there a head?"""
    found = torch.zeros(bench.size, dtype=torch.bool)
    found[tuple(torch.tensor(bench.places).T)] = True
    return found


def _measured(found: SoftGates, bench: Bench) -> SoftGates:
    """With what is lost without the heads of each role."""
    groups: dict[str, tuple[Head, ...]] = {role: found.of_role(role) for role in ROLES}
    groups["others"] = tuple(place for place in bench.places if place not in groups["helps"])
    lost = {name: float(bench.losses(heads).mean()) if heads else 0.0 for name, heads in groups.items()}
    return replace(found, lost=lost)


class GatedLoss:
    """The loss of texts as a function of gates `[layer, head]`, which can be differentiated: a mean over the runs."""

    def __init__(self, model: Model, runs: Sequence[Run], rule: Rule | None) -> None:
        self._batch, self._runs = Batch(model, rule or Soft(), (), predictions=True), runs
        given = [(one.blank, *read(model, one.text, None, one.blank)) for one in runs]
        readings = [Reading(number, text, reply, blank) for number, (blank, text, reply) in enumerate(given)]
        self._groups = passes(readings) if together(model) else [[one] for one in readings]
        self._changes = changes_of(rule, ())
        longest = max(len(group) * max(one.sizes[0] for one in group) for group in self._groups)
        check_run(model.network.config, longest, eager=True)

    def __call__(self, gates: Float[Tensor, "layer head"]) -> Float[Tensor, ""]:
        """In bits a token; the runs' gradients are taken one pass after the other, so that one at a time is held."""
        return _Summed.apply(gates, self._passes)  # type: ignore[no-untyped-call, no-any-return]

    def _passes(self, gates: Tensor) -> Iterator[Tensor]:
        """The part of the loss that each pass makes."""
        model = self._batch.model
        for group in self._groups:
            inputs = self._inputs(group)
            watch = Watch(states=False, follow=Gated(gates), texts=len(group))
            result, _ = run(model.network, self._changes, name=model.name, watch=watch, **inputs)
            losses = [bits(self._runs[one.number], result.logits[row, : one.sizes[0]]) for row, one in enumerate(group)]
            yield torch.stack(losses).sum() / len(self._runs)

    def _inputs(self, group: Sequence[Reading]) -> dict[str, Any]:
        if len(group) > 1:
            return self._batch.inputs(group)
        one = group[0].encoded
        return outputs.inputs(self._batch.model.network, one.ids, one.types, None)


class _Summed(torch.autograd.Function):
    """A sum whose parts are differentiated while they are made, and then let go."""

    @staticmethod
    def forward(ctx: object, gates: Tensor, passes: Callable[[Tensor], Iterator[Tensor]]) -> Tensor:
        with torch.enable_grad():
            free = gates.detach().requires_grad_()
            total, slope = gates.new_zeros(()), torch.zeros_like(gates)
            for part in passes(free):
                slope += torch.autograd.grad(part, free)[0]
                total += part.detach().to(total)
        ctx.slope = slope  # type: ignore[attr-defined]
        return total

    @staticmethod
    def backward(ctx: object, above: Tensor) -> tuple[Tensor, None]:
        return above * ctx.slope, None  # type: ignore[attr-defined]


class Gated(Following):
    """Follows one run and multiplies each head's output by its gate."""

    def __init__(self, gates: Float[Tensor, "layer head"]) -> None:
        super().__init__(gradients=True)
        self._gates = gates

    def output(self, seen: Call, call: Attention) -> Tensor:
        """gates x weights @ values, before the output projection."""
        gates = self._gates[seen.place.layer, : call.n_heads].to(call.values)
        return (call.output * gates[:, None, None]).transpose(1, 2).contiguous()
