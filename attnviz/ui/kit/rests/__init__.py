"""What an answer rests on, on the pages that ask: which way of reading foresees best what happens without a place."""

from attnviz.ui.kit.rests.panel import COVERED, Rests, choose_covered, choose_explained, patch_maps
from attnviz.ui.kit.rests.told import as_csv, correlation, ranked, shared_top

__all__ = [
    "COVERED", "Rests", "as_csv", "choose_covered", "choose_explained", "correlation", "patch_maps", "ranked",
    "shared_top",
]  # fmt: skip
