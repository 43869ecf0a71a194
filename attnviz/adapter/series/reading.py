"""A table of values over time as one model reads it, and which of its rows each place of the model has."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from attnviz.adapter.series.kinds import LAGGED
from attnviz.adapter.series.past import Beside, Past
from attnviz.axes import Spans
from attnviz.errors import SeriesError, shown
from attnviz.notices import Notice

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 10_000_000  # numbers of a table


def past(name: str, config: Any, table: Any, told: Beside) -> Past:
    """A table as the model of this configuration reads it. Raises `SeriesError`."""
    values, names = _values(table)
    _check_channels(name, config, values.shape[1])
    need = length(config)
    if len(values) < need:
        raise SeriesError("series_rows_few", rows=len(values), least=need)
    if not isinstance(told.each, (int, float)) or not isfinite(told.each) or told.each <= 0:
        raise SeriesError("series_step", got=shown(told.each))
    begin = len(values) - need
    read = values[begin:]
    notes = [Notice("series_last", {"rows": len(values), "read": need})] if begin else []
    seen = np.isfinite(read)
    if not seen.any(axis=0).all():
        raise SeriesError("series_unseen", name=names[int(np.argmin(seen.any(axis=0)))])
    if not seen.all():
        notes.append(Notice("series_gaps", {"count": int((~seen).sum())}))
    inputs = _inputs(config, np.where(seen, read, 0.0).astype(np.float32), seen)
    if config.model_type in LAGGED:
        more, said = _beside(name, config, len(values), told)
        inputs, notes = inputs | more, [*notes, *said]
    own = read.astype(np.float32)
    return Past(own, len(values), begin, names, float(told.each), str(told.of), inputs, tuple(notes))


def length(config: Any) -> int:
    """How many rows a model reads: its context, and before it as many as its lags reach back."""
    lags = max(config.lags_sequence) if config.model_type in LAGGED else 0
    return int(config.context_length) + int(lags)


def _values(table: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The numbers of a table `[row, column]` and the names of its columns. Raises `SeriesError`."""
    named = [str(one) for one in getattr(table, "columns", ())]
    try:
        given = table.detach().cpu() if isinstance(table, Tensor) else table
        found = np.asarray(given)
        found = found.astype(np.float64) if found.dtype.kind in "fiub" or found.dtype == object else found
    except Exception as reason:
        raise SeriesError("series_kind", got=shown(table)) from reason
    if found.dtype != np.float64 or found.ndim not in (1, 2) or not found.size:
        raise SeriesError("series_kind", got=shown(table))
    if found.size > MOST:
        raise SeriesError("series_numbers_many", count=found.size, most=MOST)
    found = found[:, None] if found.ndim == 1 else found
    names = named if len(named) == found.shape[1] == len(set(named)) else [str(n + 1) for n in range(found.shape[1])]
    return found, tuple(names)


def _check_channels(name: str, config: Any, columns: int) -> None:
    """Refuse another number of columns than the model has channels. Raises `SeriesError`."""
    wanted = int(config.input_size if config.model_type in LAGGED else config.num_input_channels)
    if columns != wanted:
        raise SeriesError("series_channels", model=name, columns=columns, channels=wanted)


def _inputs(config: Any, values: NDArray[np.float32], seen: NDArray[np.bool_]) -> dict[str, Tensor]:
    """Values with 0 where nothing was seen, and where something was."""
    found = {"past_values": torch.from_numpy(values)[None], "past_observed_mask": torch.from_numpy(seen)[None]}
    if config.model_type in LAGGED:
        found["past_observed_mask"] = found["past_observed_mask"].float()
        if int(config.input_size) == 1:
            return {key: one[..., 0] for key, one in found.items()}
    return found


def _beside(name: str, config: Any, rows: int, beside: Beside) -> tuple[dict[str, Tensor], list[Notice]]:
    """What such a model is given of each step beside its value, and of the series as a whole; made up and said where
    nobody tells.
    """
    count, ahead = length(config), int(config.prediction_length)
    calendar, groups = beside.calendar, beside.groups
    wanted = int(config.num_time_features) + int(config.num_dynamic_real_features)
    notes: list[Notice] = []
    if calendar is None:  # GluonTS's age, which is the last: how far the series has gone
        told = torch.zeros(count + ahead, wanted)
        if wanted:
            told[:, -1] = torch.log10(2.0 + torch.arange(rows - count, rows + ahead))
            notes.append(Notice("series_calendar", {"model": name, "count": wanted}))
    else:
        given = np.asarray(calendar, np.float32)
        if given.ndim != 2 or given.shape[1] != wanted or len(given) < count + ahead or not np.isfinite(given).all():
            raise SeriesError("series_beside", model=name, count=wanted, rows=count + ahead)
        told = torch.from_numpy(given[-(count + ahead) :].copy())
    found = {"past_time_features": told[None, :count], "future_time_features": told[None, count:]}
    kinds = int(config.num_static_categorical_features)
    if kinds:
        own = list(groups) or [0] * kinds
        fits = len(own) == kinds and all(0 <= one < size for one, size in zip(own, config.cardinality, strict=False))
        if not fits:
            raise SeriesError("series_groups", model=name, count=kinds, sizes=", ".join(map(str, config.cardinality)))
        found["static_categorical_features"] = torch.tensor([own])
        notes += [] if groups else [Notice("series_group", {"model": name})]
    if reals := int(config.num_static_real_features):
        found["static_real_features"] = torch.zeros(1, reals)
    return found, notes


def patch_count(config: Any) -> int:
    """How many patches PatchTST cuts what it reads of a channel into."""
    size = int(config.patch_length)
    return (max(int(config.context_length), size) - size) // int(config.patch_stride) + 1


def patches(config: Any, read: Past) -> Spans:
    """Which rows each patch of PatchTST has; those that no whole patch has room for are left out before the first."""
    size, stride, context = int(config.patch_length), int(config.patch_stride), int(config.context_length)
    count = patch_count(config)
    start = read.begin + context - (size + stride * (count - 1))
    first = ("[CLS]",) if config.use_cls_token else ()
    return read.spans([(start + n * stride, start + n * stride + size) for n in range(count)], first)


def steps(config: Any, read: Past) -> tuple[Spans, Spans]:
    """Which rows the places of an encoder have, and those of a decoder, which come after the table."""
    context, ahead = int(config.context_length), int(config.prediction_length)
    return (
        read.spans([(row, row + 1) for row in range(read.rows - context, read.rows)]),
        read.spans([(row, row + 1) for row in range(read.rows, read.rows + ahead)]),
    )


def distilled(config: Any, read: Past) -> list[Spans]:
    """Which rows the places of each layer of Informer's encoder have, from the first.

    Between two layers a pooling takes the largest of three neighbours at every second place (Zhou et al. 2021, eq. 5),
    after a convolution over three: a place has the rows of what was pooled to it.
    """
    found = [list(steps(config, read)[0].rows)]
    for _ in range(int(config.encoder_layers) if config.distil else 0):
        before = found[-1]
        last = len(before) - 1
        found.append([(before[max(n - 1, 0)][0], before[min(n + 1, last)][1]) for n in range(0, len(before), 2)])
    if not config.distil:
        found *= int(config.encoder_layers) + 1
    else:  # after the last layer there is none
        found[-1] = found[-2]
    return [read.spans(rows) for rows in found]
