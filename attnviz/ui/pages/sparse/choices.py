"""What the page on sparse attention asks: a sentence, a model, a pattern with its numbers; and its runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    LINKED_START,
    RULE_PARAMS,
    SOFT,
    Param,
    RuleChoice,
    as_rule,
    between,
    choose_asked_model,
    choose_asked_text,
    choose_asked_token,
    model_store,
    one_of,
    open_model,
    plain,
    rule_now,
    runs,
    t,
)

if TYPE_CHECKING:
    from attnviz.core.masks import Mask
    from attnviz.measures.patterns import Pattern
    from attnviz.models import Model
    from attnviz.trace import Trace

KEY = "sparse."
OWN = "own"  # the model as it is: for models whose own attention is sparse, as Longformer's
PATTERNS = ("window", "dilated", "global", "random", "strided", "fixed", OWN)
NUMBERS = {
    "window": ("size",), "dilated": ("size", "gap"), "global": ("size", "tokens"),
    "random": ("size", "tokens", "keys", "seed"), "strided": ("stride",), "fixed": ("stride", "summaries"), OWN: (),
}  # fmt: skip
RANGES = {  # from, to, start
    "size": (0, 32, 2), "gap": (1, 8, 1), "tokens": (1, 8, 1), "keys": (0, 8, 1), "seed": (0, 99, 0),
    "stride": (2, 32, 4), "summaries": (1, 8, 1),
}  # fmt: skip
PARAMS = {
    **RULE_PARAMS,
    "text": Param("text", KEY + "text", LINKED_START, str),
    "model": Param("model", KEY + "model", "lab-4", str),
    "at": Param("at", KEY + "at", None, between(0, 99_999, int)),
    "layer": Param("layer", KEY + "layer", 2, between(0, 999, int)),
    "head": Param("head", KEY + "head", 0, between(0, 999, int)),
    "pattern": Param("pattern", KEY + "pattern", "window", one_of(*PATTERNS)),
    **{
        f"pattern_{name}": Param("draw" if name == "seed" else name, KEY + name, start, between(low, high, int), True)
        for name, (low, high, start) in RANGES.items()
    },
}


@dataclass(frozen=True)
class PatternChoice:
    """A pattern by its name and numbers: what caches know it by."""

    name: str
    size: int
    gap: int
    tokens: int
    keys: int
    seed: int
    stride: int
    summaries: int

    def pattern(self) -> Pattern:
        """The engine's pattern."""
        from attnviz.measures.patterns import Pattern

        return Pattern(**asdict(self))

    def mask(self) -> Mask | None:
        """The engine's mask; None for the model as it is."""
        return None if self.name == OWN else self.pattern().mask()


@dataclass(frozen=True)
class Run:
    """The same text read twice: as the model is, and with the pattern; `query` is the token that is asked about."""

    model: Model
    before: Trace
    after: Trace
    query: int


def choose_model() -> str:
    """A lab model, or any other."""
    return choose_asked_model(KEY)


def choose_sentence() -> str:
    """The text, and some to try."""
    return choose_asked_text(KEY)


def choose_pattern() -> PatternChoice:
    """Which pattern, with which numbers."""
    name = st.selectbox(
        t("sparse.pattern"), PATTERNS, key=KEY + "pattern", format_func=lambda one: t(f"sparse.name_{one}"),
        help=t("sparse.pattern_help"),
    )  # fmt: skip
    for number in NUMBERS[name]:
        low, high, _ = RANGES[number]
        st.slider(t(f"sparse.{number}"), low, high, key=KEY + number)
    if name in NUMBERS:
        st.caption(t(f"sparse.about_{name}"))
    return PatternChoice(name, **{number: int(st.session_state[KEY + number]) for number in RANGES})


def run(name: str, text: str, pattern: PatternChoice) -> Run:
    """Both runs, and the token that is asked about. Raises `AttnvizError`."""
    model = open_model(name)
    with st.spinner(t("running", model=plain(name)), show_time=True):
        untouched = trace(name, text)
    at, blank = choose_asked_token(KEY, untouched, model.mask_id is not None)
    rule = rule_now()
    with st.spinner(t("running", model=plain(name)), show_time=True):
        before = trace(name, text, blank)
        same = pattern.name == OWN and rule == SOFT
        after = before if same else trace(name, text, blank, rule, None if pattern.name == OWN else pattern)
    return Run(model, before, after, at)


@runs.kept
def trace(
    name: str, text: str, blank: int | None = None, rule: RuleChoice = SOFT, pattern: PatternChoice | None = None
) -> Trace:
    """What the model did, computed under a pattern. Raises `AttnvizError`."""
    from attnviz.core.interventions import Restrict
    from attnviz.recording.record import record

    mask = None if pattern is None else pattern.mask()
    changes = () if mask is None else (Restrict(mask),)
    model = model_store().take(name)
    return record(model, text, blank=blank, rule=None if rule == SOFT else as_rule(rule), interventions=changes)
