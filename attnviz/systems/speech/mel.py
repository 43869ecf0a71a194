"""What the model is given of a sound: how loud each pitch is, 100 times a second.

A log-mel spectrogram as is usual for speech: windows of 25 ms every 10 ms (Hann), their energies in 40 bands that are
even on the mel scale of Slaney's Auditory Toolbox (1998), as logarithms to the base 10, from the loudest down to
`DEEP` below it. A sound as quiet as `QUIET` counts as silence: it is not made loud.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

RATE = 8_000  # samples a second
HOP, WINDOW, WHOLE = 80, 200, 256  # samples: 10 ms, 25 ms, and what is transformed
BANDS = 40
DEEP = 6.0  # powers of ten below the loudest
QUIET = -4.0  # log10 of the energy of a band that counts as the loudest at the least
STRAIGHT, FASTER = 1_000.0, math.log(6.4) / 27  # Hz up to which the scale is straight, and the step above
EACH = 200 / 3  # Hz a mel below


def mel_of(hertz: Tensor) -> Tensor:
    """Where a pitch lies on Slaney's scale: straight up to 1,000 Hz, then by its logarithm."""
    above = STRAIGHT / EACH + (hertz.clamp_min(1.0) / STRAIGHT).log() / FASTER
    return torch.where(hertz < STRAIGHT, hertz / EACH, above)


def hertz_of(mel: Tensor) -> Tensor:
    """The pitch at a place of the scale."""
    edge = STRAIGHT / EACH
    return torch.where(mel < edge, mel * EACH, STRAIGHT * ((mel - edge) * FASTER).exp())


@cache
def edges() -> Float[Tensor, " edge"]:
    """Where bands begin, are highest and end, in Hz: band b from edge b over b + 1 to b + 2."""
    top = mel_of(torch.tensor(RATE / 2, dtype=torch.float64))
    return hertz_of(torch.linspace(0, float(top), BANDS + 2, dtype=torch.float64))


@cache
def filters() -> Float[Tensor, "band bin"]:
    """How much each frequency counts in each band: triangles of equal area (Slaney)."""
    bins = torch.linspace(0, RATE / 2, WHOLE // 2 + 1, dtype=torch.float64)
    low, middle, high = edges()[:-2, None], edges()[1:-1, None], edges()[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    triangles = torch.minimum(rising, falling).clamp_min(0)
    return (triangles * 2 / (high - low)).float()


def energies(samples: Float[Tensor, "*batch sample"]) -> Float[Tensor, "*batch band frame"]:
    """log10 of the energy in each band, a frame every 10 ms, its window round its beginning; -10 is nothing."""
    window = torch.hann_window(WINDOW)
    found = torch.stft(samples, WHOLE, HOP, WINDOW, window, center=True, pad_mode="constant", return_complex=True)
    power = found[..., :-1].abs().square()  # the last window lies half outside
    return (filters() @ power).clamp_min(1e-10).log10()


def mel(samples: Float[Tensor, "*batch sample"]) -> Float[Tensor, "*batch band frame"]:
    """What the network reads: 1 at the loudest of each sound, 0 at `DEEP` powers of ten below it and under."""
    found = energies(samples)
    loudest = found.amax(dim=(-2, -1), keepdim=True).clamp_min(QUIET)
    return ((found - loudest) / DEEP + 1).clamp(0, 1)
