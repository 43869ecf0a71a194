"""What a picture shows, in a sentence: for those who hear it."""

from __future__ import annotations

from attnviz.figures.choose import Head
from attnviz.messages import say


def head_in_words(shown: Head, language: str = "en") -> str:
    """The picture of one head: how many tokens, and where the largest weight goes."""
    row, column = shown.strongest
    return say(
        "figure.alt_heatmap", language, layer=shown.selection.layer, head=shown.selection.head,
        tokens=len(shown.queries.labels), query=shown.queries.labels[row], key=shown.keys.labels[column],
        weight=f"{shown.weights.nan_to_num(0.0)[row, column]:.2f}",
    )  # fmt: skip
