"""Let the model write on: how far it is, a way to stop it, and what it has written so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError
from attnviz.ui.language import language, t
from attnviz.ui.models import KEY, MOST_TOKENS, Asked, forget_written, inside
from attnviz.ui.panels import plain

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.trace import Trace


PATIENCE = 20  # seconds for a step that is under way when the reader says stop


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


@dataclass
class Pen:
    """A text being written, seen by the run of the page that writes it and by the next, which may begin meanwhile.

    Streamlit starts the page anew in another thread when the reader clicks, and what the old one then puts into the
    session is lost. So the new one asks the old to stop, and takes what it has.
    """

    what: Asked
    stop: bool = False
    trace: Trace | None = None
    done: Event = field(default_factory=Event)


def collect() -> None:
    """Stop what an earlier run of the page is still writing, and keep what it has written."""
    pen: Pen | None = st.session_state.pop(KEY + "pen", None)
    if pen is None:
        return
    pen.stop = True
    pen.done.wait(PATIENCE)
    if pen.trace is not None:
        _keep(pen.what, pen.trace)


def _write(model: Model, what: Asked, most: int) -> None:
    """Write with the changes in force; a click on Stop keeps what has been written."""
    pen = Pen(what)
    st.session_state[KEY + "pen"] = pen
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, text=t("writing", model=plain(model.name)))
        st.button(t("write_stop"), key=KEY + "stop", icon=":material/stop:")
    try:
        _let_write(model, pen, most, bar)
    except AttnvizError as error:
        del st.session_state[KEY + "pen"]
        place.error(error.say(language(), plain), icon=":material/info:")
        return
    finally:
        pen.done.set()
    collect()
    st.rerun()


def _let_write(model: Model, pen: Pen, most: int, bar: DeltaGenerator) -> None:
    """Write until the end, or until someone takes the pen."""
    from attnviz.generation import generate

    halted: list[BaseException] = []

    def on_token(count: int, text: str) -> None:
        try:
            bar.progress(count / most, text=t("writing_so_far", count=count, most=most, text=plain(text[-60:])))
        except BaseException as stop:  # how Streamlit ends this run of the page
            halted.append(stop)

    pen.trace = generate(
        model, pen.what.text, most=most, on_token=on_token, stop=lambda: pen.stop or bool(halted), **inside(pen.what)
    )
    if halted:
        raise halted[0]


def _keep(what: Asked, trace: Trace) -> None:
    """Hold on to what was written, as the model read it."""
    encoded = (trace.encoded,) if trace.looked_at is None else (trace.looked_at, trace.encoded)
    st.session_state[KEY + "written"] = ((what.name, what.revision, what.text), encoded, trace.border)
