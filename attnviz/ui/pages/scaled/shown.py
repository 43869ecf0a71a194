"""What the page of scaled dot-product attention shows: one query through every step, and what the scale is for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import Selection, after_the_score, dark, draw, language, plain, short, style_now, t, take_away
from attnviz.ui.pages.scaled.choices import KEY, choose_draw, draw_now, is_scaled, model_now

if TYPE_CHECKING:
    from attnviz.measures.steps import Saturation, Steps
    from attnviz.trace import Trace

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
KEYS, DRAWS = 32, 200


def draw_steps(trace: Trace, shown: Trace, place: tuple[int, int, int, int]) -> None:
    """The table of all keys, and the formulas of the chosen one."""
    from attnviz.measures.steps import Steps

    layer, head, query, key = place
    steps = Steps.of(shown.attention(layer, head), query)
    own = Steps.of(trace.attention(layer, head), query)
    left, right = st.columns([8, 4], gap="medium")
    with left:
        _table(shown, steps, query, key)
        st.caption(_unchanged(steps, own))
    with right:
        _formulas(shown, steps, place)
        take_away(shown, Selection(layer, head, query), style_now(), chart=KEY + "product")
    st.caption(t("scaled.strips", key=plain(shown.tokens[key])))
    one, other = st.columns(2, gap="medium")
    with one:
        _product(steps, key)
    with other:
        _sum(steps, key)


def _table(shown: Trace, steps: Steps, query: int, key: int) -> None:
    """Every step of every key."""
    from attnviz.figures.steps import Shown
    from attnviz.figures.steps import table as steps_table

    scale = f"÷ √{len(steps.query)}" if is_scaled() else "× 1"
    found = Shown(
        shown.tokens[query], shown.tokens, steps.query, steps.keys, steps.values, steps.output, steps.products,
        steps.scaled, steps.masked, steps.weights,
    )  # fmt: skip
    st.html(steps_table(found, chosen=key, scale=scale, style=style_now()))


def _unchanged(steps: Steps, own: Steps) -> str:
    """Whose numbers these are, and how far the output is from the model's own."""
    model, gap = model_now(), float((steps.output - own.output).norm() / own.output.norm().clamp_min(1e-12))
    if gap < 1e-5:
        return t("scaled.own", model=model)
    return t("scaled.changed", model=model, gap=f"{gap:.1%}")


def _formulas(shown: Trace, steps: Steps, place: tuple[int, int, int, int]) -> None:
    """Each step with the numbers of the chosen key."""
    layer, head, query, key = place
    cell = shown.cell(layer, head, query, key)
    names = {"query": plain(cell.query_label), "key": plain(cell.key_label)}
    st.markdown("\n\n".join([t("scaled.why", **names), *_lines(steps, key, cell.score, cell.scale)]))
    if cell.score == float("-inf"):
        st.markdown(t("scaled.rule_step", said=t("why_not_allowed", **names)))
    else:
        st.markdown("\n\n".join(_numbered_lines(after_the_score(cell))))
    weight, value, output = (float(x) for x in (steps.weights[key], steps.values[key, 0], steps.output[0]))
    part = f"{short(weight)}\\times({short(value)})={short(weight * value + 0.0)}"  # + 0.0: no -0.0000
    st.markdown(t("scaled.sum", part=part, output=short(output)))


def _numbered_lines(lines: list[str]) -> list[str]:
    """The lines of the rule, under their number."""
    return [t("scaled.rule_step", said=lines[0]), *lines[1:]]


def _lines(steps: Steps, key: int, score: float, scale: float) -> list[str]:
    """Product, scale and mask."""
    terms = "+".join(
        f"({short(float(q))})({short(float(k))})" for q, k in zip(steps.query[:2], steps.keys[key, :2], strict=True)
    )
    product, width = float(steps.products[key]), len(steps.query)
    lines = [t("scaled.product", terms=terms, product=short(product))]
    scaled = short(float(steps.scaled[key]))
    if is_scaled():
        lines.append(t("scaled.scaled_step", product=short(product), width=width, score=scaled))
    else:
        lines.append(t("scaled.unscaled_step", score=scaled))
    lines.append(t("scaled.mask_shut" if score == float("-inf") else "scaled.mask_open", score=scaled))
    return lines


