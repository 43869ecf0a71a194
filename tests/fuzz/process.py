"""A process of its own that tries inputs: if one hangs or dies, that is a finding, and another goes on."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

from tests.fuzz.rounds import Finding, Tally, search

SILENCE = 240.0  # seconds without a word after which a process is taken for one that hangs
EVERY = 10.0  # seconds between two lines of progress


@dataclass(frozen=True)
class Brought:
    """What was tried: how many inputs, the findings by kind, how often what was said."""

    done: int
    findings: Mapping[str, Finding]
    said: Counter[str]
    codes: frozenset[int] = frozenset()  # the different ones, by their hashes

    @classmethod
    def of(cls, tally: Tally) -> Brought:
        """What has come so far."""
        return cls(tally.done, tally.findings, tally.said, frozenset(tally.codes))

    def __add__(self, other: Brought) -> Brought:
        findings = {**other.findings, **self.findings}
        return Brought(self.done + other.done, findings, self.said + other.said, self.codes | other.codes)


def work(pipe: Connection, count: int, seed: int, root: Path, package: str) -> None:
    """Try inputs in this process, and tell of each; `package` has `inputs` of its own, unless it is this one."""
    quiet()
    from tests.fuzz import folders
    from tests.fuzz.names import model
    from tests.fuzz.outcome import limit_memory

    folders.use(root)
    for name in folders.ALL:
        model(name)
    own = import_module(f"{package}.inputs") if package != __package__ else None
    if own is not None:
        own.prepare()
    limit_memory()
    tally = Tally(lambda code: pipe.send(("begin", code)))
    told: list[int] = [0]

    def end(_: object) -> None:
        """All so far, where there is something new; else the number alone."""
        new = len(tally.findings) != told[0] or tally.done % 100 == 0
        told[0] = len(tally.findings)
        pipe.send(("end", Brought.of(tally) if new else tally.done))

    tally.end = end
    search(tally, count, seed, None if own is None else own.inputs())
    pipe.send(("over", Brought.of(tally)))


def quiet() -> None:
    """No network, one thread, and nothing said by the way."""
    for name, value in (("HF_HUB_OFFLINE", "1"), ("TOKENIZERS_PARALLELISM", "false"), ("TQDM_DISABLE", "1")):
        os.environ[name] = value
    import logging
    import warnings

    import torch
    from transformers.utils import logging as theirs

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    theirs.disable_progress_bar()
    torch.set_num_threads(1)


def watched(count: int, seed: int, before: int, package: str = str(__package__)) -> Brought:
    """What one process brings. That it dies, or is silent for long, is a finding with the input that it was at."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="attnviz-fuzz-", ignore_cleanup_errors=True) as root:
        process = context.Process(target=work, args=(theirs, count, seed, Path(root), package), daemon=True)
        process.start()
        theirs.close()
        try:
            return _followed(ours, process, before)
        finally:
            process.kill()
            process.join()


def _followed(pipe: Connection, process: multiprocessing.process.BaseProcess, before: int) -> Brought:
    """Listen to a process until it is done, dies or says nothing for long; what it has told by then is kept."""
    code, shown, name = "", time.monotonic(), "hang that nothing ends"
    so_far = Brought(0, {}, Counter())
    try:
        while pipe.poll(SILENCE):
            kind, what = pipe.recv()
            if kind == "over":
                return cast("Brought", what)
            if kind == "begin":
                code = what
                continue
            for one in [] if not isinstance(what, Brought) else what.findings.keys() - so_far.findings.keys():
                print(f"  found: {one}\n    {what.findings[one].code}", flush=True)  # should somebody stop us
            so_far = what if isinstance(what, Brought) else replace(so_far, done=what)
            if time.monotonic() - shown > EVERY:
                shown = time.monotonic()
                print(f"  {before + so_far.done} inputs, {len(so_far.findings)} kinds of findings", flush=True)
    except EOFError:
        process.join(10)
        name = f"crash with exit code {process.exitcode}"
    if not code:
        raise RuntimeError(f"no input was tried: {name}")
    last = {f"{name}: {code}": Finding(name, "the process ended", code)}
    return so_far + Brought(1, last, Counter({name: 1}))
