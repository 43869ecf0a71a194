"""A model that finds things in a picture, each with a box and a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from attnviz.adapter.vision.detectors import framed, n_slots
from attnviz.adapter.vision.sampled import points, proposes
from attnviz.models.seeing import VisionModel
from attnviz.pictures import Seen, open_picture


@dataclass(frozen=True, init=False)  # no field beside a VisionModel's, so it is made as one
class DetectionModel(VisionModel):
    """A loaded model that finds things: DETR, Conditional DETR and DAB-DETR with transformers' ResNet, YOLOS, RT-DETR,
    Deformable DETR.

    `record` gives its maps ("encoder": places among places; "decoder": queries among queries; "cross": queries to
    places; of YOLOS one of all of them) and, as `Trace.answer`, what each query found: `measures.found` reads it. The
    queries of RT-DETR and Deformable DETR look at no map of all places but at points that they choose (`samples`): the
    keys of "cross" are then those points, and its layers (`Sampled`) say where each lies. So do the places of
    Deformable DETR's encoder, on every level of its features (`axes.Levels`, the queries of "encoder").
    """

    @property
    def samples(self) -> bool:
        """Do its queries choose the points that they look at?"""
        return points(self.network.config)

    @property
    def proposes(self) -> bool:
        """Are its queries chosen anew in each picture, so that the same number in another one is another query?"""
        return proposes(self.network.config)

    @property
    def queries(self) -> int:
        """How many queries it asks the picture with: the most things that it can find."""
        return n_slots(self.network.config)

    def see(self, picture: Any) -> Seen:
        """Read a picture as the model does; each place is one of its features. Raises `PictureError`."""
        if isinstance(picture, Seen):
            return picture
        return framed(self.name, self.network.config, self.processor, open_picture(picture))
