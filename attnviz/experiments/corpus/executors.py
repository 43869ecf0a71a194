"""Who works through the windows of a corpus: this process, several, or the actors of a Ray cluster.

Each is handed what makes a worker (names and numbers, no weights) and gives back the parts in the order of the windows.
The numbers are the same from all: a window is read alike wherever it is, with one thread unless told otherwise, and
parts add up exactly.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from attnviz.errors import ArgumentError, AttnvizError, ModelError
from attnviz.experiments.corpus.lines import Line, Window
from attnviz.experiments.corpus.place import mark_of
from attnviz.experiments.corpus.worker import Part, Worker
from attnviz.models.load import Model

EXECUTORS = ("loop", "pool", "ray")
AHEAD = 2  # windows that wait for each worker
CHUNK = 256  # windows that are handed to Ray at once, half a million sentences: what its store has to hold
Done = tuple[Window, Part]


@dataclass(frozen=True)
class Recipe:
    """What makes a worker elsewhere: the model by its name, the mark by which it is known again, the measures."""

    name: str
    revision: str | None
    device: str
    dtype: str
    mark: str
    measures: tuple[str, ...]
    threads: int

    @classmethod
    def of(cls, model: Model, measures: Sequence[str], threads: int) -> Recipe:
        """Of a model that was loaded."""
        machine = model.machine
        mark = mark_of(model)
        return cls(model.name, model.revision, str(machine.device), machine.numbers, mark, tuple(measures), threads)

    def worker(self) -> Worker:
        """Load the model and be ready. Raises `ModelError` where another one is found by that name."""
        import torch

        from attnviz.models import load

        torch.set_num_threads(self.threads)
        model = load(self.name, self.revision, device=self.device, dtype=self.dtype, progress=_unheard)
        if mark_of(model) != self.mark:
            raise ModelError("corpus_other_weights", model=self.name)
        return Worker(model, self.measures)


def _unheard(_: object) -> None:
    """So that a worker, which nobody watches, draws no bar of its own."""


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within, PyTorch computes with so many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def loop(worker: Worker, windows: Iterable[Window], on_lines: Callable[[int], object] | None = None) -> Iterator[Done]:
    """One window after the other, here."""
    for window in windows:
        yield window, worker(window.lines, on_lines)


def pool(recipe: Recipe, windows: Iterable[Window], workers: int) -> Iterator[Done]:
    """Several processes, each with the model; lines travel to them, and sums back."""
    context = multiprocessing.get_context("spawn")  # a fork of a process whose PyTorch has threads may hang
    left = iter(windows)
    waiting: deque[tuple[Window, Future[Part]]] = deque()
    made = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(recipe,))
    try:
        while True:
            for window in islice(left, workers * AHEAD - len(waiting)):
                waiting.append((window, made.submit(_work, window.lines)))
            if not waiting:
                return
            window, part = waiting.popleft()
            yield window, part.result()
    except BrokenProcessPool as reason:
        raise ModelError("corpus_worker_died", workers=workers) from reason
    finally:
        ours = list((made._processes or {}).values())
        made.shutdown(wait=False, cancel_futures=True)
        for process in ours:
            process.terminate()
        for process in ours:
            process.join()


_HERE: list[Worker | AttnvizError] = []  # of a process of the pool


def _begin(recipe: Recipe) -> None:
    """A process of the pool begins; Ctrl-C is the first process's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _HERE.append(_made(recipe))


def _made(recipe: Recipe) -> Worker | AttnvizError:
    try:
        return recipe.worker()
    except AttnvizError as reason:  # raised where someone hears it
        return reason


def _work(lines: Sequence[Line]) -> Part:
    worker = _HERE[0]
    if isinstance(worker, AttnvizError):
        raise worker
    return worker(lines)


class Actor:
    """A worker of Ray Data: takes batches of pickled windows, gives back their parts likewise."""

    def __init__(self, recipe: Recipe) -> None:
        self._worker = _made(recipe)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Each of the windows of a batch."""
        parts: list[bytes] = []
        for lines in batch["lines"]:
            try:
                if isinstance(self._worker, AttnvizError):
                    raise self._worker
                parts.append(pickle.dumps(self._worker(pickle.loads(lines))))
            except AttnvizError as reason:
                parts.append(pickle.dumps(reason))
        return {"number": list(batch["number"]), "part": parts}


def cluster(recipe: Recipe, windows: Iterable[Window], workers: int) -> Iterator[Done]:
    """The actors of Ray Data, here or on a cluster (`RAY_ADDRESS`); nothing is told to Ray's makers.

    Raises `ArgumentError` where Ray is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before Ray is imported
    try:
        import ray
        import ray.data
    except ImportError as reason:
        raise ArgumentError("corpus_no_ray") from reason
    ours = not ray.is_initialized()
    if ours:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        left = iter(windows)
        while some := list(islice(left, CHUNK)):
            yield from zip(some, _by_ray(ray, recipe, some, workers), strict=True)
    finally:
        if ours:
            ray.shutdown()


def _by_ray(ray: Any, recipe: Recipe, windows: Sequence[Window], workers: int) -> list[Part]:
    """The parts of some windows in their order, whatever the order in which they come."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    items = [{"number": number, "lines": pickle.dumps(one.lines)} for number, one in enumerate(windows)]
    done = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        Actor, fn_constructor_args=(recipe,), batch_size=1, num_cpus=recipe.threads,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )  # fmt: skip
    found: dict[int, Part] = {}
    for row in done.iter_rows():
        part = pickle.loads(row["part"])
        if isinstance(part, AttnvizError):
            raise part
        found[int(row["number"])] = part
    return [found[number] for number in range(len(windows))]
