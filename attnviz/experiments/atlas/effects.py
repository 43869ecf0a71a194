"""What does the model lose without a head? Each is removed in turn, and the same texts are read again."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.given import check_functions
from attnviz.core.interventions import RemoveHeads
from attnviz.core.rules import Rule
from attnviz.errors import AttnvizError, Stopped, TextError
from attnviz.guard import one_by_one, own, sentences
from attnviz.measures.effect import moved, prediction_change
from attnviz.models.load import Model
from attnviz.recording.batches import record_batch
from attnviz.text.tokens import encode
from attnviz.trace import Trace

TOGETHER = 16  # runs that go through the model at once
BLANKS = 4  # of a text, for models that fill blanks: evenly over its tokens
SURE = 2.0  # standard errors from 0
Head = tuple[int, int]


@dataclass(frozen=True)
class Run:
    """One run: a text, and the token to blank (None: none); `truth` are its tokens' ids."""

    text: str
    blank: int | None
    truth: tuple[int, ...]


@dataclass(frozen=True)
class Effects:
    """What is lost without each head, `[layer, head]`: mean and standard error over `runs` runs; NaN: no such head.

    `unit` says of what. "loss": by how many bits a token the truth becomes less probable (a blank, the next token);
    below 0 the model is better off without. "said": how far what a trained head or decoder says moves, D(before ||
    after) in bits. "turned": how far the last states turn, 1 - cosine. The last two are never below 0.
    """

    mean: Float[Tensor, "layer head"]
    error: Float[Tensor, "layer head"]
    runs: int
    unit: str

    def sure(self, layer: int, head: int) -> bool:
        """Is it further from 0 than chance would have it (two standard errors)?"""
        return bool(self.mean[layer, head].abs() > SURE * self.error[layer, head])


@sentences
def head_effects(
    model: Model,
    texts: Sequence[str],
    *,
    rule: Rule | None = None,
    on_head: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Effects:
    """What does `model` lose without each of its heads, over these texts? (Michel et al. 2019, section 3.2)

    One head at a time is put to zero before the output projection, and the same blanks (or the same next tokens) are
    asked for: as many runs as there are heads, of each text. Heads that stand in for one another cost little one by
    one. Of an encoder-decoder the encoder's heads. `on_head` hears how many are done, of how many.

    Raises what `record` raises, `ModelError` for models that cannot be changed inside a run, `TextError` where no text
    can be read, `Stopped`.

    >>> import attnviz as av
    >>> tuple(av.head_effects(av.load("lab-4"), ["南京市长江大桥"]).mean.shape)
    (4, 4)
    """
    check_functions(on_head=on_head, stop=stop)
    bench = Bench(model, texts, rule, own(stop))
    mean, error = (torch.full(bench.size, math.nan, dtype=torch.float64) for _ in range(2))
    for place in one_by_one(bench.places, own(on_head), None):  # it is the bench that stops
        found = bench.losses([place])
        mean[place] = found.mean()
        error[place] = found.std() / math.sqrt(len(found)) if len(found) > 1 else math.nan
    return Effects(mean, error, len(bench.runs), bench.unit)


class Bench:
    """Texts that were read with all heads, to be read again without some.

    `runs` are those that count, `places` (layer, head) of every head that can be removed, `size` how many layers and
    heads there are, `unit` that of `Effects`.
    """

    def __init__(
        self, model: Model, texts: Sequence[str], rule: Rule | None, halted: Callable[[], bool] | None
    ) -> None:
        self.runs = runs_of(model, texts)
        self._model, self._rule, self._halted = model, rule, halted
        before = zip(self.runs, self._traces(()), strict=True)
        run, first = next(before)
        self._part, self.size, self.unit = first.part, (first.n_layers, first.n_heads), _unit(first)
        self.places = [(layer, head) for layer in first.open_layers for head in range(first.attention(layer).n_heads)]
        self._before: list[Any] = [self._kept(run, first), *(self._kept(*one) for one in before)]

    def losses(self, gone: Sequence[Head]) -> Float[Tensor, " run"]:
        """What each run loses without these heads, in `unit`. Raises `Stopped`."""
        if self._halted is not None and self._halted():
            raise Stopped("run_stopped")
        layers: dict[int, list[int]] = defaultdict(list)
        for layer, head in gone:
            layers[layer].append(head)
        changes = [RemoveHeads(tuple(heads), layers=(layer,), part=self._part) for layer, heads in layers.items()]
        rows = zip(self.runs, self._before, self._traces(changes), strict=True)
        return torch.tensor([self._lost(*one) for one in rows], dtype=torch.float64)

    def _traces(self, changes: Sequence[RemoveHeads]) -> Iterator[Trace]:
        """The traces of the runs, some at a time."""
        for start in range(0, len(self.runs), TOGETHER):
            some = self.runs[start : start + TOGETHER]
            texts, blanks = [one.text for one in some], [one.blank for one in some]
            for trace in record_batch(self._model, texts, rule=self._rule, blanks=blanks, interventions=changes):
                yield trace.text_map

    def _kept(self, run: Run, trace: Trace) -> Any:
        """What is kept of a run with all heads: its loss, or where that is none what its last states and answer are."""
        return _loss(run, trace) if self.unit == "loss" else replace(trace, layers=(), others={})

    def _lost(self, run: Run, before: Any, after: Trace) -> float:
        if self.unit == "loss":
            return _loss(run, after) - float(before)
        return prediction_change(before, after, 0) if self.unit == "said" else float(moved(before, after).mean())


def runs_of(model: Model, texts: Sequence[str]) -> list[Run]:
    """The runs of all texts that can be read: a bad line costs a line. Raises the first one's reason where none can."""
    found: list[Run] = []
    refused: AttnvizError | None = None
    for text in texts:
        try:
            found += _runs(model, text)
        except AttnvizError as reason:
            refused = refused or reason
    if not found:
        raise refused or TextError("text_empty")
    return found


def _runs(model: Model, text: str) -> Iterator[Run]:
    """The runs of one text. Raises `TextError` where it cannot be read."""
    encoded = encode(text, model.tokenizer, model.limit)
    if model.mask_id is None:
        yield Run(text, None, encoded.ids)
        return
    inside = [at for at, special in enumerate(encoded.special) if not special]
    step = max(1, len(inside) // BLANKS)
    for at in inside[step // 2 :: step][:BLANKS]:
        yield Run(text, at, encoded.ids)


def _unit(trace: Trace) -> str:
    """In what is said what is lost."""
    if trace.kind in ("masked", "causal"):
        return "loss"
    return "turned" if trace.logits is None and trace.answer is None else "said"


def _loss(run: Run, trace: Trace) -> float:
    assert trace.logits is not None
    return float(bits(run, trace.logits))


def bits(run: Run, logits: Float[Tensor, "token vocabulary"]) -> Float[Tensor, ""]:
    """How improbable is the truth, in bits a token: at the blank, or of every token after the first?"""
    if run.blank is not None:
        told = logits[run.blank].double().log_softmax(-1)[run.truth[run.blank]]
    else:
        told = logits[:-1].double().log_softmax(-1).gather(1, torch.tensor(run.truth)[1:, None])
    return -told.mean() / math.log(2) if told.numel() else logits.double().sum() * 0
