"""See what attention does: load a model, record a text, look at every head.

    import attnviz as av
    model = av.load("lab-4")
    trace = av.record(model, "南京市长江大桥")
    av.figures.heatmap(trace, layer=1, head=2).show()

Importing this package loads neither streamlit nor transformers; the names below are found when first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Before PyTorch is loaded: its threads otherwise spin while they wait for each other, and where anything else is busy
# (a browser on a laptop of two cores) the one waited for does not get its turn: 27 s in place of 1.4 for a grid.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from attnviz import figures, masks, measures, similarity
    from attnviz.attention import Attention, Observed, attend
    from attnviz.batches import record_batch
    from attnviz.errors import AttnvizError, ModelError, RuleError, Stopped, TextError
    from attnviz.generation import generate
    from attnviz.gradients import Differentiable, Gradients, Logit, Outcome, differentiable
    from attnviz.interventions import (
        ForbidEdge,
        HideToken,
        Intervention,
        KeepHead,
        Place,
        RemoveHeads,
        Restrict,
        Reweigh,
    )
    from attnviz.models import Model, load
    from attnviz.recorder import record
    from attnviz.rules import Argmax, Entmax, Rule, Sample, Soft, Sparsemax, Threshold, TopK, TopP
    from attnviz.states import Block, Norm, Projection
    from attnviz.trace import Cell, Gap, Trace

_HOMES = {
    "attention": ("Attention", "Observed", "attend"),
    "batches": ("record_batch",),
    "errors": ("AttnvizError", "ModelError", "RuleError", "Stopped", "TextError"),
    "generation": ("generate",),
    "gradients": ("Differentiable", "Gradients", "Logit", "Outcome", "differentiable"),
    "interventions": (
        "ForbidEdge",
        "HideToken",
        "Intervention",
        "KeepHead",
        "Place",
        "RemoveHeads",
        "Restrict",
        "Reweigh",
    ),
    "models": ("Model", "load"),
    "recorder": ("record",),
    "rules": ("Argmax", "Entmax", "Rule", "Sample", "Soft", "Sparsemax", "Threshold", "TopK", "TopP"),
    "states": ("Block", "Norm", "Projection"),
    "trace": ("Cell", "Gap", "Trace"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Argmax",
    "Attention",
    "AttnvizError",
    "Block",
    "Cell",
    "Differentiable",
    "Entmax",
    "ForbidEdge",
    "Gap",
    "Gradients",
    "HideToken",
    "Intervention",
    "KeepHead",
    "Logit",
    "Model",
    "ModelError",
    "Norm",
    "Observed",
    "Outcome",
    "Place",
    "Projection",
    "RemoveHeads",
    "Restrict",
    "Reweigh",
    "Rule",
    "RuleError",
    "Sample",
    "Soft",
    "Sparsemax",
    "Stopped",
    "TextError",
    "Threshold",
    "TopK",
    "TopP",
    "Trace",
    "attend",
    "differentiable",
    "figures",
    "generate",
    "load",
    "masks",
    "measures",
    "record",
    "record_batch",
    "similarity",
]


def __getattr__(name: str) -> Any:
    if name in ("figures", "masks", "measures", "similarity"):
        return import_module(f"attnviz.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'attnviz' has no attribute {name!r}")
    return getattr(import_module(f"attnviz.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
