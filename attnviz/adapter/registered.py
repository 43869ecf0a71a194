"""The function that stands in the place of a model's attention, and what it writes down.

Registered with transformers under the name `attnviz` (`AttentionInterface`), it sends every call through `attend`. What
a run records, and what it changes, lives in one context variable, so one loaded model serves many people at once:
nothing on the model is ever changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from attnviz import turns
from attnviz.adapter.arena import Arena, give_back
from attnviz.adapter.chosen import allowed_and_bias, chosen
from attnviz.adapter.gaps import class_of, with_gaps
from attnviz.adapter.machine import computing, home, homed, names_kept, names_of
from attnviz.adapter.vision.windows import Windows
from attnviz.core.attention import Attention, Sampled, attend
from attnviz.core.causal import CausalMask
from attnviz.core.interventions import Intervention, Place
from attnviz.core.rules import Soft
from attnviz.trace import Gap

ATTENTION = "attnviz"
CROSS = re.compile(r"encoder_attn|encoder_attention|cross_?att|EncDecAttention|enc_dec|encoder_decoder_att", re.I)
# Types whose attention lies outside the interface, at least in part, though transformers takes an implementation's name
# for them: GIT knows "eager" alone, the encoder of BigBird-Pegasus computes by itself. They are to be loaded "eager".
EAGER_TYPES = frozenset({"bigbird_pegasus", "git"})
# Maps that eager models return with a column for each distance to the query in place of one for each key: `longformer`
# lays them out. Where a text is as long as the window is wide they look like weights by token in every respect.
BY_DISTANCE = {"longformer": "self", "led": "encoder"}
# Models that stand between query and key with landmarks, and compute texts of one length alone.
UNREADABLE = frozenset({"nystromformer"})
LARGE = 2**23  # bytes; of smaller queries, up to 2,048 tokens of BERT, the memory saved is not worth the 6 % of time


@dataclass(frozen=True)
class Call:
    """One recorded call: which stack of layers it belongs to, which map and layer that is, and what was computed."""

    stack: str
    place: Place
    attention: Attention
    module: torch.nn.Module

    def outline(self) -> Call:
        """The same without its numbers."""
        return replace(self, attention=self.attention.outline())

    def repeats(self, module: torch.nn.Module, queries: Tensor, keys: Tensor) -> bool:
        """Is a call with these the same map again, for other values, as in differential attention (DiffLlama)?"""
        mine = self.attention
        same = (
            self.module is module and mine.queries.shape == queries.shape and torch.equal(mine.queries, home(queries))
        )
        return same and torch.equal(mine.keys, home(keys))


class Follow(Protocol):
    """What follows a run closer than `Call` does; a context that the forward pass runs in."""

    def __enter__(self) -> object: ...

    def __exit__(self, *failure: Any) -> object: ...

    def output(self, seen: Call, call: Attention) -> Tensor:
        """The call's output `[batch, query, head, d_value]`; `seen` is how it was written down."""
        ...


