"""Take away what fits: the window that is shown. All weights of a long text would fill the disk."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from attnviz.ui.pages.long.view import Window

if TYPE_CHECKING:
    from attnviz.selection import Selection
    from attnviz.trace import Trace


MOST_PAIRS = 2**20  # of a window that is offered as a file: 4 MB of weights, some 40 MB as a table


def as_csv(trace: Trace, selection: Selection, now: Window) -> bytes:
    """The window as a table, a row for each pair that is allowed. UTF-8 with a mark for Excel."""
    from attnviz.core import blocks as streaming

    weights = streaming.window(selection.attention(trace), now.queries, now.keys)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["layer", "head", "query", "query_token", "key", "key_token", "weight"])
    for query, row in zip(now.queries, weights.tolist(), strict=True):
        for key, weight in zip(now.keys, row, strict=True):
            if weight == weight:  # NaN: not allowed
                names = trace.tokens[query], trace.key_tokens[key]
                table.writerow([selection.layer, selection.head, query, names[0], key, names[1], f"{weight:.6g}"])
    return out.getvalue().encode("utf-8-sig")


def as_npz(trace: Trace, selection: Selection, now: Window) -> bytes:
    """The window's `weights` `[query, key]` float32 (NaN: not allowed), its tokens and where it lies."""
    import numpy as np

    from attnviz.core import blocks as streaming

    out = io.BytesIO()
    np.savez_compressed(
        out, weights=streaming.window(selection.attention(trace), now.queries, now.keys).numpy(),
        queries=np.arange(now.q0, now.q1), keys=np.arange(now.k0, now.k1),
        query_tokens=np.array(trace.tokens[now.q0 : now.q1]), key_tokens=np.array(trace.key_tokens[now.k0 : now.k1]),
        layer=selection.layer, head=selection.head, model=np.array(trace.model),
        rule=np.array(repr(selection.rule or trace.rule)),
    )  # fmt: skip
    return out.getvalue()
