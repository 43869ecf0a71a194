"""One type after the other, each in a process of its own: one that crashes, hangs or fills the memory is one row."""

from __future__ import annotations

import os
import traceback
from multiprocessing import get_context
from multiprocessing.connection import Connection

from tests.parity.front_door import DOORS, Entered, enter

PATIENCE = 120.0  # seconds; the slowest type takes 10


def entered(name: str) -> Entered:
    """What `enter` finds, in a child of this process."""
    forked = get_context("fork")  # which has torch and transformers already: a fresh one takes 8 s to begin
    ours, theirs = forked.Pipe(duplex=False)
    child = forked.Process(target=_tell, args=(name, theirs))
    child.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(PATIENCE) else f"no answer within {PATIENCE:.0f} s"
    except EOFError:
        found = "the process ended without a word"
    child.kill()
    child.join()
    return found if isinstance(found, Entered) else Entered(name, DOORS[name].family, "", "", fault=found)


def _tell(name: str, answer: Connection) -> None:
    """In the child: enter, say what came of it, and leave without the parent's farewells."""
    try:
        found: Entered | str = enter(name)
    except BaseException:
        found = traceback.format_exc()
    answer.send(found)
    answer.close()
    os._exit(0)
