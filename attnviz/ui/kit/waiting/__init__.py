"""What a reader is told of a run that waits for its turn or takes long: under the page's head, with a way to stop it.

Pages that do long work themselves (`kit.work`) have a bar and a button of their own; there only the waiting is told.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextvars import copy_context
from functools import partial
from threading import local

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attnviz.errors import AttnvizError
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.work import Work, connected, current

STOPPED = "turn.stopped"
_own = local()  # of the thread of this run of the page


def arrive() -> None:
    """The place under the head of a page where it is told, as it is outside any function that Streamlit caches.

    Inside one it would keep what was told, and tell the next reader again, in a place that is not hers.
    """
    _own.place, _own.count, _own.offered, _own.outside = st.empty(), 0, False, copy_context()


def may_begin(key: Hashable) -> None:
    """Offer to compute what was stopped. Raises `AttnvizError` until that is wanted; anything else begins at once."""
    if get_script_run_ctx(suppress_warning=True) is None or st.session_state.get(STOPPED) != key:
        return
    if not getattr(_own, "offered", False):
        _own.offered, place = True, _place()
        with place.container():
            again = st.button(t("asking.again"), key="turn.again", icon=":material/play_arrow:")
        if again:
            place.empty()
            del st.session_state[STOPPED]
            return
    raise AttnvizError("turn_stopped")


def told_of(key: Hashable) -> Told | None:
    """Who tells the reader of this thread; None without one."""
    context = get_script_run_ctx(suppress_warning=True)
    return None if context is None else Told(key, context.session_id, current())


class Told:
    """Tells one reader of one computation. What Streamlit raises to end this run of the page waits until it is over."""

    def __init__(self, key: Hashable, session: str, work: Work | None) -> None:
        self._key, self._session, self._work = key, session, work
        self._line: DeltaGenerator | None = None
        self._said = ""
        self._halted: list[BaseException] = []

    def waits(self, ahead: int) -> None:
        """So many go first; 0: it comes next, or another reader's run is the same."""
        self._say("turn.waits" if ahead else "turn.next", ahead)

    def runs(self, _: float) -> None:
        """It is being computed."""
        if self._work is None or self._line is not None:
            self._say("turn.runs", 0)

    def left(self) -> bool:
        """To look into the session raises where this run of the page is over."""
        if not self._halted:
            try:
                st.session_state.get(STOPPED)
            except BaseException as halt:
                self._halted.append(halt)
        gone = bool(self._halted) or not connected(self._session)
        return gone or (self._work is not None and self._work.stopped())

    def close(self) -> None:
        """It is over: nothing is told any more."""
        if self._line is not None and not self._halted:
            _outside(_place().empty)
        if self._halted and self._work is not None:
            self._work.halt(self._halted[0])
        elif self._halted:
            raise self._halted[0]

    def _say(self, message: str, ahead: int) -> None:
        said = f"{message} {ahead}"
        if self._halted or said == self._said:
            return
        self._said = said
        try:
            _outside(partial(self._draw, t(message, ahead=ahead)))
        except BaseException as halt:
            self._halted.append(halt)

    def _draw(self, words: str) -> None:
        if self._line is None:
            place, _own.count = _place(), getattr(_own, "count", 0) + 1
            with place.container(horizontal=True, vertical_alignment="center", gap="small", key=f"turn{_own.count}"):
                self._line = st.empty()
                if self._work is None:
                    st.button(
                        t("asking.stop"), key=f"turn.stop{_own.count}", icon=":material/stop:",
                        on_click=partial(_stop, self._key),
                    )  # fmt: skip
        self._line.info(words, icon=":material/hourglass_empty:")


def _stop(key: Hashable) -> None:
    """Stop was pressed: this is not computed by itself again."""
    st.session_state[STOPPED] = key


def _outside(draw: Callable[[], object]) -> None:
    """Draw as at the head of the page."""
    _place()
    _own.outside.copy().run(draw)


def _place() -> DeltaGenerator:
    """Under the page's head; here where it has none."""
    if getattr(_own, "place", None) is None:
        arrive()
    found: DeltaGenerator = _own.place
    return found
