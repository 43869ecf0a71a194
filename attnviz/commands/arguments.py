"""The words of a command line, read so that whatever is wrong with them can be said in the user's language.

argparse finds the options; each may be left out as far as it is concerned, so that it has nothing to say (in English)
by itself. What has no name is told apart here, wherever it stands: argparse gives up on it after the first option.
"""

from __future__ import annotations

import re
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attnviz.errors import AttnvizError
from attnviz.messages import LANGUAGES

COMMANDS = ("app", "cards", "show", "corpus")
PLACES = {"show": ("MODEL", "TEXT"), "corpus": ("MODEL", "FILE")}  # what has no name, in this order
OPTIONS = {
    "show": ("--output", "--pair", "--target"),
    "corpus": ("--out", "--measure", "--executor", "--workers", "--threads"),
}
SHORT = {"--output": "-o", "--out": "-o"}
NEEDED = {"show": ("MODEL", "TEXT", "--output"), "corpus": ("MODEL", "FILE", "--out")}
ASKING = ("-h", "--help", "-V", "--version")
EMPTY = "\0"  # an option that was named without its value: no command line can hold this character
OPTION = re.compile(r"--?[A-Za-z]")  # "-5 °C" and "- so what?" are texts


def split(given: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The command and its words; "" where only help or the version is asked for, "app" for options of Streamlit.

    >>> split(["--server.port", "8600"]), split(["cards", "--lang", "zh"])
    (('app', ['--server.port', '8600']), ('cards', ['--lang', 'zh']))
    """
    if given and given[0] in COMMANDS[1:]:
        return given[0], given[1:]
    if given and given[0] != "app" and not given[0].startswith("-"):
        raise AttnvizError("command_unknown", given=given[0])
    if set(given) & set(ASKING):
        return "", given
    return "app", given[1:] if given[:1] == ["app"] else given


@dataclass(frozen=True)
class Arguments:
    """What was said to one command: its values by their names on the command line, and what it does not know."""

    name: str
    values: Mapping[str, str]
    beyond: tuple[str, ...]
    help: bool
    version: bool

    @staticmethod
    def read(name: str, words: Sequence[str]) -> Arguments:
        """Split the words; nothing is checked yet, so that the language can be known first."""
        parser = ArgumentParser(add_help=False, allow_abbrev=False, argument_default=SUPPRESS)
        for asking in (ASKING[:2], ASKING[2:]):
            parser.add_argument(*asking, action="store_true")
        for option in (*OPTIONS.get(name, ()), "--lang"):
            parser.add_argument(*filter(None, (SHORT.get(option), option)), nargs="?", const=EMPTY, dest=option)
        end = list(words).index("--") if "--" in words else len(words)
        known, others = parser.parse_known_args(words[:end])
        placed = [word for word in others if not OPTION.match(word)] + list(words[end + 1 :])
        places, values = PLACES.get(name, ()), vars(known)
        asked = [bool(values.pop(asking, False)) for asking in ("help", "version")]
        beyond = [word for word in others if OPTION.match(word)] + placed[len(places) :]
        return Arguments(name, values | dict(zip(places, placed, strict=False)), tuple(beyond), *asked)

    def language(self, otherwise: str) -> str:
        """The language that was asked for by `--lang`, where it is one that we speak."""
        said = self.values.get("--lang")
        return said if said in LANGUAGES else otherwise

    def checked(self) -> Mapping[str, str]:
        """The values. Raises `AttnvizError` with the first thing that is wrong with them."""
        for option in (name for name, value in self.values.items() if value == EMPTY):
            raise AttnvizError("command_no_value", option=option)
        if (said := self.values.get("--lang")) is not None and said not in LANGUAGES:
            raise AttnvizError("command_language", given=said)
        if self.beyond:
            raise AttnvizError("command_beyond", given=self.beyond[0], command=f"attnviz {self.name}")
        for need in (need for need in NEEDED.get(self.name, ()) if need not in self.values):
            raise AttnvizError("command_missing", need=need, command=f"attnviz {self.name}")
        return self.values
