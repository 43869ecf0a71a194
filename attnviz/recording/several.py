"""One text run several times at once, with something else changed in each: a value, an edge, a word's embedding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.adapter import outputs
from attnviz.adapter.classes import HEAD_KINDS
from attnviz.adapter.heads import answer_of
from attnviz.adapter.machine import placed
from attnviz.adapter.outputs import Result
from attnviz.adapter.registered import Call
from attnviz.core.attention import Attention
from attnviz.core.interventions import Intervention, Place
from attnviz.core.rules import Rule
from attnviz.errors import ModelError
from attnviz.models.load import Model
from attnviz.models.memory import check_run
from attnviz.recording.following import Following
from attnviz.recording.gradients import Logit, Outcome, Target
from attnviz.recording.record import Watch, changes_of, read, run
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace

MOST, TOKENS = 16, 8192  # runs at once, and tokens of them together
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Several:
    """A text as a model reads it, to be run so often; `changes` act in every run.

    With `row` only the token of that number is predicted from: outcomes have one row of logits.
    """

    model: Model
    encoded: Encoded
    reply: Encoded | None
    changes: tuple[Intervention, ...] = ()
    row: int | None = None

    @classmethod
    def of(cls, model: Model, trace: Trace) -> Several:
        """As it was read for a trace, with the rule and the changes that were made there."""
        source, target = (
            (trace.encoded, None) if trace.looked_at is None else (trace.looked_at, trace.encoded)
        )  # fmt: skip
        encoded, reply = read(model, source, target)
        return cls(model, encoded, reply, changes_of(trace.rule, trace.changes))

    def narrowed(self, target: Target) -> tuple[Several, Target]:
        """Runs that predict no more than `target` asks for, and the target among that; else the same.

        What a language model says after each token of each run is a large part of its work.
        """
        if not isinstance(target, Logit) or not 0 <= target.position < len(self.encoded.ids):
            return self, target
        if self.model.kind != "causal" or not outputs.may_skip(self.model.network):
            return self, target
        return replace(self, row=target.position), replace(target, position=0)

    @property
    def sizes(self) -> tuple[int, int]:
        """How many tokens the text has, and how many the decoder reads (0 where there is none)."""
        return len(self.encoded.ids), 0 if self.reply is None else len(self.reply.ids)

    @property
    def at_once(self) -> int:
        """How many runs go through the model together."""
        config = self.model.network.config
        alone = self.model.eager or (self.model.kind in HEAD_KINDS and getattr(config, "pad_token_id", None) is None)
        return 1 if alone else max(1, min(MOST, TOKENS // sum(self.sizes)))

    def groups(self, count: int) -> Iterator[range]:
        """So many runs, in groups of those that go through the model together."""
        return in_groups(count, self.at_once)

    def run(self, rows: int, more: Sequence[Intervention] = (), words: Words | None = None) -> list[Seen]:
        """So many runs at once; what came of each.

        Raises `ModelError` for changes to a model that returns its weights alone.
        """
        network, reply = self.model.network, None if self.reply is None else self.reply.ids
        check_run(network.config, *(rows * size for size in self.sizes), eager=True)
        given = outputs.inputs(network, self.encoded.ids, self.encoded.types, reply)
        inputs: dict[str, Any] = placed(network, {name: one.repeat_interleave(rows, 0) for name, one in given.items()})
        if self.row is not None:
            inputs["logits_to_keep"] = torch.tensor([self.row])
        if words is not None:
            words.texts = tuple(inputs[name] for name in ("input_ids", "decoder_input_ids") if name in inputs)
        result, _ = run(
            network, (*self.changes, *more), eager=self.model.eager, name=self.model.name,
            watch=Watch(follow=words, texts=rows), **inputs,
        )  # fmt: skip
        return [Seen(self._outcome(one), one) for one in (row_of(result, number, rows) for number in range(rows))]

    def _outcome(self, result: Result) -> Outcome:
        """What one run came to, as `differentiable` has it."""
        model = self.model
        answer = answer_of(model.kind, model.network.config, result, self.encoded)
        side = "" if self.reply is None else "decoder"
        states = outputs.last_states(result, side)
        if answer is not None:
            return Outcome(answer.scores, states)
        logits = None if model.kind == "plain" else result.get("logits")
        return Outcome(None if logits is None else logits[0], states)


@dataclass(frozen=True)
class Seen:
    """What came of one run: its outcome, and what the network returned `[1, ...]`."""

    outcome: Outcome
    result: Result

    def states(self, part: str) -> tuple[Float[Tensor, "token width"], ...]:
        """The states below the first layer and after each, of the side that looks in this map."""
        name = {"encoder": "encoder_", "decoder": "decoder_", "cross": "decoder_"}.get(part, "") + "hidden_states"
        return tuple(one[0] for one in self.result.get(name) or ())


def in_groups(count: int, most: int = MOST) -> Iterator[range]:
    """So many runs, in groups of at most so many."""
    return (range(first, min(first + most, count)) for first in range(0, count, most))


def row_of(result: Any, row: int, rows: int) -> Result:
    """What a network returned of one of the texts, with a batch axis of 1; caches and weights left out."""

    def one(found: Any) -> Any:
        if isinstance(found, Tensor):
            return found[row : row + 1] if found.ndim and len(found) == rows else found
        return tuple(map(one, found))

    kept = {
        name: found
        for name, found in result.items()
        if isinstance(found, Tensor) or (name.endswith("hidden_states") and isinstance(found, tuple))
    }
    return Result({name: one(found) for name, found in kept.items()})


class Words(Following):
    """Follows a run (`interface.Follow`) and changes the word embeddings that it looks up, before positions are added.

    `changes` are of those of the text and of the decoder's text, `[run, token, width]` to the same. `seen` are what the
    tables gave. With `gradients` what the changes give can be asked for a gradient; parameters take no part.
    """

    def __init__(self, *changes: Change, gradients: bool = False) -> None:
        super().__init__(gradients=gradients)
        self._changes = changes

    def output(self, seen: Call, call: Attention) -> Tensor:
        """The call's output as it is."""
        return call.output.transpose(1, 2).contiguous()

    def of(self, text: int, model: Model) -> Tensor:
        """The embeddings `[run, token, width]` that were looked up. Raises `ModelError` where none were seen."""
        if text not in self.seen:
            raise ModelError("words_not_seen", model=model.name)
        return self.seen[text]

    def looked_up(self, text: int, words: Tensor) -> tuple[Tensor, Tensor]:
        return words, self._changes[text](words) if text < len(self._changes) else words


