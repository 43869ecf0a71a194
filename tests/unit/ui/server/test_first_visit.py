"""A first visitor to the bare address is led to the lesson, once; nobody else is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from attnviz.ui.server.first_visit import SEEN, FirstVisit, is_first

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "zh-CN"}


def scope(headers: dict[str, str], **other: object) -> dict[str, Any]:
    asked = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": asked, **other}


def sent(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """What is answered; the app behind answers "app"."""
    messages: list[dict[str, Any]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "app"})

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    asyncio.run(FirstVisit(app)(asked, receive, send))  # type: ignore[arg-type]
    return messages


def test_a_first_visit_is_led_to_the_lesson_and_remembered() -> None:
    start, body = sent(scope(BROWSER))
    headers = dict(start["headers"])
    assert start["status"] == 302 and headers[b"location"] == b"lesson" and body["body"] == b""
    assert headers[b"cache-control"] == b"no-store"
    cookie = headers[b"set-cookie"].decode()
    assert cookie.startswith(f"{SEEN}=1;") and "Path=/" in cookie and "SameSite=Lax" in cookie
    assert sent(scope({**BROWSER, "cookie": cookie.split(";")[0]})) == [{"type": "app"}]


OTHERS = {
    "a link": scope(BROWSER, query_string=b"lang=en"),
    "another page": scope(BROWSER, path="/readings"),
    "a program": scope({"accept": "*/*"}),
    "a program without headers": scope({}),
    "a frame": scope({**BROWSER, "sec-fetch-dest": "iframe"}),
    "a websocket": scope(BROWSER, type="websocket"),
    "what is sent": scope(BROWSER, method="POST"),
    "who was here": scope({**BROWSER, "cookie": f"a=b; {SEEN}=1"}),
    "who was here, with a cookie that nobody can read": scope({**BROWSER, "cookie": f"a[]=b; {SEEN}=1"}),
}


@pytest.mark.parametrize("asked", OTHERS.values(), ids=list(OTHERS))
def test_nobody_else_is(asked: dict[str, Any]) -> None:
    assert not is_first(asked) and sent(asked) == [{"type": "app"}]


def test_a_browser_that_came_for_a_document_is() -> None:
    assert is_first(scope({**BROWSER, "sec-fetch-dest": "document", "cookie": "other=1"}))
