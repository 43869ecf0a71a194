"""A figure for a projector: every font and margin half again as large, the numbers and the given figure untouched."""

from __future__ import annotations

import plotly.graph_objects as go

from attnviz.figures import Line, lines
from attnviz.figures.paint.enlarged import enlarge


def fonts(part: object, path: str = "") -> dict[str, float]:
    """Every size of a font, by its path; written without a look at the code that is tested."""
    found: dict[str, float] = {}
    if isinstance(part, dict):
        for name, one in part.items():
            here = f"{path}/{name}"
            if name == "size" and path.lower().endswith("font"):
                found[here] = one
            found |= fonts(one, here)
    elif isinstance(part, list | tuple):
        for number, one in enumerate(part):
            found |= fonts(one, f"{path}/{number}")
    return found


def figure() -> go.Figure:
    """Two lines with a legend, named axes and a word in the picture."""
    drawn = [Line("one", [1, 2, 3], [0.1, 0.2, 0.3]), Line("two", [1, 2, 3], [0.3, 0.2, 0.1], dashed=True)]
    return lines(drawn, x_title="x", y_title="y", marks=[(2, "here")])


def test_every_font_and_margin_is_half_again_as_large() -> None:
    before, after = figure().to_dict(), enlarge(figure(), 1.5).to_dict()
    sizes, larger = fonts(before), fonts(after)
    assert len(sizes) >= 6 and sizes.keys() == larger.keys()
    assert all(larger[path] == 1.5 * size for path, size in sizes.items())
    margins = before["layout"]["margin"]
    assert after["layout"]["margin"] == {side: round(1.5 * room) for side, room in margins.items()}
    assert after["layout"]["height"] == round(1.5 * before["layout"]["height"])


def test_numbers_and_markers_stay_and_so_does_the_figure_that_is_given() -> None:
    given = figure()
    whole = given.to_dict()
    made = enlarge(given, 1.5).to_dict()
    assert given.to_dict() == whole
    for one, other in zip(whole["data"], made["data"], strict=True):
        assert (one["x"], one["y"], one["marker"]) == (other["x"], other["y"], other["marker"])
