"""Why a run failed, and whether what came out of one is numbers at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from attnviz.adapter.checks import embedding_rows
from attnviz.adapter.outputs import of_each_side, scores_after
from attnviz.core.given import whole
from attnviz.errors import AttnvizError, ModelError, TextError
from attnviz.models.load import Model
from attnviz.text.tokens import Encoded


def check_ids(model: Model, *read: Encoded) -> None:
    """Has the network a row of its embedding for each token, and its decoder a position? Asked before it is run.

    Raises `ModelError` for a token that it has no row for, `TextError` for a reply of more tokens than it reads.
    """
    for one in read:
        check_rows(model, one.ids, one.labels)
    if len(read) > 1 and model.limit is not None and len(read[1].ids) > model.limit:
        raise TextError("target_too_long", model=model.name, tokens=len(read[1].ids), limit=model.limit)


def check_rows(model: Model, ids: Sequence[int], labels: Sequence[str]) -> None:
    """Has the network a row of its embedding for each token, called by its label? Raises `ModelError`."""
    rows = embedding_rows(model.network)
    for number, label in zip(ids, labels, strict=True):
        if not 0 <= (number if type(number) is int else whole("id", number)) < rows:
            raise ModelError("tokens_beyond_model", model=model.name, token=label, rows=rows)


def why_not(model: Model) -> AttnvizError:
    """What stands between a model and a text that may be put to it, where a run of it has failed?"""
    if getattr(model.network, "input_modalities", "text") not in ("text", ("text",), ["text"]):
        return ModelError("model_needs_more", model=model.name)
    return ModelError("run_failed", model=model.name)


def check_numbers(result: Mapping[str, Any], name: str, dtype: torch.dtype = torch.float32) -> None:
    """Refuse a run in which something is no number (NaN, infinite): damaged weights. Raises `ModelError`.

    In float16, which ends at 65,504, undamaged weights can give none either. What is no number in one layer is none in
    the last states, and in the head none after the last token.
    """
    scores, states = scores_after(result), of_each_side(result)
    unsure = scores is not None and bool(scores.isnan().any())
    if unsure or not all(bool(one.isfinite().all()) for one in states):
        if dtype == torch.float16:
            raise ModelError("half_not_enough", model=name)
        raise ModelError("weights_not_numbers", model=name)
