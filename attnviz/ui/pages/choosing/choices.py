"""What the page on choosing asks: films that were seen, films that ask, which network, what is changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from attnviz.ui.kit import (
    RULE_PARAMS,
    SOFT,
    Param,
    between,
    choose_one,
    choose_rule,
    find,
    matching,
    offer_samples,
    one_of,
    rule_now,
    t,
)
from attnviz.ui.pages.choosing import run
from attnviz.ui.pages.choosing.run import AGAINST, MANY, NETWORKS, SAMPLES, Request

KEY = "choosing."
START = SAMPLES["mixed"]
EMPTY = "0"  # a history without films, as a link writes it
FOUND, LISTED = 8, 20  # films that a search shows, and those of the ranking that can be candidates
HEADS = re.compile(r"(\d\.\d(-\d\.\d)*)?")
SIDES = ("seen", "asks")
ORDERS = ("likely", "raised")
PARAMS = {
    **RULE_PARAMS,
    "network": Param("network", KEY + "network", NETWORKS[0], one_of(*NETWORKS)),
    "films": Param("films", KEY + "films", START, str),
    "against": Param("against", KEY + "against", AGAINST, str),
    "out": Param("out", KEY + "out", "", str),
    "swap": Param("swap", KEY + "swap", "", str),
    "with": Param("with", KEY + "with", "", str),
    "who": Param("who", KEY + "who", "", str),
    "not": Param("not", KEY + "not", "", str),
    "without": Param("without", KEY + "without", "", matching(HEADS)),
    "order": Param("order", KEY + "order", "likely", one_of(*ORDERS)),
    "map": Param("map", KEY + "map", 0, between(0, 8, int)),
}


def now(name: str) -> str:
    """What is chosen or typed."""
    value = st.session_state[PARAMS[name].key]
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Asked:
    """What stands on the page: the run as it is, as it was changed, and what was left out of the history."""

    before: Request
    after: Request
    out: int | None
    swapped: tuple[int, int] | None
    earlier: int = 0
    again: int = 0
    unknown: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Is it another run than the network's own on this history?"""
        return self.before != self.after


def choose_network() -> None:
    """In the sidebar: which network, and by which rule it weighs."""
    with st.sidebar:
        st.radio(
            t("choosing.network"), NETWORKS, key=KEY + "network", format_func=lambda name: t(f"choosing.net_{name}"),
            help=t("choosing.network_help"),
        )  # fmt: skip
        choose_rule()


def choose_history() -> None:
    """Samples, a search, the films that are there; or titles as a list."""
    offer_samples(
        KEY + "sample", SAMPLES, _take_sample, label=t("choosing.samples"), wrap=True,
        format_func=lambda name: t(f"choosing.sample_{name}"),
    )  # fmt: skip
    seen, _ = run.numbers(now("films"))
    _search(seen)
    once = list(dict.fromkeys(seen))
    st.session_state[KEY + "kept"] = once
    st.multiselect(
        t("choosing.history", count=len(once)), once, key=KEY + "kept", format_func=label, wrap=True,
        on_change=_keep_films,
        help=t("choosing.history_help"), placeholder=t("choosing.history_none"),
    )  # fmt: skip
    with st.popover(t("choosing.typed"), icon=":material/edit_note:", width="stretch"):
        st.session_state[KEY + "typed"] = "\n".join(label(one) for one in once)
        st.text_area(t("choosing.titles"), key=KEY + "typed", height=220, help=t("choosing.titles_help"))
        st.button(t("choosing.take_titles"), key=KEY + "take_titles", on_click=_take_titles)


def _search(seen: Sequence[int]) -> None:
    """A few letters of a title, and what is found; a click puts it into the history, or lets it ask."""
    from attnviz.systems.recommendation.text import search

    words = st.text_input(
        t("choosing.search"), key=KEY + "search", placeholder=t("choosing.search_placeholder"),
        help=t("choosing.search_help", films=len(run.films())),
    )  # fmt: skip
    if not str(words or "").strip():
        return
    found = search(str(words), run.films(), FOUND, seen)
    if not found:
        st.caption(t("choosing.search_nothing"))
        return
    side = "seen"
    if run.system(now("network")).asks:
        side = st.segmented_control(
            t("choosing.side"), SIDES, key=KEY + "side", default="seen", required=True, wrap=True,
            format_func=lambda name: t(f"choosing.side_{name}"), label_visibility="collapsed",
        ) or side  # fmt: skip
    take = _add_film if side == "seen" else _add_candidate
    offer_samples(KEY + "hit", found, take, label=t("choosing.hits"), format_func=label, wrap=True)


