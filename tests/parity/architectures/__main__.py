"""Print the table of model types as Markdown: `python -m tests.parity.architectures [type ...]`."""

from __future__ import annotations

import sys
import warnings

from transformers.utils import logging

from tests.parity.architectures import ARCHITECTURES, Measured, measure

HEAD = ("type", "family", "read by", "maps: layers x heads", "worst gap, weights", "worst gap, output")


def main(names: list[str]) -> None:
    """Measure these types, or all."""
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")
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
