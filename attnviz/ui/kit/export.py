"""Take a picture or the weights away: `attnviz.export` of what is chosen, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attnviz.ui.kit.languages import language

if TYPE_CHECKING:
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace


def as_csv(trace: Trace, selection: Selection) -> bytes:
    """The chosen head as a table."""
    from attnviz import export

    return export.csv(trace, layer=selection.layer, head=selection.head, rule=selection.rule)


def as_npz(trace: Trace, selection: Selection) -> bytes:
    """All weights, under the chosen rule."""
    from attnviz import export

    return export.npz(trace, rule=selection.rule, language=language())


def as_html(trace: Trace, selection: Selection, style: Style) -> bytes:
    """One file that opens without a network."""
    from attnviz import export

    return export.page(trace, selection, style)
