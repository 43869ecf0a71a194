"""Which types of models read values over time."""

from __future__ import annotations

LAGGED = frozenset({"informer", "time_series_transformer"})  # encoder-decoders over steps with their lagged values
PATCHED = frozenset({"patchtst"})
CORRELATES = frozenset({"autoformer"})  # delays the series against itself: there is no map of who looks at whom


def forecasts(model_type: str) -> bool:
    """Does a model of this type read values over time, and is it read here?"""
    return model_type in LAGGED or model_type in PATCHED
