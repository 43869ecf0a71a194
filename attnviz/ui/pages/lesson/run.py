"""What the lesson knows of the one run that all its pictures and answers are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.threads import cached_property
from attnviz.ui.kit import SOFT, runs
from attnviz.ui.kit import plain as plain
from attnviz.ui.kit import t as t
from attnviz.ui.pages.lesson import choices

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.measures import Look
    from attnviz.trace import Trace

MODEL = "lab-4"
CLEAR = 0.3  # of a token's weight: less than that on its first choice is no clear look
OFFERED = 6  # tokens that are offered as an answer, at most


@dataclass(frozen=True)
class Asked:
    """A sentence as the model read it, the token that asks, and the head in which it looks at another most."""

    trace: Trace
    look: Look

    @property
    def labels(self) -> list[str]:
        """All tokens, [CLS] and [SEP] among them."""
        return self.trace.tokens

    @property
    def text_tokens(self) -> list[int]:
        """The tokens of the sentence itself."""
        return [at for at, special in enumerate(self.trace.special) if not special]

    @property
    def names(self) -> dict[str, str]:
        """The token that asks and the one that it looks at, for a sentence in Markdown."""
        return {"query": plain(self.labels[self.look.query]), "key": plain(self.labels[self.look.key])}

    @property
    def clear(self) -> bool:
        """Does any head look anywhere clearly?"""
        return self.look.weight >= CLEAR

    @cached_property
    def shares(self) -> Tensor:
        """What the asking token gives each other token of the sentence, in every head `[layer, head, token]`."""
        from attnviz.measures import looks

        return looks(self.trace, self.look.query)

    @property
    def row(self) -> Tensor:
        """What it gives each other token of the sentence in the head that is shown `[token]`."""
        return self.shares[self.look.place]

    @property
    def whole_row(self) -> Tensor:
        """What it gives to all, itself, [CLS] and [SEP] too `[token]`; together 1."""
        return self.trace.weights(*self.look.place)[self.look.query]

    @property
    def scores(self) -> Tensor:
        """The scores of all tokens for the one that asks `[token]`."""
        return self.trace.scores(*self.look.place)[self.look.query]

    def offered(self) -> list[int]:
        """Tokens to guess among: all others of a short sentence, else some, with the three that get most."""
        others = [at for at in self.text_tokens if at != self.look.query]
        if len(others) <= OFFERED:
            return others
        best = self.row.topk(3).indices.tolist()
        rest = [at for at in others if at not in best]
        return sorted([*best, *rest[:: -(-len(rest) // (OFFERED - 3))][: OFFERED - 3]])

    def spaced(self, tokens: Sequence[int]) -> list[bool]:
        """Before which of these tokens does the sentence have a space?"""
        spans, text = self.trace.encoded.spans, self.trace.text
        starts = [one[0] if (one := spans[at]) else 0 for at in tokens]
        return [text[max(start - 1, 0) : start].isspace() for start in starts]


def read(text: str) -> Asked | None:
    """Read the sentence; None where it has no two tokens, so that none can look at another."""
    from attnviz.measures import clearest_look

    with st.spinner(t("running", model=plain(MODEL)), show_time=True):
        trace = runs.trace(MODEL, text, SOFT)
    tokens = [at for at, special in enumerate(trace.special) if not special]
    clearest = clearest_look(trace) if len(tokens) > 1 else None
    if clearest is None:
        return None
    usual = choices.usual_asking(text) or clearest.query
    look = clearest_look(trace, choices.asking_now(tokens, usual))
    return None if look is None else Asked(trace, look)


def hidden(text: str, token: int) -> Trace:
    """The same sentence with that token hidden."""
    return runs.trace(MODEL, text, SOFT, token)
