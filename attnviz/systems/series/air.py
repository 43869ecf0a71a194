"""Beijing's air as the network is given it: hours with fine dust, weather and wind.

UCI's Beijing PM2.5 (Chen 2015, https://archive.ics.uci.edu/dataset/381, CC BY 4.0): hourly PM2.5 in micrograms per
cubic metre at the US embassy, weather of the airport.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.systems.series.clock import Clock

WINDS = ("NW", "NE", "SE", "cv")  # cv: calm, or from all sides
BESIDE = ("TEMP", "DEWP", "PRES", "Iws", "wet", *WINDS, "known")  # what is known of a past hour beside its dust
FILE = "air.safetensors"


@dataclass(frozen=True, eq=False)
class Air:
    """Hours of air from `start` on: PM2.5 (NaN where nothing was measured), weather, and the wind by number.

    The columns of `weather` are temperature and dew point in degrees Celsius, pressure in hPa, cumulated wind speed in
    m/s, and cumulated hours of rain or snow.
    """

    start: datetime
    dust: Float[Tensor, " hour"]
    weather: Float[Tensor, "hour 5"]
    wind: Int64[Tensor, " hour"]

    def __len__(self) -> int:
        return len(self.dust)

    @property
    def clock(self) -> Clock:
        """Its hours."""
        return Clock(self.start, "hour")

    def beside(self) -> Float[Tensor, "hour 10"]:
        """What the network is told of each hour beside its dust, of about the same size each."""
        temperature, dew, pressure, speed, wet = self.weather.unbind(-1)
        scaled = [temperature / 15, dew / 15, (pressure - 1016) / 10, speed.log1p() / 2 - 1, wet.clamp_max(1.0)]
        winds = F.one_hot(self.wind, len(WINDS)).float()
        return torch.cat([torch.stack(scaled, dim=-1), winds, torch.ones(len(self), 1)], dim=-1)

    def part(self, first: int, last: int) -> Air:
        """The hours `[first, last)`."""
        cut = slice(first, last)
        return Air(self.clock.at(first), self.dust[cut], self.weather[cut], self.wind[cut])

    def tensors(self) -> dict[str, Tensor]:
        """What a file keeps of it."""
        return {
            "dust": self.dust.nan_to_num(-1).round().short(), "weather": self.weather.half(), "wind": self.wind.byte(),
        }  # fmt: skip

    @classmethod
    def stored(cls, file: Path, start: str) -> Air:
        """What `tensors` gave, from a file."""
        from safetensors.torch import load_file

        found = load_file(file)
        dust = found["dust"].float()
        return cls(
            datetime.fromisoformat(start), dust.masked_fill(dust < 0, torch.nan), found["weather"].float(),
            found["wind"].long(),
        )  # fmt: skip