@dataclass
class Run:
    """One person's run: what it changes, and the calls seen so far, a list for every step of a generation.

    Without `values` those of the calls are let go; of a `light` run the last call alone is kept whole. `on_call` hears
    how many layers have come, and may raise; `last` are the last hidden states of a network that is listened to
    (`listen`), by their names in transformers. `windows` are those in which a network (Swin) looks at a picture;
    `parts` names the map of an attention by that of its module, where encoders' and decoders' names do not say it.
    """

    names: dict[int, str]
    encoder_decoder: bool
    changes: Sequence[Intervention] = ()
    values: bool = True
    on_call: Callable[[int], object] | None = None
    follow: Follow | None = None
    windows: Windows | None = None
    parts: Callable[[str], str] | None = None
    light: bool = False
    last: dict[str, Tensor] = field(default_factory=dict)
    arena: Arena = field(default_factory=Arena)
    steps: list[list[Call]] = field(default_factory=lambda: [[]])
    written: int = 0  # tokens that earlier steps have gone through
    masks: WeakIdKeyDictionary = field(default_factory=WeakIdKeyDictionary)  # brought home: layers share them

    def next_step(self) -> None:
        """What comes next is another forward pass, over the tokens after those seen."""
        own = [call for call in self.steps[-1] if call.place.part not in ("encoder", "picture")]
        self.written += own[0].attention.queries.shape[-2] if own else 0
        self.steps.append([])

    def at_home(self, mask: Tensor | None) -> Tensor | None:
        """A mask, or a bias, brought home once for all the layers that have it."""
        if mask is None or (near := home(mask)) is mask:
            return mask
        found: Tensor = self.masks.setdefault(mask, near)
        return found

    def place(self, module: torch.nn.Module, queries: int, keys: int) -> tuple[str, Place]:
        """Where does a call of this module stand? By the module's name, and by what was called before it."""
        name = self.names.get(id(module), type(module).__name__)
        stack = re.sub(r"\b\d+\b", "*", name)
        part = self._part(name)
        calls = [call for call in self.steps[-1] if call.stack == stack]
        numbers = re.findall(r"\b\d+\b", name)
        layer = int(numbers[0]) if len(numbers) == 1 else len(calls)
        if any(call.place.layer == layer for call in calls):  # one module for all layers, as in ALBERT
            layer = len(calls)
        if part in ("cross", "encoder"):
            return stack, Place(part, layer, self.written if part == "cross" else 0)
        return stack, Place(part, layer, self.written, self.written + queries - keys)

    def _part(self, name: str) -> str:
        """The map that an attention belongs to."""
        if self.parts is not None:
            return self.parts(name)
        if CROSS.search(name):
            return "cross"
        if not self.encoder_decoder:
            return "self"
        return "decoder" if "decoder" in name else "encoder"


_RUN: ContextVar[Run | None] = ContextVar("attnviz_run", default=None)


