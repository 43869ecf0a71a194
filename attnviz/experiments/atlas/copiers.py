"""Which heads copy? What each writes of a token is read by the model's own norm and head, over many texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.adapter import outputs
from attnviz.adapter.heads import final_norm, said_of
from attnviz.adapter.machine import computing, home, placed
from attnviz.core.given import check_functions
from attnviz.core.rules import Rule
from attnviz.errors import AttnvizError, ModelError, Stopped, TextError
from attnviz.guard import one_by_one, own, sentences
from attnviz.measures.reading import copied, raised
from attnviz.models.load import Model
from attnviz.recording.record import record
from attnviz.trace import Trace

COPIES = 0.9  # of all other pieces: a head that raises what it looks at above so many is called one that copies


@dataclass(frozen=True)
class Copying:
    """How far each head copies, `[layer, head]`: 0 to 1, by chance 0.5; NaN where it is not known.

    `unknown` says for each such layer why. `error` is a standard error over the `tokens` tokens behind each number.
    """

    mean: Float[Tensor, "layer head"]
    error: Float[Tensor, "layer head"]
    tokens: int
    unknown: Mapping[int, AttnvizError]


@sentences
def copying(
    model: Model,
    texts: Sequence[str],
    *,
    rule: Rule | None = None,
    on_text: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Copying:
    """Does what a head writes make the token that it looks at more likely than others? Judged by output, not by weight.

    What a head brings of a token (its value through the output projection) goes alone through the model's last norm
    and head. Of all other pieces, which share is raised less than that token? The mean over a text's tokens by their
    weights, special tokens taken out (`reading.copied`). Above 0.5 it copies, below it holds down what it sees.
    A model that fills blanks is asked so too, its text unblanked. `on_text` hears how many are done, of how many.

    Raises what `record` raises for the first text where none can be read, `ModelError` for models that predict no
    token of the text they read or are seen from outside alone, `Stopped`.

    >>> import attnviz as av
    >>> tuple(av.copying(av.load("lab-1"), ["南京市长江大桥"]).mean.shape)
    (4, 1)
    """
    check_functions(on_text=on_text, stop=stop)
    if model.kind not in ("masked", "causal") or model.eager:
        raise ModelError("copying_not_known", model=model.name)
    found: list[Tensor] = []
    unknown: dict[int, AttnvizError] = {}
    refused: AttnvizError | None = None
    for text in one_by_one(texts, own(on_text), own(stop)):
        try:
            found.append(_of_text(model, record(model, text, rule=rule, states=True), unknown))
        except (Stopped, ModelError):
            raise
        except AttnvizError as reason:
            refused = refused or reason
    if not found:
        raise refused or TextError("text_empty")
    rows = torch.cat(found, -1)
    count = rows.isfinite().sum(-1)
    mean = rows.nanmean(-1)
    spread = (rows - mean[..., None]).square().nansum(-1) / (count - 1).clamp_min(1)
    return Copying(mean, (spread / count).sqrt(), int(count.max()), unknown)


def _of_text(model: Model, trace: Trace, unknown: dict[int, AttnvizError]) -> Float[Tensor, "layer head query"]:
    """Of every token of one text; NaN in layers of which it is not known, which are told apart in `unknown`."""
    found = torch.full((trace.n_layers, trace.n_heads, len(trace.tokens)), torch.nan, dtype=torch.float64)
    asked, ids = ~torch.tensor(trace.special), torch.tensor(trace.encoded.ids)
    mouth = _Mouth(model, trace)
    nothing = mouth.says(torch.zeros_like(trace.outputs))
    for layer in trace.open_layers:
        call = trace.attention(layer)
        try:
            written = written_by(trace, layer)
        except AttnvizError as reason:
            unknown[layer] = reason
            continue
        shares = torch.stack([raised(mouth.gains(one, nothing), ids) for one in written])
        found[layer, : call.n_heads] = copied(call.weights, shares, asked, asked)
    return found


def written_by(trace: Trace, layer: int) -> Float[Tensor, "head key width"]:
    """What each head brings of each key, as it is added to the stream.

    Raises `AttnvizError` where heads and output are not a sum, and where the model norms the output before it adds it.
    """
    block = trace.block(layer)
    vectors, factor = block.transformed(trace.attention(layer)), block.factor
    if factor is None:
        raise AttnvizError("output_normed", layer=layer)
    return vectors * factor


@dataclass(frozen=True)
class _Mouth:
    """The last norm and the head of a model, to be asked about a text of one length."""

    model: Model
    trace: Trace

    def says(self, states: Float[Tensor, "key width"]) -> Float[Tensor, "key vocabulary"]:
        """The logits of such last states."""
        network, ids, types = self.model.network, self.trace.encoded.ids, self.trace.encoded.types
        given = placed(network, outputs.inputs(network, ids, types, None))
        with computing(network), torch.inference_mode():
            normed = final_norm(network)(states[None].to(network.device, network.dtype))
            return home(said_of(network, normed, given)[0]).float()

    def gains(self, vectors: Float[Tensor, "key width"], nothing: Tensor) -> Float[Tensor, "key vocabulary"]:
        """The logits that come of vectors alone, as long as last states are, beyond those that come of `nothing`."""
        size = self.trace.outputs.norm(dim=-1).mean() / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-20)
        return self.says((vectors * size).float()) - nothing
