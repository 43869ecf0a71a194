"""The web server around app.py: Streamlit's own, which lets nobody in before everything stands (`ready.py`), with the
first picture put into the page (`first_picture.py`) and first visitors led to the lesson (`first_visit.py`).

`streamlit run` finds it in app.py, so it is the same however the app is started.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import streamlit as st
from anyio.to_thread import run_sync
from starlette.middleware import Middleware
from streamlit import config, runtime
from streamlit.runtime.pages_manager import PagesManager

from attnviz import settings
from attnviz.errors import AttnvizError
from attnviz.messages import LANGUAGES, say
from attnviz.ui.server.answer import Pairs, answer
from attnviz.ui.server.first_visit import LESSON, FirstVisit
from attnviz.ui.server.headers import Guarded, hosts
from attnviz.ui.server.leaving import farewell, people, tidy
from attnviz.ui.server.metrics import Figures
from attnviz.ui.server.preloads import preloads
from attnviz.ui.server.shut import hush, refuse

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
UNWANTED = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range", b"if-range")


class FirstPicture:
    """Middleware that adds the first picture to the home page and the lesson; all else passes untouched."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        asks = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if not asks or scope["path"] not in ("/", f"/{LESSON}"):
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True))
        draw = _drawer(str(scope["path"]), query, headers.get("accept-language", ""))
        if draw is None:
            return await self.app(scope, receive, send)
        picture = (preloads() + await run_sync(draw)).encode()
        # The page as it is: whole, uncompressed, never "not modified", since the picture is not part of the file.
        plain = {**scope, "method": "GET", "headers": [pair for pair in scope["headers"] if pair[0] not in UNWANTED]}
        adding = _Adding(send, picture, partial(answer, scope["method"], headers))
        return await self.app(plain, receive, adding)


def _drawer(path: str, query: Mapping[str, str], accepted: str) -> Callable[[], str] | None:
    """What draws the first picture that a link asks for; None where it asks for none."""
    if path == f"/{LESSON}":
        from attnviz.ui.server.first_lesson import asked_lesson, drawn_lesson

        language = asked_lesson(query, accepted)
        return None if language is None else partial(drawn_lesson, language)
    from attnviz.ui.server.first_picture import asked, drawn

    request = asked(query, accepted)
    return None if request is None else partial(drawn, request)


class _Adding:
    """Passes a response on with `addition` before the end of its body, as `made` answers who asked."""

    def __init__(self, send: Send, addition: bytes, made: Callable[[bytes, Pairs], tuple[int, Pairs, bytes]]) -> None:
        self.send, self.addition, self.made = send, addition, made
        self.start: Message = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        if message["type"] != "http.response.body":
            return await self.send(message)
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        status, headers, body = self.start["status"], self.start["headers"], self.body
        if status == 200:
            status, headers, body = self.made(body.replace(b"</body>", self.addition + b"</body>"), headers)
        await self.send({**self.start, "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def checked() -> None:
    """Are the settings such that the server can do what was meant? Else one sentence, and the exit code 2."""
    try:
        now = settings.now()
    except AttnvizError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)
    refuse()
    if now.hosted:
        hush()
    if not config.is_manually_set("server.allowedHosts"):
        config.set_option("server.allowedHosts", list(hosts()))
    if not config.is_manually_set("server.maxUploadSize"):
        config.set_option("server.maxUploadSize", max(round(now.upload_mb), 1))


MIDDLEWARE = (Middleware(Guarded), Middleware(FirstVisit), Middleware(FirstPicture))


@asynccontextmanager
async def ready(_: st.App) -> AsyncIterator[None]:
    """Make everything ready before the first visitor is let in.

    A visitor who opens a link to a page shall see it with app.py around it: until `st.navigation` has run once,
    Streamlit takes pages/ for its older kind of multi-page app.
    """
    PagesManager.uses_pages_directory = False
    from attnviz.ui.server.ready import make_ready

    print("Loading PyTorch and the first model: a few seconds.", flush=True)
    await run_sync(make_ready)
    print("Ready.", flush=True)
    _tell_figures()
    with farewell(_ends, halt=_close):
        tidying = asyncio.create_task(tidy(_forget))
        try:
            yield
        finally:
            tidying.cancel()


def _tell_figures() -> None:
    """The server's metrics tell of this app too."""
    from attnviz.ui.kit.opening import figures

    told = Figures(lambda: {**figures(), "attnviz_people": len(people())})
    runtime.get_instance().stats_mgr.register_provider(told)


def _ends(language: str) -> str:
    """What browsers are told when the server ends."""
    return say("turn.ends", language if language in LANGUAGES else LANGUAGES[0])


def _close() -> None:
    from attnviz.ui.kit.opening import server_turns

    server_turns().close()


def _forget() -> None:
    """Nobody is there: hold what a server holds that has just begun."""
    from attnviz.ui.kit.opening import forget
    from attnviz.ui.server.ready import do_first

    forget()
    do_first()


def told(error: Exception) -> bool:
    """Tell an error that left a page, or what is done at a click; True: Streamlit need not show it."""
    from attnviz.ui.kit import page

    page.tell(error)
    return True
