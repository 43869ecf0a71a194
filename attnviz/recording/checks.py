"""Why a run failed, and whether what came out of one is numbers at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnviz.adapter.checks import embedding_rows
from attnviz.adapter.outputs import of_each_side, scores_after
from attnviz.errors import AttnvizError, ModelError, TextError
from attnviz.models.load import Model
from attnviz.text.tokens import Encoded


def why_not(model: Model, *read: Encoded) -> AttnvizError:
    """What stands between a model and a text (and a reply) with which a run of it has failed?"""
    rows = embedding_rows(model.network)
    beyond = [label for one in read for number, label in zip(one.ids, one.labels, strict=True) if number >= rows]
    if beyond:
        return ModelError("tokens_beyond_model", model=model.name, token=beyond[0], rows=rows)
    if len(read) > 1 and model.limit is not None and len(read[1].ids) > model.limit:
        return TextError("target_too_long", model=model.name, tokens=len(read[1].ids), limit=model.limit)
    if getattr(model.network, "input_modalities", "text") not in ("text", ("text",), ["text"]):
        return ModelError("model_needs_more", model=model.name)
    return ModelError("run_failed", model=model.name)


def check_numbers(result: Mapping[str, Any], name: str) -> None:
    """Refuse a run in which something is no number (NaN, infinite): damaged weights. Raises `ModelError`.

    What is no number in one layer is none in the last states, and in the head none after the last token.
    """
    scores, states = scores_after(result), of_each_side(result)
    unsure = scores is not None and bool(scores.isnan().any())
    if unsure or not all(bool(one.isfinite().all()) for one in states):
        raise ModelError("weights_not_numbers", model=name)
