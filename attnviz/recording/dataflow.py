"""Follow what a model makes of its heads: which projection they go through, and which state that is added to.

Models name and arrange these in a hundred ways, so nothing here knows a name: torch tells every operation of this run,
in this thread alone (`TorchFunctionMode`), and each result remembers what it was made of. The first linear map of an
attention's output is its projection; the first sum with something that its queries came from is the residual one.
Nothing is put on the model, and a run that does not ask for it is not slowed down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from attnviz.adapter.machine import home
from attnviz.adapter.registered import Call, by_map
from attnviz.core.attention import Attention
from attnviz.core.states import Block, Norm, Projection

SUMS = {"add", "__add__", "__radd__", "add_", "__iadd__"}
# What changes a tensor's form, and not what it says; or scales it.
SAME = {
    "reshape", "view", "flatten", "unflatten", "transpose", "permute", "contiguous", "clone", "to", "type", "type_as",
    "float", "squeeze", "unsqueeze", "dropout", "detach", "expand",
}  # fmt: skip
SCALED = {"mul", "__mul__", "__rmul__", "div", "__truediv__"}
NORMS = {"layer_norm", "rms_norm"}


@dataclass(frozen=True, eq=False)
class Node:
    """One result: what it was made of, and of which attention call it is a part that is not yet in the stream.

    `same` is what it equals but for its form or a factor; `between` what was done to the heads before they were
    projected.
    """

    number: int
    parents: tuple[Node, ...] = ()
    same: Node | None = None
    call: Seen | None = None
    between: tuple[str, ...] = ()

    def comes_from(self, other: Node) -> bool:
        """Is `other` among what it was made of?"""
        left, met = [self], set()
        while left:
            node = left.pop()
            if node is other:
                return True
            if node.number > other.number and node not in met:
                met.add(node)
                left.extend(node.parents)
        return False

    @property
    def origins(self) -> tuple[Node, ...]:
        """It, and what it equals but for its form or a factor."""
        return (self,) if self.same is None else (self, *self.same.origins)


@dataclass(eq=False)
class Seen:
    """What has been seen of one attention call: its heads `[batch, query, head, d_value]`, then what became of them."""

    query: Node
    heads: Tensor
    projection: Projection | None = None
    between: tuple[str, ...] = ()
    states: dict[str, Tensor] = field(default_factory=dict)
    norm: Norm | None = None

    def block(self) -> Block | None:
        """All of it; None where no projection was seen."""
        if "output" not in self.states:
            return None
        if "added" in self.states and torch.equal(self.states["added"], self.states["output"]):
            self.states["added"] = self.states["output"]
        return Block(projection=self.projection, between=self.between, norm=self.norm, **self.states)


class Dataflow(TorchFunctionMode):
    """Follows one run over one text (`interface.Follow`)."""

    def __init__(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self._numbers = count()
        self._nodes: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._seen: dict[int, Seen] = {}
        self._calls: list[Call] = []
        self._left: tuple[Seen, Node] | None = None  # the stream after the block seen last
        self._normed: dict[Node, tuple[Seen, Tensor, Norm]] = {}

    def __enter__(self) -> Dataflow:
        self._begin()
        self._still = torch.inference_mode()
        self._still.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)  # type: ignore[no-untyped-call]
        self._still.__exit__(*failure)
        self._nodes, self._left, self._normed = WeakIdKeyDictionary(), None, {}

    def output(self, seen: Call, call: Attention) -> Tensor:
        """The call's output, to be followed from here on."""
        output = call.output.transpose(1, 2).contiguous()
        followed = self._seen.get(id(seen))
        if followed is None:  # else the same map for other values (DiffLlama)
            query = self._nodes.get(call.queries) or Node(next(self._numbers))
            followed = self._seen[id(seen)] = Seen(query, output)
            self._calls.append(seen)
        self._nodes[output] = Node(next(self._numbers), (followed.query,), call=followed)
        return output

    def blocks(self, found: Mapping[str, Sequence[object]]) -> dict[str, tuple[Block | None, ...]]:
        """The blocks of each map, one for each of its layers; None for a layer without attention."""
        maps = by_map(self._calls).items()
        seen = {part: {n: self._seen[id(call)] for n, call in layers.items()} for part, layers in maps}
        return {
            part: tuple(one.block() if (one := seen.get(part, {}).get(n)) else None for n in range(len(layers)))
            for part, layers in found.items()
        }

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        given = [one for one in tree_leaves((args, kwargs or {})) if isinstance(one, Tensor)]
        nodes = [node for one in given if (node := self._nodes.get(one)) is not None]
        summed = self._summed(name, given)
        result = func(*args, **(kwargs or {}))
        if name == "__setitem__":
            self._nodes[args[0]] = self._node(name, nodes)
        made = [one for one in tree_leaves(result) if isinstance(one, Tensor)]
        fresh = [one for one in made if name.endswith("_") or not any(one is old for old in given)]
        for one in fresh:
            self._nodes[one] = self._node(name, nodes, self._equal(name, one, given))
        if fresh and nodes:
            self._project(name, args, kwargs or {}, fresh[0], nodes)
            self._add(summed, fresh[0])
            self._stand_on(name, args, kwargs or {}, fresh[0])
        return result

    def _node(self, name: str, parents: Sequence[Node], same: Node | None = None) -> Node:
        """The node of a result."""
        part_of = max((node for node in parents if node.call), key=lambda node: node.number, default=None)
        if part_of is None:
            return Node(next(self._numbers), tuple(parents), same)
        between = part_of.between if name in SAME else (*part_of.between, name)
        return Node(next(self._numbers), tuple(parents), same, part_of.call, between)

    def _equal(self, name: str, result: Tensor, given: Sequence[Tensor]) -> Node | None:
        """What the result equals but for its form or a factor."""
        whole = given[:1] if name in SAME else [one for one in given if one.shape == result.shape and name in SCALED]
        found: Node | None = self._nodes.get(whole[0]) if len(whole) == 1 else None
        return found

    def _project(
        self, name: str, args: Sequence[Any], given: Mapping[str, Any], result: Tensor, nodes: Sequence[Node]
    ) -> None:
        """Write down the first linear map of an attention's output."""
        node = self._nodes[result]
        linear = _linear(name, args, given)
        if linear is None or node.call is None or "output" in node.call.states:
            return
        seen, (source, weight, bias) = node.call, linear
        if self._nodes.get(source) not in nodes or self._nodes[source].call is not seen:
            return
        n_heads, width = seen.heads.shape[-2:]
        seen.states["output"] = _flat(result).clone()
        heads = home(seen.heads.flatten(-2).reshape(-1, n_heads * width))
        if weight.shape[0] == n_heads * width and torch.equal(_flat(source), heads):
            unfolded = home(weight.detach()).unflatten(0, (n_heads, width))
            seen.projection = Projection(unfolded, None if bias is None else home(bias.detach()))
        else:
            seen.states["read"] = _flat(source).clone()
        seen.between = self._nodes[source].between
        seen.heads = seen.heads[:0]  # let go

    def _summed(self, name: str, given: Sequence[Tensor]) -> list[tuple[Tensor, Node | None]]:
        """The two terms of a sum, as they are before it (it may be computed in place); else none."""
        if name not in SUMS or len(given) != 2 or given[0].shape != given[1].shape:
            return []
        terms = [(one, self._nodes.get(one)) for one in given]
        wanted = any(node is not None and node.call is not None for _, node in terms)
        return [(one.clone() if wanted else one, node) for one, node in terms]

    def _add(self, terms: Sequence[tuple[Tensor, Node | None]], result: Tensor) -> None:
        """Write down the first sum of a block's output with something that its queries came from."""
        for _, node in terms:
            for origin in node.origins if node else ():
                if origin in self._normed:
                    normed_by, state, norm = self._normed.pop(origin)
                    normed_by.states["normed"], normed_by.norm = state, norm
        for (mine, node), (other, their) in (terms, terms[::-1]) if terms else ():
            if node is None or their is None or node.call is None or "output" not in node.call.states:
                continue
            if their.call is node.call or "left" in node.call.states:
                continue
            states = node.call.states
            states.setdefault("added", _flat(mine))
            if any(node.call.query.comes_from(one) for one in their.origins):
                states |= {"entered": _flat(other), "left": _flat(result).clone()}
                self._nodes[result] = Node(self._nodes[result].number, (node, their), call=None)
                self._left = (node.call, self._nodes[result])
                return

    def _stand_on(self, name: str, args: Sequence[Any], given: Mapping[str, Any], result: Tensor) -> None:
        """Keep the norm of a stream until it is known whether the model goes on from it."""
        if name not in NORMS or self._left is None or self._nodes.get(args[0]) is not self._left[1]:
            return
        names = ("input", "normalized_shape", "weight") + (("eps",) if name == "rms_norm" else ("bias", "eps"))
        asked = {**dict(zip(names, args, strict=False)), **given}
        weight, bias = (None if asked.get(key) is None else home(asked[key].detach()) for key in ("weight", "bias"))
        norm = Norm(weight, bias, asked.get("eps", 1e-5), name == "rms_norm")
        self._normed = {self._nodes[result]: (self._left[0], _flat(result), norm)}


def _flat(state: Tensor) -> Tensor:
    """A state of one text `[query, width]`, at home."""
    return home(state.reshape(-1, state.shape[-1]))


def _linear(name: str, args: Sequence[Any], given: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor | None] | None:
    """Input, weight `[in, out]` and bias of a linear map with weights of the model; None for anything else."""
    if name == "linear":
        bias = args[2] if len(args) > 2 else given.get("bias")
        return args[0], (args[1] if len(args) > 1 else given["weight"]).T, bias
    if name == "addmm":
        return args[1], args[2], args[0]
    if name in ("matmul", "__matmul__") and args[1].ndim == 2:
        return args[0], args[1], None
    return None
