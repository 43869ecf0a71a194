"""How a model writes, whatever it is given: the next token, when it is all, and steps that leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.registered import Run
from attnviz.core.interventions import Intervention
from attnviz.core.rules import Rule, Soft
from attnviz.models.load import Model
from attnviz.recording.checks import check_numbers
from attnviz.text.tokens import Encoded, written


@dataclass
class Writing:
    """How an answer is to be written: the fields mean what the arguments of `generate` mean."""

    most: int
    rule: Rule
    interventions: tuple[Intervention, ...]
    on_token: Callable[[int, str], object] | None
    stop: Callable[[], bool] | None
    draw: Soft | None
    dice: torch.Generator
    ids: list[int] = field(default_factory=list)

    def choose(self, scores: Tensor) -> int:
        """The likeliest token, or one drawn, of scores `[1, vocabulary]`."""
        if self.draw is None:
            return int(scores.argmax())
        return int(torch.multinomial(self.draw.weigh(scores.cpu())[0], 1, generator=self.dice))

    def wrote(self, number: int, start: Encoded, tokenizer: Any) -> bool:
        """One more token is there, after `start`: tell it, and ask whether that was all."""
        self.ids.append(number)
        if self.on_token is not None:
            whole = written(self.ids, tokenizer, after=start)
            self.on_token(len(self.ids), whole.text[len(start.text) :])
        asked = self.stop is not None and self.stop()
        return asked or len(self.ids) >= self.most


@dataclass
class Passing:
    """Lets the steps of a run pass: what they recorded is let go."""

    model: Model
    run: Run
    blind: bool = False

    def add(self, result: Mapping[str, Any], *, cached: bool) -> None:
        """One forward pass. Raises `ModelError` for one that gives no numbers."""
        check_numbers(result, self.model.name, self.model.network.dtype)
        self.run.next_step()
        self.run.steps[-2].clear()
        if not cached:
            self.run.written = 0
