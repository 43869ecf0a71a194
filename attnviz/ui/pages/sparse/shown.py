"""The pictures and numbers of the page on sparse attention: pairs, accuracy, and what was measured on this machine."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import MODELS, Selection, Steps, dark, draw, draw_heatmap, language, plain, style_now, t, take_away
from attnviz.ui.pages.sparse.choices import KEY, OWN, PATTERNS, PatternChoice, Run

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.experiments.cost import Cost
    from attnviz.figures import Line
    from attnviz.measures.patterns import Point
    from attnviz.trace import Trace

GROWTH = tuple(2**power for power in range(4, 13))
LENGTHS = (128, 256, 512, 1024, 2048)
WAYS = {"window": ("dense", "masked", "banded"), OWN: ("dense",)}
SIZED = ("strided", "fixed")  # whose size is a stride


def own_map(found: Trace) -> Trace:
    """The map in which a text looks at itself: the encoder's, where a model has several."""
    return found.text_map


def allowed_of(found: Trace, layer: int, head: int) -> Tensor:
    """Which pairs this head computed, `[query, key]`."""
    scores: Tensor = found.scores(layer, head)
    return scores > float("-inf")


def draw_pattern(found: Trace, layer: int, head: int) -> None:
    """The pairs that are computed, small."""
    from attnviz.figures.patterns import pattern

    allowed = allowed_of(found, layer, head)
    kept, whole = int(allowed.sum()), allowed.numel()
    draw(
        pattern(allowed, found.tokens, found.key_tokens, style=style_now(height=330)),
        key=KEY + "pattern_picture", alt=t("sparse.alt_pattern", kept=kept, whole=whole, tokens=len(allowed)),
    )  # fmt: skip


def draw_head(found: Trace, layer: int, head: int, query: int) -> None:
    """One head's weights under the pattern, the token that is asked about framed where it looks most."""
    row = min(query, len(found.tokens) - 1)
    selection = Selection(layer, head, row, int(found.weights(layer, head)[row].argmax()))
    style = style_now(height=400)
    draw_heatmap(found, selection, style, key=KEY + "heatmap")
    take_away(found, selection, style, chart=KEY + "heatmap")


