"""Markdown that pages write: a token that is not taken for formatting, tables, figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def plain(label: str) -> str:
    """A token inside Markdown, its marks not taken for formatting.

    >>> plain("*a_b*")
    '\\\\*a\\\\_b\\\\*'
    """
    return "".join("\\" + c if c in "\\`*_{}[]()<>#+-.!|~$:&" else c for c in label)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---") -> str:
    """A Markdown table; `align` is the mark of every column but the first: ---, or ---: for numbers."""
    lines = [list(head), ["---", *[align] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def bold(cells: Sequence[str], wanted: bool) -> list[str]:
    """The cells of a row, set in bold where the row is the one in use."""
    return [f"**{cell}**" if wanted else cell for cell in cells]


def figure_text(value: float | None) -> str:
    """A figure of a table, a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"
