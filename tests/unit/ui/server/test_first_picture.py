"""The first picture: which links have one, and that it shows the run's own weights."""

from __future__ import annotations

import asyncio
import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from attnviz import load, record
from attnviz.figures.paint.palette import LIGHT
from attnviz.ui.server.app import FirstPicture
from attnviz.ui.server.first_picture import PictureRequest, asked, drawn

BRIDGE = "南京市长江大桥"
PAGE = b"<html><body><div id='root'></div></body></html>"


def test_plain_address_asks_for_the_start_in_the_browsers_language() -> None:
    assert asked({}, "zh-CN,zh;q=0.9") == PictureRequest("zh", BRIDGE, "lab-4", 3, 2)
    assert asked({}, "fr,en;q=0.5") == PictureRequest("en", BRIDGE, "lab-4", 3, 2)
    assert asked({}, "") == PictureRequest("en", BRIDGE, "lab-4", 3, 2)


def test_link_says_which_picture() -> None:
    query = {"lang": "zh", "text": "猫", "model": "lab-8", "layer": "1", "head": "7"}
    assert asked(query, "en") == PictureRequest("zh", "猫", "lab-8", 1, 7)


@pytest.mark.parametrize(
    "query",
    [
        {"rule": "hard"}, {"scale": "log"}, {"text": " "}, {"text": "长" * 121}, {"model": "lab-3"}, {"layer": "-1"},
        {"lang": "fr"}, {"unknown": "1"}, {"blank": "2"},
    ],
    ids=str,
)  # fmt: skip
def test_link_that_asks_for_more_is_left_to_the_page(query: dict[str, str]) -> None:
    assert asked(query, "en") is None


def test_picture_shows_the_weights_of_the_run() -> None:
    picture = drawn(PictureRequest("en", BRIDGE, "lab-4", 3, 2))
    light = picture.split("attnviz-dark")[1].split("attnviz-light")[-1]
    first = re.findall(r"fill='(#[0-9a-f]{6})'", picture.split("<svg")[1])
    weights = record(load("lab-4"), BRIDGE).weights(3, 2)
    assert light and len(first) == weights.numel() + 1  # and the colour of the labels
    depth = [sum(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in first[1:]]
    heaviest, lightest = int(weights.argmax()), int(weights.argmin())
    assert depth.index(min(depth)) == heaviest
    assert depth[lightest] == max(depth)
    assert first[0] == LIGHT.text
    assert "lab-4, layer 3, head 2" in picture and "[CLS]" in picture


def test_layers_and_heads_beyond_the_model_are_drawn_as_its_last() -> None:
    assert "layer 3, head 1" in drawn(PictureRequest("en", BRIDGE, "lab-2", 99, 99))


def test_text_is_never_taken_for_markup() -> None:
    picture = drawn(PictureRequest("en", "<script>alert(1)</script>&'\"", "lab-4", 0, 0))
    body = picture.split("</style>")[1].split("<script>")[0]
    assert "&lt;" in body and "&#x27;" in body and "&amp;" in body and "&quot;" in body
    assert set(re.findall(r"<(\w+)", body)) == {"div", "p", "svg", "g", "rect", "text"}


@pytest.mark.parametrize("text", ["长江" * 40, "\u200b"])
def test_text_that_a_glance_cannot_hold_has_no_picture(text: str) -> None:
    assert drawn(PictureRequest("en", text, "lab-4", 0, 0)) == ""


def served(path: str, query: bytes = b"", method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = ()) -> Any:
    """What the middleware sends around a page of its own, and the headers that the page was asked with."""
    sent: list[Any] = []
    seen: list[Any] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"47"), (b"etag", b"x")]}
        )
        await send({"type": "http.response.body", "body": PAGE[:20], "more_body": True})
        await send({"type": "http.response.body", "body": PAGE[20:]})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": list(headers)}
    with ThreadPoolExecutor(1) as other:  # the browser tests leave a loop running in this thread
        other.submit(lambda: asyncio.run(FirstPicture(page)(scope, receive, send))).result()
    return b"".join(message.get("body", b"") for message in sent), sent[0].get("headers"), seen


def test_page_of_the_root_carries_the_picture_and_its_own_length() -> None:
    asked_with = ((b"range", b"bytes=0-9"), (b"if-none-match", b"x"), (b"accept-language", b"zh"))
    body, headers, seen = served("/", headers=asked_with)
    assert body.startswith(PAGE[:-14]) and body.endswith(b"</body></html>")
    assert "南".encode() in body and "谁在看谁".encode() in body
    assert dict(headers)[b"content-length"] == str(len(body)).encode()
    assert seen == [(b"accept-language", b"zh")]


@pytest.mark.parametrize(
    ("path", "query", "method"),
    [("/readings", b"", "GET"), ("/static/js/index.js", b"", "GET"), ("/", b"rule=hard", "GET"), ("/", b"", "POST")],
)
def test_everything_else_passes_untouched(path: str, query: bytes, method: str) -> None:
    body, headers, _ = served(path, query, method)
    assert body == PAGE and (b"content-length", b"47") in headers


def test_the_same_page_is_known_again_and_sent_small() -> None:
    body, headers, _ = served("/", headers=((b"accept-language", b"zh"),))
    tag = dict(headers)[b"etag"]
    packed, small, _ = served("/", headers=((b"accept-language", b"zh"), (b"accept-encoding", b"br, gzip")))
    assert gzip.decompress(packed) == body and len(packed) < len(body) / 2
    assert dict(small)[b"content-encoding"] == b"gzip" and dict(small)[b"etag"] == tag
    assert dict(small)[b"content-length"] == str(len(packed)).encode() and b"Accept-Encoding" in dict(small)[b"vary"]
    empty, again, _ = served("/", headers=((b"accept-language", b"zh"), (b"if-none-match", b'"a", ' + tag)))
    assert empty == b"" and dict(again)[b"etag"] == tag and b"content-length" not in dict(again)
    assert dict(served("/", headers=((b"accept-language", b"en"),))[1])[b"etag"] != tag


def test_who_asks_for_the_head_alone_hears_what_the_whole_page_would_say() -> None:
    asked_with = ((b"accept-language", b"zh"), (b"accept-encoding", b"gzip"))
    body, headers, _ = served("/", method="HEAD", headers=asked_with)
    assert body == b"" and headers == served("/", headers=asked_with)[1]
