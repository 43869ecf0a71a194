"""Print the table of model types as Markdown: `python -m tests.parity.architectures [--states] [type ...]`.

With `--states` the table of what their attention blocks add to the stream (`states.py`).
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter

from transformers.utils import logging

from tests.parity.architectures import ARCHITECTURES, Measured, measure
from tests.parity.architectures.states import FOLLOWED, stream

HEAD = ("type", "family", "read by", "maps: layers x heads", "worst gap, weights", "worst gap, output")


def main(names: list[str]) -> None:
    """Measure these types, or all. One that has no configuration yet is sent to where it belongs."""
    unknown = [name for name in names if name not in ARCHITECTURES and name != "--states"]
    if unknown:
        sys.exit(f"no tiny configuration of {', '.join(unknown)} yet: add one to tests/parity/architectures/ first")
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    if "--states" in names:
        return _states([name for name in names if name != "--states"] or FOLLOWED)
    print(_line(HEAD))
    print(_line(["---"] * len(HEAD)))
    found = [measure(name) for name in names or ARCHITECTURES]
    for one in found:
        print(_line(_cells(one)))
    read = [one for one in found if one.refusal is None]
    if read:
        weights, output = max(one.weights for one in read), max(one.output for one in read)
        print(
            f"\n{len(read)} of {len(found)} types are read; worst gap {weights:.1e} in weights, {output:.1e} in output."
        )
        ways = Counter(one.way for one in read)
        print(f"{ways['attend']} through the engine's own function, {ways['eager']} by the weights that they return.")


def _states(names: list[str]) -> None:
    """How heads become the block's output, and that the stream, in each type."""
    head = ("type", "blocks", "worst gap, heads to output", "worst gap, sum with the stream", "what else")
    print(_line(head))
    print(_line(["---"] * len(head)))
    found = [stream(name) for name in names]
    for one in found:
        between = f"between heads and projection: {', '.join(one.between)}" if one.between else ""
        others = {"joined by an MLP": one.beside, "scaled or normed first": one.shaped, "sum not seen": one.lost}
        more = [between, *(f"{count} {what}" for what, count in others.items() if count)]
        print(_line((one.name, str(one.blocks), f"{one.heads:.1e}", f"{one.sums:.1e}", "; ".join(filter(None, more)))))
    linear = sum(not one.between and one.heads < 1e-5 for one in found)
    summed = sum(not one.beside and not one.lost and one.sums < 1e-5 for one in found)
    print(f"\n{linear} of {len(found)} types: the heads through the projection are the block's output to 1e-5.")
    print(f"{summed} of {len(found)} types: what entered and what was added are what left to 1e-5.")


def _cells(one: Measured) -> tuple[str, ...]:
    start = (one.architecture.name, one.architecture.family)
    if one.refusal is not None:
        return (*start, "not", f"{one.refusal.say('en')} / {one.refusal.say('zh')}", "", "")
    maps = ", ".join(f"{part} {layers} x {heads}" for part, (layers, heads) in one.sizes.items()) + "".join(
        f"; layer {layer}: {reason}" for layer, reason in one.holes.items()
    )
    return (*start, one.way, maps, f"{one.weights:.1e}", f"{one.output:.1e}")


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