def say_pairs(ran: Run, pattern: PatternChoice, layer: int, head: int) -> None:
    """How many pairs are computed, against all, with the formula where there is a short one."""
    kept = int(allowed_of(own_map(ran.after), layer, head).sum())
    before = int(allowed_of(own_map(ran.before), layer, head).sum())
    n = len(own_map(ran.after).key_tokens)
    st.markdown(t("sparse.pairs", kept=kept, n=n, whole=n * n, share=f"{kept / n**2:.0%}"))
    w, causal = min(pattern.size, n - 1), ran.model.kind == "causal"
    if pattern.name == "window" and before in (n * n, n * (n + 1) // 2):
        shape = rf"n(w+1)-\tfrac{{w(w+1)}}{{2}}={n}\cdot{w + 1}-{w * (w + 1) // 2}" if causal else (
            rf"n(2w+1)-w(w+1)={n}\cdot{2 * w + 1}-{w * (w + 1)}"
        )  # fmt: skip
        st.caption(f"${shape}={kept}$")
    if before < n * n:
        st.caption(t("sparse.pairs_before", before=before))


def say_whose(model: str, pattern: PatternChoice) -> None:
    """Whose weights these are, and under which pattern they were computed."""
    key = "sparse.whose_own" if pattern.name == OWN else "sparse.whose"
    st.caption(t(key, model=plain(model), pattern=t(f"sparse.name_{pattern.name}")))


def draw_growth(pattern: PatternChoice, allowed: Tensor, causal: bool) -> None:
    """How the number of pairs grows with the text; where the reader's own text stands."""
    from attnviz.figures import Line, lines

    tokens, pairs = allowed.shape[-1], int(allowed.sum())
    drawn = [Line(t("sparse.all_pairs"), GROWTH, [n * n for n in GROWTH], dashed=True)]
    if causal:
        drawn.append(Line(t("sparse.causal_pairs"), GROWTH, [n * (n + 1) // 2 for n in GROWTH], dashed=True))
    if pattern.name != OWN:
        with st.spinner(t("sparse.counting")):
            drawn.append(Line(t(f"sparse.name_{pattern.name}"), GROWTH, growth(pattern, causal)))
            if pattern.name in SIZED:
                drawn.append(Line(t("sparse.root"), GROWTH, growth(pattern, causal, root=True)))
    drawn.append(Line(t("sparse.here", tokens=tokens), [tokens], [pairs], points=True))
    figure = lines(
        drawn, x_title=t("sparse.axis_tokens"), y_title=t("sparse.axis_pairs"), dark=dark(),
        language=language(), log_x=True, log_y=True, height=330,
    )  # fmt: skip
    draw(figure, key=KEY + "growth", alt=t("sparse.alt_growth", most=GROWTH[-1]))


@st.cache_data(max_entries=64, show_spinner=False)  # nine numbers: 0.5 kB an entry
def growth(pattern: PatternChoice, causal: bool, root: bool = False) -> list[int]:
    """The pairs of a pattern for the lengths of `GROWTH`; with `root` its stride is the root of the length."""
    from dataclasses import replace
    from math import isqrt

    from attnviz.core.masks import Causal

    found = []
    for n in GROWTH:
        mask = (replace(pattern, stride=isqrt(n)) if root else pattern).mask()
        assert mask is not None
        found.append((Causal() & mask if causal else mask).pairs(n))
    return found


def draw_accuracy(model: str) -> None:
    """What windows cost in accuracy, on sentences that were held out; and every pattern against its share of pairs."""
    from attnviz.measures.patterns import counts, points

    st.markdown(f"**{t('sparse.accuracy_title')}**")
    st.caption(t("sparse.accuracy_look", **counts()))
    left, right = st.columns(2, gap="medium")
    with left:
        gpt = model == "lab-gpt"
        rows = _languages(points()) if gpt else _heads(points())
        _plot(rows, "windows", t("sparse.axis_window"), t("sparse.axis_next" if gpt else "sparse.axis_filled"))
    with right:
        _plot(_shares(points()), "shares", t("sparse.axis_share"), t("sparse.axis_filled_4"))


def _plot(rows: list[Line], name: str, across: str, up: str) -> None:
    from attnviz.figures import lines

    figure = lines(
        rows, x_title=across, y_title=up, dark=dark(), language=language(), log_x=name == "windows",
        height=320,
    )  # fmt: skip
    draw(figure, key=KEY + name, alt=f"{up}; {across}")


def _heads(found: tuple[Point, ...]) -> list[Line]:
    """A line for each number of heads, and where looking at everything would lead."""
    from attnviz.figures import Line

    rows = []
    for model in MODELS:
        own = [p for p in found if p.model == model and p.pattern == "window"]
        rows.append(Line(model, [p.size or 0 for p in own], [p.both for p in own]))
    return [*rows, _everything(found, "lab-4", "both")]


def _languages(found: tuple[Point, ...]) -> list[Line]:
    """lab-gpt's lines: Chinese and English, and where looking at everything would lead."""
    from attnviz.figures import Line

    own = [p for p in found if p.model == "lab-gpt" and p.pattern == "window"]
    sizes = [p.size or 0 for p in own]
    zh = Line(t("sparse.zh"), sizes, [p.zh for p in own])
    return [zh, Line(t("sparse.en"), sizes, [p.en for p in own]), _everything(found, "lab-gpt", "zh")]


def _everything(found: tuple[Point, ...], model: str, figure: str) -> Line:
    """The accuracy without a pattern, as a level line."""
    from attnviz.figures import Line

    one = next(p for p in found if p.model == model and p.pattern == "all")
    return Line(t("sparse.everything", model=model), [1, 32], [getattr(one, figure)] * 2, dashed=True)


def _shares(found: tuple[Point, ...]) -> list[Line]:
    """A line for each pattern on lab-4: accuracy against the share of pairs that is computed."""
    from attnviz.figures import Line

    rows = []
    for name in PATTERNS[:-1]:
        own = sorted((p for p in found if p.model == "lab-4" and p.pattern == name), key=lambda p: p.share)
        rows.append(Line(t(f"sparse.name_{name}"), [p.share for p in own], [p.both for p in own]))
    return rows


def measure(pattern: PatternChoice) -> None:
    """Time and memory of one layer, here and now: all pairs, all pairs under the mask, the window alone."""
    st.markdown(f"**{t('sparse.measure_title')}**")
    st.caption(t("sparse.measure_look", block=_block(pattern.size)))
    ways = WAYS.get(pattern.name, ("dense", "masked"))
    work = Steps(KEY + "cost", str(pattern))
    work.buttons(t("sparse.measure_go"))
    bar, place = st.empty(), st.empty()
    _draw_costs(place, work.found, ways)
    steps = [
        (t("sparse.measuring", way=t(f"sparse.way_{way}"), tokens=n), partial(_cost, n, way, pattern))
        for n in LENGTHS
        for way in ways
    ]
    for found in work.run(steps, bar):
        _draw_costs(place, found, ways)


def _block(size: int) -> int:
    from attnviz.experiments.cost import block_of

    return block_of(size)


def _cost(tokens: int, way: str, pattern: PatternChoice) -> tuple[str, Cost]:
    """One measurement with the name of its way."""
    from attnviz.experiments.cost import attention_cost

    return way, attention_cost(tokens, way, pattern.mask(), size=pattern.size)


def _draw_costs(place: DeltaGenerator, found: list[tuple[str, Cost]], ways: tuple[str, ...]) -> None:
    """Seconds and bytes against the number of tokens; nothing before anything was measured."""
    if not found:
        return
    from attnviz.figures import Line, lines

    with place.container():
        for column, name, factor in zip(st.columns(2, gap="medium"), ("seconds", "bytes"), (1e3, 1e-6), strict=True):
            rows = []
            for way in ways:
                own = [cost for one, cost in found if one == way]
                values = [getattr(cost, name) * factor for cost in own]
                rows.append(Line(t(f"sparse.way_{way}"), [cost.tokens for cost in own], values))
            figure = lines(
                rows, x_title=t("sparse.axis_tokens"), y_title=t(f"sparse.axis_{name}"), dark=dark(),
                language=language(), log_x=True, log_y=True,
            )  # fmt: skip
            with column:
                what = t(f"sparse.axis_{name}")
                draw(figure, key=f"{KEY}{name}{len(found)}", alt=t("sparse.alt_cost", what=what))
        st.caption(_said(found))


def _said(found: list[tuple[str, Cost]]) -> str:
    """The longest text that was measured each way, in numbers."""
    last = max(cost.tokens for _, cost in found)
    parts = [
        t("sparse.cost", way=t(f"sparse.way_{way}"), ms=f"{cost.seconds * 1e3:.1f}", mb=f"{cost.bytes / 1e6:.1f}")
        for way, cost in found
        if cost.tokens == last
    ]
    return t("sparse.costs", tokens=last, parts=t("sparse.semicolon").join(parts))
