"""The formula behind one weight, with its numbers in it, as LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.trace import Cell


def short(number: float) -> str:
    """A number for a formula: four decimals, or powers of ten where those would all be 0.

    >>> short(0.05864), short(-0.3350139), short(0.0000123)
    ('0.0586', '-0.3350', '1.2\\\\times10^{-5}')
    """
    if number == 0 or abs(number) >= 0.0001:
        return f"{number:.4f}"
    mantissa, exponent = f"{number:.1e}".split("e")
    return f"{mantissa}\\times10^{{{int(exponent)}}}"


def alpha_of(rule: Rule) -> float:
    """Which entmax is a rule? 2 for sparsemax, 1 for softmax and for what is made of its weights."""
    from attnviz.core.rules import Entmax, Sparsemax

    return 2.0 if isinstance(rule, Sparsemax) else rule.alpha if isinstance(rule, Entmax) else 1.0


def softmax_formula(cell: Cell) -> str:
    """The softmax of one score: e^(s/T) over the row's sum of them (Vaswani et al. 2017, eq. 1)."""
    temperature = getattr(cell.rule, "temperature", 1.0)
    if temperature == 1.0:
        shape, numbers = (
            r"\frac{e^{s}}{\sum_j e^{s_j}}",
            rf"\frac{{e^{{{short(cell.score)}}}}}{{e^{{{short(cell.log_total)}}}}}",
        )
    else:
        shape = r"\frac{e^{s/T}}{\sum_j e^{s_j/T}}"
        numbers = rf"\frac{{e^{{{short(cell.score)}/{temperature:g}}}}}{{e^{{{short(cell.log_total)}}}}}"
    return f"{shape}={numbers}={short(cell.soft)}"


def sparse_formula(cell: Cell) -> str:
    """Entmax of one score, [(alpha - 1) s - tau]_+^(1 / (alpha - 1)); sparsemax for alpha = 2."""
    alpha = alpha_of(cell.rule)
    if alpha == 2:
        return rf"[s-\tau]_+=[{short(cell.score)}-({short(cell.tau)})]_+={short(cell.weight)}"
    slope = alpha - 1
    shape = rf"[{slope:g}\,s-\tau]_+^{{1/{slope:g}}}"
    return rf"{shape}=[{slope:g}\times({short(cell.score)})-({short(cell.tau)})]_+^{{1/{slope:g}}}={short(cell.weight)}"