@dataclass(frozen=True, kw_only=True)
class ZeroValues(Intervention):
    """In each run, one key's value is 0 in all heads; weights stay. (Value zeroing, Mohebbi et al. 2023)"""

    keys: tuple[int, ...]

    def change(self, call: Attention, place: Place) -> Attention:
        values = call.values.clone()
        values[range(len(self.keys)), :, list(self.keys)] = 0
        return replace(call, values=values)


@dataclass(frozen=True, kw_only=True)
class CutEdges(Intervention):
    """In each run, none of the `queries` looks at one key.

    With `shared` the other keys take over the weight, as if it were not allowed; without it the weight is lost and the
    rows sum to less.
    """

    queries: tuple[int, ...]
    keys: tuple[int, ...]
    shared: bool

    def change(self, call: Attention, place: Place) -> Attention:
        cut = torch.zeros(len(self.keys), 1, *(one.shape[-2] for one in (call.queries, call.keys)), dtype=torch.bool)
        for row, key in enumerate(self.keys):
            cut[row, :, list(self.queries), key] = True
        cut = cut.to(call.keys.device)
        if not self.shared:
            return replace(call, rule=Without(call.rule, cut))
        return replace(call, allowed=~cut if call.allowed is None else call.allowed & ~cut)


@dataclass(frozen=True, eq=False)
class Without(Rule):
    """The weights of another rule, some cells put to 0 afterwards."""

    rule: Rule
    cut: Bool[Tensor, "*batch query key"]

    def weigh(self, scores: Tensor) -> Tensor:
        found = self.rule.weigh(scores)
        return found.masked_fill(F.pad(self.cut, (0, found.shape[-1] - self.cut.shape[-1])), 0.0)

    def at(self, layer: int, head: int = 0, query: int = 0) -> Rule:
        return replace(self, rule=self.rule.at(layer, head, query))
