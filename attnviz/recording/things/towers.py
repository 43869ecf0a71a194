"""A picture and a text as two towers read them, each by itself: how alike is each patch to the text?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Patches
from attnviz.core.interventions import Intervention
from attnviz.core.rules import Rule
from attnviz.errors import ModelError
from attnviz.guard import guarded
from attnviz.models.seeing import VisionModel
from attnviz.recording.asked import check_model, check_text
from attnviz.recording.record import record
from attnviz.text.tokens import Encoded, encode
from attnviz.trace import Trace


@dataclass(frozen=True, eq=False)
class PatchText:
    """How alike are the patches of a picture to a text, in the space of a model of two towers?

    `cosines` `[place]` are from -1 to 1, one for each place of the picture's axis (`trace.keys`); NaN where that is no
    patch. `whole` is the cosine of the picture as a whole, by which such a model tells whether the two belong together.
    `text` is what was read; `trace` is the run of the tower that looks at the picture, with its attention. The cosines
    are none: neither tower looks at what the other reads.
    """

    text: Encoded
    cosines: Float[Tensor, " place"]
    whole: float
    trace: Trace


def patch_text(
    model: Any, picture: Any, text: str | Encoded, *, rule: Rule | None = None,
    interventions: Sequence[Intervention] = (),
) -> PatchText:  # fmt: skip
    """How alike is each patch of a picture to a text, for a CLIP or SigLIP with both its towers?

    The cosine of each patch's last state, brought into the space that both towers were trained for, with the text there
    (Radford et al. 2021, sec. 2.3). CLIP was trained on the class token alone and SigLIP on what its head makes of all
    patches together; no patch was taught to agree by itself, so it is a hint. `rule` and `interventions` act in the
    tower that looks at the picture, as in `record`.

    `av.patch_text(av.load("openai/clip-vit-base-patch32"), "cat.jpg", "a cat").cosines` has one number a place. Raises
    `ModelError` for a model without such towers, `PictureError`, `TextError`, and what `record` raises.
    """
    model, text = check_model(model, things=True), check_text("text", text)
    beside = model.texts if isinstance(model, VisionModel) else None
    if beside is None:
        raise getattr(model, "silent", None) or ModelError("towers_alone", model=model.name)
    encoded = text if isinstance(text, Encoded) else encode(text, beside.tokenizer, beside.limit)
    trace = record(model, picture, rule=rule, interventions=interventions, predictions=False)
    assert isinstance(trace.keys, Patches)  # of a tower
    with guarded(lambda error: ModelError("picture_run_failed", model=model.name)):
        first = len(trace.keys.first)
        found = F.cosine_similarity(
            beside.pictured(model.network, trace.outputs, first), beside.said(encoded.ids), dim=-1
        )
        cosines = torch.full((len(trace.keys),), torch.nan)
        cosines[first:] = found[1:]
        return PatchText(encoded, cosines, float(found[0]), trace)
