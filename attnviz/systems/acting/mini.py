"""What is needed of minigrid (Chevalier-Boisvert et al. 2023, Apache-2.0), imported without its window.

minigrid imports pygame for a window that is never opened here; pygame is told to say nothing. All this takes a fifth of
a second, from a cold disk more than one, so that others import this module late.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX
from minigrid.core.grid import Grid
from minigrid.core.mission import MissionSpace
from minigrid.core.world_object import Wall, WorldObj
from minigrid.envs.doorkey import DoorKeyEnv
from minigrid.minigrid_env import MiniGridEnv

__all__ = ["COLOR_TO_IDX", "GIVEN", "OBJECT_TO_IDX", "STONE", "DoorKeyEnv", "Grid", "MiniGridEnv", "WorldObj"]


class Given(MiniGridEnv):
    """An environment whose grid is given."""

    def _gen_grid(self, width: int, height: int) -> None:
        raise NotImplementedError

    def gen_obs(self) -> dict[str, Any]:
        return {}  # what an agent of minigrid sees of its surroundings; ours sees all cells


GIVEN = Given(MissionSpace(lambda: ""), grid_size=8, max_steps=10**9)
"""One to copy: to make one takes ten times as long as its step."""

STONE = Wall()
"""One for all walls: nothing changes it."""
