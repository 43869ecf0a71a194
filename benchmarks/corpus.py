"""What does it cost to measure every head over a corpus, beside a bare forward pass over the same sentences?

    python -m benchmarks.corpus zh.txt en.txt [--sample 4096] [--turns 3] [--clock wall] [--measure previous,entropy]
    python -m benchmarks.corpus zh.txt en.txt --whole --out folder [--executors loop,pool,ray] [--models lab-4]

Sentences, one a line, in lab-4 and in all-MiniLM-L6-v2 (the one that `make test` fetches).

First the operator beside the model: the same sentences, in the same passes of one length each and so without anything
that fills them up, cut into tokens beforehand for the bare pass and as part of the time for the corpus. They take
turns (A B A B), window by window; the ratio is that of the sums. "whole" is the forward pass of the model as it was
loaded, "body" the same without the head that predicts, which a corpus does not run; all-MiniLM has none. One thread.

Then the executors, each from a file to its table: sentences a second from the first window to the last, so that what
workers take to load is left out, and beside it the whole time. `--whole` reads all of the files and says what memory it
took after a quarter and at the end; without it the sample alone. Each must write the same bytes. A pool's speed beside
the loop's is judged where each worker had 8 windows or more (some 16,000 lines a worker).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.batches import CARRIED, CLOCKS, FILES

BAR, POOL_BAR = 0.9, 1.7
FEW = 8  # windows for each worker: of fewer, one more or less is an eighth of its speed


@dataclass
class Costs:
    """Seconds of each, over the same sentences."""

    sentences: int = 0
    whole: float = 0.0
    body: float = 0.0
    corpus: float = 0.0


def operator(model: Any, windows: Sequence[Any], asked: argparse.Namespace) -> Costs:
    """The operator and the bare passes, in turns."""
    import torch

    from attnviz.experiments.corpus.run import named
    from attnviz.experiments.corpus.worker import Worker, _groups
    from attnviz.recording.batches import Reading

    clock, worker, costs = CLOCKS[asked.clock], Worker(model, named(asked.measure)), Costs()
    worker(windows[0].lines[:64])
    for _ in range(asked.turns):
        for window in windows:
            read, _ = worker._read(window.lines)
            passes = [[Reading(number, text, None, None) for number, text in group] for group in _groups(read)]
            inputs = [worker._batch.inputs(one) for one in passes]
            with torch.inference_mode():
                for name, network in (("whole", model.network), ("body", model.network.base_model)):
                    start = clock()
                    for one in inputs:
                        network(**one)
                    setattr(costs, name, getattr(costs, name) + clock() - start)
            start = clock()
            worker(window.lines)
            costs.corpus += clock() - start
            costs.sentences += len(read)
    return costs


@dataclass
class Heard:
    """What was heard of one corpus: when its lines were done, and what memory this process had then."""

    together: int = 1  # workers, whose first windows are done at about one time
    at: list[tuple[float, int]] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, now: Any) -> None:
        self.at.append((time.perf_counter(), now.lines))
        self.memory.append((now.share or 0.0, psutil.Process().memory_info().rss))

    @property
    def speed(self) -> float:
        """Lines a second, from when each worker had done a window to the last. It says little where they are `few`."""
        (begun, first), (ended, last) = self.at[min(self.together, len(self.at)) - 1], self.at[-1]
        return (last - first) / max(ended - begun, 1e-9)

    @property
    def few(self) -> bool:
        """Were there too few windows to speak of a speed?"""
        return len(self.at) < FEW * self.together

    @property
    def grown(self) -> str:
        """The memory after a quarter of the file and at its end."""
        quarter = next(size for share, size in self.memory if share >= 0.25)
        return f"{quarter / 1e6:,.0f} -> {self.memory[-1][1] / 1e6:,.0f} MB"


def executed(model: Any, file: Path, executor: str, goal: Path, asked: argparse.Namespace) -> Heard:
    """One corpus by one executor, told on the way."""
    import attnviz as av

    heard, start = Heard(1 if executor == "loop" else asked.workers), time.perf_counter()
    found = av.corpus(
        model, file, measures=asked.measure, executor=executor, workers=asked.workers, out=goal, on_lines=heard
    )
    took = time.perf_counter() - start
    print(
        f"| {goal.stem} | {executor} | {found.atlas.texts:,} | {found.atlas.tokens:,} | {found.atlas.left_out} "
        f"| {heard.speed:,.0f} | {took:,.0f} | {heard.grown} |",
        flush=True,
    )
    return heard


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both models over each file; 1 where a bar is missed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("files", nargs="+", type=Path)
    asked.add_argument("--sample", type=int, default=4096)
    asked.add_argument("--turns", type=int, default=3)
    asked.add_argument("--clock", choices=CLOCKS, default="wall")
    asked.add_argument("--measure", default=None, help="unless given, all")
    asked.add_argument("--executors", default="loop,pool")
    asked.add_argument("--models", default="lab-4,all-MiniLM-L6-v2")
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--whole", action="store_true")
    asked.add_argument("--out", type=Path, default=None)
    given = asked.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "all-MiniLM-L6-v2"
        place.mkdir()
        for file in FILES:
            (place / file).symlink_to(CARRIED / file)
        return measured({"lab-4": "lab-4", "all-MiniLM-L6-v2": str(place)}, given, Path(folder))


def measured(names: dict[str, str], given: argparse.Namespace, folder: Path) -> int:
    """Both tables; 1 where a bar is missed."""
    import torch

    from attnviz import load

    torch.set_num_threads(1)
    models = {label: load(name) for label, name in names.items() if label in given.models.split(",")}
    samples = {file: sampled(file, given.sample, folder) for file in given.files}
    missed = 0
    print("| model | file | sentences | corpus, sentences/s | of whole | of body |\n|---|---|---:|---:|---:|---:|")
    for label, model in models.items():
        for file in given.files:
            costs = operator(model, windows_of(samples[file]), given)
            ratios = costs.whole / costs.corpus, costs.body / costs.corpus
            missed += ratios[0] < BAR
            speed = costs.sentences / costs.corpus
            print(
                f"| {label} | {file.stem} | {costs.sentences // given.turns:,} | {speed:,.0f} "
                f"| {ratios[0]:.2f} (bar {BAR:g}) | {ratios[1]:.2f} |",
                flush=True,
            )
    print("\n| table | executor | sentences | tokens | left out | sentences/s | seconds | memory |")
    print("|---|---|---:|---:|---:|---:|---:|---|")
    for label, model in models.items():
        for file in given.files:
            missed += not compared(label, model, file if given.whole else samples[file], given, folder)
    return int(missed > 0)


def compared(label: str, model: Any, file: Path, given: argparse.Namespace, folder: Path) -> bool:
    """One file by each executor: do all write the same bytes, and is a pool fast enough?"""
    speeds, written, few = {}, set(), False
    for executor in given.executors.split(","):
        goal = (given.out or folder) / f"{label}-{file.stem}-{executor}.parquet"
        heard = executed(model, file, executor, goal, given)
        speeds[executor], few = heard.speed, few or heard.few
        written.add(goal.read_bytes())
    told = [f"{name} {speed / speeds['loop']:.2f}" for name, speed in speeds.items() if "loop" in speeds]
    bar = f"too few windows to say, fewer than {FEW} for each worker" if few else f"bar {POOL_BAR:g}"
    print(f"| | of loop: {', '.join(told)} ({bar}); {len(written)} kind of bytes |", flush=True)
    return len(written) == 1 and (few or speeds.get("pool", POOL_BAR) >= POOL_BAR * speeds.get("loop", 0.0))


def sampled(file: Path, count: int, folder: Path) -> Path:
    """The first lines of a file, in one of their own."""
    found = folder / file.name
    with file.open(encoding="utf-8") as opened:
        found.write_text("".join(line for line, _ in zip(opened, range(count), strict=False)), encoding="utf-8")
    return found


def windows_of(file: Path) -> list[Any]:
    """The windows of a file."""
    from attnviz.experiments.corpus.lines import Source

    return list(Source.of(file).windows())


if __name__ == "__main__":
    sys.exit(main())