def register() -> None:
    """Make the implementation name `attnviz` known to transformers. Calling it again changes nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(ATTENTION, _attention)
    AttentionMaskInterface.register(ATTENTION, _mask)


def listen(network: Any) -> None:
    """Let runs hear the last hidden states of a network, once after it was loaded; nothing on it changes later.

    transformers gives those of every layer or none, and a long text has many: 164 MB for 4,096 tokens in BERT.
    """
    network.base_model.register_forward_hook(_hear)


def _is_ours(network: Any) -> bool:
    """Was the network loaded here (`listen`), so that nobody else uses it?"""
    return _hear in network.base_model._forward_hooks.values()


@contextmanager
def _visiting(network: Any) -> Iterator[None]:
    """Let a network that is not ours compute, hear its last hidden states, and leave it as it was."""
    with computing(network, guest=True):
        hook = network.base_model.register_forward_hook(partial(_hear))  # not `_hear`, by which ours are known
        try:
            yield
        finally:
            hook.remove()


def _hear(module: torch.nn.Module, inputs: object, output: object) -> None:
    """Write down the last hidden states, where this is a run."""
    run = _RUN.get()
    if run is None or not isinstance(output, Mapping):
        return
    states = {name: output.get(name) for name in ("last_hidden_state", "encoder_last_hidden_state")}
    run.last |= {name: home(state) for name, state in states.items() if isinstance(state, Tensor)}


@contextmanager
def recording(
    network: torch.nn.Module,
    changes: Sequence[Intervention] = (),
    *,
    values: bool = True,
    on_call: Callable[[int], object] | None = None,
    follow: Follow | None = None,
) -> Iterator[Run]:
    """Let the attention of this context alone be recorded and changed (`Run`), and leave the network as it was."""
    ours = _is_ours(network)
    names = names_kept(network) if ours else names_of(network)
    both = bool(getattr(network.config, "is_encoder_decoder", False))
    run = Run(names, both, changes, values, turns.heard(on_call), follow)
    token = _RUN.set(run)
    try:
        with computing(network) if ours else _visiting(network):
            yield run
    finally:
        _RUN.reset(token)


Pick = Callable[[Attention], Attention]


def maps(
    network: torch.nn.Module, calls: Sequence[Call], texts: int = 1, pick: Pick | None = None
) -> dict[str, tuple[Attention | Gap, ...]]:
    """The layers of each map, in the order in which the maps were first computed; a gap where a layer has none.

    A run is over one text, or over so many; `pick` makes one text's call of a call over all (`one_text` unless given).
    A call over another batch is one over windows of a text (Swin), and a gap.
    """
    choose = one_text if pick is None else pick
    found = {}
    for part, layers in by_map(calls, texts).items():
        kept: dict[int, Attention | Gap] = {}
        for layer, call in layers.items():
            whole = len(call.attention.queries) == texts
            kept[layer] = choose(call.attention) if whole else Gap("windows", class_of(call.module))
        found[part] = with_gaps(network, next(iter(layers.values())).stack, kept)
    return found


def by_map(calls: Sequence[Call], texts: int = 1) -> dict[str, dict[int, Call]]:
    """The calls of each map by their layers; maps without a call over so many texts are left out.

    A model with several stacks that is no encoder-decoder (an image and a text tower) has a map for each, named by what
    tells the stacks apart.
    """
    stacks: dict[str, dict[int, Call]] = {}
    for call in calls:
        stacks.setdefault(call.stack, {})[call.place.layer] = call
    stacks = {
        stack: found
        for stack, found in stacks.items()
        if any(len(call.attention.queries) == texts for call in found.values())
    }
    named = {stack: next(reversed(found.values())).place.part for stack, found in stacks.items()}
    if len(set(named.values())) < len(named):
        named = _told_apart(list(stacks))
    return {named[stack]: found for stack, found in stacks.items()}


def _told_apart(stacks: list[str]) -> dict[str, str]:
    """Short names for stacks: the first component that differs, or the whole where that is not enough."""
    firsts = {stack: stack.split(".")[0] for stack in stacks}
    if len(set(firsts.values())) == len(stacks):
        return firsts
    return {stack: stack.replace(".*", "") for stack in stacks}


def one_text(call: Attention) -> Attention:
    """A recorded call without its batch axis and without anything computed from it."""

    def first(tensor: Tensor | None) -> Tensor | None:
        return tensor if tensor is None or tensor.ndim < 4 else tensor[0]

    more: dict[str, Any] = {"places": call.places[0]} if isinstance(call, Sampled) else {}
    return replace(
        call, queries=call.queries[0], keys=call.keys[0], values=call.values[0],
        allowed=first(call.allowed), bias=first(call.bias), sink=None if call.sink is None else call.sink[0], **more,
    )  # fmt: skip


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    sinks: Tensor | None = None,
    dropout: float = 0.0,
    **more: object,
) -> tuple[Tensor, None]:
    """The function that transformers calls: query `[batch, head, query, d]`, key and value with their own heads.

    `s_aux` `[head]` are the scores of learned sinks, `sinks` `[batch, head, query, 1]` those that a query computes; of
    `more` counts what says which keys were chosen (`chosen`).
    """
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    allowed, bias = allowed_and_bias(attention_mask, position_bias)
    # A module that says nothing is not causal in transformers' eager attention: Splinter, LayoutLM, MarkupLM.
    causal = getattr(module, "is_causal", False) if is_causal is None else is_causal
    if attention_mask is None and causal and query.shape[2] > 1:
        allowed = CausalMask(query.shape[2], key.shape[2], device=query.device)
    picked = chosen(module, query, key.shape[2], more)
    if picked is not None:
        allowed = picked if allowed is None else allowed & picked
    run = _RUN.get()
    learned = s_aux if s_aux is None or not run else s_aux.detach()
    sink = sinks.squeeze(-1) if sinks is not None else None if learned is None else learned.reshape(1, -1, 1)
    call = attend(
        query, key, value, rule=Soft(), allowed=allowed, bias=bias, scale=scaling, softcap=softcap, sink=sink
    )  # fmt: skip
    call = replace(call, shared=groups)
    if run and run.windows is not None:
        return _in_windows(run, run.windows, module, call), None
    if run:
        call = _changed_and_recorded(run, module, call)
        if run.follow is not None:
            return run.follow.output(run.steps[-1][-1], call), None
    elif dropout:  # a network of someone's own goes on training
        kept = torch.nn.functional.dropout(call.weights.to(value.dtype), dropout)
        return (kept @ value).transpose(1, 2).contiguous(), None
    return call.output.transpose(1, 2).contiguous(), None


def sent(module: torch.nn.Module, call: Attention) -> Attention:
    """A call that a module makes by itself, after this run's interventions, written down."""
    run = _RUN.get()
    return call if run is None else _changed_and_recorded(run, module, call)


