"""What the page on limits shows: where weight rests, and whether the prediction follows the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import dark, draw, language, open_model, plain, rule_now, show_effect, style_now, t
from attnviz.ui.pages.limits.choices import KEY, choose_hidden, trace

if TYPE_CHECKING:
    from attnviz.experiments.edges import Edges
    from attnviz.figures import Line
    from attnviz.trace import Trace

GPT = "lab-gpt"
SMALL = 0.01  # bits: less than that is said to be next to nothing
TOP = 5


def draw_sinks(name: str, found: Trace, text: str) -> None:
    """The share of weight on the first and the last token, layer by layer, of the chosen model and of lab-gpt."""
    from attnviz.figures import lines

    drawn = _sink_lines(name, found)
    if name != GPT:
        open_model(GPT)
        drawn += _sink_lines(GPT, trace(GPT, text, rule=rule_now()))
    figure = lines(
        drawn, x_title=t("layer"), y_title=t("limits.axis_sink"), dark=dark(), language=language(), height=340
    )
    draw(figure, key=KEY + "sinks", alt=t("limits.alt_sinks", model=name))
    _say_strongest(name, found)


def _sink_lines(name: str, found: Trace) -> list[Line]:
    """One model's lines: each token that gathers weight, and what spreading evenly would give."""
    from attnviz.experiments.edges import even_share, token_shares
    from attnviz.figures import Line

    gatherers = places(found)
    shares = token_shares(found, gatherers)[found.open_layers]
    drawn = [
        Line(f"{name} {found.key_tokens[token]}", found.open_layers, shares[:, number].tolist())
        for number, token in enumerate(gatherers)
    ]
    even = Line(
        t("limits.even", model=name), found.open_layers, [even_share(found)] * len(found.open_layers), dashed=True
    )
    return [*drawn, even]


def places(found: Trace) -> list[int]:
    """The tokens where weight gathers: the first, and the last where the tokenizer put it there."""
    last = len(found.key_tokens) - 1
    return [0, last] if last and found.key_special[last] else [0]


def _say_strongest(name: str, found: Trace) -> None:
    """The head that gives these tokens the most."""
    from attnviz.experiments.edges import strongest_sink

    layer, head, share = strongest_sink(found, places(found))
    names = " + ".join(plain(found.key_tokens[token]) for token in places(found))
    st.caption(t("limits.strongest", model=plain(name), layer=layer, head=head, share=f"{share:.0%}", names=names))


def show_hidden(name: str, text: str, found: Trace, query: int, blank: int | None) -> None:
    """The prediction before and after these tokens are hidden from all."""
    gatherers = places(found)
    hidden = choose_hidden(found, gatherers)
    with st.spinner(t("running", model=plain(name)), show_time=True):
        after = trace(name, text, blank, rule_now(), hidden)
    show_effect(found, after, query)
    st.caption(t("limits.hidden_say"))


def draw_edges(tried: Edges, found: Trace) -> None:
    """Weight against bits, a point for each edge, and in words what it shows."""
    from attnviz.experiments.edges import by_chance
    from attnviz.figures import patterns

    labels = [found.key_tokens[key] for key in tried.keys]
    figure = patterns.edges(tried.weights, tried.bits, labels, style_now())
    draw(figure, key=KEY + "edges", alt=t("limits.alt_edges", token=found.tokens[tried.query]))
    rho, tau = tried.rank_agreement
    if rho != rho:
        st.caption(t("limits.no_order"))
        return
    chance = by_chance(tried.weights, tried.bits)
    verdict = "limits.order_yes" if rho > chance else "limits.order_no"
    st.markdown(t("limits.order", rho=f"{rho:.2f}", tau=f"{tau:.2f}", chance=f"{chance:.2f}", edges=len(labels)))
    st.markdown(t(verdict) + " " + _amounts(tried, labels))


def _amounts(tried: Edges, labels: list[str]) -> str:
    """What the heaviest edges cost, and what the costliest weighs."""
    order = sorted(range(len(labels)), key=lambda one: -tried.weights[one])
    costly = max(range(len(labels)), key=lambda one: tried.bits[one])
    small = sum(tried.bits[one] < SMALL for one in order[:TOP])
    return t(
        "limits.amounts", heavy=plain(labels[order[0]]), weight=f"{tried.weights[order[0]]:.3f}",
        bits=f"{tried.bits[order[0]]:.3f}", costly=plain(labels[costly]), most=f"{tried.bits[costly]:.3f}",
        place=order.index(costly) + 1, top=min(TOP, len(order)), small=small, least=SMALL,
    )  # fmt: skip
