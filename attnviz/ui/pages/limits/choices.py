"""What the page on limits asks and shows: where weight rests, and whether the prediction follows the weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.messages import LANGUAGES
from attnviz.ui.kit import asking, charts
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.controls import SOFT, RuleChoice, as_rule
from attnviz.ui.kit.effect import show_effect
from attnviz.ui.kit.language import language, t
from attnviz.ui.kit.link import Param, between, one_of
from attnviz.ui.kit.opening import open_model
from attnviz.ui.kit.panels import plain
from attnviz.ui.kit.work import watched
from attnviz.ui.stores.models import shelf
from attnviz.ui.stores.runs import kept, traces

if TYPE_CHECKING:
    from attnviz.experiments.edges import Edges
    from attnviz.figures import Line
    from attnviz.models import Model
    from attnviz.trace import Trace

KEY = "limits."
GPT = "lab-gpt"
HIDDEN = ("first", "last", "both")
PLACES = ("all", "layer", "head")
SMALL = 0.01  # bits: less than that is said to be next to nothing
TOP = 5
Key = tuple[str, str, int, RuleChoice, tuple[()] | tuple[int] | tuple[int, int]]
PARAMS = {
    **choices.RULE_PARAMS,
    "lang": Param("lang", "lang", None, one_of(*LANGUAGES)),
    "text": Param("text", KEY + "text", asking.START, str),
    "model": Param("model", KEY + "model", "lab-4", str),
    "at": Param("at", KEY + "at", None, between(0, 99_999, int)),
    "hide": Param("hide", KEY + "hide", "both", one_of(*HIDDEN)),
    "place": Param("place", KEY + "place", "all", one_of(*PLACES)),
    "layer": Param("layer", KEY + "layer", 0, between(0, 999, int)),
    "head": Param("head", KEY + "head", 0, between(0, 999, int)),
}


@kept
def trace(
    name: str, text: str, blank: int | None = None, rule: RuleChoice = SOFT, hidden: tuple[int, ...] = ()
) -> Trace:
    """What the model did, some tokens hidden from all. Raises `AttnvizError`."""
    from attnviz.core.interventions import HideToken
    from attnviz.recording.record import record

    changes = tuple(HideToken(token) for token in hidden)
    given = None if rule == SOFT else as_rule(rule)
    return record(shelf().take(name), text, blank=blank, rule=given, interventions=changes)


def read(name: str, text: str) -> tuple[Model, Trace, int, int | None]:
    """The model, its run, the token that is asked about, and the blank. Raises `AttnvizError`."""
    model = open_model(name)
    with st.spinner(t("running", model=plain(name)), show_time=True):
        untouched = trace(name, text)
    masked = model.mask_id is not None
    at = asking.choose_token(KEY, untouched, masked)
    blank = at if masked and untouched.tokens[at] != "[MASK]" and not untouched.special[at] else None
    with st.spinner(t("running", model=plain(name)), show_time=True):
        return model, trace(name, text, blank, choices.rule_now()), at, blank


def draw_sinks(name: str, found: Trace, text: str) -> None:
    """The share of weight on the first and the last token, layer by layer, of the chosen model and of lab-gpt."""
    from attnviz.figures import lines

    drawn = _sink_lines(name, found)
    if name != GPT:
        open_model(GPT)
        drawn += _sink_lines(GPT, trace(GPT, text, rule=choices.rule_now()))
    figure = lines(
        drawn, x_title=t("layer"), y_title=t("limits.axis_sink"), dark=charts.dark(), language=language(), height=340
    )
    charts.draw(figure, key=KEY + "sinks", alt=t("limits.alt_sinks", model=name))
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
    chosen = "first"
    if len(gatherers) > 1:
        chosen = st.segmented_control(
            t("limits.hide"), HIDDEN, key=KEY + "hide", required=True, help=t("limits.hide_help"),
            format_func=lambda one: " + ".join(found.key_tokens[token] for token in _hidden(one, gatherers)),
        ) or "both"  # fmt: skip
    with st.spinner(t("running", model=plain(name)), show_time=True):
        after = trace(name, text, blank, choices.rule_now(), _hidden(chosen, gatherers))
    show_effect(found, after, query)
    st.caption(t("limits.hidden_say"))


def _hidden(which: str, gatherers: list[int]) -> tuple[int, ...]:
    return {"first": tuple(gatherers[:1]), "last": tuple(gatherers[-1:]), "both": tuple(gatherers)}[which]


def choose_place(found: Trace) -> tuple[()] | tuple[int] | tuple[int, int]:
    """Where an edge is removed: everywhere, in a (layer,) or in a (layer, head)."""
    where, one, two = st.columns([5, 2, 2], gap="small")
    with where:
        st.segmented_control(
            t("limits.place"), PLACES, key=KEY + "place", required=True, format_func=lambda p: t(f"limits.place_{p}"),
            help=t("limits.place_help"), width="stretch",
        )  # fmt: skip
    place = st.session_state[KEY + "place"] or "all"
    for name, options in (("layer", found.open_layers), ("head", list(range(found.n_heads)))):
        if st.session_state[KEY + name] not in options:
            st.session_state[KEY + name] = options[-1]
    layer = one.selectbox(t("layer"), found.open_layers, key=KEY + "layer", disabled=place == "all")
    head = two.selectbox(t("head"), range(found.n_heads), key=KEY + "head", disabled=place != "head")
    return () if place == "all" else (layer,) if place == "layer" else (layer, head)


def edges(key: Key, model: Model, found: Trace) -> Edges | None:
    """Each edge of the row removed in turn, how far it is shown; None until someone asks for it of a large model."""
    from attnviz.experiments.edges import edge_effects

    tried: Edges | None = traces().get((KEY, "edges", key))
    if tried is not None:
        return tried
    asks = key[0] not in asking.BUILT_IN or st.session_state.get(KEY + "edges_stopped") == key
    if asks and not st.button(t("limits.edges_go"), icon=":material/play_arrow:"):
        return None
    st.session_state.pop(KEY + "edges_stopped", None)
    with watched(KEY + "edges_stop", t("limits.removing", done=0, of="…"), on_stop=partial(_stop_edges, key)) as bar:
        tried = traces().take(
            (KEY, "edges", key),
            lambda: edge_effects(
                model, found, key[2], where=key[4],
                on_edge=lambda done, of: bar.progress(done / of, t("limits.removing", done=done, of=of)),
            ),
        )  # fmt: skip
    return tried


def _stop_edges(key: Key) -> None:
    """Stop was pressed: this row is not tried by itself again."""
    st.session_state[KEY + "edges_stopped"] = key


def draw_edges(tried: Edges, found: Trace) -> None:
    """Weight against bits, a point for each edge, and in words what it shows."""
    from attnviz.experiments.edges import by_chance
    from attnviz.figures import patterns

    labels = [found.key_tokens[key] for key in tried.keys]
    figure = patterns.edges(tried.weights, tried.bits, labels, charts.style_now())
    charts.draw(figure, key=KEY + "edges", alt=t("limits.alt_edges", token=found.tokens[tried.query]))
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
