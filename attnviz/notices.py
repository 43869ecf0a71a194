"""What a reader should know of a model that was opened: one line each, of what the folder holds and is not used.

The sentences live in ``messages/{zh,en}/notices.toml`` under ``notice.<id>``.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Number
from pathlib import Path
from types import FrameType

from attnviz.messages import say

HERE = str(Path(__file__).parent)


class AttnvizWarning(UserWarning):
    """A notice, as Python's own warning."""


@dataclass(frozen=True)
class Notice:
    """A message id and the values that its sentence names; `notice.say("zh")` is the sentence.

    >>> Notice("folder_below", {"model": "run", "place": "checkpoint-500"}).say("en")
    'run holds its model in checkpoint-500: that is what is open.'
    """

    message: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.say("en")

    def say(self, language: str, shown: Callable[[object], str] | None = None) -> str:
        """The sentence in `language` (``"zh"`` or ``"en"``); `shown` writes the values that are no numbers."""
        values = self.values
        if shown is not None:
            values = {name: value if isinstance(value, Number) else shown(value) for name, value in values.items()}
        return say(f"notice.{self.message}", language, **values)


def warn(notices: Iterable[Notice]) -> None:
    """Tell each as a Python warning, at the line outside this package that led here."""
    for notice in notices:
        warnings.warn(f"attnviz: {notice}", AttnvizWarning, stacklevel=_caller())


def _caller() -> int:
    """How many frames above `warn` is the first that is not of this package? (`skip_file_prefixes` needs 3.12.)"""
    frame: FrameType | None = sys._getframe(2)
    level = 2
    while frame is not None and frame.f_code.co_filename.startswith(HERE):
        frame, level = frame.f_back, level + 1
    return level
