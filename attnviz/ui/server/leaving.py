"""When people go: memory is given back once nobody is left; a server that is told to end says so, and waits a little.

Who is there, as Streamlit knows it (as of the version that requirements.txt names): its sessions with a browser.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from anyio.to_thread import run_sync
from streamlit import runtime
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.RootContainer_pb2 import RootContainer
from streamlit.runtime.app_session import AppSession, AppSessionState

QUIET = 30.0  # seconds: who comes back sooner, as after a reload, finds what there was
LOOK = 5.0
PATIENCE = 10.0  # seconds for what runs, once the server is told to end
SHORT = 0.2  # seconds for the words to reach the browsers
SIGNALS = (signal.SIGTERM, signal.SIGINT)
Words = Callable[[str], str]  # of a language


def people() -> list[AppSession]:
    """The sessions that somebody sits at."""
    return (
        [one.session for one in runtime.get_instance()._session_mgr.list_active_sessions()] if runtime.exists() else []
    )


def busy() -> bool:
    """Is a page being computed for anybody?"""
    return any(one._state == AppSessionState.APP_IS_RUNNING for one in people())


async def tidy(forget: Callable[[], None], count: Callable[[], int] = lambda: len(people())) -> None:
    """Let go of what was kept once nobody has been there for a while; until it is cancelled."""
    left = None
    while True:
        await asyncio.sleep(LOOK)
        if count():
            left = time.monotonic()
        elif left is not None and time.monotonic() - left > QUIET:
            left = None
            await run_sync(forget)


def tell(words: Words) -> None:
    """Say on everybody's page that the server ends, in the language of each."""
    for session in people():
        message = ForwardMsg()
        message.metadata.delta_path.extend([RootContainer.EVENT, 0])
        toast = message.delta.new_element.toast
        toast.body, toast.icon = words(_language(session)), ":material/power_settings_new:"
        session._enqueue_forward_msg(message)


def _language(session: AppSession) -> str:
    try:
        return str(session.session_state["lang"])
    except KeyError:  # a page that has not begun
        return ""


@contextmanager
def farewell(words: Words, halt: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Within, a signal to end is told to browsers first, and what runs has some seconds. A second one ends at once.

    `halt` is done first: what must not begin any more. Outside of the main thread no signal is heard.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, before, tasks = asyncio.get_running_loop(), dict[int, Any](), set[asyncio.Task[None]]()

    def heard(number: int, frame: FrameType | None) -> None:
        first = not tasks and signal.getsignal(number) is heard
        for which, handler in before.items():
            signal.signal(which, handler)
        if not first:
            return
        halt()
        task = loop.create_task(_end(words, number))
        tasks.add(task)
        loop.call_soon_threadsafe(lambda: None)  # the loop may be asleep

    for one in SIGNALS:
        before[one] = signal.signal(one, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is heard:
                signal.signal(number, handler)


async def _end(words: Words, number: int) -> None:
    """Tell everybody, wait for what runs, then go on to end as the signal meant."""
    tell(words)
    end = time.monotonic() + PATIENCE
    await asyncio.sleep(SHORT)
    while busy() and time.monotonic() < end:
        await asyncio.sleep(SHORT)
    signal.raise_signal(number)
