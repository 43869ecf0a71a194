"""What the model wrote after the text: it stands in the link, as text where that is cut alike again, else as numbers.

It belongs to the model and the text that it was written from, and goes when either changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.ui.kit import SHARED, Param, address, t
from attnviz.ui.pages.models import changes

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.trace import Trace

KEY = changes.KEY
MOST = 200  # tokens that are written at once
PARAMS = {
    "wrote": Param("wrote", KEY + "wrote", "", str),
    "ids": Param("ids", KEY + "ids", "", str),
}
OF = KEY + "wrote_of"  # what it was written from
Origin = tuple[str, str, str, str]  # the model's name and revision, the text, the second text


@dataclass(frozen=True)
class Found:
    """What a model wrote, as the link has it, what from, and the number of its last token."""

    of: Origin
    says: Mapping[str, str]
    last: int


def found(model: Model, of: Origin, run: Trace) -> Found:
    """What `generate` has written. (The run of the page may have been ended meanwhile: the session is not asked.)"""
    from attnviz.recording.resume import answer_ids, answer_text
    from attnviz.text.packed import packed

    ids = answer_ids(run)
    said = answer_text(model, ids)
    says = {"wrote": said, "ids": ""} if said is not None else {"wrote": "", "ids": packed(ids)}
    return Found(of, says, len(run.tokens) - 1)


def keep(one: Found) -> None:
    """Hold on to what was written; what the model says next is then asked at its last token."""
    st.session_state[OF] = one.of
    for name, word in one.says.items():
        st.session_state[PARAMS[name].key] = word
    st.session_state[SHARED + "query"] = one.last


def forget() -> None:
    """Leave the text as it was typed."""
    st.session_state.pop(OF, None)
    for param in PARAMS.values():
        st.session_state[param.key] = param.default


def there() -> bool:
    """Has the model written something?"""
    return any(st.session_state.get(param.key) for param in PARAMS.values())


def now(model: Model, of: Origin) -> tuple[int, ...]:
    """The tokens that the model wrote after this text; of a link that does not fit the model that is said."""
    if address.returned() or not there() or st.session_state.get(OF) is None:
        st.session_state[OF] = of  # a link brings both
    if st.session_state[OF] != of:
        forget()
    if not there():
        return ()
    try:
        return _read(model, *of[2:])
    except (AttnvizError, ValueError):
        forget()
        st.info(t("models.written_lost"), icon=":material/info:")
        return ()


def _read(model: Model, text: str, pair: str) -> tuple[int, ...]:
    """What the link holds. Raises `AttnvizError` or `ValueError` for what this model cannot have written."""
    from attnviz.recording.resume import cut_alone, resumed
    from attnviz.text.packed import unpacked

    word, said = (str(st.session_state[PARAMS[name].key]) for name in ("ids", "wrote"))
    ids = unpacked(word) if word else cut_alone(model, said)
    if model.kind not in ("causal", "seq2seq") or not 0 < len(ids) <= MOST:
        raise ValueError(word or said)
    if text.strip():  # else the run says that there is none
        resumed(model, text, ids, pair=pair or None)
    return ids
