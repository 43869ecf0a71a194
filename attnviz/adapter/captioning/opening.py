"""Open a folder of a model that reads a picture and a text: what prepares its pictures; BLIP's network and words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.adapter.captioning.blip import attending
from attnviz.adapter.captioning.kinds import ANSWERS, CAPTIONS, MERGED, PROCESSORS, TILED
from attnviz.adapter.classes import Choice, named_class
from attnviz.adapter.machine import Machine
from attnviz.adapter.opening import LOCAL, adapter_of, network_of, notices_of, own_config, tokenizer_of
from attnviz.adapter.vision.kinds import both
from attnviz.adapter.vision.opening import SAID, said_processor
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded
from attnviz.notices import Notice

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Opened:
    """What transformers made of a BLIP's folder."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    notices: tuple[Notice, ...] = ()


def opened(name: str, folder: Path, machine: Machine) -> Opened:
    """The network of a BLIP that writes captions or answers questions, and what cuts its words. Raises `ModelError`."""
    config = own_config(name, folder, machine)
    named = named_class(config)
    if named is None or named.__name__ not in (CAPTIONS, ANSWERS):
        raise ModelError("blip_alone", model=name, kind=(config.architectures or ["?"])[0])
    with guarded(lambda reason: ModelError("tokenizer_unreadable", model=name, reason=first_line(reason))):
        tokenizer = tokenizer_of(name, config, folder, LOCAL)
    read = network_of(name, config, folder, LOCAL, (Choice("captioning", named),))
    said = (*notices_of(name, folder, config), *read.notices, *adapter_of(name, folder, read.network))
    machine.put(name, read.network)
    attending(read.network)
    return Opened(read.network.eval(), tokenizer, said)


def processor_of(name: str, folder: Path, config: Any) -> tuple[Any, tuple[Notice, ...]]:
    """What prepares a picture as the model was trained on; made up from its type, and said, where no file tells.

    Raises `ModelError` for one that cannot be had here.
    """
    import transformers

    known = PROCESSORS[config.model_type]
    if not any((folder / file).is_file() for file in SAID):
        made = getattr(transformers, known[0])(**_usual(config))
        return made, (Notice("captioning_default", {"model": name}),)
    return said_processor(name, folder, config, known), ()


def _usual(config: Any) -> dict[str, Any]:
    """How pictures are prepared of a type whose folder does not say it: as large as its patches and tiles want them."""
    vision = config.vision_config
    if config.model_type in MERGED:
        return {"patch_size": int(vision.patch_size), "merge_size": int(vision.spatial_merge_size)}
    rows, columns = both(vision.image_size)
    if config.model_type in TILED:
        return {"max_image_size": {"longest_edge": rows}, "size": {"longest_edge": 4 * rows}}
    return {"size": {"height": rows, "width": columns}, "do_center_crop": False}
