"""One link followed, or one file brought, as a stranger does it."""

from __future__ import annotations

import io
import logging
import os
from typing import Any

import numpy as np

from attnviz.errors import AttnvizError
from attnviz.messages import table
from tests.pages.opened import ROOT, file_of

LIMIT = 55  # seconds in which a page is to stand; the work in it has a limit of its own
HERE = ("127.0.0.1", "::1", "localhost")
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
    """Follow a link. Raises what must not be: an exception, a fault, a foreign host."""
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.testing.v1 import AppTest

    os.environ["ATTNVIZ_HOSTED"] = "1" if hosted else ""
    foreign.clear()
    try:
        at = AppTest.from_file(str(file_of(page)), default_timeout=LIMIT)
        PagesManager.uses_pages_directory = False
        for name, value in {"lang": "en", **said}.items():
            at.query_params[name] = value
        at.run()
    finally:
        os.environ["ATTNVIZ_HOSTED"] = ""
    wrong = [str(one.value) for one in at.exception] + [one.value for one in at.error if FAULT in str(one.value)]
    assert not wrong, f"{page}: {wrong[0]} {faults[-1:]}"
    assert not foreign, f"{page} asks {foreign[0]}"
    return f"{page}: {len(at.main)} elements"


def brought(kind: str, share: float, changed: list[tuple[float, int]], more: bytes) -> str:
    """Bring a file. Raises `AttnvizError`, or what must not be."""
    content = bytearray(_whole(kind))
    content = content[: max(int(len(content) * share), 1)]
    for where, mask in changed:
        content[min(int(where * len(content)), len(content) - 1)] ^= mask
    return f"{kind}: {_opened(kind, bytes(content) + more)!r}"[:200]


def _opened(kind: str, content: bytes) -> object:
    """As the app opens it."""
    if kind in ("png", "jpeg", "gif", "bmp"):
        from attnviz.pictures import open_picture

        return open_picture(content, name=f"x.{kind}").pixels.shape
    if kind in ("wav", "flac"):
        from attnviz.sounds import open_sound

        return open_sound(content, name=f"x.{kind}", most=30).samples.shape
    from attnviz.text.decode import decoded

    return len(decoded(content) or "")


def _whole(kind: str) -> bytes:
    """A small file of that kind as it should be."""
    file = io.BytesIO()
    if kind in ("png", "jpeg", "gif", "bmp"):
        from PIL import Image

        Image.fromarray(np.arange(3 * 24 * 18, dtype=np.uint8).reshape(24, 18, 3)).save(file, kind)
    elif kind in ("wav", "flac"):
        import soundfile

        soundfile.write(file, np.sin(np.arange(4000) / 9), 8000, format=kind)
    else:
        return (ROOT / "README.md").read_bytes()[:4000]
    return file.getvalue()


class _Faults(logging.Handler):
    """The last faults of pages, for who looks for them."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not isinstance(record.exc_info[1], AttnvizError):
            faults.append(repr(record.exc_info[1])[:200])
            del faults[:-5]


faults: list[str] = []
logging.getLogger("attnviz").addHandler(_Faults())
