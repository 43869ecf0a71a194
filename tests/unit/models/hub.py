"""A stand-in for the Hub on this machine: it serves files and every kind of failure, and remembers what was asked."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import huggingface_hub
import pytest
from huggingface_hub import constants

from attnviz.models import hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RESOLVE = re.compile(r"/(?P<name>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
Spoil = Callable[[bytes], bytes]


@dataclass
class Fault:
    """What goes wrong with one file: after `after` bytes of an answer the connection is cut, or `stall`s.

    `status` answers with an error; `spoil` changes the bytes on their way, and not their name.
    """

    after: int | None = None
    stall: bool = False
    status: int | None = None
    spoil: Spoil = bytes


@dataclass
class StandIn:
    """The Hub's models, by name, and what is wrong with them. `asked` are all requests: method, path, range."""

    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    unknown: int = 404  # the Hub itself answers 401 to those who are not logged in
    strange: bool = False
    ranges: bool = True
    codes: bool = True  # says with an error what is missing; simple mirrors do not
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def add(self, name: str, folder: Path) -> None:
        """Serve the files of a folder."""
        self.models[name] = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def fetched(self, file: str) -> list[str]:
        """The ranges with which the bytes of a file were asked for."""
        return [part for method, path, part in self.asked if method == "GET" and path.endswith(f"/{file}")]

    def elsewhere(self) -> list[tuple[str, str, str]]:
        """Requests for anything but a file: listings, descriptions, statistics."""
        return [one for one in self.asked if not RESOLVE.fullmatch(one[1])]


class Answers(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    hub: StandIn

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        """A file, or what the Hub says instead."""
        path = unquote(self.path)
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        asked = RESOLVE.fullmatch(path)
        name = asked["name"] if asked else ""
        fault = self.hub.faults.get(asked["file"] if asked else "", Fault())
        if self.hub.strange:
            self.say(200, {}, b"<html>please log in</html>", body)
        elif asked is None or name not in self.hub.models:
            self.say(self.hub.unknown, {"X-Error-Code": "RepoNotFound"}, b"", body)
        elif name in self.hub.gated:
            self.say(401, {"X-Error-Code": "GatedRepo"}, b"", body)
        elif asked["revision"] not in ("main", COMMIT):
            self.say(404, {"X-Error-Code": "RevisionNotFound"}, b"", body)
        elif asked["file"] not in self.hub.models[name]:
            self.say(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b"", body)
        elif fault.status is not None:
            self.say(fault.status, {}, b"", body)
        else:
            self.file(asked["file"], self.hub.models[name][asked["file"]], fault, body)

    def file(self, name: str, content: bytes, fault: Fault, body: bool) -> None:
        """A file, whole or from where it is asked for, named as the Hub names it."""
        large = name.endswith(".safetensors")
        etag = sha256(content).hexdigest() if large else sha1(content).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        content, status = fault.spoil(content), 200
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and self.hub.ranges:
            begin = int(asked[1])
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            content, status = content[begin:], 206
        self.say(status, headers, content, body, fault)

    def say(self, status: int, headers: dict[str, str], content: bytes, body: bool, fault: Fault | None = None) -> None:
        """Send an answer, as much of it as the fault lets through."""
        self.send_response(status)
        if not self.hub.codes:
            headers = {name: value for name, value in headers.items() if name != "X-Error-Code"}
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        after = None if fault is None else fault.after
        try:
            self.wfile.write(content if after is None else content[:after])
            self.wfile.flush()
        except OSError:  # whoever asked has heard enough
            self.close_connection = True
        if fault is not None and fault.after is not None:
            if fault.stall:
                self.hub.over.wait(20)
            self.close_connection = True


class Quiet(ThreadingHTTPServer):
    """A server that takes it in silence when a connection is dropped."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(hub: StandIn) -> Iterator[StandIn]:
    """Let the stand-in answer at `address`."""
    server = Quiet(("127.0.0.1", 0), type("Bound", (Answers,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def endpoint(patch: pytest.MonkeyPatch, cache: Path) -> Iterator[StandIn]:
    """The stand-in as HF_ENDPOINT, and an empty cache. In the end nothing but files may have been asked for."""
    with serving(StandIn()) as server:
        other = f"{server.address}/not-the-endpoint"  # were HF_ENDPOINT not honoured, or asked by the library itself
        patch.setenv("HF_ENDPOINT", server.address)
        patch.setattr(constants, "ENDPOINT", other)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", other + "/{repo_id}/resolve/{revision}/{filename}")
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        patch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.5)
        patch.setattr(hub, "PAUSE", 0.0)
        yield server
        server.over.set()
        huggingface_hub.close_session()
        assert server.elsewhere() == []
