"""The way in for weights that somebody else's code returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from attnviz.core.attention import Attention, Observed
from attnviz.errors import AttnvizError
from attnviz.notebook.arrays import by_part, checked, layers_of
from attnviz.notebook.pieces import axis_of
from attnviz.text.tokens import Encoded
from attnviz.trace import Gap, Trace


@dataclass(frozen=True)
class Reading:
    """How given weights are read: which text of a batch, whether rows must sum to 1, whose they are said to be."""

    batch: int | None
    sums_to_one: bool
    model: str


def from_weights(
    weights: Any,
    tokens: Any,
    *,
    target: Any = None,
    keys: Any = None,
    tokenizer: Any = None,
    batch: int | None = None,
    sums_to_one: bool = True,
    model: str = "",
) -> Trace:
    """Make a trace of attention weights that any library returned, and of the tokens that they belong to.

    `weights` is what transformers returned (its output, or `outputs.attentions`: a tuple of `[batch, head, query,
    key]`), a cache of TransformerLens or one pattern of it, or an array or nested lists: `[query, key]`, `[head, query,
    key]`, `[layer, head, query, key]`, `[layer, batch, head, query, key]`. Of an encoder-decoder it is the output, or a
    dictionary of "encoder", "decoder" and "cross"; `tokens` are then the source's, `target` the decoder's. A map from
    one thing to another alone takes the names of what is looked at as `keys`.

    `tokens` are strings, or ids with their `tokenizer`. `batch` is the number of the text where there are several.
    `sums_to_one=False` takes rows that do not sum to 1 (a sink, dropout, a rule that does not renormalise). A weight of
    exactly 0 is taken as not allowed. Nothing given is changed.

    Raises `AttnvizError` for what does not fit together, and for numbers that are no weights.

    >>> trace = from_weights([[0.9, 0.1], [0.4, 0.6]], ["tea", "cup"])
    >>> trace.n_layers, trace.n_heads, trace.weights(0, 0)[1].tolist()
    (1, 1, [0.4000000059604645, 0.6000000238418579])
    """
    source = axis_of(tokens, tokenizer)
    written = None if target is None else axis_of(target, tokenizer)
    how = Reading(batch, sums_to_one, model)
    stacks = by_part(weights)
    if stacks is None or set(stacks) == {"self"}:
        seen = source if keys is None else axis_of(keys, tokenizer)
        alone = weights if stacks is None else stacks["self"]
        return _trace("self" if keys is None else "cross", alone, (source, seen), how)
    if written is None and set(stacks) != {"encoder"}:
        raise AttnvizError("given_no_target")
    return _together(stacks, source, written or source, how)


def _together(stacks: Mapping[str, Any], source: Encoded, target: Encoded, how: Reading) -> Trace:
    """The maps of an encoder-decoder, that of the cross attention first, as `record` hands them out."""
    sides = {"cross": (target, source), "encoder": (source, source), "decoder": (target, target)}
    traces = {part: _trace(part, stacks[part], sides[part], how) for part in sides if part in stacks}
    first, *rest = traces
    return replace(traces[first], others={part: traces[part] for part in rest})


def _trace(part: str, given: Any, sides: tuple[Encoded, Encoded], how: Reading) -> Trace:
    """One map of a run: its layers checked against the tokens on both sides."""
    found: list[Attention | Gap] = []
    for number, layer in enumerate(layers_of(given, how.batch)):
        if layer is None:
            found.append(Gap("other", "None"))
            continue
        _check_shape(layer.shape, number, sides)
        found.append(Observed.of(checked(layer, number, how.sums_to_one)))
    queries, keys = sides
    return Trace(queries, keys, tuple(found), model=how.model, part=part)


def _check_shape(shape: Sequence[int], layer: int, sides: tuple[Encoded, Encoded]) -> None:
    """Refuse a layer that has not as many rows and columns as there are tokens."""
    asked = tuple(map(len, sides))
    if tuple(shape[1:]) != asked:
        raise AttnvizError(
            "given_shape", layer=layer, queries=shape[1], keys=shape[2], tokens=asked[0], key_tokens=asked[1]
        )
