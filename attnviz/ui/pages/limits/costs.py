"""The page on limits: what attention costs as the text grows, by the formula and on this machine, step by step."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import Steps, dark, draw, language, plain, t
from attnviz.ui.pages.limits.choices import KEY, lab_model

if TYPE_CHECKING:
    from attnviz.experiments.cost import Cost, Forward
    from attnviz.figures import Figure, Line
    from attnviz.trace import Trace

LENGTHS = (128, 256, 512, 1024, 2048, 4096)
LAB = "lab-4"
ALONE = ("dense", "fused")
Found = list[tuple[str, "Cost | Forward"]]


def frame() -> tuple[Steps, DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    """The button; the places of the progress, of the pictures (theory until something was measured), of a sentence."""
    work = Steps(KEY + "cost")
    button, here = st.columns([2, 10], gap="small", vertical_alignment="center")
    with button:
        work.buttons(t("limits.cost_go"))
    bar, place = st.empty(), st.empty()
    _draw(place, work.found)
    return work, bar, place, here


def say_here(name: str, found: Trace) -> None:
    """What the formulas say for the reader's own sentence."""
    from attnviz.experiments.cost import multiplications, weight_bytes

    call = found.attention(found.open_layers[0])
    n, m = call.queries.shape[-2], call.keys.shape[-2]
    heads, width, layers = call.n_heads, call.queries.shape[-1], len(found.open_layers)
    if width:  # a model that returns its weights alone does not say how wide its heads are
        products = multiplications(n * m, heads, width) * layers
        numbers = rf"2\cdot {n}\cdot {m}\cdot {heads}\cdot {width}\cdot {layers}={products:,}".replace(",", "{,}")
        kept = f"{weight_bytes(n * m, heads) * layers / 1e3:,.1f}"
        st.caption(t("limits.cost_here", model=plain(name), tokens=n, numbers=f"${numbers}$", kilobytes=kept))


def go_on(work: Steps, bar: DeltaGenerator, place: DeltaGenerator) -> None:
    """Measure what is left, the pictures growing."""
    steps = [
        (t("limits.measuring", what=t(f"limits.way_{way}"), tokens=n), partial(_measure, way, n))
        for n in LENGTHS
        for way in (*ALONE, "forward")
    ]
    for found in work.run(steps, bar):
        _draw(place, found)


def _measure(way: str, tokens: int) -> tuple[str, Cost | Forward]:
    """One measurement with its name."""
    from attnviz.experiments.cost import attention_cost, forward_cost

    if way == "forward":
        return way, forward_cost(lab_model(LAB), tokens)
    return way, attention_cost(tokens, way)


def _draw(place: DeltaGenerator, found: Found) -> None:
    """Three pictures once there is something: one layer's time, its memory, the whole pass; the theory before."""
    with place.container():
        if not found:
            _draw_theory()
            return
        figures, names = [_time(found), _memory(found), _whole(found)], ["time", "memory", "whole"]
        for column, name, figure in zip(st.columns(3, gap="medium"), names, figures, strict=False):
            with column:
                st.caption(f"**{t(f'limits.{name}_title')}**")
                draw(figure, key=f"{KEY}{name}{len(found)}", alt=t(f"limits.{name}_title"))
        _say(found)


def _draw_theory() -> None:
    """What the formulas say, before anything was measured."""
    picture, words = st.columns([1, 1], gap="medium", vertical_alignment="center")
    with picture:
        draw(_theory(), key=KEY + "theory", alt=t("limits.theory_title"))
    with words:
        st.markdown(f"**{t('limits.theory_title')}**")
        st.markdown(t("limits.theory_say", tokens=_crossing()))


def _theory() -> Figure:
    """Multiplications in lab-4, attention and the rest."""
    from attnviz.figures import Line

    drawn = [
        Line(t("limits.attention_theory"), LENGTHS, [n * n * _attention() for n in LENGTHS], dashed=True),
        Line(t("limits.rest_theory"), LENGTHS, [n * _rest() for n in LENGTHS], dashed=True),
    ]
    return _lines(drawn, t("limits.axis_multiplications"))


def _attention() -> int:
    """lab-4's multiplications for one pair: 2 x heads x d in each layer."""
    from attnviz.experiments.cost import multiplications

    card = _shape()
    return multiplications(1, card["heads"], card["width"] // card["heads"]) * card["layers"]


def _rest() -> int:
    """lab-4's multiplications for one token outside attention: one for each number of its layers' matrices, four of
    which are the width squared and three the width times the inner layer's."""
    card = _shape()
    return card["layers"] * (4 * card["width"] ** 2 + 3 * card["width"] * card["inner"])


def _crossing() -> int:
    """From how many tokens on attention takes more than the layers' other matrices."""
    return round(_rest() / _attention())


@st.cache_data(max_entries=1, show_spinner=False)  # a recipe: 2 kB
def _shape() -> dict[str, int]:
    """lab-4's layers, heads and widths, from its recipe."""
    import json

    from attnviz.models import built_in_folder

    recipe: dict[str, int] = json.loads((built_in_folder(LAB) / "recipe.json").read_text(encoding="utf-8"))
    return recipe


def _series(found: Found, way: str, what: str, factor: float, name: str) -> Line:
    """One line of what was measured."""
    from attnviz.figures import Line

    own = [cost for one, cost in found if one == way]
    return Line(name, [cost.tokens for cost in own], [getattr(cost, what) * factor for cost in own])


def _through(line: Line, power: int, name: str) -> Line:
    """n to a power, through the last measured point: the slope that the theory tells."""
    from attnviz.figures import Line

    if not line.x:
        return Line(name, [], [], dashed=True)
    return Line(name, LENGTHS, [line.y[-1] * (n / line.x[-1]) ** power for n in LENGTHS], dashed=True)


def _time(found: Found) -> Figure:
    drawn = [_series(found, way, "seconds", 1e3, t(f"limits.way_{way}")) for way in ALONE]
    return _lines([*drawn, _through(drawn[0], 2, t("limits.square"))], t("limits.axis_ms"))


def _memory(found: Found) -> Figure:
    from attnviz.experiments.cost import weight_bytes
    from attnviz.figures import Line

    drawn = [_series(found, way, "bytes", 1e-6, t(f"limits.way_{way}")) for way in ALONE]
    table = Line(t("limits.one_table"), LENGTHS, [weight_bytes(n * n) / 1e6 for n in LENGTHS], dashed=True)
    return _lines([*drawn, table], t("limits.axis_mb"))


def _whole(found: Found) -> Figure:
    rows = [_series(found, "forward", what, 1e3, t(f"limits.{what}")) for what in ("attention", "rest")]
    return _lines([*rows, _through(rows[1], 1, t("limits.linear"))], t("limits.axis_ms"))


def _lines(drawn: list[Line], up: str) -> Figure:
    from attnviz.figures import lines

    return lines(
        drawn, x_title=t("limits.axis_tokens"), y_title=up, dark=dark(), language=language(), log_x=True,
        log_y=True, height=330,
    )  # fmt: skip


def _say(found: Found) -> None:
    """The longest text that went through each way, in numbers."""
    from attnviz.experiments.cost import Forward

    whole = [cost for _, cost in found if isinstance(cost, Forward)]
    if len(whole) > 1:
        first, last = whole[0], whole[-1]
        st.caption(
            t(
                "limits.cost_say", few=first.tokens, many=last.tokens, little=f"{first.attention / first.seconds:.0%}",
                much=f"{last.attention / last.seconds:.0%}", times=f"{last.seconds / first.seconds:.0f}",
            )
        )  # fmt: skip
    st.caption(t("limits.cost_note"))
