"""Work that takes long: how far it is, a way to stop it, and what it has so far, which outlives the run of the page.

Streamlit starts the page anew in another thread when the reader clicks, and what the old one then puts into the session
is lost. So work stands in the session as an object that both see: the new run asks the old one's work to stop, waits
for the step that is under way, and takes what it has. Work whose reader has left stops by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from threading import Event, local
from typing import Any, ClassVar

import streamlit as st
from streamlit import runtime
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attnviz.errors import AttnvizError, Stopped
from attnviz.ui.kit.languages import t

PATIENCE = 60  # seconds for a step that is under way when it is asked to stop
Tell = Callable[[int, int], None]
Halted = Callable[[], bool]
LATE = 3.0  # seconds: work that has taken longer can be stopped
_own = local()


@dataclass
class Work:
    """Something that is done for one reader. `about` says what, `found` is what it has so far."""

    about: Any
    found: Any = None
    running: bool = True
    done: Event = field(default_factory=Event)
    session: str | None = None
    _halted: list[BaseException] = field(default_factory=list)

    def stopped(self) -> bool:
        """Has the reader stopped it, clicked on something else, or left? To be asked between two steps."""
        return not self.running or bool(self._halted) or not connected(self.session)

    def tell(self, bar: Bar | None, share: float, words: Callable[[], str]) -> None:
        """How far it is. What Streamlit raises here to end this run of the page waits until the step is over.

        It may raise in `words` too: they are found in the reader's language, and to look into the session is enough.
        """
        if bar is None or self._halted:
            return
        try:
            bar.progress(share, words())
        except BaseException as halt:
            self._halted.append(halt)

    def stop(self, patience: float = 0.0) -> None:
        """Ask it to stop, and wait so many seconds for it."""
        self.running = False
        self.done.wait(patience)

    def halt(self, halted: BaseException) -> None:
        """Streamlit ends this run of the page by that, once the step is over."""
        self._halted.append(halted)

    def let_go(self) -> None:
        """Streamlit may end this run of the page now; the next one goes on with the work."""
        halted, self._halted = self._halted, []
        if halted:
            raise halted[0]

    def end(self) -> None:
        """It is over: whoever waits may go on, and Streamlit may end this run of the page."""
        self.running = False
        self.done.set()
        if self._halted:
            raise self._halted[0]


def connected(session: str | None) -> bool:
    """Is that reader still there? One who closed the browser is not. Without a server (in tests) nobody leaves."""
    return session is None or not runtime.exists() or bool(runtime.get_instance().is_active_session(session))


def under_way(key: str) -> Work | None:
    """The work of that name, whether it runs or is over."""
    found: Work | None = st.session_state.get(key)
    return found


def collect(key: str, patience: float = PATIENCE) -> Work | None:
    """Stop what an earlier run of the page is still doing under that name, and take it out of the session."""
    found: Work | None = st.session_state.pop(key, None)
    if found is not None:
        found.stop(patience)
    return found


class Turn:
    """How work takes its turn among that of others (`attnviz.ui.stores.turns`): a lane, by what it is about."""

    lane: ClassVar[Callable[[Hashable], AbstractContextManager[object]]] = nullcontext
    heavy: ClassVar[Callable[[], object]] = staticmethod(lambda: None)  # waits for the turn of what is in a lane


@contextmanager
def doing(key: str, about: Any) -> Iterator[Work]:
    """Work under that name. It is left for `collect` where a click ends this run of the page, or its reader is told of
    what it has; it is forgotten where it fails. Raises `Stopped` where it was stopped by another run of the page.
    """
    now = Work(about, session=_session())
    st.session_state[key] = now
    try:
        with _lane(now, key):
            yield now
    except Stopped:
        now.end()  # raises what Streamlit wants, where that is why
        raise
    except AttnvizError:
        st.session_state.pop(key, None)
        raise
    finally:
        now.done.set()
    now.end()


@contextmanager
def _lane(now: Work, key: str) -> Iterator[None]:
    """This thread does that work, in a lane of its own."""
    before, _own.work = current(), now
    try:
        with Turn.lane((key, now.about)):
            yield
    finally:
        _own.work = before


def current() -> Work | None:
    """The work that this run of the page is doing."""
    found: Work | None = getattr(_own, "work", None)
    return found


class Bar:
    """How far work is, and under it, `after` seconds from its start, the button that stops it."""

    def __init__(self, place: DeltaGenerator, words: str, button: Callable[[], object], after: float) -> None:
        with place.container():
            self._bar, self._under = st.progress(0.0, text=words), st.empty()
        self._button: Callable[[], object] | None = button
        self._due = time.monotonic() + after
        self._offer()

    def progress(self, share: float, text: str) -> None:
        """So far."""
        self._bar.progress(min(max(share, 0.0), 1.0), text=text)
        self._offer()

    def _offer(self) -> None:
        if self._button is not None and time.monotonic() >= self._due:
            button, self._button = self._button, None
            with self._under:
                button()


@contextmanager
def watched(
    key: str, words: str, stop: str | None = None, on_stop: Callable[[], None] | None = None, after: float = LATE
) -> Iterator[Bar]:
    """A bar that says `words`, and a button `key` that says `stop`, once the work has taken `after` seconds; both gone
    afterwards. The click alone stops it, for it starts the page anew; `on_stop` is for what the page is to remember.
    """
    place = st.empty()
    button = partial(st.button, stop or t("asking.stop"), key=key, icon=":material/stop:", on_click=on_stop)
    try:
        yield Bar(place, words, button, after)
    finally:
        place.empty()


def _session() -> str | None:
    context = get_script_run_ctx(suppress_warning=True)
    return None if context is None else context.session_id


class Steps:
    """Work that a reader starts, watches step by step and may stop; what it has found stays while the session lasts.

    `key` names it; `about` is what the results belong to (another pattern: another measurement).
    """

    def __init__(self, key: str, about: str = "") -> None:
        self.key = key
        if (now := under_way(f"{key}.steps")) is None or now.about != about:
            now = st.session_state[f"{key}.steps"] = Work(about, found=[], running=False, session=_session())
        self._work: Work = now

    @property
    def found(self) -> list[Any]:
        """What the steps done so far have found, in their order."""
        found: list[Any] = self._work.found
        return found

    @property
    def running(self) -> bool:
        """Has someone started it, and nobody stopped it?"""
        return self._work.running

    def buttons(self, start: str) -> None:
        """Start, or stop while it runs: one button, for of two the first would stay, faded, until the work is done."""
        st.button(
            t("asking.stop") if self.running else start, key=f"{self.key}.start",
            on_click=self._stop if self.running else self._start, type="secondary" if self.running else "primary",
            icon=":material/stop:" if self.running else ":material/play_arrow:",
        )  # fmt: skip

    def run(self, steps: Sequence[tuple[str, Callable[[], Any]]], bar: DeltaGenerator) -> Iterator[list[Any]]:
        """Do the steps that are left, each with a sentence that says what it is; after each, all that was found."""
        if not self.running:
            return
        for number, (said, work) in enumerate(steps):
            if number < len(self.found):
                continue
            bar.progress(number / len(steps), text=said)
            try:
                with _lane(self._work, self.key):
                    Turn.heavy()  # others may come before the next step
                    result = work()
            except Stopped:  # while it waited
                self._work.let_go()
                return
            except AttnvizError:  # told on the page; nobody wants it again and again
                self._stop()
                raise
            if self.running and number == len(self.found):  # else a run of the page that began meanwhile was faster
                self.found.append(result)
            self._work.let_go()
            if self._work.stopped():  # meanwhile, by another run of this session, or nobody is there any more
                return
            yield self.found
        self._stop()
        bar.empty()
        st.rerun()

    def _start(self) -> None:
        st.session_state[f"{self.key}.steps"] = Work(self._work.about, found=[], session=_session())

    def _stop(self) -> None:
        self._work.stop()
