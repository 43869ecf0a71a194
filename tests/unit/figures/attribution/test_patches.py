"""A picture once for each way: every patch where it lies, as strong as it counts, a sign where it speaks against."""

from __future__ import annotations

import base64
import re

import pytest
import torch

from attnviz.axes import Box
from attnviz.figures.attribution.patches import FULL, Ground, maps
from attnviz.figures.attribution.rows import Way, rows
from attnviz.selection import Style

BOXES = [Box(0.0, 0.0, 4.0, 2.0), Box(4.0, 0.0, 8.0, 2.0), Box(0.0, 2.0, 4.0, 4.0), Box(4.0, 2.0, 8.0, 4.0)]
WAYS = [Way("a < b", torch.tensor([2.0, -1.0, 0.01, 0.0])), Way("other", torch.tensor([0.0, 0.0, 0.0, 3.0]), -0.5)]


def drawings(made: str) -> list[str]:
    return [base64.b64decode(one).decode() for one in re.findall(r"svg\+xml;base64,([^\"]+)", made)]


@pytest.mark.parametrize("dark", [False, True])
def test_each_way_is_scaled_to_its_own_strongest_patch(dark: bool) -> None:
    ground = Ground("data:image/png;base64,AAAA", 8, 6, BOXES)
    made = maps(WAYS, ground, ['one "said"', "two"], Style(dark=dark))
    one, other = drawings(made)
    cells = re.findall(
        r"<rect x='([\d.]+)' y='([\d.]+)' width='4.00' height='2.00' fill='#\w+' opacity='([\d.]+)'", one
    )
    assert [(float(x), float(y)) for x, y, _ in cells] == [(0, 0), (4, 0)]  # what counts next to nothing is not painted
    assert [float(share) for _, _, share in cells] == pytest.approx([FULL, FULL / 2])
    assert one.count("<line") == 2 and "x1='4.80'" in one and "viewBox='0 0 8 6'" in one
    assert other.count("opacity='0.920'") == 1 and "<line" not in other and ground.address in other
    assert 'alt="one &quot;said&quot;"' in made and "a &lt; b" in made and "other −0.50" in made


def test_a_box_is_framed_where_there_is_one() -> None:
    grounds = (Ground("", 8, 6, BOXES, frame) for frame in (None, Box(1.0, 2.0, 3.0, 5.0)))
    plain, framed = (drawings(maps(WAYS[:1], ground, ["one"]))[0] for ground in grounds)
    assert "fill='none'" not in plain
    assert framed.count("<rect x='1.00' y='2.00' width='2.00' height='3.00' fill='none'") == 2


def test_of_many_columns_each_so_manieth_is_named() -> None:
    seen, labels = torch.ones(4, dtype=torch.bool), ["02-20 08:00", "02-20 09:00", "02-20 10:00", "02-20 11:00"]
    figure = rows(WAYS, labels, seen, every=3)
    assert list(figure.layout.xaxis.tickvals) == [0, 3] and list(figure.layout.xaxis.ticktext) == [labels[0], labels[3]]


def test_rows_are_named_above_for_names_beside_left_a_phone_no_pixel() -> None:
    named = [Way("a long name of a way of reading < all", way.values, 0.7) for way in WAYS]
    figure = rows(named, ["x"] * 4, torch.ones(4, dtype=torch.bool))
    assert figure.layout.margin.l < 20 and not figure.layout.yaxis.showticklabels
    assert tuple(one.text for one in figure.layout.annotations) == figure.layout.yaxis.ticktext
    assert figure.data[0].ygap > 12, "a gap holds the name"
    asked = rows(named, ["x"] * 4, torch.ones(4, dtype=torch.bool), asked=1)
    edges = [(shape.y0, shape.y1) for shape in asked.layout.shapes]
    assert all(-0.4 < low - row < 0 < high - row < 0.4 for row, (low, high) in enumerate(edges)), "no name is crossed"


@pytest.mark.parametrize(("places", "gap"), [(8, 1), (72, 0)])
def test_cells_of_many_places_have_no_gaps_which_alone_were_seen_on_a_phone(places: int, gap: int) -> None:
    found = rows([Way("a", torch.ones(places))], ["x"] * places, torch.ones(places, dtype=torch.bool))
    assert found.data[0].xgap == gap
