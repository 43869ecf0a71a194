"""First visitors who need no browser: what the server sends to each, read off its websocket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Navigation_pb2 import Navigation

PATIENCE = 240  # seconds for all of them together, on a machine that may be busy


@dataclass
class Visitor:
    """One person's first page: the faults on it, whether app.py stood around it, how many charts and seconds.

    Without app.py Streamlit makes a navigation of its own, at the side.
    """

    page: str
    routed: bool = False
    charts: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    async def come(self, port: int) -> None:
        """Open the page and wait until it stands."""
        start, asked = time.monotonic(), BackMsg()
        asked.rerun_script.query_string = "lang=en"
        asked.rerun_script.page_name = self.page
        address = f"ws://localhost:{port}/_stcore/stream"
        async with websockets.connect(address, subprotocols=["streamlit"], max_size=None, ping_interval=None) as line:
            await line.send(asked.SerializeToString())
            while self._hear(ForwardMsg.FromString(await line.recv())):
                pass
        self.seconds = time.monotonic() - start

    def _hear(self, message: ForwardMsg) -> bool:
        """Take one message in; False after the last."""
        kind = message.WhichOneof("type")
        self.routed |= kind == "navigation" and message.navigation.position == Navigation.TOP
        if kind == "delta":
            element = message.delta.new_element
            self.charts += element.WhichOneof("type") == "plotly_chart"
            if element.WhichOneof("type") == "exception":
                self.faults.append(element.exception.message)
            elif element.WhichOneof("type") == "alert" and element.alert.format == Alert.ERROR:
                self.faults.append(element.alert.body)
        return kind != "script_finished"


def come_at_once(port: int, pages: Sequence[str]) -> list[Visitor]:
    """As many visitors as pages are named, all at the same moment."""
    visitors = [Visitor(page) for page in pages]

    async def all_of_them() -> None:
        await asyncio.wait_for(asyncio.gather(*(one.come(port) for one in visitors)), PATIENCE)

    with ThreadPoolExecutor(1) as own:  # Playwright leaves a loop of its own running in the thread of the tests
        own.submit(asyncio.run, all_of_them()).result()
    return visitors
