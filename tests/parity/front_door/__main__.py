"""Print the table of model types as people meet it, as Markdown: `python -m tests.parity.front_door [type ...]`.

With `--save` the table of all is written to `table.md`, from which README and CHANGELOG have their figures.
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
    found, lines = [], [line(HEAD), line(["---"] * len(HEAD))]
    print("\n".join(lines))
    for number, name in enumerate(wanted, start=1):
        found.append(entered(name))
        lines.append(line(cells(found[-1])))
        print(lines[-1], flush=True)
        print(f"{number} of {len(wanted)}: {name}", file=sys.stderr, flush=True)
    print(f"\n{summary(found)}")
    if "--save" in names and len(found) == len(DOORS):
        TABLE.write_text("\n".join([*lines, "", summary(found), ""]), encoding="utf-8")
    return sum(one.fault is not None for one in found)


def summary(found: list[Entered]) -> str:
    """The figures of a table."""
    ways = Counter(one.way for one in found)
    read = [one for one in found if one.way != "not"]
    faults = sum(one.fault is not None for one in found)
    weights, output = max((one.weights for one in read), default=0.0), max((one.output for one in read), default=0.0)
    return (
        f"{len(read)} of {len(found)} types are read: {ways['attend']} through the engine's own function, "
        f"{ways['eager']} by the weights that they return; {ways['not'] - faults} say in a sentence why not, "
        f"{faults} end in a traceback.\nWorst gap {weights:.1e} in weights, {output:.1e} in output."
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
