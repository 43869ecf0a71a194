"""See what attention does: load a model, record a text, look at every head.

    import attnviz as av
    model = av.load("lab-4")
    trace = av.record(model, "南京市长江大桥")
    av.figures.heatmap(trace, layer=1, head=2).show()

Importing this package loads neither streamlit nor transformers; the names below are found when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"  # pyproject.toml reads it here

if TYPE_CHECKING:
    from attnviz import axes, export, figures, measures
    from attnviz.answers import Answer, Tag
    from attnviz.core import masks, similarity
    from attnviz.core.attention import Attention, Observed, Sampled, attend
    from attnviz.core.interventions import (
        ForbidEdge,
        HideToken,
        Intervention,
        KeepHead,
        Place,
        RemoveHeads,
        Restrict,
        Reweigh,
    )
    from attnviz.core.rules import Argmax, Entmax, Rule, Sample, Soft, Sparsemax, Threshold, TopK, TopP
    from attnviz.core.states import Block, Norm, Projection
    from attnviz.errors import (
        ArgumentError,
        AttnvizError,
        ModelError,
        PictureError,
        RuleError,
        SeriesError,
        SoundError,
        Stopped,
        TextError,
    )
    from attnviz.experiments.atlas import (
        Atlas,
        Copying,
        Effects,
        Needed,
        SoftGates,
        atlas,
        copying,
        gate_slopes,
        head_effects,
        heads_needed,
        soft_gates,
    )
    from attnviz.experiments.corpus import Corpus, corpus, load_atlas
    from attnviz.experiments.reading.attributions import Attributions, attributions
    from attnviz.experiments.reading.find import HeadsFound, find_head, find_heads
    from attnviz.measures import reading
    from attnviz.models import (
        DetectionModel,
        ForecastModel,
        HearingModel,
        Model,
        VisionLanguageModel,
        VisionModel,
        wrap,
    )
    from attnviz.notebook.given import from_weights
    from attnviz.notebook.show import show
    from attnviz.notebook.views import head_view, model_view
    from attnviz.pictures import Picture, Seen, open_picture
    from attnviz.recording.batches import record_batch
    from attnviz.recording.generate import generate
    from attnviz.recording.gradients import BoxSide, Differentiable, Gradients, Logit, Outcome, differentiable
    from attnviz.recording.record import record
    from attnviz.recording.things.towers import PatchText, patch_text
    from attnviz.sounds import Sound, open_sound
    from attnviz.systems import load
    from attnviz.trace import Cell, Gap, Trace, load_trace

_HOMES = {
    "answers": ("Answer", "Tag"),
    "core.attention": ("Attention", "Observed", "Sampled", "attend"),
    "core.states": ("Block", "Norm", "Projection"),
    "experiments.atlas": (
        "Atlas",
        "Copying",
        "Effects",
        "Needed",
        "SoftGates",
        "atlas",
        "copying",
        "gate_slopes",
        "head_effects",
        "heads_needed",
        "soft_gates",
    ),
    "experiments.corpus": ("Corpus", "corpus", "load_atlas"),
    "experiments.reading.attributions": ("Attributions", "attributions"),
    "experiments.reading.find": ("HeadsFound", "find_head", "find_heads"),
    "errors": (
        "ArgumentError",
        "AttnvizError",
        "ModelError",
        "PictureError",
        "RuleError",
        "SeriesError",
        "SoundError",
        "Stopped",
        "TextError",
    ),
    "recording.batches": ("record_batch",),
    "recording.generate": ("generate",),
    "recording.gradients": ("BoxSide", "Differentiable", "Gradients", "Logit", "Outcome", "differentiable"),
    "core.interventions": (
        "ForbidEdge",
        "HideToken",
        "Intervention",
        "KeepHead",
        "Place",
        "RemoveHeads",
        "Restrict",
        "Reweigh",
    ),
    "models": (
        "DetectionModel",
        "ForecastModel",
        "HearingModel",
        "Model",
        "VisionLanguageModel",
        "VisionModel",
        "wrap",
    ),
    "notebook.given": ("from_weights",),
    "notebook.show": ("show",),
    "notebook.views": ("head_view", "model_view"),
    "pictures": ("Picture", "Seen", "open_picture"),
    "recording.record": ("record",),
    "recording.things.towers": ("PatchText", "patch_text"),
    "core.rules": ("Argmax", "Entmax", "Rule", "Sample", "Soft", "Sparsemax", "Threshold", "TopK", "TopP"),
    "sounds": ("Sound", "open_sound"),
    "systems": ("load",),
    "trace": ("Cell", "Gap", "Trace", "load_trace"),
}
_ROOMS = {
    "axes": "axes", "export": "export", "figures": "figures", "masks": "core.masks", "measures": "measures",
    "reading": "measures.reading", "similarity": "core.similarity",
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Answer",
    "Argmax",
    "ArgumentError",
    "Atlas",
    "Attention",
    "AttnvizError",
    "Attributions",
    "Block",
    "BoxSide",
    "Cell",
    "Copying",
    "Corpus",
    "DetectionModel",
    "Differentiable",
    "Effects",
    "Entmax",
    "ForbidEdge",
    "ForecastModel",
    "Gap",
    "Gradients",
    "HeadsFound",
    "HearingModel",
    "HideToken",
    "Intervention",
    "KeepHead",
    "Logit",
    "Model",
    "ModelError",
    "Needed",
    "Norm",
    "Observed",
    "Outcome",
    "PatchText",
    "Picture",
    "PictureError",
    "Place",
    "Projection",
    "RemoveHeads",
    "Restrict",
    "Reweigh",
    "Rule",
    "RuleError",
    "Sample",
    "Sampled",
    "Seen",
    "SeriesError",
    "Soft",
    "SoftGates",
    "Sound",
    "SoundError",
    "Sparsemax",
    "Stopped",
    "Tag",
    "TextError",
    "Threshold",
    "TopK",
    "TopP",
    "Trace",
    "VisionLanguageModel",
    "VisionModel",
    "atlas",
    "attend",
    "attributions",
    "axes",
    "copying",
    "corpus",
    "differentiable",
    "export",
    "figures",
    "find_head",
    "find_heads",
    "from_weights",
    "gate_slopes",
    "generate",
    "head_effects",
    "head_view",
    "heads_needed",
    "load",
    "load_atlas",
    "load_trace",
    "masks",
    "measures",
    "model_view",
    "open_picture",
    "open_sound",
    "patch_text",
    "reading",
    "record",
    "record_batch",
    "show",
    "similarity",
    "soft_gates",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"attnviz.{_ROOMS[name]}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'attnviz' has no attribute {name!r}")
    return getattr(import_module(f"attnviz.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
