"""A model that looks at a picture in place of reading a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from attnviz.adapter.classes import Kind
from attnviz.adapter.machine import Machine
from attnviz.adapter.vision.opening import opened
from attnviz.adapter.vision.reading import seen
from attnviz.models.load import Boundary, WithoutText
from attnviz.notices import Notice
from attnviz.pictures import Seen, open_picture

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase  # noqa: F401 - in a Model's fields, as below

# Of a Model's fields: who reads the annotations of a VisionModel looks for their names here.
NAMED_IN_FIELDS = (Boundary, Kind, Notice, torch.dtype)


@dataclass(frozen=True)
class VisionModel(WithoutText):
    """A loaded model that looks at a picture: ViT, DeiT, DINOv2, SigLIP's and CLIP's towers, BEiT, Swin.

    It is a `Model` in all but what it reads: `kind` is "vision", it has no tokenizer and no limit. `processor` is
    transformers' own, which scales, crops and normalises a picture as the model was trained on; `trained` says whether
    a head gives labels (`labels`).
    """

    processor: Any = field(default=None, kw_only=True, repr=False, compare=False)
    trained: bool = field(default=False, kw_only=True)

    def see(self, picture: Any) -> Seen:
        """Read a picture as the model does: what `open_picture` gave, or takes. `record` takes what comes back.

        Raises `PictureError` for what is no picture, or has no patch that the model could look at.
        """
        if isinstance(picture, Seen):
            return picture
        return seen(self.name, self.network.config, self.processor, open_picture(picture))

    @property
    def labels(self) -> tuple[str, ...]:
        """What its head can say, in its order; () where it has none."""
        named: Mapping[Any, str] = (self.network.config.id2label or {}) if self.trained else {}
        return tuple(str(named[number]) for number in sorted(named))


def open_folder(name: str, folder: Path, machine: Machine, **known: Any) -> VisionModel:
    """The model of a folder; `known` is what else was found of it. Raises `ModelError`."""
    read = opened(name, folder, machine)
    without: Any = None  # a tokenizer
    maker: type[VisionModel] = VisionModel
    if read.finds:
        from attnviz.models.finding import DetectionModel as maker  # a kind of `VisionModel`, which stands here
    return maker(
        name, "vision", read.network, without, None, None, processor=read.processor, trained=read.trained,
        notices=(*known.pop("notices", ()), *read.notices), **known,
    )  # fmt: skip
