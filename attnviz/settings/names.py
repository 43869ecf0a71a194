"""The names of the settings and what each is unless set, without what it takes to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "ATTNVIZ_"
FILE = "settings"  # no setting itself: where the file of settings is
ANY = "*"  # all models
Kind = Literal["switch", "number", "words", "models", "browse"]


@dataclass(frozen=True)
class Row:
    """A setting: what it takes, and what it is unless set, on one's own machine and for strangers.

    None is a value that is found out (a share of the memory); the table says so in words.
    """

    kind: Kind
    local: object
    hosted: object


TABLE: dict[str, Row] = {
    "hosted": Row("switch", False, True),
    "allow": Row("models", (ANY,), ()),
    "folders": Row("switch", True, False),
    "browse": Row("browse", "auto", "0"),
    "characters": Row("number", 0, 20_000),
    "models_mb": Row("number", None, None),
    "runs_mb": Row("number", None, None),
    "memory_mb": Row("number", None, None),
    "at_once": Row("number", 0, 0),
    "seconds": Row("number", 3_600, 60),
    "downloads_mb": Row("number", 0, 2_000),
    "upload_mb": Row("number", 200, 10),
    "hosts": Row("words", "auto", "*"),
    "frames": Row("words", "self", "self"),
    "metrics": Row("switch", True, False),
    "device": Row("words", "cpu", "cpu"),
    "dtype": Row("words", "float32", "float32"),
}


def variable(name: str) -> str:
    """A setting as a variable of the environment.

    >>> variable("models_mb")
    'ATTNVIZ_MODELS_MB'
    """
    return PREFIX + name.upper()


def option(name: str) -> str:
    """A setting as an option of the command line.

    >>> option("models_mb")
    '--models-mb'
    """
    return f"--{name.replace('_', '-')}"
