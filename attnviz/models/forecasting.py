"""A model that reads values over time in place of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from attnviz.adapter.classes import Kind
from attnviz.adapter.machine import Machine
from attnviz.adapter.series.opening import distributed, draws_of, opened
from attnviz.adapter.series.past import Beside, Past
from attnviz.adapter.series.reading import length, past
from attnviz.models.load import Boundary, WithoutText
from attnviz.notices import Notice

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase  # noqa: F401 - in a Model's fields, as below

# Of a Model's fields: who reads the annotations of a ForecastModel looks for their names here.
NAMED_IN_FIELDS = (Boundary, Kind, Notice, torch.dtype)


@dataclass(frozen=True)
class ForecastModel(WithoutText):
    """A loaded model of values over time: PatchTST, Time Series Transformer, Informer.

    It is a `Model` in all but what it reads: `kind` is "series", it has no tokenizer. `foresees` says whether a trained
    head forecasts; `record` then gives what it expects of each step to come as `Trace.answer`: a mean for each column
    and, where the head gives a distribution, its deviation ("± name") and the quantiles 0.1 and 0.9 ("10 % name",
    "90 % name") of `draws` draws. A model with lags is given its own means of the steps before.
    """

    foresees: bool = field(default=False, kw_only=True)

    def past(
        self, table: Any, *, calendar: Any = None, groups: Sequence[int] = (), each: float = 1.0, of: str = ""
    ) -> Past:
        """Read a table as the model does: `[row, channel]` or `[row]`, rows time steps, NaN where nothing was seen.

        The last `rows` rows are read. A row is `each` long in the unit `of` ("h"): so places are called. `calendar`
        `[row, feature]` is what a model with lags is given of each step beside its value, up to the last one that it
        forecasts, and `groups` the numbers of what the series is; where they are not given they are made up, and said.
        Raises `SeriesError` for what is no table of numbers, has too few rows, or other channels than the model.
        """
        if isinstance(table, Past):
            return table
        told = Beside(calendar, groups, each, of)
        return past(self.name, self.network.config, table, told)

    @property
    def rows(self) -> int:
        """How many rows it reads."""
        return length(self.network.config)

    @property
    def channels(self) -> int:
        """How many columns it reads."""
        config: Any = self.network.config
        return int(getattr(config, "num_input_channels", None) or config.input_size)

    @property
    def ahead(self) -> int:
        """How many steps it forecasts."""
        return int(self.network.config.prediction_length or 0)

    @property
    def draws(self) -> int:
        """How many draws of each step its interval is of; 0 where its head says one number and no distribution."""
        has = self.foresees and distributed(self.network)
        return draws_of(self.ahead * self.channels) if has else 0


def open_folder(name: str, folder: Path, machine: Machine, **known: Any) -> ForecastModel:
    """The model of a folder; `known` is what else was found of it. Raises `ModelError`."""
    read = opened(name, folder, machine)
    without: Any = None  # a tokenizer
    return ForecastModel(
        name, "series", read.network, without, None, None, foresees=read.foresees,
        notices=(*known.pop("notices", ()), *read.notices), **known,
    )  # fmt: skip
