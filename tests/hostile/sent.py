"""One link followed, as a stranger does it; and who hears which hosts are asked for on the way."""

from __future__ import annotations

import logging
import os
import time
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from huggingface_hub.constants import ENDPOINT

from attnviz.errors import AttnvizError
from attnviz.messages import table
from attnviz.ui.kit import work
from tests.pages.opened import file_of

LIMIT = 55  # seconds in which a page is to stand; the work in it has a limit of its own
PATIENCE = 5.0  # seconds that who follows a link waits for long work that tells how far it is
HERE = ("127.0.0.1", "::1", "localhost")
HUB = urlsplit(
    ENDPOINT
).hostname  # whom one's own machine asks for a model that a link names; a server for strangers not
FAULT = table("en")["ui.fault"].split("{")[0].strip()
foreign: list[str] = []


def hear(event: str, given: tuple[Any, ...]) -> None:
    """Somebody asks for a host: one that is not this machine is written down, and not asked."""
    if event not in ("socket.getaddrinfo", "socket.connect", "socket.gethostbyname"):
        return
    asked = given[0] if event != "socket.connect" else given[1]
    host = asked[0] if isinstance(asked, tuple) else asked
    if isinstance(host, str) and host and not host.startswith(("/", "\0")) and host not in HERE:
        foreign.append(host)
        raise OSError("no foreign host in this test")


def link(page: str, hosted: bool, said: dict[str, str]) -> str:
    """Follow a link. Raises what must not be: an exception, a fault, a foreign host.

    Long work that tells how far it is, and can be stopped (fitting gates to eight sentences takes 20 seconds of a busy
    core), is waited for so long and then left: it must end by itself, within the time that everything has.
    """
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.testing.v1 import AppTest

    os.environ["ATTNVIZ_HOSTED"] = "1" if hosted else ""
    foreign.clear()
    try:
        at = AppTest.from_file(str(file_of(page)), default_timeout=LIMIT)
        PagesManager.uses_pages_directory = False
        for name, value in {"lang": "en", **said}.items():
            at.query_params[name] = value
        until = time.monotonic() + PATIENCE
        with patch.object(work, "connected", lambda _: time.monotonic() < until):
            at.run()
    finally:
        os.environ["ATTNVIZ_HOSTED"] = ""
    wrong = [str(one.value) for one in at.exception] + [one.value for one in at.error if FAULT in str(one.value)]
    assert not wrong, f"{page}: {wrong[0]} {faults[-1:]}"
    asked = [host for host in foreign if hosted or host != HUB]
    assert not asked, f"{page} asks {asked[0]}"
    return f"{page}: {len(at.main)} elements"


class _Faults(logging.Handler):
    """The last faults of pages, for who looks for them."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not isinstance(record.exc_info[1], AttnvizError):
            faults.append(repr(record.exc_info[1])[:200])
            del faults[:-5]


faults: list[str] = []
logging.getLogger("attnviz").addHandler(_Faults())
