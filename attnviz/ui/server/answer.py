"""An answer that is made anew each time, as a cache, a proxy and a phone on a slow line want it: its ETag, gzip, HEAD.

RFC 9110: sections 8.8.3 (ETag, weak for the same page in another coding), 9.3.2 (HEAD), 13.1.2 (If-None-Match); a
Range may be left unheeded (14.2).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

Pairs = list[tuple[bytes, bytes]]
LEAST = 1000  # bytes: less is not worth it
LEVEL = 6
OWN = (b"content-length", b"content-encoding", b"etag", b"accept-ranges", b"last-modified", b"vary")
VARY = b"Accept-Encoding, Accept-Language, Cookie"  # the language of the picture; who was here before
NONE = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*$")


def answer(method: str, asked: Mapping[str, str], body: bytes, headers: Pairs) -> tuple[int, Pairs, bytes]:
    """The status, the headers and the body of an answer of 200 with that body, to who sent the headers `asked`."""
    tag = tag_of(body)
    kept = [pair for pair in headers if pair[0].lower() not in OWN]
    kept += [(b"etag", tag.encode()), (b"vary", VARY)]
    if tag in (one.strip() for one in asked.get("if-none-match", "").split(",")):
        return 304, [pair for pair in kept if pair[0].lower() != b"content-type"], b""
    if len(body) > LEAST and takes_gzip(asked.get("accept-encoding", "")):
        body = packed(body)
        kept.append((b"content-encoding", b"gzip"))
    kept.append((b"content-length", str(len(body)).encode()))
    return 200, kept, b"" if method == "HEAD" else body


def tag_of(body: bytes) -> str:
    """What names this body, in whatever coding it travels.

    >>> tag_of(b"a") == tag_of(b"a") != tag_of(b"b")
    True
    """
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


def takes_gzip(accepted: str) -> bool:
    """Does a browser take it?

    >>> takes_gzip("gzip, deflate, br"), takes_gzip("gzip;q=0, br"), takes_gzip("")
    (True, False, False)
    """
    return any(one.strip().startswith("gzip") and not NONE.match(one.strip()) for one in accepted.split(","))


@lru_cache(maxsize=64)  # two pages of 25 kB in each language, and what links ask for: 2 MB
def packed(body: bytes) -> bytes:
    """The body in gzip."""
    return gzip.compress(body, LEVEL, mtime=0)
