"""All heads of a model of any size as tiles that are about square, scrolling inside their own box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from tests.browser.person import LOOK, Visit
from tests.parity import tiny

Start = Callable[..., Visit]
# The box that scrolls: its height, and how far the picture inside reaches.
BOX = """(chart) => { let box = chart;
  const more = () => box.scrollHeight > box.clientHeight + 1;
  const scrolls = () => more() && ["auto", "scroll"].includes(getComputedStyle(box).overflowY);
  while (box.parentElement && !scrolls()) box = box.parentElement;
  const main = box.matches('[data-testid="stMain"]');
  return [main, box.clientHeight, chart.getBoundingClientRect().height, box.scrollWidth - box.clientWidth]; }"""
TILE = """(chart) => { const [cells, points] = chart._fullData, { xaxis, yaxis } = chart._fullLayout;
  const pixels = (axis, [places]) => places * Math.abs(axis.c2p(1) - axis.c2p(0)), { across, down } = cells.meta;
  return [pixels(xaxis, across), pixels(yaxis, down), points.x.length]; }"""
MOVED = "([chart, above]) => chart.getBoundingClientRect().top < above"
FITS = 430  # pixels


@pytest.mark.parametrize(("layers", "heads"), [(48, 32), (2, 1)])
def test_tiles_are_about_square_and_every_head_can_be_reached(
    visit: Start, tmp_path: Path, wordpiece: PreTrainedTokenizerBase, layers: int, heads: int
) -> None:
    sizes = {"num_hidden_layers": layers, "num_attention_heads": heads, "hidden_size": 64}
    place = tiny.save("masked", "bert", tmp_path / "deep", wordpiece, **sizes)
    one = visit({"lang": "en", "id": str(place), "text": "the cat sat on the mat"}, name="models")
    grid = one.chart("grid")
    wide, high, tiles = grid.evaluate(TILE)
    assert tiles == layers * heads and 0.5 <= wide / high <= (2 if heads > 1 else 4), (wide, high)
    main, room, height, sideways = grid.evaluate(BOX)
    assert sideways <= 1 and (height <= FITS or (room <= FITS and not main)), (
        "more than fits scrolls in a box of its own"
    )
    last, before = layers * heads - 1, grid.bounding_box()["y"]
    if height > FITS:
        grid.hover(position={"x": 200, "y": 100})
        one.page.mouse.wheel(0, 5000)
        one.page.wait_for_function(MOVED, arg=[grid.element_handle(), before - 100], polling=LOOK)
    one.click_point("grid", last)
    one.link_says(layer=str(layers - 1), head=str(heads - 1) if heads > 1 else "0")
