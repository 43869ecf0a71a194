"""Acting: an agent in a world of cells, who looks where it goes (reinforcement learning; Mott et al. 2019)."""

AGENTS = {"agent-doorkey": ("doorkey",), "agent-tasks": ("goto", "fetch", "open", "putnext")}
"""The tasks that each agent learnt."""

DECIDER = "agent-dt"
"""The one that is asked for a return (Decision Transformer); it plays DoorKey."""

NAMES = (*AGENTS, DECIDER)
