"""Every head of a model as a point: what it does over many texts, and what the model loses without it."""

from attnviz.experiments.atlas.copiers import COPIES, Copying, copying
from attnviz.experiments.atlas.effects import Effects, head_effects
from attnviz.experiments.atlas.gating import ROLES, Role, SoftGates, fit_gates, soft_gates
from attnviz.experiments.atlas.needed import ORDERS, Needed, gate_slopes, heads_needed
from attnviz.experiments.atlas.sums import MEASURES, NAMED, NAMES, Atlas, HeadName, Spread, Tally, atlas, traces_of

__all__ = [
    "COPIES", "MEASURES", "NAMED", "NAMES", "ORDERS", "ROLES", "Atlas", "Copying", "Effects", "HeadName", "Needed",
    "Role", "SoftGates", "Spread", "Tally", "atlas", "copying", "fit_gates", "gate_slopes", "head_effects",
    "heads_needed", "soft_gates", "traces_of",
]  # fmt: skip
