"""Files that strangers bring, opened as the app opens them; and what they write into its boxes, read as there."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
PICTURES = ("png", "jpeg", "gif", "bmp", "webp", "tiff", "ppm")
SOUNDS = ("wav", "flac", "ogg")
HEADS = ("heads.parquet", "heads.csv", "heads.json")
TEXTS = ("table", "edges", "labels", "trees", "lines", "json")
KINDS = (*PICTURES, *SOUNDS, *HEADS, "npz", "trace", *TEXTS)
TABLE = "time,value,more\n" + "\n".join(f"2014-01-{day:02} 03:00,{day * 1.5},{day % 3}" for day in range(1, 29))
TREES = (ROOT / "attnviz" / "content" / "trees.conllu").read_text(encoding="utf-8")[:3000]


def brought(kind: str, share: float, changed: list[tuple[float, int]], more: bytes) -> str:
    """Bring a file: its first `share`, some bytes changed, `more` behind it. Raises `AttnvizError`, or what must not
    be."""
    content = bytearray(whole(kind))
    content = content[: max(int(len(content) * share), 1)]
    for where, mask in changed:
        content[min(int(where * len(content)), len(content) - 1)] ^= mask
    return f"{kind}: {opened(kind, bytes(content) + more)!r}"[:200]


def written(kind: str, text: str, encoding: str = "utf-8") -> str:
    """Bring a text of that kind in some encoding, whatever it says."""
    return f"{kind}: {opened(kind, text.encode(encoding, 'replace'))!r}"[:200]


def opened(kind: str, content: bytes) -> object:
    """As the app opens it."""
    if kind in PICTURES:
        from attnviz.pictures import open_picture

        return open_picture(content, name=f"x.{kind}").pixels.shape
    if kind in SOUNDS:
        from attnviz.sounds import open_sound

        return open_sound(content, name=f"x.{kind}", most=30).samples.shape
    if kind in HEADS:
        from attnviz.experiments.corpus.table import of_bytes

        return of_bytes(content, kind).texts
    return {"npz": _arrays, "trace": _trace}.get(kind, lambda given: _text(kind, given))(content)


def _arrays(content: bytes) -> object:
    from attnviz.systems.acting.folder import read_arrays

    return np.shape(read_arrays(content).states)


def _trace(content: bytes) -> object:
    from attnviz import load_trace

    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(content)
        file.flush()
        return load_trace(file.name).tokens


def _text(kind: str, content: bytes) -> object:
    """A text as its page reads it: a table of values over time, edges of a graph, trees, or just sentences."""
    if kind == "table":
        return _series(content)
    from attnviz.text.decode import decoded

    text = decoded(content) or ""
    if kind in ("edges", "labels"):
        from attnviz.systems.graph.text import graph_of, labels_of

        graph = graph_of(text if kind == "edges" else "a-b, b-c, c-d, d-a")
        return labels_of(text, graph) if kind == "labels" else len(graph.names)
    if kind == "trees":
        from attnviz.experiments.reading.grammar import relations, treebank

        return len(relations(treebank(text).trees, 1))
    return len(text)


def _series(content: bytes) -> object:
    from attnviz.systems.series.series import series_of, table_of, time_of
    from attnviz.systems.series.text import decoded

    table = table_of(decoded(content))
    return [len(series_of(table, one, time_of(table), 2)) for one in table.value_columns[:2]]


@cache
def whole(kind: str) -> bytes:
    """A small file of that kind as it should be."""
    file = io.BytesIO()
    if kind in PICTURES:
        from PIL import Image

        Image.fromarray(np.arange(3 * 24 * 18, dtype=np.uint8).reshape(24, 18, 3)).save(file, kind)
    elif kind in SOUNDS:
        import soundfile

        soundfile.write(file, np.sin(np.arange(4000) / 9), 8000, format=kind)
    elif kind == "npz":
        np.savez(file, states=np.ones((4, 3)), actions=np.ones((4, 2)), rewards=np.arange(4.0))
    elif kind in HEADS or kind == "trace":
        return _made(kind)
    else:
        return _TEXT[kind]().encode()
    return file.getvalue()


def _made(kind: str) -> bytes:
    """What attnviz itself writes: the heads of two sentences, or a run."""
    import attnviz as av

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / (kind if kind in HEADS else "x.safetensors")
        if kind in HEADS:
            lines = Path(folder) / "lines.txt"
            lines.write_text("the cat sat\n南京市长江大桥\n", encoding="utf-8")
            av.corpus("lab-1", lines, measures="previous,entropy,sink", out=place)
        else:
            av.record(av.load("lab-1"), "the cat sat").save(place)
        return place.read_bytes()


_TEXT: dict[str, Callable[[], Any]] = {
    "table": lambda: TABLE, "trees": lambda: TREES, "edges": lambda: "from,to\na,b\nb,c\nc,a\n甲,乙\n",
    "labels": lambda: "a=x\nb=y", "lines": lambda: (ROOT / "README.md").read_text(encoding="utf-8")[:4000],
    "json": lambda: json.dumps({"a": [1, "x"]}),
}  # fmt: skip
