"""Markdown that pages write: a token that is not taken for formatting, tables, figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# What Streamlit changes after Markdown has been read, where a backslash no longer helps: addresses, :emoji:, icons and
# logos by name, arrows of ASCII. They are parted by a character that is not seen.
PARTED = re.compile(r"(?i)(?<=:)(?=//|material/|[\w+-]+:)|(?<=www)(?=\.)|(?<=\S@)(?=\S)|(?<=[<>~-])(?=[->=])")
UNSEEN = "\u2060"  # word joiner


def plain(value: object) -> str:
    """Anything that we have not written ourselves, inside Markdown: a token, a name, a reason. It stands as it is.

    No mark of it formats, links, fetches a picture, or becomes a sign or a formula; a line's end is a space.

    >>> plain("*a_b*")
    '\\\\*a\\\\_b\\\\*'
    """
    text = PARTED.sub(UNSEEN, re.sub(r"\s+", " ", str(value)))
    return "".join("\\" + c if c in "\\`*_{}[]()<>#+-.!|~$:&@" else c for c in text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---") -> str:
    """A Markdown table; `align` is the mark of every column but the first: ---, or ---: for numbers."""
    lines = [list(head), ["---", *[align] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def bold(cells: Sequence[str], wanted: bool) -> list[str]:
    """The cells of a row, set in bold where the row is the one in use."""
    return [f"**{cell}**" if wanted else cell for cell in cells]


def chance(probability: float) -> str:
    """A probability of three digits; one that is smaller than they can say is not 0.

    >>> chance(0.12345), chance(0.0004), chance(0.0)
    ('0.123', '<0.001', '0.000')
    """
    return "<0.001" if 0 < probability < 0.001 else f"{probability:.3f}"


def figure_text(value: float | None) -> str:
    """A figure of a table, a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"
