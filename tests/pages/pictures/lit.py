"""What the browser is given to light up a picture, as numbers."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import torch

NOT = 65_535  # a pair that may not look


def weights_of(given: dict[str, Any]) -> torch.Tensor:
    """The map `[query, key]` as the browser has it, NaN where looking is not allowed."""
    found = np.frombuffer(base64.b64decode(given["weights"]), "<u2").reshape(given["queries"], given["keys"])
    values = torch.from_numpy(found.astype(np.float64))
    return torch.where(values == NOT, torch.nan, values / (NOT - 1) * given["top"])
