"""An atlas as a table, a row a head: Parquet, CSV or JSON, written whole, and read back without trust.

The columns: layer, head, its name and the share that says so; each measure and how many tokens stand behind it; the
same with sinks taken out (`_bare`); and, alike in each row, the model, how many texts and tokens it is over, how many
lines were left out.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import torch

from attnviz.errors import ArgumentError, AttnvizError
from attnviz.experiments.atlas import MEASURES, NAMES, Atlas, Tally
from attnviz.experiments.corpus.passes import BARE
from attnviz.experiments.corpus.place import written
from attnviz.guard import sentences
from attnviz.text.labels import no_formula

ENDINGS = (".parquet", ".csv", ".json")
MOST = 2**25  # bytes of such a file: a million heads would be less
MOST_ROWS = 200_000
LARGEST = 100_000  # layers or heads
NUMBER = re.compile(r"\d+")
Table = dict[str, list[Any]]


def columns(atlas: Atlas) -> Table:
    """The table, column by column; None where there is no number."""
    places = atlas.places
    names = [atlas.name(*place) for place in places]
    table: Table = {
        "layer": [layer for layer, _ in places], "head": [head for _, head in places],
        "name": [None if one is None else one.name for one in names],
        "share": [None if one is None else one.share for one in names],
    }  # fmt: skip
    sides = [*atlas.all.items(), *((name + BARE, tally) for name, tally in atlas.bare.items())]
    for name, tally in sides:
        table[name] = [_number(tally.mean[place]) for place in places]
        table[f"{name}_tokens"] = [int(tally.count[place]) for place in places]
    alike = {"model": atlas.model, "texts": atlas.texts, "tokens": atlas.tokens, "left_out": atlas.left_out}
    return table | {name: [value] * len(places) for name, value in alike.items()}


def _number(value: Any) -> float | None:
    return None if math.isnan(value) else float(value)


def save(atlas: Atlas, file: Path) -> None:
    """Write it. Raises `ArgumentError` for another ending than `ENDINGS`, `AttnvizError` where that cannot be done."""
    writer = {".parquet": _parquet, ".csv": _csv, ".json": _json}.get(file.suffix.lower())
    if writer is None:
        raise ArgumentError("corpus_ending", file=file, endings=", ".join(ENDINGS))
    written(file, writer(columns(atlas)))


def _parquet(table: Table) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table(table), out)
    return out.getvalue()


def _csv(table: Table) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table)
    rows = zip(*table.values(), strict=True)
    writer.writerows([no_formula(one) if isinstance(one, str) else one for one in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _json(table: Table) -> bytes:
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    return (json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


@sentences
def load_atlas(file: str | os.PathLike[str]) -> Atlas:
    """The atlas of a file that `corpus` or `Corpus.save` wrote: Parquet, CSV or JSON, by its ending.

    Means are exact, sums those of mean x count. Raises `AttnvizError` for a file that is not there or is none.

    >>> import attnviz as av
    >>> av.load_atlas("nowhere.parquet")
    Traceback (most recent call last):
    ...
    attnviz.errors.AttnvizError: There is no file nowhere.parquet: look at how its name is written.
    """
    path = Path(os.fspath(file))
    if not path.is_file():
        raise AttnvizError("corpus_table_missing", file=path)
    if path.stat().st_size > MOST:
        raise AttnvizError("corpus_no_table", file=path.name)
    try:
        content = path.read_bytes()
    except OSError as reason:
        raise AttnvizError("corpus_table_missing", file=path) from reason
    return of_bytes(content, path.name)


def of_bytes(content: bytes, name: str) -> Atlas:
    """The atlas of such a file's content; its name has the ending. Raises `AttnvizError` where it is none."""
    reader = {".parquet": _of_parquet, ".csv": _of_csv, ".json": _of_json}.get(Path(name).suffix.lower())
    if reader is None or len(content) > MOST:
        raise AttnvizError("corpus_no_table", file=name)
    try:
        return _atlas(reader(content))
    except Exception as reason:  # pyarrow has errors of its own, of several kinds
        raise AttnvizError("corpus_no_table", file=name) from reason


def _of_parquet(content: bytes) -> Table:
    import pyarrow.parquet as pq

    opened = pq.ParquetFile(io.BytesIO(content))
    if opened.metadata.num_rows > MOST_ROWS or opened.metadata.num_columns > 100:
        raise ValueError("too many rows or columns")
    found: Table = opened.read().to_pydict()
    return found


def _of_csv(content: bytes) -> Table:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    head, *body = rows
    return {name: [row[place] or None for row in body] for place, name in enumerate(head)}


def _of_json(content: bytes) -> Table:
    rows = json.loads(content)
    return {name: [row[name] for row in rows] for name in rows[0]}


def _atlas(table: Table) -> Atlas:
    """What such columns say. Raises whatever where it is nothing."""
    layers, heads = ([_count(one, LARGEST) for one in table[side]] for side in ("layer", "head"))
    at, size = (torch.tensor(layers), torch.tensor(heads)), (max(layers) + 1, max(heads) + 1)
    if len(set(zip(layers, heads, strict=True))) != len(layers) or size[0] * size[1] > 4 * MOST_ROWS:
        raise ValueError("a head stands there twice, or is far from all others")
    found: list[dict[str, Tally]] = [{}, {}]
    for side, (names, ending) in enumerate(((MEASURES, ""), (NAMES, BARE))):
        for name in (name + ending for name in names if name + ending in table):
            counts = [_count(one) for one in table[f"{name}_tokens"]]
            means = [_mean(*one) for one in zip(table[name], counts, strict=True)]
            total, count = (torch.zeros(size, dtype=torch.float64) for _ in range(2))
            total[at] = torch.tensor(
                [mean * many for mean, many in zip(means, counts, strict=True)], dtype=torch.float64
            )
            count[at] = torch.tensor(counts, dtype=torch.float64)
            found[side][name.removesuffix(BARE)] = Tally(total, count)
    if not found[0]:
        raise ValueError("no measure")
    texts, tokens, left_out = (_count(table[name][0]) for name in ("texts", "tokens", "left_out"))
    return Atlas(str(table["model"][0]), found[0], found[1], texts, tokens, left_out)


def _mean(value: object, count: int) -> float:
    found = 0.0 if value is None else float(str(value))
    if not math.isfinite(found) or (value is None) != (count == 0):
        raise ValueError(f"{value} over {count} tokens")
    return found


def _count(value: object, most: int = 10**15) -> int:
    written = str(value)
    if not NUMBER.fullmatch(written) or int(written) > most:
        raise ValueError(written)
    return int(written)
