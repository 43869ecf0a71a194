"""Every head of a model as a point: what it does over many texts, and what the model loses without it."""

from attnviz.experiments.atlas.effects import Effects, head_effects
from attnviz.experiments.atlas.needed import ORDERS, Needed, gate_slopes, heads_needed
from attnviz.experiments.atlas.sums import MEASURES, NAMED, NAMES, Atlas, HeadName, Spread, Tally, atlas

__all__ = [
    "MEASURES", "NAMED", "NAMES", "ORDERS", "Atlas", "Effects", "HeadName", "Needed", "Spread", "Tally", "atlas",
    "gate_slopes", "head_effects", "heads_needed",
]  # fmt: skip
