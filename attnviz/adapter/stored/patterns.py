"""Do a tokenizer's own patterns come to an end? Tried in a process that is stopped when they do not.

Oniguruma gives up a match after ten million steps and then begins at the next letter: a pattern may stay below that at
every letter and take minutes for a line, which no thread can end. What repeats within what repeats is seen beforehand
(`multiplying`); what repeats beside itself, as in `a*a*a*a*b`, is seen by trying alone.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from attnviz.adapter.stored import tried
from attnviz.errors import ModelError

SECONDS = 5  # of work; the patterns of GPT-4o, Llama 3, Qwen and DeepSeek together take 0.05
WALL = 60.0  # by the clock of a busy machine
MEMORY = 2**30  # bytes of addresses beside those that Python and the library take
FEW = 4  # places of a pattern that may be there or not
TRIED = Path(tried.__file__)
NAMED = re.compile(r"\\[pP]\{[^{}]*\}|\\.")  # a class of Unicode, a character that means itself: nothing repeats by it


def check_patterns(name: str, whole: dict[str, Any]) -> None:
    """Do those that tokenizer.json (`whole`) has? Raises `ModelError`. One without any starts no process."""
    found = tuple(sorted(set(_patterns(whole))))
    if found and not _end(found):
        raise ModelError("tokenizer_hangs", model=name)


def _patterns(said: Any) -> Iterator[str]:
    """Every pattern that stands in a tokenizer's parts and has something that repeats; its vocabulary is none."""
    if isinstance(said, dict):
        for key, inner in said.items():
            if key == "Regex" and isinstance(inner, str):
                yield from [inner] if _repeats(inner) else []
            elif key not in ("model", "added_tokens"):
                yield from _patterns(inner)
    elif isinstance(said, list):
        for inner in said:
            yield from _patterns(inner)


def _repeats(pattern: str) -> bool:
    """Does anything in it come any number of times? One without that tries few ways at each letter."""
    rest = NAMED.sub("", pattern)
    return bool(set("*+{") & set(rest)) or rest.count("?") > FEW


@lru_cache(maxsize=64)
def _end(patterns: tuple[str, ...]) -> bool:
    """Are they done with short texts within `SECONDS` and `MEMORY`?"""
    if not sys.executable:  # Python inside another program
        return True
    given = json.dumps({"patterns": patterns, "seconds": SECONDS, "memory": MEMORY})
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(TRIED)], input=given, timeout=WALL, check=False, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return False
    except OSError:  # no process may be started here
        return True
    return done.returncode in (0, tried.UNKNOWN)
