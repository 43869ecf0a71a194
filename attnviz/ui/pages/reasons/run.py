"""What the page on reading attention computes: one prediction by every way of reading, watched, stopped on a click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from attnviz.ui.kit import SOFT, RuleChoice, as_rule, made_once, model_store, plain, runs, t, work

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.models import Model
    from attnviz.trace import Trace

KEY = "reasons."


@dataclass(frozen=True)
class Asked:
    """One prediction as caches know it: of which token, of which piece (None: the likeliest), against which.

    `at` is None for a model that says one thing of the whole text.
    """

    name: str
    text: str
    reply: str = ""
    rule: RuleChoice = SOFT
    blank: int | None = None
    at: int | None = None
    piece: int | None = None
    against: int | None = None
    head: tuple[int, int] | None = None

    def about(self, piece: int | None, against: int | None, head: tuple[int, int] | None) -> Asked:
        """The same place, and what is to be explained there."""
        return replace(self, piece=piece, against=against, head=head)

    @property
    def run(self) -> Asked:
        """What its run hangs on, whatever is explained of it."""
        return Asked(self.name, self.text, self.reply, self.rule, self.blank)


def trace(asked: Asked) -> Trace:
    """What the model did, with its states where it shows them. Raises `AttnvizError`."""
    return _trace(asked.run)


@runs.kept
def _trace(what: Asked) -> Trace:
    from attnviz.recording.record import record

    model = model_store().take(what.name)
    reply = what.reply or None
    return record(
        model, what.text, target=reply, blank=what.blank, rule=None if what.rule == SOFT else as_rule(what.rule),
        states=not model.eager,
    )  # fmt: skip


def target_of(asked: Asked, run: Trace) -> Any:
    """What is explained: one piece's logit or how far it is above another's; None for the likeliest's."""
    from attnviz.recording.gradients import Logit

    if asked.piece is None and asked.against is None:
        return None
    said = run.logits if run.answer is None else run.answer.scores
    assert said is not None
    row = (asked.at or 0) if len(said) > 1 else 0
    piece = int(said[row].argmax()) if asked.piece is None else asked.piece
    return Logit(row, piece, asked.against)


def found(model: Model, asked: Asked) -> Attributions | None:
    """Every way of reading, computed with a bar and, when it takes long, a button that stops it; None once stopped."""

    def words(done: object, ways: object) -> str:
        return t("reasons.working", model=plain(model.name), done=done, ways=ways)

    kept = runs.key_of("reasons", asked, asked.name)
    return made_once(KEY + "ways", kept, words, partial(_read, model, asked))


def _read(model: Model, asked: Asked, on_way: work.Tell, stop: work.Halted) -> Attributions:
    from attnviz.experiments.reading.attributions import attributions

    run = trace(asked)
    return attributions(
        model, run, target=target_of(asked, run), at=asked.at, head=asked.head, on_way=on_way, stop=stop
    )  # fmt: skip


@runs.kept
def lens_of(what: Asked, at: int) -> Tensor:
    """The logits at one token, were each layer the last, `[layer, vocabulary]`. Raises `AttnvizError`."""
    from attnviz.experiments.reading.lens import lens

    return lens(model_store().take(what.name), _trace(what.run))[:, at].clone()


def of_sentence(name: str, text: str, yardstick: str) -> Mapping[str, float]:
    """How well each way foresees the yardstick in one sentence: rank correlations. Raises `AttnvizError`."""
    from attnviz.experiments.reading.attributions import WAYS, YARDSTICKS, attributions
    from attnviz.text.tokens import encode

    model = model_store().take(name)
    blank = None
    if model.mask_id is not None:
        encoded = encode(text, model.tokenizer, model.limit)
        if model.mask_id not in encoded.ids:
            inside = [place for place, special in enumerate(encoded.special) if not special]
            blank = inside[len(inside) // 2] if inside else None
    run = trace(Asked(name, text, blank=blank))
    ways = [way for way in WAYS if way != "head" and (way not in YARDSTICKS or way == yardstick)]
    told = attributions(model, run, ways=ways)
    return {way: one.spearman for way, one in told.measured(yardstick).items()}
