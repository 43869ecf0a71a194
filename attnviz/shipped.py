"""Where the trained weights that come with the package lie."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights")  # a folder for each, in the Hub's form
