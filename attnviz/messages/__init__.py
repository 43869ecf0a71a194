"""Every short text a person reads, in both languages: ``zh.toml`` and ``en.toml`` beside this file."""

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
    nested = tomllib.loads(files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    return {f"{group}.{key}": text for group, texts in nested.items() for key, text in texts.items()}


def say(key: str, language: str, /, **values: object) -> str:
    """The message `key` in `language`, its places filled with `values`.

    >>> say("error.text_empty", "zh")
    '这里还没有文字：请输入一句话。'
    """
    return table(language)[key].format(**values)
