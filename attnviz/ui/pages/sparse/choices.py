"""What the page on sparse attention asks: a sentence, a model, a pattern with its numbers; and its runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.messages import LANGUAGES
from attnviz.ui.kit import asking, panels
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.controls import SOFT, RuleChoice, as_rule
from attnviz.ui.kit.language import t
from attnviz.ui.kit.link import Param, between, one_of
from attnviz.ui.kit.opening import open_model
from attnviz.ui.stores.models import shelf
from attnviz.ui.stores.runs import kept

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
    **choices.RULE_PARAMS,
    "lang": Param("lang", "lang", None, one_of(*LANGUAGES)),
    "text": Param("text", KEY + "text", asking.START, str),
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
    with st.spinner(t("running", model=panels.plain(name)), show_time=True):
        plain = trace(name, text)
    masked = model.mask_id is not None
    at = asking.choose_token(KEY, plain, masked)
    blank = at if masked and plain.tokens[at] != "[MASK]" and not plain.special[at] else None
    rule = choices.rule_now()
    with st.spinner(t("running", model=panels.plain(name)), show_time=True):
        before = trace(name, text, blank)
        same = pattern.name == OWN and rule == SOFT
        after = before if same else trace(name, text, blank, rule, None if pattern.name == OWN else pattern)
    return Run(model, before, after, at)


@kept
def trace(
    name: str, text: str, blank: int | None = None, rule: RuleChoice = SOFT, pattern: PatternChoice | None = None
) -> Trace:
    """What the model did, computed under a pattern. Raises `AttnvizError`."""
    from attnviz.core.interventions import Restrict
    from attnviz.recording.record import record

    mask = None if pattern is None else pattern.mask()
    changes = () if mask is None else (Restrict(mask),)
    model = shelf().take(name)
    return record(model, text, blank=blank, rule=None if rule == SOFT else as_rule(rule), interventions=changes)


def choose_head(found: Trace) -> tuple[int, int]:
    """Layer and head by picker."""
    layers = found.open_layers
    for name, options in (("layer", layers), ("head", list(range(found.n_heads)))):
        if st.session_state[KEY + name] not in options:
            st.session_state[KEY + name] = options[-1]
    one, two = st.columns(2, gap="small")
    layer = one.selectbox(t("layer"), layers, key=KEY + "layer")
    head = two.selectbox(t("head"), range(found.n_heads), key=KEY + "head")
    return layer, head
