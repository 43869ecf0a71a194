"""What does every head do over a whole corpus? A file of any length, read by one process, several or a cluster."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from attnviz.core.given import check_functions, whole
from attnviz.errors import ArgumentError, AttnvizError, ModelError, Stopped, TextError, shown
from attnviz.experiments.atlas import MEASURES, NAMES, Atlas
from attnviz.experiments.corpus import executors
from attnviz.experiments.corpus.executors import EXECUTORS, Done, Recipe
from attnviz.experiments.corpus.lines import Refused, Source, Window
from attnviz.experiments.corpus.passes import BARE
from attnviz.experiments.corpus.place import About, State, beside, keep, mark_of, taken_up
from attnviz.experiments.corpus.table import ENDINGS, save
from attnviz.experiments.corpus.worker import Worker
from attnviz.guard import own, sentences
from attnviz.models.load import Model, WithoutText
from attnviz.recording.asked import check_model
from attnviz.systems import load
from attnviz.systems.protocol import System
from attnviz.threads import cores

OFTEN = 10.0  # seconds after which the state is written down again
SINK = ("special", "first")  # what "sink" means


@dataclass(frozen=True)
class Progress:
    """How far a corpus is: lines done, the part of the file read (None: not known), where this run took it up."""

    lines: int
    share: float | None
    begun: int = 0


@dataclass(frozen=True)
class Corpus:
    """What every head does over a corpus: its `atlas`, and which lines of the file could not be read.

    `lines` is how many lines the file has, blank ones with them; `atlas.left_out` of them were refused, the first 100
    of which stand in `refused` as (number from 1, reason).
    """

    atlas: Atlas
    lines: int
    refused: tuple[Refused, ...]

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write a row a head as Parquet, CSV or JSON, by the file's ending (`Atlas` reads it: `av.load_atlas`).

        Raises `ArgumentError` for another ending, `AttnvizError` where the file cannot be written.
        """
        save(self.atlas, Path(file))


