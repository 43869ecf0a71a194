"""The page of scaled dot-product attention: one query through every step, and what the scale is for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.selection import Selection
from attnviz.ui.kit import charts
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.controls import MODELS, SAMPLES, SOFT, START
from attnviz.ui.kit.export_menu import take_away
from attnviz.ui.kit.formulas import short
from attnviz.ui.kit.language import language, t
from attnviz.ui.kit.link import Param, between, flag, one_of
from attnviz.ui.kit.panels import after_the_score, plain
from attnviz.ui.stores import runs

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.measures.steps import Saturation, Steps
    from attnviz.trace import Trace

KEY = "scaled."
MASKS = ("none", "causal", "hide", "window")
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
KEYS, DRAWS = 32, 200
WIDEST_WINDOW = 16
PARAMS = {
    **choices.RULE_PARAMS,
    "text": Param("text", KEY + "text", START, str),
    "model": Param("model", KEY + "model", "lab-4", one_of(*MODELS)),
    "layer": Param("layer", KEY + "layer", 3, between(0, 999, int)),
    "head": Param("head", KEY + "head", 2, between(0, 999, int)),
    "query": Param("query", KEY + "query", 3, between(0, 99_999, int)),
    "key": Param("key", KEY + "key", 4, between(0, 99_999, int)),
    "scaled": Param("scaled", KEY + "scaled", True, flag),
    "mask": Param("mask", KEY + "mask", "none", one_of(*MASKS)),
    "window": Param("window", KEY + "window", 2, between(0, WIDEST_WINDOW, int), slides=True),
    "draw": Param("draw", KEY + "draw", 0, between(0, 99, int), slides=True),
}


def choose_text() -> None:
    """The sentence, and samples."""
    box, samples = st.columns([5, 7], vertical_alignment="bottom", gap="small")
    with box:
        st.text_input(t("text"), key=KEY + "text", placeholder=t("text_placeholder"))
    with samples:
        st.pills(t("samples"), SAMPLES, key=KEY + "sample", on_change=_take_sample)


def _take_sample() -> None:
    """Put the sample that was clicked into the box."""
    sample = st.session_state[KEY + "sample"]
    if sample:
        st.session_state[KEY + "text"] = sample
        st.session_state[KEY + "sample"] = None


def choose_computation() -> None:
    """In the sidebar: what is done with the products."""
    with st.sidebar:
        choices.choose_model(PARAMS["model"])
        st.toggle(t("scaled.scale_on"), key=KEY + "scaled", help=t("scaled.scale_help"))
        st.segmented_control(
            t("scaled.mask"), MASKS, format_func=lambda name: t(f"scaled.mask_{name}"), key=KEY + "mask", required=True,
            help=t("scaled.mask_help"), width="stretch",
        )  # fmt: skip
        if _now("mask") == "window":
            st.slider(t("scaled.window"), 0, WIDEST_WINDOW, key=KEY + "window")
        choices.choose_rule()


def _now(name: str) -> str:
    """The option that is chosen."""
    return str(st.session_state[PARAMS[name].key] or PARAMS[name].default)


def own_run() -> Trace:
    """The model's own run of the sentence. Raises `TextError` where there is nothing to read."""
    name, text = _now("model"), str(st.session_state[KEY + "text"] or "")
    with st.spinner(t("running", model=name), show_time=True):
        return runs.trace(name, text, SOFT)


def choose_place(trace: Trace) -> tuple[int, int, int, int]:
    """Layer, head, query and key; numbers that the run does not have become its last."""
    labels: dict[str, Callable[[int], str]] = {
        "layer": str, "head": str, **{name: partial(_numbered, trace.tokens) for name in ("query", "key")}
    }  # fmt: skip
    counts = (trace.n_layers, trace.n_heads, len(trace.tokens), len(trace.tokens))
    found = []
    for (name, shown), count, place in zip(labels.items(), counts, st.columns(4, gap="small"), strict=True):
        st.session_state[KEY + name] = min(int(st.session_state[KEY + name]), count - 1)
        with place:
            found.append(int(st.selectbox(t(name), range(count), format_func=shown, key=KEY + name)))
    return found[0], found[1], found[2], found[3]


def _numbered(labels: list[str], number: int) -> str:
    """A token with its number."""
    return f"{number} · {labels[number]}"


def changed_run(trace: Trace, layer: int, key: int) -> Trace:
    """The layer computed again from its queries, keys and values, as the controls say."""
    from attnviz.measures.steps import again

    rule = choices.as_rule(choices.rule_now())
    return again(trace, layer, scaled=bool(st.session_state[KEY + "scaled"]), allowed=_allowed(trace, key), rule=rule)