def label(film: int) -> str:
    """A film's title and year."""
    return run.films()[film].label


def _put(films: Sequence[int]) -> None:
    st.session_state[KEY + "films"] = run.written(films) or EMPTY


def _take_sample(name: str) -> None:
    """Another history: its candidates are the first of its ranking, and what was changed belonged to the other."""
    st.session_state[KEY + "films"] = SAMPLES[name]
    st.session_state[KEY + "against"] = AGAINST if name == "mixed" else ""
    for one in ("out", "swap", "with", "who", "not", "without"):
        st.session_state[KEY + one] = ""


def _add_film(film: int) -> None:
    _put([*run.numbers(now("films"))[0], film])
    st.session_state[KEY + "search"] = ""


def _add_candidate(film: int) -> None:
    """One more asks; the first of three gives way."""
    st.session_state[KEY + "against"] = run.written([*run.numbers(now("against"))[0], film][-MANY:])
    st.session_state[KEY + "search"] = ""


def _keep_films() -> None:
    """A film was taken away."""
    _put(st.session_state[KEY + "kept"])


def _take_titles() -> None:
    """A list of titles was typed; what cannot be read is said on the page, and the history stays."""
    from attnviz.errors import TextError
    from attnviz.systems.recommendation.text import films_of

    try:
        _put(films_of(str(st.session_state[KEY + "typed"] or ""), run.films()))
    except TextError as problem:
        st.session_state[KEY + "problem"] = problem


def asked() -> Asked:
    """The history and what is changed of it. Raises `TextError` where there is none, or titles that do not exist."""
    from attnviz.errors import TextError
    from attnviz.systems.recommendation.text import history_of

    if (problem := st.session_state.pop(KEY + "problem", None)) is not None:
        raise problem
    given, unknown = run.numbers(now("films"))
    if now("films") == EMPTY or not now("films"):
        unknown = []
    if not given:
        if unknown:
            raise TextError("films_link", films=t("listed").join(unknown[:3]))
        raise TextError("films_none")
    name = now("network")
    found = history_of(given, run.system(name).network.shape.longest)
    request = Request(name, found.films)
    if request.asks:
        request = replace(request, candidates=_candidates(request))
    return Asked(request, request, None, None, found.earlier, found.again, tuple(unknown))


def _candidates(request: Request) -> tuple[int, ...]:
    """The films that ask: those that were chosen, else those that the history raises most; none that was seen."""
    chosen = [one for one in dict.fromkeys(run.numbers(now("against"))[0]) if one not in request.films]
    return tuple(chosen[:MANY]) or tuple(run.most_raised(run.ranking(request), MANY))


def choose_candidates(request: Request) -> None:
    """Which films ask, side by side."""
    listed = run.ranking(replace(request, candidates=()))
    options = list(dict.fromkeys([*request.candidates, *listed.first(LISTED), *run.most_raised(listed, LISTED)]))
    st.session_state[KEY + "picked"] = list(request.candidates)
    st.multiselect(
        t("choosing.candidates"), options, key=KEY + "picked", format_func=label, max_selections=MANY, wrap=True,
        on_change=_take_candidates, help=t("choosing.candidates_help"),
    )  # fmt: skip


def _take_candidates() -> None:
    st.session_state[KEY + "against"] = run.written(st.session_state[KEY + "picked"])


