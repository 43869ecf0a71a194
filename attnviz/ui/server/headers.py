"""What a browser is told it may do with our pages, and who is answered at all.

The policy is as narrow as Streamlit allows: its page has styles and scripts inside itself, as our first picture, and it
loads a component's script from a blob. Nothing is fetched from elsewhere, sent elsewhere, or framed by strangers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send
from streamlit import config

from attnviz import settings

LOCAL = ("localhost", "127.0.0.1", "::1")
CLOSED = ("/_stcore/metrics", "/_stcore/agent/")  # what tells of the server, or drives it without a browser
POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob: {sockets}",
    "worker-src": "'self' blob:",
    "frame-src": "'self' blob: data:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "{frames}",
}
PLAIN = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
}


class Guarded:
    """Middleware that answers only those who came by a name of this server, and sends the headers with every answer."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        host = HTTPConnection(scope).headers.get("host", "")
        if not is_ours(host):
            return await _refused(scope, receive, send, 421, "ATTNVIZ_HOSTS does not name this host.")
        if scope["path"].startswith(CLOSED) and not settings.now().metrics:
            return await _refused(scope, receive, send, 404, "Not found.")
        if scope["type"] == "websocket":
            return await self.app(scope, receive, send)
        more = [(name.encode(), said.encode()) for name, said in headers(host).items()]

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in more}
                kept = [pair for pair in message["headers"] if pair[0].lower() not in names]
                message = {**message, "headers": [*kept, *more]}
            await send(message)

        await self.app(scope, receive, sent)


def headers(host: str) -> dict[str, str]:
    """The headers of an answer to who asked `host`."""
    frames = settings.now().frames
    said = {
        "sockets": f"ws://{host} wss://{host}",  # which 'self' does not mean to every browser
        "frames": "'self'" if frames == "self" else f"'self' {frames.replace(',', ' ')}",
    }
    policy = "; ".join(f"{name} {where.format(**said)}" for name, where in POLICY.items())
    return {"content-security-policy": policy, **PLAIN}


def hosts() -> tuple[str, ...]:
    """The names that this server is reached by; () for any.

    A page of somebody else's can have its own name lead to this machine and then read what a server here answers: one
    that is for this machine alone answers to this machine's names.
    """
    said = settings.now().hosts
    if said == "auto":
        return LOCAL if config.get_option("server.address") in LOCAL else ()
    return () if said == "*" else tuple(one.strip().lower() for one in said.split(",") if one.strip())


def is_ours(host: str) -> bool:
    """Is that the name of a server that is to answer? With or without a port."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if not name or set(host) & set("/?#@\\ \"'<>;,"):
        return False
    known = hosts()
    return not known or any(name == one or (one.startswith("*.") and name.endswith(one[1:])) for one in known)


async def _refused(scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
    """A short answer without anything of what was asked."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    content = [(b"content-type", b"text/plain"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": content})
    await send({"type": "http.response.body", "body": words.encode()})
