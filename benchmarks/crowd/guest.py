"""One person without a browser: a websocket that speaks Streamlit's protocol, and what was sent to it."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PATIENCE = 240  # seconds for one page
DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass
class Seen:
    """What came between an act and the end of the page: the messages as bytes, the elements by their place."""

    seconds: float = 0.0
    raw: list[bytes] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


class Guest:
    """A person with a session of their own on the server at `port`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.widgets: dict[str, str] = {}  # by the key that the app gave them
        self._hashes: set[str] = set()
        self._line: Any = None

    async def come(self, page: str, link: Mapping[str, str]) -> Seen:
        """Fetch the page itself, then all that Streamlit sends for it."""
        start = time.monotonic()
        await asyncio.to_thread(_fetched, f"http://localhost:{self.port}/{page}?{urlencode(link)}")
        self._line = await websockets.connect(
            f"ws://localhost:{self.port}/_stcore/stream", subprotocols=["streamlit"], max_size=None, ping_interval=None
        )
        seen = await self.go(page, link, again=False)
        seen.seconds = time.monotonic() - start
        return seen

    async def go(self, page: str, link: Mapping[str, str], again: bool = True) -> Seen:
        """Open a page by a link; `again`, as Back and Forward do, where the address rules over the session."""
        asked = BackMsg()
        asked.rerun_script.query_string, asked.rerun_script.page_name = urlencode(link), page
        asked.rerun_script.is_history_navigation = again
        self.widgets.clear()
        return await self._ask(asked)

    async def set(self, key: str, value: str, page: str, link: Mapping[str, str]) -> Seen:
        """Type or choose something in the control of that key."""
        asked = BackMsg()
        asked.rerun_script.query_string, asked.rerun_script.page_name = urlencode(link), page
        asked.rerun_script.widget_states.widgets.add(id=self.widgets[key], string_value=value)
        return await self._ask(asked)

    async def leave(self) -> None:
        """Close the tab."""
        if self._line is not None:
            await self._line.close()

    async def _ask(self, asked: BackMsg) -> Seen:
        start, seen = time.monotonic(), Seen()
        asked.rerun_script.cached_message_hashes.extend(self._hashes)
        await self._line.send(asked.SerializeToString())
        async with asyncio.timeout(PATIENCE):
            while self._hear(await self._line.recv(), seen):
                pass
        seen.seconds = time.monotonic() - start
        return seen

    def _hear(self, raw: bytes, seen: Seen) -> bool:
        """Take one message in; False after the last."""
        message = ForwardMsg.FromString(raw)
        seen.raw.append(raw)
        if message.metadata.cacheable and message.hash:
            self._hashes.add(message.hash)
        kind = message.WhichOneof("type")
        if kind == "delta":
            self._element(message.delta.new_element, seen)
        return not (kind == "script_finished" and message.script_finished in DONE)

    def _element(self, element: Any, seen: Seen) -> None:
        kind = element.WhichOneof("type")
        one = getattr(element, kind) if kind else None
        name = str(getattr(one, "id", "")).partition("-")[2].partition("-")[2] if kind else ""
        if name:
            self.widgets[name] = one.id
        if kind == "plotly_chart":
            seen.figures[name] = one.spec
        elif kind == "exception":
            seen.faults.append(f"{one.type}: {one.message}")
        elif kind == "alert":
            (seen.faults if one.format == Alert.ERROR else seen.said).append(one.body)


def _fetched(address: str) -> None:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        answer.read()
