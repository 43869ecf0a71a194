"""A line of Markdown with formulas as HTML: what our explanations write, for what stands there for a moment alone.

Streamlit sets formulas with KaTeX, which what is drawn in the browser cannot reach; browsers set MathML by themselves.
"""

from __future__ import annotations

import re
from html import escape

PART = re.compile(r"\\([^a-zA-Z0-9\s])|(\*\*)|\$([^$]*)\$|([^\\*$]+|.)", re.DOTALL)
SIGN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|\S")
NAMED = {"\\cdot": "·", "\\times": "×", "\\sum": "∑", "\\tau": "τ", "\\,": "\u2009", "-": "−"}


def html(line: str) -> str:
    """A line as HTML: bold, escaped characters and formulas; everything else as it stands.

    >>> html("**a\\\\*b** < $s_j$")
    '<b>a*b</b> &lt; <math><mrow><msub><mi>s</mi><mi>j</mi></msub></mrow></math>'
    """
    made, bold = [], False
    for literal, stars, formula, other in PART.findall(line):
        if stars:
            bold = not bold
            made.append("<b>" if bold else "</b>")
        elif formula:
            made.append(f"<math>{_group(SIGN.findall(formula))}</math>")
        else:
            made.append(escape(literal or other))
    return "".join(made)


def _group(signs: list[str]) -> str:
    """Signs up to the brace that closes, or to the end; they are taken off the list."""
    made: list[str] = []
    while signs and signs[0] != "}":
        if signs[0] in "^_":
            script = {"^": "msup", "_": "msub"}[signs.pop(0)]
            if made and made[-1].startswith("<msub>") and script == "msup":  # both, one above the other
                made[-1] = f"<msubsup>{made[-1][6:-7]}{_one(signs)}</msubsup>"
            else:
                made.append(f"<{script}>{made.pop() if made else ''}{_one(signs)}</{script}>")
        else:
            made.append(_one(signs))
    if signs:
        signs.pop(0)
    return f"<mrow>{''.join(made)}</mrow>"


def _one(signs: list[str]) -> str:
    """The next thing of a formula: a number, a letter, a sign, a group, a fraction, a root."""
    sign = signs.pop(0)
    if sign == "{":
        return _group(signs)
    if sign == "\\frac":
        return f"<mfrac>{_one(signs)}{_one(signs)}</mfrac>"
    if sign == "\\sqrt":
        return f"<msqrt>{_one(signs)}</msqrt>"
    name = NAMED.get(sign, sign)
    tag = "mn" if name[0].isdigit() else "mi" if name.isalpha() else "mo"
    return f"<{tag}>{escape(name)}</{tag}>"
