"""A model that looks at a picture in place of reading a text, or reads both together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from attnviz.adapter.captioning.kinds import across
from attnviz.adapter.captioning.opening import opened as opened_across
from attnviz.adapter.captioning.opening import processor_of
from attnviz.adapter.captioning.prompts import template_of
from attnviz.adapter.captioning.reading import Sight, sighted
from attnviz.adapter.classes import Kind
from attnviz.adapter.machine import Machine
from attnviz.adapter.vision.opening import opened
from attnviz.adapter.vision.reading import seen
from attnviz.adapter.vision.towers import TextTower
from attnviz.errors import ModelError
from attnviz.models.load import Boundary, Model, WithoutText
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
    a head gives labels (`labels`). `texts` is the tower beside it that reads texts (`patch_text`), of a CLIP or SigLIP
    that has both; `silent` says why it cannot be had, where that is so.
    """

    processor: Any = field(default=None, kw_only=True, repr=False, compare=False)
    trained: bool = field(default=False, kw_only=True)
    texts: TextTower | None = field(default=None, kw_only=True, repr=False, compare=False)
    silent: ModelError | None = field(default=None, kw_only=True, repr=False, compare=False)

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
        texts=read.texts, silent=read.silent, notices=(*known.pop("notices", ()), *read.notices), **known,
    )  # fmt: skip


@dataclass(frozen=True)
class VisionLanguageModel(Model):
    """A loaded model that reads a picture and a text together, and writes: LLaVA, PaliGemma, BLIP.

    It is a `Model` that also takes a `picture` (`record(model, "What is it?", picture=...)`); BLIP, whose `kind` is
    "captioning", reads no text without one. `processor` is transformers' own; `template` the folder's own way to put a
    question of a picture, "" where it has none; `blind` says why no picture can be given to it, where that is so.
    """

    processor: Any = field(default=None, kw_only=True, repr=False, compare=False)
    template: str = field(default="", kw_only=True, repr=False)
    blind: ModelError | None = field(default=None, kw_only=True, repr=False, compare=False)

    @property
    def across(self) -> bool:
        """Do its words look at the picture by a cross attention? Else picture and text stand in one row."""
        return across(self.network.config.model_type)

    @property
    def picture_id(self) -> int:
        """The id of the token that stands for a place of the picture; -1 where there is none."""
        return -1 if self.across else int(self.network.config.image_token_id)

    @property
    def picture_token(self) -> str:
        """That token, as prompts have it; "" where there is none."""
        return "" if self.across else str(self.tokenizer.convert_ids_to_tokens(self.picture_id))

    def see(self, picture: Any) -> Sight:
        """Read a picture as the model does: what `open_picture` gave, or takes. `record` takes what comes back.

        Raises `PictureError` for what is no picture, `ModelError` where the folder's pictures cannot be prepared here.
        """
        if isinstance(picture, Sight):
            return picture
        if self.blind is not None:
            raise self.blind
        return sighted(self.name, self.network.config, self.processor, open_picture(picture), self.picture_token)


def with_eyes(model: Model, folder: Path) -> VisionLanguageModel:
    """A model that reads texts, and pictures with them, of a folder that says how those are prepared."""
    known = {one.name: getattr(model, one.name) for one in fields(Model)}
    processor, blind = None, None
    try:
        processor, more = processor_of(model.name, folder, model.network.config)
        known["notices"] = (*model.notices, *more)
    except ModelError as reason:  # texts alone are read all the same
        blind = reason
    template = template_of(folder, model.tokenizer)
    return VisionLanguageModel(**known, processor=processor, template=template, blind=blind)


def open_captioner(name: str, folder: Path, machine: Machine, **known: Any) -> VisionLanguageModel:
    """The model of a folder whose words look across at a picture. Raises `ModelError`."""
    read = opened_across(name, folder, machine)
    processor, more = processor_of(name, folder, read.network.config)
    limit = int(read.network.config.text_config.max_position_embeddings)
    return VisionLanguageModel(
        name, "captioning", read.network, read.tokenizer, None, limit, processor=processor,
        notices=(*known.pop("notices", ()), *read.notices, *more), **known,
    )  # fmt: skip
