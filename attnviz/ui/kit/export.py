"""Take a picture or the weights away: `attnviz.export` in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attnviz.ui.kit.language import language

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.figures import Scale
    from attnviz.text.units import Unit
    from attnviz.trace import Trace


def as_csv(trace: Trace, rule: Rule | None, layer: int, head: int) -> bytes:
    """One head as a table."""
    from attnviz import export

    return export.csv(trace, layer=layer, head=head, rule=rule)


def as_npz(trace: Trace, rule: Rule | None) -> bytes:
    """All weights."""
    from attnviz import export

    return export.npz(trace, rule=rule, language=language())


def as_html(
    trace: Trace, rule: Rule | None, layer: int, head: int, query: int, scale: Scale, specials: bool, by: Unit = "token"
) -> bytes:
    """One file that opens without a network."""
    from attnviz import export

    return export.html(
        trace, layer=layer, head=head, query=query, rule=rule, scale=scale, specials=specials, by=by,
        language=language(),
    )  # fmt: skip
