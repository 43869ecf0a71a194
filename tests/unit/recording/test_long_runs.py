"""What is kept of long runs, and what of them is taken away."""

from __future__ import annotations

import io

import numpy as np

from attnviz import load, record
from attnviz.core import blocks as streaming
from attnviz.core.rules import Soft
from attnviz.selection import Selection
from attnviz.ui.pages.long import export as long_take
from attnviz.ui.pages.long import run as long_run
from attnviz.ui.pages.long.view import Window
from attnviz.ui.stores.sizes import nbytes
from attnviz.ui.stores.store import Store


def test_the_store_counts_what_a_run_holds_and_not_the_pieces_it_lies_in() -> None:
    trace = record(load("lab-4"), "the cat sat on the mat", values=False).slim()
    count, layers, width = len(trace.tokens), 4, 160
    assert trace.nbytes == 2 * count * layers * width * 4


def test_the_store_lets_go_of_the_least_used() -> None:
    trace = record(load("lab-4"), "the cat").slim()
    runs = Store(room=2 * nbytes(trace))
    names = [long_run.RunRequest(str(number), "", "") for number in range(3)]
    for name in names[:2]:
        runs.put(name, trace)
    runs.get(names[0])
    for layer in (record(load("lab-4"), "the cat and the dog"),):
        runs.put(names[2], layer)
    assert runs.get(names[2]) is not None and runs.get(names[1]) is None


def test_what_is_taken_away_is_the_window() -> None:
    trace = record(load("lab-gpt"), "the cat sat on the mat")
    now = Window(2, 5, 1, 5)
    weights = streaming.window(trace.attention(1, 2), now.queries, now.keys)
    lines = long_take.as_csv(trace, Selection(1, 2, rule=Soft()), now).decode("utf-8-sig").splitlines()
    assert len(lines) - 1 == int((~weights.isnan()).sum()), "what is not allowed has no line"
    first = lines[1].split(",")
    assert first[2:6] == ["2", trace.tokens[2], "1", trace.tokens[1]] and abs(float(first[6]) - weights[0, 0]) < 1e-5
    found = np.load(io.BytesIO(long_take.as_npz(trace, Selection(1, 2), now)))
    np.testing.assert_array_equal(found["weights"], weights.numpy())
    assert list(found["query_tokens"]) == trace.tokens[2:5] and list(found["keys"]) == [1, 2, 3, 4]
