"""Open a folder of a model that looks at a picture: its network, and how a picture is prepared for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.adapter.machine import Machine
from attnviz.adapter.opening import EAGER, LOCAL, adapter_of, network_of, notices_of, own_config
from attnviz.adapter.vision.dab import attending, attends
from attnviz.adapter.vision.detectors import check_detector, usual_processor
from attnviz.adapter.vision.kinds import DETECTORS, PROCESSORS, TOWERS, both, tower
from attnviz.adapter.vision.sampled import attending_points
from attnviz.adapter.vision.towers import TextTower, text_tower
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded
from attnviz.notices import Notice

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SAID = ("preprocessor_config.json", "processor_config.json")  # in which of its files a folder says it
ABOUT_TEXT = frozenset({"weights_unused", "head_unused", "head_beside"})


@dataclass(frozen=True)
class Opened:
    """What transformers made of a folder. `trained` says whether a trained head gives labels, `finds` whether it gives
    boxes with them; `texts` is what reads texts beside it, None where there is none, `silent` why it cannot be had.
    """

    network: PreTrainedModel
    processor: Any
    trained: bool
    finds: bool
    notices: tuple[Notice, ...] = ()
    texts: TextTower | None = None
    silent: ModelError | None = None


def opened(name: str, folder: Path, machine: Machine) -> Opened:
    """The network of a folder and its image processor. Raises `ModelError`."""
    whole = own_config(name, folder, machine)
    check_detector(name, whole)
    own, said = _read_from(whole), notices_of(name, folder, whole)
    own.dtype = machine.dtype
    read = network_of(name, own, folder, LOCAL)
    if read.network.main_input_name != "pixel_values":  # a head of both towers whose weights are not there
        own = _alone(whole)
        read = network_of(name, own, folder, LOCAL)
    found = read.notices
    if own is not whole:  # what has no place is the other tower's
        found = (Notice("vision_tower", {"model": name}), *(one for one in found if one.message not in ABOUT_TEXT))
    found = (*found, *adapter_of(name, folder, read.network))
    machine.put(name, read.network)
    attending(read.network)
    attending_points(read.network)
    finds = read.choice.kind == "boxes"
    if own.model_type in DETECTORS and not finds:
        raise ModelError("detector_alone", model=name)
    if read.network.config._attn_implementation == EAGER and not attends(own):
        raise ModelError("model_no_attention", model=name)
    processor, more = processor_of(name, folder, tower(whole))
    trained = finds or read.choice.kind == "sequence"
    made = Opened(read.network.eval(), processor, trained, finds, (*said, *found, *more))
    try:
        return replace(made, texts=None if own is whole else text_tower(name, folder, whole, machine))
    except ModelError as reason:  # pictures are looked at all the same
        return replace(made, silent=reason)


def _read_from(config: Any) -> Any:
    """The configuration that is read: the whole model's where it is trained to give labels, else its tower's."""
    named = (config.architectures or [""])[0]
    return config if config.model_type not in TOWERS or named.endswith("ForImageClassification") else _alone(config)


def _alone(config: Any) -> Any:
    """The configuration of the tower that looks at the picture."""
    found = tower(config)
    found.architectures = None
    return found


def processor_of(name: str, folder: Path, config: Any) -> tuple[Any, tuple[Notice, ...]]:
    """What prepares a picture as the model was trained on; made up from its type, and said, where no file tells.

    Raises `ModelError` for one that cannot be had here, or that does more than to scale, crop and normalise.
    """
    import transformers

    if not any((folder / file).is_file() for file in SAID):
        if config.model_type in DETECTORS:
            return usual_processor(name, config.model_type)
        rows, columns = both(config.image_size)
        maker = getattr(transformers, PROCESSORS[config.model_type])
        made = maker(size={"height": rows, "width": columns}, do_center_crop=False)
        return made, (Notice("picture_default", {"model": name, "height": rows, "width": columns}),)
    known = DETECTORS if config.model_type in DETECTORS else PROCESSORS
    return said_processor(name, folder, config, known.values()), ()


def said_processor(name: str, folder: Path, config: Any, known: Collection[str]) -> Any:
    """The image processor that a folder's files say, of one of the classes in `known`. Raises `ModelError`."""
    import transformers

    with guarded(lambda reason: ModelError("picture_processor", model=name, reason=first_line(reason))):
        found = transformers.AutoImageProcessor.from_pretrained(
            folder, backend="pil", config=config, local_files_only=True, trust_remote_code=False
        )
    if type(found).__name__ not in known:
        raise ModelError("picture_processor_other", model=name, kind=type(found).__name__)
    return found
