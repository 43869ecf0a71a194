"""Who opens the app for the first time, and names no page and no choice, is led to the first lesson, once.

A browser remembers it by a cookie that says nothing but that it was here. A link to any page never comes by here, and
neither does a page framed in another, where a browser keeps no cookie, nor a program that asks for no HTML.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

SEEN = "attnviz_seen"
YEAR = 365 * 24 * 3600  # seconds
LESSON = "lesson"  # as seen from the app's own address, wherever that is


class FirstVisit:
    """Middleware that answers a first visit with the way to the lesson; everything else passes untouched."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_first(scope):
            return await self.app(scope, receive, send)
        headers = [
            (b"location", LESSON.encode()),
            (b"set-cookie", f"{SEEN}=1; Path=/; Max-Age={YEAR}; SameSite=Lax".encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        start: Message = {"type": "http.response.start", "status": 302, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": b""})


def is_first(scope: Scope) -> bool:
    """Does a person's browser ask for the bare address, and was never here before?"""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/" or scope["query_string"]:
        return False
    asked = HTTPConnection(scope)
    if "text/html" not in asked.headers.get("accept", ""):
        return False
    return asked.headers.get("sec-fetch-dest", "document") == "document" and SEEN not in asked.cookies
