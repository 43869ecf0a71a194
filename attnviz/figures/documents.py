"""A document as it is read, its sentences with bars and its words on a ground of their weight, as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.figures.paint.between import legible, mixed
from attnviz.figures.paint.palette import Colours, theme
from attnviz.messages import say
from attnviz.selection import PLAIN, Style

PALE = 0.04  # a shade below this is not painted: the page's own ground says it better
HEIGHT = 430
BAR = 56  # pixels of the longest bar


@dataclass(frozen=True)
class Painted:
    """A stretch of text; `shade` is 0 to 1 (None: not a word, never painted), `said` what pointing at it says."""

    text: str
    shade: float | None = None
    said: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class Row:
    """One sentence: its stretches, its bar (0 to 1) and what is written beside it."""

    parts: Sequence[Painted]
    bar: float
    beside: str
    chosen: bool = False


def document(rows: Sequence[Row], style: Style = PLAIN, side: str = f"{BAR + 4}px") -> str:
    """Which sentences and words count? A line for each sentence; the whole scrolls where it does not fit.

    What is written beside the lines has the width `side`, a CSS length.
    """
    look, high = theme(style), style.pixels(HEIGHT)
    lines = "".join(_row(row, look, side) for row in rows)
    said = html.escape(say("figure.document", style.language), quote=True)
    return (
        f"<div class='document' tabindex='0' role='group' aria-label='{said}' "
        f"style='max-height:{high}px;overflow-y:auto;line-height:1.75;font-size:.92rem;"
        f"color:{look.text}'>{lines}</div>"
    )


def _row(row: Row, look: Colours, side: str) -> str:
    """One sentence with its bar to the left."""
    frame = f"2px solid {look.accent}" if row.chosen else "2px solid transparent"
    width = round(BAR * min(max(row.bar, 0.0), 1.0))
    words = "".join(_part(part, look) for part in row.parts)
    return (
        f"<div style='display:flex;gap:.6rem;align-items:flex-start;border-left:{frame};padding:.1rem 0 .1rem .4rem'>"
        f"<div style='flex:0 0 {side};font-size:.72rem;line-height:1.2;padding-top:.2rem;color:{look.faint}'>"
        f"<div style='width:{width}px;height:7px;border-radius:2px;margin-bottom:2px;background:{look.ramp[3]}'></div>"
        f"{html.escape(row.beside)}</div>"
        f"<div style='flex:1;min-width:0;overflow-wrap:anywhere' dir='auto'>{words}</div></div>"
    )


def _part(part: Painted, look: Colours) -> str:
    """One stretch of text."""
    shown = html.escape(part.text)
    if part.shade is None:
        return shown
    styles = [f"outline:2px solid {look.accent}"] if part.chosen else []
    if part.shade >= PALE:
        ground = mixed(look.ramp, part.shade)
        ink = legible(ground)
        styles += [f"background:{ground}", f"color:{ink}", "border-radius:3px"]
    style = f" style='{';'.join(styles)}'" if styles else ""
    return f"<span title='{html.escape(part.said)}'{style}>{shown}</span>"
