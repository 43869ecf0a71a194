"""What a browser is told it may do with our pages, and which names of the server are answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from streamlit import config

from attnviz.ui.server.headers import LOCAL, Guarded, headers, is_ours


def answered(host: str, path: str = "/", kind: str = "http") -> list[dict[str, Any]]:
    """What is sent to who asks; the app behind answers 200."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-content-type-options", b"no")]})
            await send({"type": "http.response.body", "body": b"page"})
        else:
            await send({"type": "websocket.accept"})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": kind, "path": path, "query_string": b"", "headers": [(b"host", host.encode())]}
    asyncio.run(Guarded(app)(scope, receive, send))
    return sent


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "LOCALHOST.:8501"])
def test_on_this_machine_its_own_names_are_answered(host: str) -> None:
    assert config.get_option("server.address") in LOCAL
    assert answered(host)[0]["status"] == 200
    assert answered(host, kind="websocket") == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8501", "localhost.evil.example", "localhost@evil.example", "[::1",
             "127.0.0.1.nip.io", "localhost; script-src *", "localhost/x", "10.0.0.1"],
)  # fmt: skip
def test_a_name_that_somebody_led_here_is_not(host: str) -> None:
    assert answered(host)[0]["status"] == 421
    assert answered(host, kind="websocket") == [{"type": "websocket.close", "code": 1008}]


def test_the_names_of_a_server_for_others_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNVIZ_HOSTED", "1")
    assert is_ours("anything.example") and not is_ours("a b") and not is_ours("a;b")
    monkeypatch.setenv("ATTNVIZ_HOSTS", "lab.example.org, *.school.example")
    assert is_ours("lab.example.org:443") and is_ours("a.school.example")
    assert not is_ours("school.example") and not is_ours("localhost") and not is_ours("example.org")


def test_every_answer_has_the_headers_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [(name.decode(), said.decode()) for name, said in answered("localhost:8501")[0]["headers"]]
    assert len(told) == len(dict(told)) and dict(told)["x-content-type-options"] == "nosniff"
    policy = dict(one.split(" ", 1) for one in dict(told)["content-security-policy"].split("; "))
    assert policy["frame-ancestors"] == policy["default-src"] == "'self'" and policy["object-src"] == "'none'"
    assert "ws://localhost:8501" in policy["connect-src"]
    assert not [one for one in policy.values() if "*" in one or "http" in one or "unsafe-eval" in one]
    monkeypatch.setenv("ATTNVIZ_FRAMES", "https://huggingface.co")
    assert headers("x")["content-security-policy"].endswith("frame-ancestors 'self' https://huggingface.co")


def test_what_tells_of_the_server_is_closed_to_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered("localhost", "/_stcore/metrics")[0]["status"] == 200
    monkeypatch.setenv("ATTNVIZ_HOSTED", "1")
    for path in ("/_stcore/metrics", "/_stcore/agent/interact", "/_stcore/agent/openapi.json"):
        assert answered("x", path)[0]["status"] == 404
    assert answered("x", "/_stcore/health")[0]["status"] == 200


def test_forgery_from_other_pages_is_refused_by_streamlit() -> None:
    assert config.get_option("server.enableXsrfProtection") and config.get_option("server.enableCORS")
    assert not config.get_option("server.enableAgentApi")
