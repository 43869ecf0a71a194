"""What an answer rests on, on the pages that ask: which way of reading foresees best what happens without a place."""

from attnviz.ui.kit.rests.panel import (
    LIKELIEST,
    YARDSTICKS,
    Rests,
    choose_answer,
    choose_covered,
    choose_explained,
    of_top,
    patch_maps,
)
from attnviz.ui.kit.rests.told import another, as_csv, correlation, ranked, shared_top

__all__ = [
    "LIKELIEST", "YARDSTICKS", "Rests", "another", "as_csv", "choose_answer", "choose_covered", "choose_explained",
    "correlation", "of_top", "patch_maps", "ranked", "shared_top",
]  # fmt: skip
