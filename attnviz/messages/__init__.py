"""Every short text a person reads, in both languages: the files of the folders ``zh`` and ``en`` beside this one.

``common.toml`` holds what several pages say; a page's own words stand in a file of its name. A group (``[error]``) may
go on from file to file, a key may not be said twice.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

LANGUAGES = ("zh", "en")


@cache
def table(language: str) -> dict[str, str]:
    """All messages of one language, keys joined by dots (``error.text_empty``)."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is not one of {LANGUAGES}")
    found: dict[str, str] = {}
    folder = files(__package__).joinpath(language)
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        nested = tomllib.loads(file.read_text(encoding="utf-8"))
        said = {f"{group}.{key}": text for group, texts in nested.items() for key, text in texts.items()}
        if twice := said.keys() & found.keys():
            raise ValueError(f"{file.name} says again {sorted(twice)}")
        found |= said
    return found


def say(key: str, language: str, /, **values: object) -> str:
    """The message `key` in `language`, its places filled with `values`.

    >>> say("error.text_empty", "zh")
    '这里还没有文字：请输入一句话。'
    """
    return table(language)[key].format(**values)


def signed(value: float, digits: int = 2) -> str:
    """A change with its sign, which nothing has not; the minus is one.

    >>> signed(0.128), signed(-1.5), signed(-0.001)
    ('+0.13', '−1.50', '0.00')
    """
    said = f"{value:+.{digits}f}".replace("-", "−")
    return said if said.strip("+−0.") else said[1:]
