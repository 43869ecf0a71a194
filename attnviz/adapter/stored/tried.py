"""Run by `patterns` as a program of its own: cut short texts by the patterns given, within limits, and end with 0.

It imports nothing of attnviz, so that it begins within a tenth of a second.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

UNKNOWN, FAILED = 3, 1
SIZES = (30, 60, 120, 240)
LETTERS = "aA1 \n\t中é.!'_-\x00"
MOST = 24  # characters of the patterns themselves that are tried


def limit(seconds: int, memory: int) -> None:
    """No more time and memory for this process; nothing where the system has no such limits."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").is_file() else 0
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        if pages:
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory,) * 2)


def texts(pattern: str) -> Iterator[str]:
    """One letter many times over, alone and before another: letters of all kinds, and those of the pattern."""
    for letter in dict.fromkeys([*LETTERS, *[one for one in pattern if one.isalnum()][:MOST]]):
        for size in SIZES:
            yield letter * size
            yield letter * size + ("!" if letter != "!" else "a")
    yield "the cat sat on the mat, 3 times. 南京市长江大桥\n" * 5


def main() -> int:
    """0 where all end; `UNKNOWN` where the library is not there, or a pattern is none, which is said elsewhere."""
    given = json.load(sys.stdin)
    try:
        from tokenizers import Regex
        from tokenizers.pre_tokenizers import Split
    except ImportError:
        return UNKNOWN
    limit(given["seconds"], given["memory"])
    for pattern in given["patterns"]:
        try:
            split = Split(Regex(pattern), "isolated")
        except Exception:
            continue
        for text in texts(pattern):
            try:
                split.pre_tokenize_str(text)
            except BaseException:  # a match that was given up
                return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
