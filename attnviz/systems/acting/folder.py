"""A Decision Transformer in a folder as transformers writes it (`DecisionTransformerModel`), read from arrays.

model = av.load("./decision-transformer-gym-hopper-medium")
trace = model.read(Arrays(returns, states, actions))     # three tokens a step: R0 s0 a0 R1 s1 a1 ...
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnviz import shipped
from attnviz.core.interventions import Intervention, check_tokens
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ArgumentError, ModelError, TextError, shown
from attnviz.systems.acting.deciding import axis_of, changing
from attnviz.systems.acting.decision import Decider, Past, Shape
from attnviz.trace import Trace

KIND = "decision_transformer"
NAMED = {  # what the arrays of a file may be called, D4RL's names among them
    "returns": ("returns", "returns_to_go"),
    "states": ("states", "observations"),
    "actions": ("actions",),
    "times": ("times", "timesteps"),
}
LARGEST = 64_000_000  # bytes of a file's arrays
# What reading an archive that was cut, changed or locked raises: RuntimeError for a password and for what is unknown.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, ValueError, OSError, EOFError, KeyError, MemoryError,
)  # fmt: skip
UNUSED = ("encoder.wte.", "predict_state.", "predict_return.")  # transformers keeps them; no action comes of them


@dataclass(frozen=True)
class Arrays:
    """An episode in numbers: returns to go `[step]`, states `[step, state]`, actions `[step, action]` or one fewer.

    `times` are the steps' numbers, from 0 unless given. Returns and states are to be scaled as in the training.
    """

    returns: Any
    states: Any
    actions: Any
    times: Any = None

    def past(self, shape: Shape) -> Past:
        """As a network of this shape is given it. Raises `ArgumentError` for arrays that do not fit."""
        returns, states, actions = (_real(name, getattr(self, name)) for name in ("returns", "states", "actions"))
        count = states.shape[0] if states.ndim == 2 else -1
        returns, actions = (
            returns.reshape(-1, 1),
            actions.reshape(-1, shape.act_dim) if not actions.numel() else actions,
        )
        if count < 1 or states.shape[1] != shape.state_dim or len(returns) != count:
            raise ArgumentError(
                "acting_arrays", returns=_size(returns[:, 0]), states=_size(states), state=shape.state_dim
            )
        if actions.ndim != 2 or actions.shape[1] != shape.act_dim or len(actions) not in (count, count - 1):
            raise ArgumentError("acting_array_actions", got=_size(actions), steps=count, actions=shape.act_dim)
        times = torch.arange(count) if self.times is None else _real("times", self.times).long().flatten()
        if len(times) != count or times.min() < 0 or times.max() >= shape.max_ep_len:
            raise ArgumentError("acting_array_times", steps=count, last=shape.max_ep_len - 1)
        return Past(returns, states, actions, times)


def read_arrays(content: bytes) -> Arrays:
    """The episode in an NPZ file, its arrays named as in `NAMED`; `rewards` give the returns to go without them.

    Nothing in it is unpickled. Raises `TextError` for what is no such file, lacks an array or is too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            size = sum(one.file_size for one in file.infolist())
        if size > LARGEST:
            raise TextError("acting_npz_large", size=size / 1e6, most=LARGEST // 1_000_000)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except DAMAGED as reason:
        raise TextError("acting_npz") from reason
    told = {name: next((found[one] for one in names if one in found), None) for name, names in NAMED.items()}
    if told["returns"] is None and (rewards := found.get("rewards")) is not None:
        told["returns"] = np.cumsum(_real("rewards", rewards).flatten().numpy()[::-1])[::-1]
    lacking = [name for name in ("returns", "states", "actions") if told[name] is None]
    if lacking:
        raise TextError("acting_npz_lacks", lacking=", ".join(lacking), there=shown(", ".join(found)))
    return Arrays(**told)


def _real(name: str, given: Any) -> Tensor:
    """An array in float32. Raises `ArgumentError` for what is none, and for numbers that are not finite."""
    try:
        found = torch.from_numpy(np.array(given, dtype=np.float32))
    except (TypeError, ValueError, RuntimeError) as reason:
        raise ArgumentError("acting_no_array", name=name, got=shown(given)) from reason
    if not bool(found.isfinite().all()):
        raise ArgumentError("acting_no_array", name=name, got=shown(given))
    return found


def _size(array: Tensor) -> str:
    return " x ".join(map(str, array.shape))


@dataclass(frozen=True)
class DecisionModel:
    """A Decision Transformer of a folder; never changed after loading."""

    name: str
    network: Decider
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained that its actions come of."""
        return sum(one.numel() for one in self.network.parameters())

    @torch.no_grad()
    def read(self, text: Arrays, *, rule: Rule | None = None, changes: tuple[Intervention, ...] = ()) -> Trace:
        """Where do the tokens of an episode look? Three a step: return, state, action.

        `logits` `[token, action]` are what it would do, at the states: scores, or numbers of an action that is not one
        of several. Raises `TextError` for what are no `Arrays`, `ArgumentError` for some that do not fit.
        """
        if not isinstance(text, Arrays):
            raise TextError("acting_arrays_only", model=self.name, got=shown(text))
        past = text.past(self.network.shape)
        states, calls = self.network(past, rule or Soft(), changing(changes))
        axis = axis_of(len(states))
        check_tokens(changes, len(axis))
        logits = self.network.actions(states)
        return Trace(
            axis, axis, calls, model=self.name, kind="acting", rule=rule or Soft(), outputs=states, logits=logits,
            changes=tuple(changes),
        )  # fmt: skip


def open_folder(name: Any) -> DecisionModel:
    """The model of a folder. Raises `ModelError` where its files cannot be read or do not fit each other."""
    place = Path(name)
    config = shipped.config(place)
    with shipped.damaged(place):
        network = Decider(Shape.of(config))
        network.load_state_dict(_used(shipped.tensors(place)))
        return DecisionModel(place.name, network.eval().requires_grad_(False), shipped.licence(place))


def _used(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the network has: without what predicts states and returns, of the table of places the first alone."""
    found = {
        name: one for name, one in tensors.items() if not name.startswith(UNUSED) and not name.endswith(".attn.bias")
    }
    places = "encoder.wpe.weight"
    if places not in found:
        raise ModelError("model_not_loaded", model=KIND, reason=places)
    return {**found, places: found[places][:1]}
