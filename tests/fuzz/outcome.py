"""What came of one input, within its share of time and memory."""

from __future__ import annotations

import resource
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnviz.errors import AttnvizError
from attnviz.guard import OWN
from attnviz.models import memory
from tests.fuzz.names import again

CPU, WALL = 20.0, 40.0  # seconds of work, and by the clock: a slow machine is no hang
GIB = 2**30
TAKEN = GIB  # bytes more than before that an input may take
FREE = GIB // 2  # bytes that the library is told are free
REACH = 4 * GIB  # bytes of addresses that the process may take on
LONGEST = 2_000  # characters of a sentence
ROOT = Path(__file__).parents[2]


class Hung(BaseException):
    """The time is over. No `Exception`, so that nobody takes it for a fault of the input."""


@dataclass(frozen=True)
class Outcome:
    """`kind` is "" for a result, "refused" for a sentence, or what makes findings one kind; `said` the words."""

    kind: str = ""
    said: str = ""
    message: str = ""

    @property
    def finding(self) -> bool:
        """Is it one that must not be?"""
        return self.kind not in ("", "refused")


def tried(code: str) -> Outcome:
    """What comes of an input."""
    before = _peak(reset=True)
    try:
        with _timed():
            again(code)
        found = Outcome()
    except Hung as over:
        found = Outcome(f"hang at {_place(over)}", str(over))
    except AttnvizError as error:
        found = _refused(error)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        if hasattr(error, OWN):  # the function that was handed over fails: the caller's affair
            return Outcome()
        found = Outcome(f"{type(error).__name__} at {_place(error)}", _last_line(error))
    taken = _peak() - before
    if taken > TAKEN and not found.finding:
        return Outcome(f"memory, then {found.message or 'a result'}", f"{taken / 1e9:.1f} GB taken")
    return found


def _refused(error: AttnvizError) -> Outcome:
    """A sentence, if it can be said in both languages, and if it was not memory that ran out."""
    try:
        said = error.say("en"), error.say("zh")
        for one in said:
            one.encode()  # as a terminal and a browser need it
            assert len(one) < LONGEST, f"{len(one)} characters"
    except BaseException as fault:
        return Outcome(f"sentence {error.message} cannot be said", _last_line(fault))
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or "allocate memory" in str(cause) or "Cannot allocate" in str(cause):
            return Outcome(f"memory at {_place(cause)}", _last_line(cause))
        cause = cause.__cause__
    return Outcome("refused", said[0], error.message)


@contextmanager
def _timed() -> Iterator[None]:
    """Raises `Hung` within when one of the two times is over."""

    def over(*_: object) -> None:
        raise Hung(f"{CPU} s of work, or {WALL} s")

    watched = ((signal.SIGALRM, signal.ITIMER_REAL, WALL), (signal.SIGPROF, signal.ITIMER_PROF, CPU))
    before = [signal.signal(number, over) for number, _, _ in watched]
    for _, timer, seconds in watched:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(watched, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def limit_memory() -> None:
    """Let this process, whose only work this is, take no more than it may; and tell the library of less than that."""
    memory.available = lambda *_: FREE
    if not Path("/proc/self/statm").exists():  # no Linux
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + REACH, resource.RLIM_INFINITY))


def _peak(reset: bool = False) -> int:
    """The most bytes that this process has held since the last reset (Linux; elsewhere 0)."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 0


def _place(error: BaseException) -> str:
    """The last line of the project that an exception came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(ROOT) in frame.filename]
    own = [frame for frame in frames if "/tests/" not in frame.filename] or frames
    if not own:
        return "?"
    return f"{Path(own[-1].filename).relative_to(ROOT)}:{own[-1].lineno} {own[-1].name}"


def _last_line(error: Any) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
