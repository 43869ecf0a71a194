"""What the model wrote after the text: it stands in the link, as text where that is cut alike again, else as numbers.

It belongs to the model and the text that it was written from, and goes when either changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.errors import AttnvizError, TextError
from attnviz.ui.pages.models import changes

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.trace import Trace

KEY = changes.KEY
MOST = 200  # tokens that are written at once
NAMES = ("wrote", "ids")  # in the link: its text, or the numbers of its tokens
OF = KEY + "wrote_of"  # what it was written from
Origin = tuple[object, ...]  # the model, its revision, the text, and how it is read
Asked = Mapping[str, Any]  # what `generate` is given to read


@dataclass(frozen=True)
class Found:
    """What a model wrote, as the link has it, what from, and the number of its last token."""

    of: Origin
    says: Mapping[str, str]
    last: int


def found(model: Model, of: Origin, asked: Asked, run: Trace) -> Found:
    """What `generate` has written. (The run of the page may have been ended meanwhile: the session is not asked.)"""
    from attnviz.recording.resume import answer_ids, answer_text
    from attnviz.text.packed import packed

    ids = answer_ids(model, run, **asked)
    said = answer_text(model, ids)
    says = {"wrote": said, "ids": ""} if said is not None else {"wrote": "", "ids": packed(ids)}
    return Found(of, says, len(run.tokens) - 1)


def keep(one: Found) -> None:
    """Hold on to what was written."""
    st.session_state[OF] = one.of
    for name in NAMES:
        st.session_state[KEY + name] = one.says[name]


def forget() -> None:
    """Leave the text as it was typed."""
    st.session_state.pop(OF, None)
    for name in NAMES:
        st.session_state[KEY + name] = ""


def there() -> bool:
    """Has the model written something?"""
    return any(st.session_state.get(KEY + name) for name in NAMES)


def now(model: Model, of: Origin, asked: Asked, *, anew: bool) -> tuple[int, ...]:
    """The tokens that the model wrote after this text; `anew` where both have just come from a link.

    Raises `TextError`, once, for what this model cannot have written.
    """
    if anew or not there() or st.session_state.get(OF) is None:
        st.session_state[OF] = of
    if st.session_state[OF] != of:
        forget()
    if not there():
        return ()
    try:
        return _read(model, asked)
    except (AttnvizError, ValueError) as error:
        forget()
        raise TextError("written_lost", model=model.name) from error


def _read(model: Model, asked: Asked) -> tuple[int, ...]:
    """What the link holds. Raises `AttnvizError` or `ValueError` for what this model cannot have written."""
    from attnviz.recording.resume import cut_alone, resumed
    from attnviz.text.packed import unpacked

    said, word = (str(st.session_state[KEY + name]) for name in NAMES)
    ids = unpacked(word) if word else cut_alone(model, said)
    if model.kind not in ("causal", "seq2seq") or not 0 < len(ids) <= MOST:
        raise ValueError(word or said)
    if str(asked.get("text", asked.get("chat"))).strip():  # else the run says that there is none
        resumed(model, ids, **asked)
    return ids
