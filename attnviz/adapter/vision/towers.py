"""The tower that reads texts beside one that looks at pictures (CLIP, SigLIP), and the space where both meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.adapter.classes import Choice, named_class
from attnviz.adapter.machine import Machine, computing, home
from attnviz.adapter.opening import LOCAL, network_of, tokenizer_of
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# The class of each type that has both towers, trained for one space.
TOGETHER: Mapping[str, str] = {"clip": "CLIPModel", "siglip": "SiglipModel"}


@dataclass(frozen=True, eq=False)
class TextTower:
    """What reads texts in a model of two towers; `network` has that tower and what projects both into one space."""

    network: Any
    tokenizer: PreTrainedTokenizerBase
    limit: int

    @property
    def filled(self) -> bool:
        """Is a text filled up to the full length, as SigLIP was trained? Its last place speaks for the text."""
        return bool(self.network.config.model_type == "siglip")

    def said(self, ids: Sequence[int]) -> Float[Tensor, " width"]:
        """A text in the space of both."""
        padding = int(getattr(self.tokenizer, "pad_token_id", None) or 0)
        whole = [*ids, *[padding] * (self.limit - len(ids))] if self.filled else list(ids)
        given = torch.tensor([whole], device=self.network.device)
        with torch.inference_mode(), computing(self.network):
            return home(self.network.get_text_features(input_ids=given).pooler_output[0])

    def pictured(self, tower: Any, states: Float[Tensor, "place width"], first: int) -> Float[Tensor, "spoken both"]:
        """The picture as a whole, and after it each patch, in the space of both, of the last states of its tower;
        `first` places come before the patches.

        CLIP's class token speaks for the picture: patches go through the same norm and projection. SigLIP's head looks
        at all patches and speaks: here it is given each patch alone as well.
        """
        near = states.to(tower.device, tower.dtype)
        with torch.inference_mode(), computing(tower):
            if self.network.config.model_type == "siglip":
                return home(torch.cat([tower.head(near[None]), tower.head(near[:, None])]))
            return home(self.network.visual_projection(tower.post_layernorm(near[first - 1 :])))


def text_tower(name: str, folder: Path, config: Any, machine: Machine) -> TextTower | None:
    """What reads texts in a folder of both towers; None for a folder of another kind. Raises `ModelError`."""
    named = named_class(config) if config.model_type in TOGETHER else None
    if named is None or named.__name__ != TOGETHER[config.model_type]:
        return None
    with guarded(lambda reason: ModelError("tokenizer_unreadable", model=name, reason=first_line(reason))):
        tokenizer = tokenizer_of(name, config, folder, LOCAL)
    network = network_of(name, config, folder, LOCAL, (Choice("plain", named),)).network
    speaks = getattr(network.vision_model, "use_head", True)
    del network.vision_model  # which is opened by itself
    if not speaks:
        raise ModelError("tower_headless", model=name)
    machine.put(name, network)
    return TextTower(network.eval(), tokenizer, int(config.text_config.max_position_embeddings))
