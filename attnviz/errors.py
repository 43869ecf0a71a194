"""What can go wrong through no fault of ours, each told in one sentence of the reader's language.

    AttnvizError            base: a message id and the values that fill its sentence
    |- TextError            the text cannot be used (empty, too long, ...)
    |- RuleError            a rule was given a number outside its range
    |- ArgumentError        a function was given a thing of another kind than it takes
    |- ModelError           the model cannot be found, loaded or read
    |- PictureError         the picture cannot be opened
    |- SoundError           the sound cannot be opened
    |- SeriesError          the values over time cannot be used
    |- Stopped              a run was stopped at the reader's wish

The sentences live in ``messages/{zh,en}/*.toml`` under ``error.<id>``.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from attnviz.messages import say

LONGEST = 600  # characters of one value in a sentence: a path may have some hundred, a pasted text any number
veils: list[Callable[[str], str]] = []  # what sentences may not say of this machine, a server takes out of their words
SHORT = 80  # characters of a thing of another kind than was asked for


def is_fault(error: BaseException) -> bool:
    """Has something gone wrong? Not so where someone wishes that the work end (Ctrl-C, Streamlit's own stops)."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"  # what Rust raises, through pyo3


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of a library's own message, its type where it has none; at most `most` characters.

    >>> first_line(OSError("no such file\\nand more")), first_line(KeyError())
    ('no such file', 'KeyError')
    """
    try:
        said = str(error).strip()
    except Exception:  # it may hold a thing that cannot say what it is
        said = ""
    return (said.splitlines() or [type(error).__name__])[0][:most]


def shown(value: object, most: int = SHORT) -> str:
    """What a sentence calls a thing of whatever kind: what Python would print, or its kind where that fails or is long.

    >>> shown(3.5), shown("ab"), shown([0] * 99)
    ('3.5', "'ab'", 'a list')
    """
    try:
        found = ascii(value) if not isinstance(value, str) else repr(value)
    except Exception:  # a number of more than 4,300 digits, a thing that cannot say what it is
        found = ""
    return found if 0 < len(found) <= most else f"a {type(value).__name__}"


def array_shown(value: Any) -> str:
    """The same, an array of NumPy by its numbers and shape.

    >>> import numpy
    >>> array_shown(numpy.zeros((2, 3))), array_shown(3.5)
    ('float64 [2, 3]', '3.5')
    """
    if type(value).__name__ == "ndarray":
        return f"{value.dtype} [{', '.join(map(str, value.shape))}]"
    return shown(value)


def _fitting(value: object) -> object:
    """A value as a sentence can hold it: numbers as they are, words of some length that any screen can show."""
    if isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 10**30):
        return value
    try:
        found = str(value)
    except Exception:
        return shown(value)
    for veil in veils:
        found = veil(found)
    found = found.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # no half of a pair
    return found if len(found) <= LONGEST else f"{found[: LONGEST - 1]}…"


class AttnvizError(Exception):
    """A reader's mistake. `str(error)` is the English sentence; `error.say("zh")` the Chinese one.

    Raise it with a message id and the values that the sentence names:

    >>> str(TextError("text_empty"))
    'There is nothing to read yet: type a sentence.'
    """

    def __init__(self, message: str, /, **values: object) -> None:
        self.message = message
        self.values = values
        super().__init__(self.say("en"))

    def __reduce__(self) -> tuple[object, ...]:
        """Copied and pickled by id and values, not by the sentence."""
        return _again, (type(self), self.message, self.values)

    def say(self, language: str, shown: Callable[[object], str] | None = None) -> str:
        """The sentence in `language` (``"zh"`` or ``"en"``).

        `shown` writes the values that are no numbers, for a page that would take their marks for formatting.
        """
        values = {name: _fitting(value) for name, value in self.values.items()}
        if shown is not None:
            values = {name: value if isinstance(value, Number) else shown(value) for name, value in values.items()}
        return say(f"error.{self.message}", language, **values)


class TextError(AttnvizError):
    """The text cannot be used."""


class RuleError(AttnvizError, ValueError):
    """A rule was given a number outside its range."""


class ArgumentError(AttnvizError, ValueError):
    """A function was given a thing of another kind than it takes, or a number outside its range."""


class ModelError(AttnvizError):
    """The model cannot be found, loaded or read."""


class PictureError(AttnvizError):
    """The picture cannot be opened."""


class SoundError(AttnvizError):
    """The sound cannot be opened."""


class SeriesError(AttnvizError):
    """The values over time cannot be used."""


class Stopped(AttnvizError):
    """A run was stopped at the reader's wish."""


def _again(kind: type[AttnvizError], message: str, values: dict[str, object]) -> AttnvizError:
    """The same error once more."""
    return kind(message, **values)
