"""The terminal that a command was typed into: which language it speaks, and which characters it can take."""

from __future__ import annotations

import io
import os
import sys
from locale import getlocale
from typing import TYPE_CHECKING

from attnviz.messages import say

if TYPE_CHECKING:
    from attnviz.adapter.progress import Progress

CLEAR = "\r\033[K"  # back to the line's beginning, and empty it
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set holds, as for gettext


def language() -> str:
    """Chinese for a Chinese locale, English otherwise; Windows sets none of the variables and is asked itself."""
    said = next((found for name in VARIABLES if (found := os.environ.get(name))), None) or getlocale()[0] or ""
    return "zh" if said.lower().startswith(("zh", "chinese")) else "en"


def speak() -> None:
    """Let both streams take Chinese: in UTF-8 where the encoding has no room for it, as ASCII in a C locale has not.

    A single sign that an encoding lacks (GBK has no é in two code points) becomes a question mark.
    """
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):  # replaced by someone, who knows what they take
            continue
        try:
            "注意力".encode(stream.encoding)
        except (LookupError, UnicodeEncodeError):
            stream.reconfigure(encoding="utf-8", errors="replace")
        else:
            stream.reconfigure(errors="replace")


def tell(language: str, so_far: Progress) -> None:
    """Say how far a model is on its way, in one line that is written over; nothing where no person watches."""
    if sys.stderr.isatty():
        done, total = (round(one / 1e6) for one in (so_far.done, so_far.total))
        line = say("ui.loading_file", language, model=so_far.name, file=so_far.file, done=done, total=total)
        print(CLEAR + line if so_far.done < so_far.total else CLEAR, end="", file=sys.stderr, flush=True)
