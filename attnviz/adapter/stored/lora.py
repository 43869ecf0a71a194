"""An adapter beside the weights (LoRA, as peft saves it): merged into the network's own copy of them.

W + B A alpha / r (Hu et al. 2021, 2106.09685), or alpha / sqrt(r) (Kalajdzievski 2023, 2312.03732). Either all of an
adapter is merged or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnviz.adapter.checks import ADAPTER, ADAPTER_WEIGHTS, read_json
from attnviz.errors import first_line
from attnviz.notices import Notice

PAIR = re.compile(r"(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<side>[AB])(\.\w+)?(\.weight)?$")
OTHERS = ("use_dora", "layer_replication", "megatron_config", "alora_invocation_tokens", "use_bdlora")  # not only B A


class CannotMerge(Exception):
    """Why an adapter was left out: a message id of `notice` that needs nothing but a detail."""


@dataclass(frozen=True)
class Change:
    """New values of one weight."""

    owner: nn.Module
    name: str
    value: Tensor


def adapter_beside(name: str, folder: Path, network: nn.Module) -> tuple[Notice, ...]:
    """Merge the adapter of a folder into a network that was read from it; one line that says so, or why not.

    The network's weights are replaced, never changed in place: they may be the file itself, mapped into memory.
    """
    if not (folder / ADAPTER).is_file():
        return ()
    try:
        said = _said(folder)
        changes = _changes(said, _tensors(folder), network)
    except (OSError, ValueError, CannotMerge) as reason:
        detail = first_line(reason, 160)
        return (Notice("adapter_left_out", {"model": name, "reason": detail}),)
    for change in changes:
        old: Tensor = getattr(change.owner, change.name)  # in the numbers that the network computes in
        parameter = nn.Parameter(change.value.to(old.dtype), requires_grad=False)
        setattr(change.owner, change.name, parameter)
    return (Notice("adapter_merged", {"model": name, "count": len(changes), "rank": said.get("r", "?")}),)


def _said(folder: Path) -> dict[str, Any]:
    """adapter_config.json of a LoRA adapter. Raises `CannotMerge` for any other."""
    said = read_json(folder / ADAPTER)
    if not isinstance(said, dict) or str(said.get("peft_type", "")).upper() != "LORA":
        kind = said.get("peft_type") if isinstance(said, dict) else None
        raise CannotMerge(f"peft_type: {kind or '?'}")
    if used := [key for key in OTHERS if said.get(key)]:
        raise CannotMerge(used[0])
    return said


def _tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors of an adapter. Raises `CannotMerge` where they are not there as safetensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise CannotMerge(f"{ADAPTER_WEIGHTS}?")
    try:
        return {name: one.float() for name, one in load_file(folder / ADAPTER_WEIGHTS).items()}
    except SafetensorError as reason:
        raise CannotMerge(f"{ADAPTER_WEIGHTS}: {reason}") from reason


def _changes(said: Mapping[str, Any], tensors: Mapping[str, Tensor], network: nn.Module) -> list[Change]:
    """What an adapter makes of the weights that it is for. Raises `CannotMerge` where one of them has no place."""
    pairs: dict[str, dict[str, Tensor]] = {}
    changes = []
    for key, tensor in tensors.items():
        path = re.sub(r"^base_model\.(model\.)?", "", key)
        if found := PAIR.fullmatch(path):
            side = found["side"]
            turned = tensor.T if found["embedding"] else tensor
            pairs.setdefault(found["module"], {})[side] = turned
        else:
            changes.append(_whole(network, path, tensor))
    return [*changes, *(_merged(said, network, module, pair) for module, pair in pairs.items())]


def _whole(network: nn.Module, path: str, tensor: Tensor) -> Change:
    """A weight that was trained as a whole: a bias, or a head (`modules_to_save`)."""
    module, _, name = path.replace(".modules_to_save", "").replace(".original_module", "").rpartition(".")
    owner = _module(network, module)
    old = getattr(owner, name, None)
    if not isinstance(old, Tensor) or old.shape != tensor.shape:
        raise CannotMerge(path)
    return Change(owner, name, tensor)


def _merged(said: Mapping[str, Any], network: nn.Module, module: str, pair: Mapping[str, Tensor]) -> Change:
    """One weight with its product of two narrow matrices added."""
    owner = _module(network, module)
    old = getattr(owner, "weight", None)
    if {"A", "B"} - pair.keys() or not isinstance(old, Tensor):
        raise CannotMerge(f"{module}.lora_{'B' if 'A' in pair else 'A'}?")
    if pair["A"].ndim != 2 or pair["B"].ndim != 2 or pair["B"].shape[1] != pair["A"].shape[0]:
        raise CannotMerge(module)
    added = pair["B"] @ pair["A"] * _scale(said, module, len(pair["A"]))
    embeds = isinstance(owner, nn.Embedding)
    if embeds or said.get("fan_in_fan_out") or type(owner).__name__ == "Conv1D":
        added = added.T
    if added.shape != old.shape:
        raise CannotMerge(f"{module}: {tuple(added.shape)}, {tuple(old.shape)}")
    with torch.no_grad():
        return Change(owner, "weight", old + added)


def _scale(said: Mapping[str, Any], module: str, rank: int) -> float:
    """alpha / r, each by module where the adapter says so (`rank_pattern`, `alpha_pattern`)."""
    own = _by_pattern(said.get("alpha_pattern"), module)
    alpha = float(said.get("lora_alpha", rank) if own is None else own)
    return alpha / (sqrt(rank) if said.get("use_rslora") else rank)


def _by_pattern(patterns: object, module: str) -> Any:
    """The number that a table of patterns has for a module, as peft reads it: each fits the end of its name."""
    if not isinstance(patterns, dict):
        return None
    return next((n for key, n in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), None)


def _module(network: nn.Module, path: str) -> nn.Module:
    """A module by its name, with the model's prefix or without it. Raises `CannotMerge` where there is none."""
    prefix = f"{getattr(network, 'base_model_prefix', '')}."
    for name in (path, path.removeprefix(prefix), prefix + path):
        try:
            return network.get_submodule(name)
        except AttributeError:
            continue
    raise CannotMerge(path)
