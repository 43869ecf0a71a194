"""What is told beside a dragged slider: Markdown and formulas as HTML, many texts told once."""

from __future__ import annotations

import re

import pytest

from attnviz.core.rules import Entmax, Soft, Sparsemax, TopK
from attnviz.ui.kit import after_the_score
from attnviz.ui.kit.dragged.mathml import html
from attnviz.ui.kit.dragged.told import packed
from attnviz.ui.kit.formulas import short
from attnviz.ui.kit.markdown import plain
from tests.unit.figures.made import made

SIGNS = {"·", "×", "∑", "τ", "−", "=", "+", "[", "]", "(", ")", "/", "\u2009"}


def words(made_of: str) -> str:
    """What HTML says, without its marks."""
    return re.sub(r"<[^>]+>", "", made_of)


def test_what_a_token_is_made_of_stands_as_it_is() -> None:
    token = "<b>*_$x$`&"
    assert html(f"**{plain(token)}** 1 < 2") == "<b>&lt;b&gt;*_$x$`&amp;</b> 1 &lt; 2"


def test_fractions_roots_powers_and_indices_are_nested_as_they_were_written() -> None:
    assert html(r"$\frac{e^{s/T}}{\sqrt{d}}$") == (
        "<math><mrow><mfrac><mrow><msup><mi>e</mi><mrow><mi>s</mi><mo>/</mo><mi>T</mi></mrow></msup></mrow>"
        "<mrow><msqrt><mrow><mi>d</mi></mrow></msqrt></mrow></mfrac></mrow></math>"
    )
    assert html(r"$[s-\tau]_+^{1/2}$").startswith("<math><mrow><mo>[</mo><mi>s</mi><mo>−</mo><mi>τ</mi><msubsup>")


@pytest.mark.parametrize("rule", [Soft(), Soft(2.5), Sparsemax(), Entmax(1.3), TopK(2, renormalise=True)])
def test_every_number_and_sign_of_our_formulas_is_there(rule: object) -> None:
    cell = made().cell(0, 2, 3, 3, rule)
    for line in after_the_score(cell):
        formula = "".join(re.findall(r"\$(.*)\$", line))
        said = words(html(f"${formula}$"))
        assert re.findall(r"[0-9.]+", said) == re.findall(r"[0-9.]+", formula)
        assert not re.search(r"[\\{}^_$]", said)
        assert set(re.findall(r"[^\w.]", said)) <= SIGNS


def test_a_small_number_keeps_its_power_of_ten() -> None:
    assert words(html(f"${short(0.0000123)}$")) == "1.2×10−5"
    assert "<msup><mn>10</mn>" in html(f"${short(0.0000123)}$")


@pytest.mark.parametrize(
    "texts", [["1 of 9", "2 of 9", "none"], ["a 1.5", "a 1.5"], ["7"], ["1 2", "1 3", "x1 2y", "x4 2y"], []]
)
def test_packed_texts_come_out_as_they_were(texts: list[str]) -> None:
    told = packed(texts)
    out = []
    for form, *numbers in told["texts"]:
        first, *others = told["forms"][int(form)]
        out.append(str(first) + "".join(f"{n}{o}" for n, o in zip(numbers, others, strict=True)))
    assert out == texts
