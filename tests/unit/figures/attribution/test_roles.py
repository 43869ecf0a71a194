"""Heads by layer: where they help the cell is 1, where they hinder -1, each with its sign; no head, no cell."""

from __future__ import annotations

import numpy as np
import pytest

from attnviz.figures.attribution.roles import roles
from attnviz.selection import Style

GATES = {(0, 0): (0.98, 0.9), (0, 1): (0.04, 0.0), (2, 0): (0.97, 0.03), (2, 1): (0.6, 0.5)}
NAMED = {(0, 0): "helps", (0, 1): "hinders", (2, 0): "idle", (2, 1): None}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_cell_says_how_far_it_helps_or_hinders_and_bears_the_sign_of_its_role(language: str) -> None:
    (found,) = roles(GATES, NAMED, Style(language=language)).data
    assert np.asarray(found.z, dtype=float)[[0, 2]] == pytest.approx(np.array([[0.88, -0.96], [0.0, 0.1]]), abs=1e-6)
    assert np.isnan(np.asarray(found.z, dtype=float)[1]).all()  # a layer without attention
    assert [list(row) for row in found.text] == [["+", "−"], ["", ""], ["○", ""]]
    assert "0.98" in found.customdata[0][0] and "0.90" in found.customdata[0][0]
    assert (found.zmin, found.zmax) == (-1, 1)