def _product(steps: Steps, key: int) -> None:
    """How the product of the chosen key comes together."""
    from attnviz.figures.strips import Strip, strips

    drawn = [Strip("q", steps.query), Strip("k", steps.keys[key]), Strip("q × k", steps.query * steps.keys[key])]
    draw(
        strips(drawn, style_now()), KEY + "product",
        t("scaled.alt_product", product=f"{steps.products[key]:.3f}"),
    )  # fmt: skip
    st.caption(t("scaled.product_strip", product=f"{steps.products[key]:.3f}"))


def _sum(steps: Steps, key: int) -> None:
    """What the chosen key adds to the output."""
    from attnviz.figures.strips import Strip, strips

    drawn = [Strip("v", steps.values[key]), Strip("w × v", steps.parts[key]), Strip("o", steps.output)]
    draw(
        strips(drawn, style_now()), KEY + "sum",
        t("scaled.alt_sum", weight=f"{steps.weights[key]:.3f}"),
    )  # fmt: skip
    st.caption(t("scaled.sum_strip", weight=f"{steps.weights[key]:.3f}"))


@st.cache_data(max_entries=128, show_spinner=False)  # a number for each width: 2 kB an entry
def drawn(seed: int) -> Saturation:
    """Random vectors of every width."""
    from attnviz.measures.steps import saturation

    return saturation(WIDTHS, keys=KEYS, draws=DRAWS, seed=seed)


def draw_saturation(trace: Trace, place: tuple[int, int, int, int]) -> None:
    """What the scale is for: random vectors on the left, the reader's own head on the right."""
    st.markdown(f"**{t('scaled.saturation')}**")
    left, right = st.columns(2, gap="medium")
    with left:
        _random()
    with right:
        _own_head(trace, place)


def bits(nats: Sequence[float]) -> list[float]:
    """Entropies as all pages say them.

    >>> bits([math.log(8)])
    [3.0]
    """
    return [one / math.log(2) for one in nats]


def _random() -> None:
    """Entropy against width, for vectors drawn at random."""
    from attnviz.figures import Line, lines

    found = drawn(draw_now())
    at = WIDTHS.index(64)
    st.caption(
        t(
            "scaled.random", keys=KEYS, draws=DRAWS, plain=f"{bits(found.entropy)[at]:.3f}",
            most=f"{found.largest[at]:.3f}",
            scaled=f"{bits(found.entropy_scaled)[at]:.3f}", most_scaled=f"{found.largest_scaled[at]:.3f}",
            even=f"{bits([found.even])[0]:.3f}",
        )
    )  # fmt: skip
    drawn_lines = [
        Line(t("scaled.line_plain"), WIDTHS, bits(found.entropy)),
        Line(t("scaled.line_scaled"), WIDTHS, bits(found.entropy_scaled)),
        Line(t("scaled.line_even", keys=KEYS), WIDTHS, bits([found.even]) * len(WIDTHS), dashed=True),
    ]
    draw(
        lines(
            drawn_lines, x_title=t("scaled.width_axis"), y_title=t("figure.entropy_axis"), dark=dark(),
            language=language(), log_x=True,
        ),
        KEY + "saturation",
        t("scaled.alt_random", plain=f"{bits(found.entropy)[-1]:.2f}", scaled=f"{bits(found.entropy_scaled)[-1]:.2f}"),
    )  # fmt: skip
    choose_draw()


def _own_head(trace: Trace, place: tuple[int, int, int, int]) -> None:
    """Entropy of every query's row of the open head, with and without the scale."""
    from attnviz.figures.steps import entropies
    from attnviz.measures.entropy import entropy
    from attnviz.measures.steps import again

    layer, head, query, _ = place
    scaled, unscaled = (entropy(again(trace, layer, scaled=on).weights(layer, head)) for on in (True, False))
    means = {"scaled": f"{scaled.mean():.3f}", "plain": f"{unscaled.mean():.3f}"}
    keys = len(trace.key_tokens)
    even = math.log2(keys)
    st.caption(t("scaled.own_head", model=model_now(), layer=layer, head=head, keys=keys, even=f"{even:.3f}", **means))
    rows = [(t("scaled.line_plain"), unscaled), (t("scaled.line_scaled"), scaled)]
    draw(
        entropies(trace.tokens, rows, even, chosen=query, style=style_now()), KEY + "own",
        t("scaled.alt_own", **means),
    )  # fmt: skip
