"""Strips and the table of steps, as data: which numbers, which colours, which row stands out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from attnviz import load, record
from attnviz.figures import steps as figures
from attnviz.figures.strips import Strip, background, fills, strips
from attnviz.measures.steps import Steps, again
from attnviz.messages import LANGUAGES, say
from attnviz.selection import Style
from attnviz.trace import Trace


@pytest.fixture(scope="module")
def run() -> Trace:
    return record(load("lab-4"), "南京市长江大桥")


def shown(trace: Trace, query: int = 3) -> figures.Shown:
    found = Steps.of(trace.attention(3, 2), query)
    return figures.Shown(
        trace.tokens[query], trace.tokens, found.query, found.keys, found.values, found.output, found.products,
        found.scaled, found.masked, found.weights,
    )  # fmt: skip


def test_a_strip_holds_the_numbers_of_its_vector() -> None:
    vectors = [Strip("q", torch.tensor([1.0, -2.0, 0.5])), Strip("<k>", torch.tensor([0.0, 4.0]))]
    figure = strips(vectors)
    z = torch.tensor(figure.data[0].z)
    assert z[0].tolist() == [1, -2, 0.5] and z[1, :2].tolist() == [0, 4] and bool(z[1, 2].isnan())
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-4, 4), "0 stands in the middle of the colours"
    assert list(figure.layout.yaxis.ticktext) == ["q", "&lt;k&gt;"]
    assert [list(row) for row in figure.data[0].text] == [["", "−", ""], ["", "", ""]]  # told also without colours


def test_a_strip_of_zeros_is_drawn() -> None:
    assert strips([Strip("o", torch.zeros(3))]).data[0].zmax == 1


@pytest.mark.parametrize("dark", [False, True])
def test_a_background_has_a_stop_for_each_number_and_tells_signs_apart(dark: bool) -> None:
    found = background(torch.tensor([1.0, 0.0, -1.0, 2.0]), 1.0, dark=dark)
    colours = re.findall(r"#[0-9a-f]{6}", found)
    assert len(colours) == 4 and len(set(colours)) == 3 and colours[0] == colours[3], "beyond the top: the top's colour"
    assert found.endswith("75% 100%)")


@pytest.mark.parametrize("dark", [False, True])
def test_ink_can_be_read_on_every_ground(dark: bool) -> None:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for ground, ink in fills(torch.linspace(0, 1, 41), Style(dark=dark)):
        one, other = sorted((light(ground), light(ink)))
        assert (other + 0.05) / (one + 0.05) > 4, (ground, ink)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_has_a_row_for_each_key_with_its_numbers(run: Trace, language: str) -> None:
    found, page = shown(run), figures.table(shown(run), chosen=4, scale="÷ √40", style=Style(language=language))
    rows = re.findall(r"<tr.*?</tr>", page)
    keys = rows[2:-2]
    assert len(keys) == len(run.tokens)
    for number, row in enumerate(keys):
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", row)
        wanted = [
            f"{float(column[number]):.3f}".replace("-", "−") for column in (found.products, found.scaled, found.masked)
        ]
        assert cells == [run.tokens[number], *wanted, f"{float(found.weights[number]):.4f}"]
        assert ("outline" in row) == (number == 4)
    assert "÷ √40" in rows[1] and say("figure.steps_weight", language) in rows[1]
    assert "Σ 1.0000" in rows[-2] and page.count("class='strip'") == 2 * len(run.tokens) + 2


def test_what_may_not_be_looked_at_is_minus_infinity_in_the_table(run: Trace) -> None:
    allowed = torch.ones(9, 9, dtype=torch.bool)
    allowed[:, 4] = False
    page = figures.table(shown(again(run, 3, allowed=allowed)), chosen=0, scale="")
    assert page.count("−∞") == 1 and ">0.0000<" in page


def test_markup_in_a_text_stays_text(run: Trace) -> None:
    found = replace(shown(run), query="<u>", names=["<b>", *run.tokens[1:]])
    page = figures.table(found, chosen=0, scale="<s>")
    assert not re.search("<[bus]>", page) and all(f"&lt;{letter}&gt;" in page for letter in "bus")


def test_entropies_have_a_mark_for_each_query_and_way() -> None:
    rows = [("a", torch.tensor([0.1, 0.2])), ("b", torch.tensor([0.3, 0.4]))]
    figure = figures.entropies(["南", "<s>"], rows, 0.69, chosen=1)
    assert [list(trace.y) for trace in figure.data] == [pytest.approx([0.1, 0.2]), pytest.approx([0.3, 0.4])]
    assert list(figure.layout.xaxis.ticktext) == ["南", "&lt;s&gt;"]
    assert sorted(shape.y0 for shape in figure.layout.shapes) == [0, 0.69]


def test_the_bars_numbers_have_the_minus_of_all_others() -> None:
    figure = strips([Strip("q", torch.tensor([1.0, -2.0]))])
    (ticks,) = [one.colorbar.ticktext for one in figure.data if one.colorbar.ticktext]
    assert ticks[0].startswith("−")
