"""The lesson's pictures: arcs as thick as weights, boxes filled where one stands, bars as long as weights."""

from __future__ import annotations

import base64
import re

import pytest
import torch

from attnviz.figures.arcs import LEAST, MOST, THICK
from attnviz.figures.teaching.asking import Asking, gallery
from attnviz.figures.teaching.block import Part, block
from attnviz.figures.teaching.columns import Column, columns
from attnviz.selection import Style

LABELS = ("南", "京", "市")


def drawings(page: str) -> list[str]:
    """The SVG of every image."""
    return [base64.b64decode(one).decode() for one in re.findall(r"base64,([^\"]+)", page)]


def asking(weights: list[float] | None, labels: tuple[str, ...] = LABELS, query: int = 1) -> Asking:
    shares = None if weights is None else torch.tensor(weights)
    return Asking(labels, [False] * len(labels), query, shares, 'it "looks" <there>', "head <0>")


def test_an_arc_is_as_thick_as_the_weight_and_small_ones_are_left_out() -> None:
    (svg,) = drawings(gallery([asking([0.7, 0.0, LEAST / 2])]))
    assert [float(one) for one in re.findall(r"stroke-width='([\d.]+)' stroke-opacity", svg)] == [
        pytest.approx(0.7 * THICK)
    ]
    assert re.findall(r"data-weight='([\d.]+)'", svg) == ["0.700"]


def test_before_the_answer_every_other_token_has_a_dashed_line_and_no_number() -> None:
    (svg,) = drawings(gallery([asking(None)]))
    assert svg.count("stroke-dasharray='3 5'") == len(LABELS) - 1 and "data-weight" not in svg


def test_pictures_grow_with_the_text_that_a_projector_shows_larger() -> None:
    page = gallery([asking(None)]) + block([Part("query"), Part("key")], [0], "alt")
    assert re.findall(r"(?:flex:0 1 |wide{max-width:|none;max-width:)[\d.]+(\w+)", page) == ["rem", "rem", "rem"]


@pytest.mark.parametrize("query", [0, 2])
def test_the_asking_token_has_a_ground_of_its_own(query: int) -> None:
    (svg,) = drawings(gallery([asking(None, query=query)]))
    x, width = map(float, re.findall(r"class='asks' x='([\d.]+)' y='1' width='([\d.]+)'", svg)[0])
    middle = float(re.findall(r"<text x='([\d.]+)'", svg)[query])
    assert x + width / 2 == pytest.approx(middle, abs=0.2)


def test_words_and_captions_stand_as_they_are() -> None:
    page = gallery([asking([0.5, 0.0, 0.5], ("<b>", "&", "a"))])
    assert 'alt="it &quot;looks&quot; &lt;there&gt;"' in page and "head &lt;0&gt;" in page
    assert "<b>" not in drawings(page)[0]


def test_of_a_long_sentence_the_tokens_around_the_asking_one_are_drawn() -> None:
    labels = tuple(f"w{number}" for number in range(80))
    (svg,) = drawings(gallery([asking([0.5] * 80, labels, 70)]))
    assert len(re.findall(r">w\d+<", svg)) == MOST and ">w70<" in svg and "…" in svg


@pytest.mark.parametrize("dark", [False, True])
def test_the_parts_where_one_stands_are_filled_and_written_on_wide_and_narrow(dark: bool) -> None:
    page = block([Part("embedding"), Part("heads", 4), Part("word")], (1,), "you are at: heads", Style(dark=dark))
    wide, narrow = drawings(page)
    assert page.count('alt="you are at: heads"') == 2
    for svg in (wide, narrow):
        assert re.findall(r"font-weight='600'>([^<]+)<", svg) == ["heads"]
        assert all(f">{name}<" in svg for name in ("embedding", "heads", "word"))


def test_a_row_has_its_score_and_a_bar_for_each_rule() -> None:
    soft, hard = torch.tensor([0.25, 0.7498, 0.0002]), torch.tensor([0.0, 1.0, 0.0])
    rules = [Column("softmax", soft), Column("hard", hard)]
    page = columns(LABELS, ("score", torch.tensor([1.0, -2.5, -torch.inf])), rules, 1)
    assert re.findall(r"transparent ([\d.]+)%", page) == ["25.0", "0.0", "75.0", "100.0", "0.0", "0.0"]
    assert "−2.50" in page and "−∞" in page and "&lt;0.001" in page
    assert page.count("border-left:4px") == 1 and page.index("border-left:4px") < page.index("京")