def choose_changes(found: Asked) -> Asked:
    """What is taken out, swapped, forbidden, removed: the run as it was changed."""
    request = found.before
    ids = ["", *(run.films()[one].imdb for one in request.films)]
    with st.expander(t("choosing.changes"), expanded=True):
        out = _one_of("out", ids if len(ids) > 2 else [""])
        first, second = st.columns(2, gap="small")
        with first:
            swap = _one_of("swap", ids)
        with second:
            other = _one_of("with", ids)
        first, second = st.columns(2, gap="small")
        asking = ["", *(run.films()[one].imdb for one in request.candidates)] if request.asks else ids
        with first:
            who = _one_of("who", asking)
        with second:
            barred = _one_of("not", ids if who is None or request.asks else ids[: request.films.index(who) + 2])
        heads = _choose_heads(request)
        if _changed_by_hand():
            st.button(t("choosing.as_before"), key=KEY + "as_before", icon=":material/undo:", on_click=_undo)
    films = list(request.films)
    pair = None if swap is None or other is None or swap == other else (swap, other)
    if pair is not None:
        a, b = (films.index(one) for one in pair)
        films[a], films[b] = films[b], films[a]
    left = tuple(one for one in films if one != out)
    forbidden = None if who is None or barred is None else (who, barred)
    after = replace(request, films=left, rule=rule_now(), forbidden=forbidden, heads=heads)
    return replace(found, after=after, out=out, swapped=pair)


def _one_of(name: str, ids: list[str]) -> int | None:
    """One film of a list, or none; a film that is not there any more is none."""
    key = PARAMS[name].key
    if st.session_state[key] not in ids:
        find(key, "")
    by = run.films().by_imdb
    st.selectbox(
        t(f"choosing.{name}"), ids, key=key, help=t(f"choosing.{name}_help"),
        format_func=lambda one: label(by[one]) if one else t("choosing.none"),
    )  # fmt: skip
    chosen = now(name)
    return by[chosen] if chosen else None


def _choose_heads(request: Request) -> tuple[run.Head, ...]:
    """Which heads bring nothing; only SASRec has several."""
    if request.name != "sasrec-films":
        return ()
    shape = run.system(request.name).network.shape
    there = [f"{layer}.{head}" for layer in range(shape.layers) for head in range(shape.heads)]
    gone = [one for one in now("without").split("-") if one in there]
    st.session_state[KEY + "gone"] = gone
    st.pills(
        t("choosing.heads"), there, key=KEY + "gone", selection_mode="multi", on_change=_take_heads,
        format_func=lambda one: t("choosing.head", layer=one[0], head=one[2]), help=t("choosing.heads_help"),
    )  # fmt: skip
    return run.heads_of("-".join(sorted(gone)))


def _take_heads() -> None:
    st.session_state[KEY + "without"] = "-".join(sorted(st.session_state[KEY + "gone"]))


def _changed_by_hand() -> bool:
    return any(now(name) for name in ("out", "swap", "with", "who", "not", "without")) or rule_now() != SOFT


def _undo() -> None:
    """Everything as the network has it."""
    for name in ("out", "swap", "with", "who", "not", "without"):
        st.session_state[KEY + name] = ""
    st.session_state[RULE_PARAMS["family"].key] = "soft"
    st.session_state[RULE_PARAMS["temperature"].key] = 1.0


def choose_order() -> str:
    """The likeliest films first, or those that this history raises most."""
    st.markdown(f"**{t('choosing.next')}**")
    return choose_one(
        PARAMS["order"], ORDERS, t("choosing.order"), lambda name: t(f"choosing.order_{name}"), t("choosing.order_help")
    )  # fmt: skip


def choose_map(request: Request) -> run.Head:
    """Which layer and head the map shows, the last layer first."""
    shape = run.system(request.name).network.shape
    maps = [(0, 0)]
    if request.name == "sasrec-films":
        maps = [(layer, head) for layer in reversed(range(shape.layers)) for head in range(shape.heads)]
    key = PARAMS["map"].key
    if int(st.session_state[key]) >= len(maps):
        find(key, 0)
    if len(maps) == 1:
        return maps[0]
    number = st.selectbox(
        t("choosing.map"), range(len(maps)), key=key,
        format_func=lambda n: t("choosing.head", layer=maps[n][0], head=maps[n][1]),
    )  # fmt: skip
    return maps[int(number)]
