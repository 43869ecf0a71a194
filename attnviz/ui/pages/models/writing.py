"""Let the model write on: how far it is, a way to stop it, and what it has written so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError
from attnviz.ui.kit import work
from attnviz.ui.kit.language import language, t
from attnviz.ui.kit.panels import plain
from attnviz.ui.pages.models.choices import KEY, MOST_TOKENS, Asked, forget_written, inside

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.trace import Trace

PATIENCE = 20  # seconds for a token that is under way when the reader says stop


def choose_writing(model: Model, what: Asked, busy: DeltaGenerator) -> None:
    """How many tokens, and a button that lets the model write them; in `busy` stands how far it is."""
    if model.kind not in ("causal", "seq2seq"):
        return
    with st.popover(t("write"), icon=":material/edit:", width="stretch"):
        most = st.number_input(t("write_most"), 1, MOST_TOKENS, key=KEY + "most")
        asked_for = st.button(t("write_go"), key=KEY + "write", type="primary", width="stretch")
        written = KEY + "written" in st.session_state
        st.button(t("write_clear"), key=KEY + "clear", on_click=forget_written, disabled=not written, width="stretch")
    if asked_for:
        with busy:
            _write(model, what, int(most))


def collect() -> None:
    """Stop what an earlier run of the page is still writing, and keep what it has written."""
    writing = work.collect(KEY + "pen", PATIENCE)
    if writing is not None and writing.found is not None:
        _keep(writing.about, writing.found)


def _write(model: Model, what: Asked, most: int) -> None:
    """Write with the changes in force; a click on Stop keeps what has been written."""
    words = t("writing", model=plain(model.name))
    try:
        with (
            work.doing(KEY + "pen", what) as writing,
            work.watched(KEY + "stop", words, t("write_stop"), after=0) as bar,
        ):
            _let_write(model, writing, most, bar)
    except AttnvizError as error:
        st.error(error.say(language(), plain), icon=":material/info:")
        return
    collect()
    st.rerun()


def _let_write(model: Model, writing: work.Work, most: int, bar: work.Bar) -> None:
    """Write until the end, or until someone stops it."""
    from attnviz.recording.generate import generate

    def on_token(count: int, text: str) -> None:
        writing.tell(bar, count / most, t("writing_so_far", count=count, most=most, text=plain(text[-60:])))

    writing.found = generate(
        model, writing.about.text, most=most, on_token=on_token, stop=writing.stopped, **inside(writing.about)
    )


def _keep(what: Asked, trace: Trace) -> None:
    """Hold on to what was written, as the model read it."""
    encoded = (trace.encoded,) if trace.looked_at is None else (trace.looked_at, trace.encoded)
    st.session_state[KEY + "written"] = ((what.name, what.revision, what.text), encoded, trace.border)
