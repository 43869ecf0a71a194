"""Let the model write on: how far it is, a way to stop it, and what it has written so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError
from attnviz.ui import changes
from attnviz.ui.language import language, t
from attnviz.ui.models import KEY, MOST_TOKENS, Asked, forget_written
from attnviz.ui.panels import plain
from attnviz.ui.runs import as_rule

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.trace import Trace


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


def _write(model: Model, what: Asked, most: int) -> None:
    """Write with the changes in force; a click on Stop keeps what has been written."""
    from attnviz.generation import generate

    place = st.empty()
    with place.container():
        bar = st.progress(0.0, text=t("writing", model=model.name))
        st.button(t("write_stop"), key=KEY + "stop", icon=":material/stop:")
    halted: list[BaseException] = []

    def on_token(count: int, text: str) -> None:
        try:
            bar.progress(count / most, text=t("writing_so_far", count=count, most=most, text=plain(text[-60:])))
        except BaseException as stop:  # how Streamlit says that the reader clicked
            halted.append(stop)

    try:
        trace = generate(
            model, what.text, most=most, rule=as_rule(what.rule),
            interventions=changes.as_interventions(what.changes), on_token=on_token, stop=lambda: bool(halted),
        )  # fmt: skip
    except AttnvizError as error:
        place.error(error.say(language()), icon=":material/info:")
        return
    keep(what, trace)
    if halted:
        raise halted[0]
    place.empty()
    st.rerun()


def keep(what: Asked, trace: Trace) -> None:
    """Hold on to what was written, as the model read it."""
    encoded = (trace.encoded,) if trace.looked_at is None else (trace.looked_at, trace.encoded)
    st.session_state[KEY + "written"] = ((what.name, what.revision, what.text), encoded, trace.border)
