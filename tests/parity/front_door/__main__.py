"""Print the table of model types as people meet it, as Markdown: `python -m tests.parity.front_door [type ...]`.

With `--save` their rows, or all, are written to `table.md`, from which README and CHANGELOG have their figures.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path

import torch
from transformers.utils import logging

from tests.parity.front_door import DOORS, Entered
from tests.parity.front_door.apart import entered

TABLE = Path(__file__).with_name("table.md")
HEAD = ("type", "family", "saved as", "tokenizer", "read by", "maps: layers x heads", "worst gap, weights", "output")


def main(names: list[str]) -> int:
    """Enter with these types, or all; how many ended in a traceback."""
    wanted = [name for name in names if name != "--save"] or list(DOORS)
    unknown = [name for name in wanted if name not in DOORS]
    if unknown:
        sys.exit(f"no tiny configuration of {', '.join(unknown)} yet: add one to tests/parity/front_door/more.py first")
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    print(line(HEAD))
    print(line(["---"] * len(HEAD)))
    rows = []
    for number, name in enumerate(wanted, start=1):
        rows.append(cells(entered(name)))
        print(line(rows[-1]), flush=True)
        print(f"{number} of {len(wanted)}: {name}", file=sys.stderr, flush=True)
    print(f"\n{summary(rows)}")
    if "--save" in names:
        _save(rows)
    return sum(row[4] == "fault" for row in rows)


def saved() -> dict[str, tuple[str, ...]]:
    """The rows of the table that was written last, by type."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.is_file() else []
    rows = [tuple(cell.strip() for cell in one[1:-1].split(" | ")) for one in lines if one.startswith("| ")]
    return {row[0]: row for row in rows if row[0] in DOORS}


def _save(rows: list[tuple[str, ...]]) -> None:
    """Put rows in their places in the table; the others stay as they are."""
    known = saved() | {row[0]: row for row in rows}
    kept = [known[name] for name in DOORS if name in known]
    lines = [line(HEAD), line(["---"] * len(HEAD)), *map(line, kept), "", summary(kept), ""]
    TABLE.write_text("\n".join(lines), encoding="utf-8")


def summary(rows: list[tuple[str, ...]]) -> str:
    """The figures of a table."""
    ways = Counter(row[4] for row in rows)
    read = [row for row in rows if row[6]]
    weights, output = (max((float(row[n]) for row in read), default=0.0) for n in (6, 7))
    return (
        f"{len(read)} of {len(rows)} types are read: {ways['attend']} through the engine's own function, "
        f"{ways['eager']} by the weights that they return; {ways['not']} say in a sentence why not, "
        f"{ways['fault']} end in a traceback.\nWorst gap {weights:.1e} in weights, {output:.1e} in output."
    )


def cells(one: Entered) -> tuple[str, ...]:
    """One type's row."""
    start = (one.name, one.family, one.saved, one.tokenizer)
    if one.fault is not None:
        return (*start, "fault", one.fault.strip().splitlines()[-1].replace("|", "/"), "", "")
    if one.way == "not":
        return (*start, "not", f"`{one.refused}`: {' / '.join(one.sentences)}", "", "")
    maps = ", ".join(f"{part} {layers} x {heads}" for part, (layers, heads) in one.sizes.items())
    maps += "".join(f"; layer {layer}: {reason}" for layer, reason in one.holes.items())
    return (*start, one.way, maps, f"{one.weights:.1e}", f"{one.output:.1e}")


def line(row: tuple[str, ...] | list[str]) -> str:
    """A row of Markdown."""
    return f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
