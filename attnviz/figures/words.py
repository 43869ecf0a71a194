"""What a picture shows, in a sentence: for those who hear it."""

from __future__ import annotations

from attnviz.figures.choose import Head
from attnviz.messages import say


def head_in_words(shown: Head, language: str = "en") -> str:
    """The picture of one head: how many queries and keys, of whatever kind, and where the largest weight goes."""
    row, column = shown.strongest
    queries, keys = shown.queries.labels, shown.keys.labels
    return say(
        "figure.alt_crossed" if shown.crossed else "figure.alt_heatmap", language,
        layer=shown.selection.layer, head=shown.selection.head, queries=len(queries), keys=len(keys),
        query=queries[row], key=keys[column], weight=f"{shown.weights.nan_to_num(0.0)[row, column]:.2f}",
    )  # fmt: skip