def _changed_and_recorded(run: Run, module: torch.nn.Module, call: Attention) -> Attention:
    """The call after this run's interventions, written down."""
    calls = run.steps[-1]
    again = bool(calls) and calls[-1].repeats(module, call.queries, call.keys)
    if again:
        stack, place = calls[-1].stack, calls[-1].place
    else:
        stack, place = run.place(module, call.queries.shape[-2], call.keys.shape[-2])
    call = _changed(run, place, call)
    if not again:
        if run.light and calls:
            calls[-1] = calls[-1].outline()
        calls.append(Call(stack, place, _kept(call, run), module))
        if run.on_call is not None:
            run.on_call(place.layer + 1 if place.part == "self" else len(calls))
    return call


def _changed(run: Run, place: Place, call: Attention) -> Attention:
    """The call after this run's interventions; the very same where none acts on it."""
    for change in run.changes:
        if change.acts(place.part, place.layer):
            call = change.change(call, place)
    return call


def _in_windows(run: Run, windows: Windows, module: torch.nn.Module, call: Attention) -> Tensor:
    """The output of a call over windows of a picture, which is changed and written down as one over all of it."""
    name = run.names[id(module)]
    place, whole = windows.place(name), windows.whole(name, call)
    changed = _changed(run, place, whole)
    run.steps[-1].append(Call(place.part, place, _kept(changed, run), module))
    if run.on_call is not None:
        run.on_call(len(run.steps[-1]))
    output = call.output if changed is whole else windows.cut(name, changed.output)
    return output.transpose(1, 2).contiguous()


def _kept(call: Attention, run: Run) -> Attention:
    """A call to be written down at home, apart from what is computed from it; in an arena, without its values."""
    call = replace(call, allowed=run.at_home(call.allowed), bias=run.at_home(call.bias))
    if run.values:
        return homed(call)
    none = torch.empty(*call.values.shape[:-1], 0, dtype=torch.promote_types(call.values.dtype, torch.float32))
    alone = call.queries.untyped_storage().nbytes() == call.queries.nbytes  # not in GPT-2, whose holes stay of use
    if alone and call.queries.nbytes >= LARGE:
        give_back()
    sink, keep = None if call.sink is None else home(call.sink), run.arena.keep
    return replace(call, queries=keep(call.queries), keys=keep(call.keys), values=none, sink=sink)


def _mask(*args: Any, **kwargs: Any) -> Tensor | None:
    """transformers' boolean mask, True = may look; where it would leave a causal one out, one that is not laid out."""
    from transformers.masking_utils import sdpa_mask

    laid_out = sdpa_mask(*args, **kwargs)
    if laid_out is not None or not kwargs.get("allow_is_causal_skip", True):
        return laid_out
    batch, queries, keys = (kwargs[name] for name in ("batch_size", "q_length", "kv_length"))
    if queries == keys > 1:
        return CausalMask(queries, keys, batch, 1, device=kwargs.get("device", "cpu"))
    return sdpa_mask(*args, **{**kwargs, "allow_is_causal_skip": False})
