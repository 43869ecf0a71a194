"""`python -m tests.fuzz [--inputs 10000] [--seed 1]`: try generated inputs in a process of their own, and sum up.

Ends with 1 where there are findings. `--again CODE` tries one input as it was printed, and shows where it fails.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from importlib import import_module

from tests.fuzz.process import Brought, watched


def main(package: str = "tests.fuzz") -> int:
    """Start a process, and another one where one hangs or dies; `package` says what is tried."""
    ask = argparse.ArgumentParser(prog=f"python -m {package}", description=import_module(package).__doc__)
    ask.add_argument("--inputs", type=int, default=10_000)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--again", metavar="CODE")
    given = ask.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if given.again is not None:
        return once(given.again, package)
    began, whole, processes = time.monotonic(), Brought(0, {}, Counter()), 0
    while whole.done < given.inputs:
        whole += watched(given.inputs - whole.done, given.seed + 1000 * processes, whole.done, package)
        processes += 1
    report(whole, package)
    seconds = time.monotonic() - began
    print(
        f"{whole.done} inputs, {len(whole.codes)} different, in {seconds:.0f} s: {whole.said['a result']} read, "
        f"{sum(refusals(whole).values())} refused with a sentence, {len(whole.findings)} kinds of findings"
    )
    return int(bool(whole.findings))


def refusals(whole: Brought) -> Counter[str]:
    """How often each sentence was said, by its id."""
    return Counter({name: number for name, number in whole.said.items() if name.isidentifier()})


def report(whole: Brought, package: str) -> None:
    """How often what was said, and each kind of finding with the input that brings it back."""
    print("\n".join(f"{number:7} {name}" for name, number in refusals(whole).most_common()))
    for finding in whole.findings.values():
        print(f"\n{finding.kind}\n  {finding.said}\n  python -m {package} --again {finding.code!r}")
    print()


def once(code: str, package: str) -> int:
    """One input, with the whole of what it raises."""
    if package != "tests.fuzz":
        import_module(f"{package}.inputs").prepare()
    from attnviz.errors import AttnvizError
    from tests.fuzz import folders
    from tests.fuzz.names import again

    try:
        print(again(code))
    except AttnvizError as error:
        print(f"refused ({error.message}): {error}\n{error.say('zh')}")
    finally:
        folders.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main())
