"""What would the model say at each place, were a layer its last one? (Logit lens)"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.adapter import outputs
from attnviz.adapter.classes import HEAD_KINDS
from attnviz.adapter.heads import final_norm, said_of
from attnviz.adapter.machine import computing, home, placed
from attnviz.errors import AttnvizError, ModelError
from attnviz.models.load import Model
from attnviz.recording.several import Several
from attnviz.trace import Trace


def lens(model: Model, trace: Trace) -> Float[Tensor, "layer token vocabulary"]:
    """The logits that a model's own norm and head give of the states below its first layer and after each.

    The last are those of the run itself. Of an encoder-decoder: of the target's tokens. (nostalgebraist 2020; see
    `measures.reading.logit_lens` for what it leaves out)

    Raises `AttnvizError` for a model that predicts no tokens, `ModelError` where its states are not one for each layer.
    """
    if model.kind in ("plain", *HEAD_KINDS):
        raise AttnvizError("target_no_logits")
    several = Several.of(model, trace)
    part = "decoder" if several.reply is not None else trace.part
    states = several.run(1)[0].states(part)
    if len(states) != trace.map(part).n_layers + 1:
        raise ModelError("states_not_by_layer", model=model.name)
    network, reply = model.network, None if several.reply is None else several.reply.ids
    given = placed(network, outputs.inputs(network, several.encoded.ids, several.encoded.types, reply))
    with computing(network), torch.inference_mode():
        norm = final_norm(network)
        inner = [norm(one[None].to(network.device, network.dtype)) for one in states[:-1]]
        found = [said_of(network, one, given) for one in (*inner, states[-1][None].to(inner[0]))]
    return torch.stack([home(one[0]) for one in found])
