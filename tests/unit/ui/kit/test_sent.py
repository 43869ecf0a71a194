"""What the browser is given to light up a picture: the full colour of a row, the same in Python and in the browser."""

from __future__ import annotations

import re

import numpy as np
import pytest

from attnviz.figures.paint.shades import EVEN, shares_of
from attnviz.ui.kit import asset
from attnviz.ui.kit.pictures.sent import FULL, NOT


def test_a_sharp_row_is_full_where_it_looks_and_an_even_one_is_pale_everywhere() -> None:
    sharp, even = np.zeros(40, np.float32), np.full(40, 1 / 40, np.float32)
    sharp[7], sharp[8] = 0.75, 0.25
    found = shares_of(np.stack([sharp, even]))
    assert found[0, 7] == 1 and found[0, 8] == pytest.approx(1 / 3)
    assert found[1].tolist() == pytest.approx([0.25] * 40)


@pytest.mark.parametrize(("row", "expected"), [
    ([0.1, 0.05, 0.1, 0.0, np.nan, 0.0, 0.0, 0.0, 0.0, 0.0], [0.25, 0.125, 0.25] + [0] * 7),  # most lies elsewhere
    ([0.6, 0.4], [0.6, 0.4]), ([1.0, 0.0], [1, 0]), ([0.0, 0.0], [0, 0]), ([1.0], [1]),
])  # fmt: skip
def test_full_is_never_more_than_one_weight_can_be(row: list[float], expected: list[float]) -> None:
    assert shares_of(np.array([row], np.float32))[0].tolist() == pytest.approx(expected)


def test_the_browser_has_the_same_numbers() -> None:
    said = asset("kit/pictures/picture.js")
    for name, value in (("EVEN", EVEN), ("FULL", FULL), ("NOT", NOT)):
        found = re.search(rf"\b{name} = (\d+)", said)
        assert found and int(found[1]) == value, name