def _allowed(trace: Trace, key: int) -> Tensor | None:
    """Who may look at whom by the chosen mask."""
    from attnviz.core import masks

    count, chosen = len(trace.tokens), _now("mask")
    if chosen == "none":
        return None
    if chosen == "causal":
        return masks.Causal().allowed(count, count)
    if chosen == "window":
        return masks.Window(int(st.session_state[KEY + "window"])).allowed(count, count)
    allowed = masks.Window(count).allowed(count, count)
    allowed[:, key] = False
    return allowed


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
        take_away(shown, Selection(layer, head, query), charts.style_now(), chart=KEY + "product")
    st.caption(t("scaled.strips", key=plain(shown.tokens[key])))
    one, other = st.columns(2, gap="medium")
    with one:
        _product(steps, key)
    with other:
        _sum(steps, key)


def _table(shown: Trace, steps: Steps, query: int, key: int) -> None:
    """Every step of every key."""
    from attnviz.figures.steps import Shown, table

    scale = f"÷ √{len(steps.query)}" if st.session_state[KEY + "scaled"] else "× 1"
    found = Shown(
        shown.tokens[query], shown.tokens, steps.query, steps.keys, steps.values, steps.output, steps.products,
        steps.scaled, steps.masked, steps.weights,
    )  # fmt: skip
    st.html(table(found, chosen=key, scale=scale, style=charts.style_now()))


def _unchanged(steps: Steps, own: Steps) -> str:
    """Whose numbers these are, and how far the output is from the model's own."""
    model, gap = _now("model"), float((steps.output - own.output).norm() / own.output.norm().clamp_min(1e-12))
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
    if st.session_state[KEY + "scaled"]:
        lines.append(t("scaled.scaled_step", product=short(product), width=width, score=scaled))
    else:
        lines.append(t("scaled.unscaled_step", score=scaled))
    lines.append(t("scaled.mask_shut" if score == float("-inf") else "scaled.mask_open", score=scaled))
    return lines


def _product(steps: Steps, key: int) -> None:
    """How the product of the chosen key comes together."""
    from attnviz.figures.strips import Strip, strips

    drawn = [Strip("q", steps.query), Strip("k", steps.keys[key]), Strip("q × k", steps.query * steps.keys[key])]
    charts.draw(
        strips(drawn, charts.style_now()), KEY + "product",
        t("scaled.alt_product", product=f"{steps.products[key]:.3f}"),
    )  # fmt: skip
    st.caption(t("scaled.product_strip", product=f"{steps.products[key]:.3f}"))


def _sum(steps: Steps, key: int) -> None:
    """What the chosen key adds to the output."""
    from attnviz.figures.strips import Strip, strips

    drawn = [Strip("v", steps.values[key]), Strip("w × v", steps.parts[key]), Strip("o", steps.output)]
    charts.draw(
        strips(drawn, charts.style_now()), KEY + "sum",
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


def _random() -> None:
    """Entropy against width, for vectors drawn at random."""
    from attnviz.figures import Line, lines

    found = drawn(int(st.session_state[KEY + "draw"]))
    at = WIDTHS.index(64)
    st.caption(
        t(
            "scaled.random", keys=KEYS, draws=DRAWS, plain=f"{found.entropy[at]:.3f}", most=f"{found.largest[at]:.3f}",
            scaled=f"{found.entropy_scaled[at]:.3f}", most_scaled=f"{found.largest_scaled[at]:.3f}",
            even=f"{found.even:.3f}",
        )
    )  # fmt: skip
    drawn_lines = [
        Line(t("scaled.line_plain"), WIDTHS, found.entropy),
        Line(t("scaled.line_scaled"), WIDTHS, found.entropy_scaled),
        Line(t("scaled.line_even", keys=KEYS), WIDTHS, [found.even] * len(WIDTHS), dashed=True),
    ]
    charts.draw(
        lines(
            drawn_lines, x_title=t("scaled.width_axis"), y_title=t("figure.entropy_axis"), dark=charts.dark(),
            language=language(), log_x=True,
        ),
        KEY + "saturation",
        t("scaled.alt_random", plain=f"{found.entropy[-1]:.2f}", scaled=f"{found.entropy_scaled[-1]:.2f}"),
    )  # fmt: skip
    st.slider(t("rule.seed"), 0, 99, key=KEY + "draw")


def _own_head(trace: Trace, place: tuple[int, int, int, int]) -> None:
    """Entropy of every query's row of the open head, with and without the scale."""
    from attnviz.figures.steps import entropies
    from attnviz.measures.steps import again, nats

    layer, head, query, _ = place
    scaled, unscaled = (nats(again(trace, layer, scaled=on).weights(layer, head)) for on in (True, False))
    means = {"scaled": f"{scaled.mean():.3f}", "plain": f"{unscaled.mean():.3f}"}
    keys = len(trace.key_tokens)
    even = math.log(keys)
    st.caption(
        t("scaled.own_head", model=_now("model"), layer=layer, head=head, keys=keys, even=f"{even:.3f}", **means)
    )
    rows = [(t("scaled.line_plain"), unscaled), (t("scaled.line_scaled"), scaled)]
    charts.draw(
        entropies(trace.tokens, rows, even, chosen=query, style=charts.style_now()), KEY + "own",
        t("scaled.alt_own", **means),
    )  # fmt: skip