@sentences
def corpus(
    model: Model | System | str,
    file: str | os.PathLike[str],
    *,
    measures: Sequence[str] | str | None = None,
    out: str | os.PathLike[str] | None = None,
    executor: str = "loop",
    workers: int | None = None,
    threads: int = 1,
    on_lines: Callable[[Progress], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Corpus:
    """What does every head of `model` do over the sentences of `file`, one a line, however many there are?

    The file is plain text or gzip, in UTF-8, UTF-16 or GB 18030, or "-", the standard input. `measures` are those of
    `av.atlas` (all unless given; "sink" is "special" and "first"): shares 0 to 1, entropy in bits, reach in tokens,
    every token counting alike, in the model's own run. A line that cannot be read costs that line. A text is read as
    far as the model reaches.

    `executor` says who works: "loop" this process, "pool" `workers` processes (one a core unless given), "ray" as many
    actors of Ray Data (`pip install 'attnviz[cluster]'`). Each has the model, and `threads` threads. Only sums travel.
    They are sums of whole numbers, so that all three give the same, to the bit where machines and threads are alike.

    With `out` the result is written there (Parquet, CSV or JSON by its ending). Until it is done its state lies beside
    it (`.unfinished`): the same call takes it up where it was left, and is refused where model, file or measures are
    others. `on_lines` hears how far it is.

    Raises `TextError` for a file that is none, is empty, is no text or in which no line can be read, `ArgumentError`
    for a measure or executor that is unknown, `ModelError` for a model that cannot be read, `Stopped`.

    >>> import attnviz as av, pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "two.txt"
    >>> _ = file.write_text("南京市长江大桥\\nthe cat sat on the mat\\n", encoding="utf-8")
    >>> found = av.corpus("lab-4", file, measures=["previous", "entropy"])
    >>> found.lines, found.atlas.texts, tuple(found.atlas["previous"].shape)
    (2, 2, (4, 4))
    """
    check_functions(on_lines=on_lines, stop=stop)
    names, source, goal, workers, threads = asked(
        file, measures=measures, out=out, executor=executor, workers=workers, threads=threads
    )
    loaded = load(model) if isinstance(model, str) else check_model(model)
    if not isinstance(loaded, Model) or isinstance(loaded, WithoutText):
        raise ModelError("corpus_reads_texts", model=loaded.name)
    about = About(loaded.name, mark_of(loaded), source.size, names)
    job = _Job(loaded, source, about, goal, own(on_lines), own(stop))
    with executors.threads(threads):
        return job.done(executor, workers, threads)


def asked(
    file: str | os.PathLike[str], *, measures: Sequence[str] | str | None, out: str | os.PathLike[str] | None,
    executor: str, workers: int | None, threads: int | None,
) -> tuple[tuple[str, ...], Source, Path | None, int, int]:  # fmt: skip
    """What is meant: measures, file, goal, workers, threads. Raises `AttnvizError` for what cannot be."""
    names = named(measures)
    count, each = _counts(executor, workers, 1 if threads is None else threads)
    goal = None if out is None else check_goal(Path(out))
    return names, Source.of(os.fspath(file)), goal, count, each


def named(measures: Sequence[str] | str | None) -> tuple[str, ...]:
    """The measures that are meant, in the order of `av.atlas`; hyphens will do. Raises `ArgumentError`."""
    if measures is None:
        return MEASURES
    if isinstance(measures, str):
        measures = measures.split(",")
    asked: set[str] = set()
    for one in measures:
        name = str(one).strip().lower().replace("-", "_")
        if name != "sink" and name not in MEASURES:
            raise ArgumentError("corpus_measure", got=shown(one), measures=", ".join((*MEASURES, "sink")))
        asked |= set(SINK) if name == "sink" else {name}
    if not asked:
        raise ArgumentError("corpus_measure", got="''", measures=", ".join((*MEASURES, "sink")))
    return tuple(name for name in MEASURES if name in asked)


def _counts(executor: str, workers: int | None, threads: int) -> tuple[int, int]:
    """How many workers, and threads in each. Raises `ArgumentError`."""
    if executor not in EXECUTORS:
        raise ArgumentError("corpus_executor", got=shown(executor), executors=", ".join(EXECUTORS))
    count = cores() if workers is None else whole("workers", workers)
    for name, number in (("workers", count), ("threads", whole("threads", threads))):
        if not 1 <= number <= 1024:
            raise ArgumentError("corpus_count", name=name, got=number)
    return count, whole("threads", threads)


def check_goal(goal: Path) -> Path:
    """A file that can come to be. Raises `AttnvizError` where not: told before anything is read."""
    if goal.suffix.lower() not in ENDINGS:
        raise ArgumentError("corpus_ending", file=goal, endings=", ".join(ENDINGS))
    if goal.is_dir() or not goal.parent.is_dir():
        raise AttnvizError("corpus_no_place", file=goal)
    return goal


@dataclass
class _Job:
    """One corpus on its way."""

    model: Model
    source: Source
    about: About
    goal: Path | None
    report: Callable[[Progress], object] | None
    halted: Callable[[], bool] | None

    def done(self, executor: str, workers: int, threads: int) -> Corpus:
        """Go through the file, from where it was left."""
        side = None if self.goal is None else beside(self.goal)
        self.state = State() if side is None else taken_up(self.about, side)
        self._begun = self.state.place.lines
        self._share: float | None = None
        written = time.monotonic()
        try:
            with contextlib.closing(self._executed(executor, workers, threads)) as parts:
                for window, part in parts:
                    self.state = self.state.after(window, part)
                    self._share = window.share
                    self._told()
                    if side is not None and time.monotonic() - written > OFTEN:
                        keep(self.state, self.about, side)
                        written = time.monotonic()
        except BaseException:
            if side is not None and self.state.place.windows:
                keep(self.state, self.about, side)
            raise
        return self._result(side)

    def _executed(self, executor: str, workers: int, threads: int) -> Generator[Done]:
        """The parts of the windows that are left, in their order."""
        windows = self._left()
        if executor == "loop":
            yield from executors.loop(Worker(self.model, self.about.measures), windows, self._told)
            return
        self._check_memory(workers)
        recipe = Recipe.of(self.model, self.about.measures, threads)
        yield from (executors.pool if executor == "pool" else executors.cluster)(recipe, windows, workers)

    def _left(self) -> Iterator[Window]:
        """The windows after the place where it was left. Raises `AttnvizError` where what lies before is another."""
        place, windows = self.state.place, self.source.windows()
        if place.windows:
            last = next(islice(windows, place.windows - 1, None), None)
            if last is None or last.after != place:
                raise AttnvizError("corpus_other_file", file=beside(self.goal or Path("corpus")))
            self._share = last.share
        yield from windows

    def _told(self, lines: int = 0) -> None:
        """Say how far it is, `lines` into the window that is read. Raises `Stopped` where it is to stop."""
        if self.halted is not None and self.halted():
            raise Stopped("corpus_stopped", lines=self.state.place.lines)
        place, share = self.state.place, self._share
        if lines and share is not None and place.lines:  # inside a window: as if its lines were as long as those before
            share = min(1.0, share * (place.lines + lines) / place.lines)
        if self.report is not None:
            self.report(Progress(place.lines + lines, share, self._begun))

    def _check_memory(self, workers: int) -> None:
        """Is there room for a model in each worker? Raises `ModelError`."""
        from attnviz.models.memory import available

        need, free = workers * self.model.size, available()
        if need > free:
            raise ModelError("corpus_no_room", model=self.model.name, workers=workers, need=need / 1e9, free=free / 1e9)

    def _result(self, side: Path | None) -> Corpus:
        """All of it: written, and the state let go of."""
        state, sums = self.state, self.state.sums
        if sums is None:
            raise state.refused[0][1] if state.refused else TextError("corpus_empty", file=self.source.name)
        tallies = {name: column.tally(sums.size) for name, column in sums.columns.items()}
        bare = {name: tallies.pop(name + BARE) for name in NAMES if name + BARE in tallies}
        found = Corpus(
            Atlas(self.model.name, tallies, bare, sums.texts, sums.tokens, state.left_out),
            state.place.lines,
            state.refused,
        )
        if self.goal is not None:
            found.save(self.goal)
        if side is not None:
            side.unlink(missing_ok=True)
        return found
