"""How many cores this program may use, and how PyTorch's threads wait for each other.

The latter is said by the commands and the server, before PyTorch is loaded. Importing the library says nothing, since
what is set here holds for the whole process.
"""

from __future__ import annotations

import os


def wait_quietly() -> None:
    """Let threads that wait leave the processor to others, unless someone chose otherwise.

    They spin by default, and where anything else is busy (a browser on a laptop of two cores) the one waited for does
    not get its turn: 27 s in place of 1.4 for a grid. OpenMP reads the variable once, when PyTorch is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cores() -> int:
    """How many cores may this program use? Those that it is held to, where the system tells (Linux), else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
