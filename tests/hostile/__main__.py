"""`python -m tests.hostile [--inputs 10000] [--seed 1]`; ends with 1 where there are findings. `--again CODE`: one."""

from __future__ import annotations

import sys

from tests.fuzz.__main__ import main

if __name__ == "__main__":
    sys.exit(main("tests.hostile"))
