"""What is chosen, and how it is painted: two values that caches know by what is in them, made without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

import attnviz
from attnviz.core.rules import TopK
from attnviz.selection import SCALES, Selection, Style


def test_a_pair_is_chosen_only_with_its_key() -> None:
    assert Selection(1, 2, 3).cell is None
    assert Selection(1, 2, 3, 0).cell == (3, 0), "the first key is a key"


def test_a_figure_has_its_own_height_unless_the_style_says_one() -> None:
    assert [Style(height=height).pixels(460) for height in (None, 200)] == [460, 200]


def test_equal_choices_are_one_to_a_cache_and_no_one_changes_them() -> None:
    assert len({Selection(1, 2, rule=TopK(2)), Selection(1, 2, rule=TopK(2)), Selection(1, 2, rule=TopK(3))}) == 2
    assert len({Style(), Style("unit"), Style(dark=True)}) == 2
    for one in (Selection(), Style()):
        with pytest.raises(FrozenInstanceError):
            setattr(one, fields(one)[0].name, 1)


def modules_after(program: str) -> set[str]:
    root = Path(attnviz.__file__).parents[1]
    program += "; import sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_both_are_made_before_torch_is_there_on_the_controls_too() -> None:
    made = "from attnviz.selection import Selection, Style; Selection(1, 2), Style('row')"
    assert not modules_after(made) & {"torch", "plotly", "numpy", "streamlit"}
    assert "torch" not in modules_after(f"from attnviz.ui.kit import controls; {made}")
    assert SCALES == ("unit", "row", "log")
