"""The choices of the readings page: a sentence, its two readings, what stands around it, the model."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from attnviz.text.lattice import Cut
from attnviz.text.segmentation import Case, Reading, cases
from attnviz.ui.kit import LANGUAGE, MODELS, Param, address, choose_one, flag, language, one_of, plain, t, table
from attnviz.ui.pages.readings import cuts

KEY = "readings."
OWN = "own"
VIEWS = ("token", "word", "difference")
TAUGHT, ORDINARY = "lab-readings", "lab-4"  # of one size; only the first was taught two readings
START, START_CASE = TAUGHT, "bridge"  # what the page opens with
OFFERED = (TAUGHT, *MODELS)


def place_of(text: str) -> str:
    """A (layer, head) in the link, as in 3.0. Raises `ValueError` for none, and for one counted from the end."""
    layer, head = map(int, text.split("."))
    if min(layer, head) < 0:
        raise ValueError(text)
    return f"{layer}.{head}"


PARAMS = {
    "lang": LANGUAGE,
    "case": Param("case", KEY + "case", START_CASE, one_of(*cases(), OWN)),
    "first": Param("a", KEY + "first", None, str),
    "second": Param("b", KEY + "second", None, str),
    "model": Param("model", KEY + "model", START, one_of(*OFFERED)),
    "before": Param("before", KEY + "before", "", str),
    "after": Param("after", KEY + "after", "", str),
    "own": Param("own", KEY + "own", "", str),
    "spaces": Param("bare", KEY + "spaces", False, flag),
    "view": Param("view", KEY + "view", "token", one_of(*VIEWS)),
    "left": Param("left", KEY + "left", None, place_of),
    "right": Param("right", KEY + "right", None, place_of),
}


def choice_of(name: str) -> str | None:
    """What is chosen for one of `PARAMS`."""
    value = st.session_state[PARAMS[name].key]
    return None if value is None else str(value)


def put(**values: str | int | None) -> None:
    """Choose for the reader."""
    for name, value in values.items():
        st.session_state[KEY + name] = value


def fill() -> None:
    """The readings of the case, where the link names none; the sentence that they read."""
    case = chosen_case()
    if choice_of("first") is None or choice_of("second") is None:
        put(first=case.first if case else "", second=case.second if case else "")
    if KEY + "text" not in st.session_state or address.returned():
        put(text=cuts.as_typed(choice_of("first") or ""))


def link_params() -> dict[str, Param]:
    """What the link must name: a case names its own readings."""
    left_out = () if choice_of("case") == OWN else ("first", "second")
    return {name: param for name, param in PARAMS.items() if name not in left_out}


def chosen_case() -> Case | None:
    """The sentence from the list; None for the reader's own."""
    return cases().get(choice_of("case") or OWN)


def choose_sentence() -> None:
    """A sentence from the list, or the reader's own, with or without its spaces; where it can be cut two ways."""
    known = cases()
    with st.sidebar:
        st.selectbox(
            t("case"), (*known, OWN), key=KEY + "case", on_change=_take_case,
            format_func=lambda name: t("own_case") if name == OWN else cuts.as_typed(known[name].first),
        )  # fmt: skip
        st.text_input(t("reading_sentence"), key=KEY + "text", on_change=_take_text, placeholder=t("text_placeholder"))
        put(spaces=spaces_out())  # a switch that is not drawn would be forgotten
        if spaces_out() or not cuts.has_no_spaces(st.session_state[KEY + "text"]):
            st.toggle(t("readings.spaces"), key=KEY + "spaces", help=t("readings.spaces_help"), on_change=_take_spaces)
        _offer_stretches(cuts.stretches_of(_sentence()))


def _offer_stretches(found: Cut) -> None:
    """The stretches of the sentence that can be cut two ways, to press."""
    if not found.stretches:
        return
    pairs = [cuts.pair(found, number) for number in range(len(found.stretches))]
    now = (choice_of("first"), choice_of("second"))
    put(stretch=pairs.index(now) if now in pairs else None)
    st.radio(
        t("readings.stretches"), range(len(pairs)), key=KEY + "stretch", help=t("readings.stretches_help"),
        format_func=lambda number: plain(str(found.stretches[number])), on_change=_take_stretch, args=(pairs,),
    )  # fmt: skip


def spaces_out() -> bool:
    """Are the spaces taken out?"""
    return bool(st.session_state[KEY + "spaces"])


def _sentence() -> str:
    """What stands in the box, as it is read."""
    text = str(st.session_state[KEY + "text"])
    return cuts.bare(text) if spaces_out() else text


def choose_model() -> str:
    """The model that was taught two readings, or an ordinary one of 1, 2, 4 or 8 heads."""
    with st.sidebar:
        return choose_one(
            PARAMS["model"], OFFERED, t("readings.model"), model_title, t("readings.model_help"), _forget_heads
        )


def model_title(name: str) -> str:
    """A model of this page in a word: its number of heads, or that it was taught."""
    return t("readings.taught") if name == TAUGHT else name.removeprefix("lab-")


def offer_other_model(model: str) -> None:
    """One press to the same sentence in the model that was taught two readings, or in the ordinary one of its size."""
    other = ORDINARY if model == TAUGHT else TAUGHT
    st.button(
        t("readings.to_plain" if other == ORDINARY else "readings.to_taught"), key=KEY + "other", type="tertiary",
        icon=":material/compare_arrows:", on_click=_take_model, args=(other,),
    )  # fmt: skip


def choose_context() -> tuple[str, str]:
    """What stands before and after the sentence."""
    with st.sidebar:
        first, second = st.columns(2, gap="small")
        first.text_input(t("before"), key=KEY + "before")
        second.text_input(t("after"), key=KEY + "after")
    return choice_of("before") or "", choice_of("after") or ""


def choose_own() -> tuple[str, ...]:
    """Words that the dictionary may lack, separated by spaces."""
    with st.sidebar:
        st.text_input(t("own_words"), key=KEY + "own", help=t("own_words_help"))
    return own_words()


def own_words() -> tuple[str, ...]:
    """What was typed there."""
    return tuple((choice_of("own") or "").split())


def choose_readings(options: Iterable[str]) -> tuple[str, str]:
    """Reading A and B: two of the best, or typed with / or [ ]."""
    with st.sidebar:
        first, second = (_choose_reading(side, options) for side in ("first", "second"))
    return first, second


def _choose_reading(side: str, options: Iterable[str]) -> str:
    current = choice_of(side) or ""
    known = list(dict.fromkeys([current, *options]))
    chosen = st.selectbox(
        t(f"reading_{side}"), known, key=KEY + side, accept_new_options=True, help=t("reading_help"),
        on_change=_take_reading,
    )  # fmt: skip
    return chosen or ""


def choose_view() -> str:
    """The open heads by token, by word, or one less the other."""
    st.segmented_control(
        t("view"), VIEWS, format_func=lambda name: t(f"view_{name}"), key=KEY + "view", required=True, wrap=True,
        label_visibility="collapsed",
    )  # fmt: skip
    return choice_of("view") or "token"


def glosses(readings: tuple[Reading, Reading]) -> tuple[str, str]:
    """What the two readings mean, as far as the list of sentences knows."""
    case, lang = chosen_case(), language()
    return case.glosses[lang] if case else (cuts.gloss_of(readings[0], lang), cuts.gloss_of(readings[1], lang))


def offered(own: tuple[str, ...]) -> dict[str, float]:
    """The readings that are offered for the sentence in its box, and their probabilities."""
    with st.spinner(t("cutting")):
        return cuts.best_readings(_sentence(), own)


def show_offered(options: dict[str, float]) -> None:
    """The best readings and how probable each is among all ways to cut the text."""
    if len(options) > 1:  # letters without spaces are one word to this dictionary
        rows = [(plain(written), cuts.percent(p)) for written, p in options.items()]
        with st.sidebar:
            st.caption(f"**{t('best_readings')}**", help=t("best_readings_help"))
            st.markdown(table((t("reading"), t("probability")), rows, "---:"))


def _take_case() -> None:
    """Another sentence from the list: its readings, its spaces, and nothing around it."""
    case = chosen_case()
    if case is not None:
        text = cuts.as_typed(case.first)
        put(first=case.first, second=case.second, text=text, before="", after="", spaces=False)
    _forget_heads()


def _take_text() -> None:
    """The reader's own sentence: two readings of it. The model that reads letters without spaces gets none."""
    text = str(st.session_state[KEY + "text"])
    without = choice_of("model") == TAUGHT and not cuts.has_no_spaces(text)
    put(case=OWN, before="", after="", spaces=without and bool(cuts.stretches_of(cuts.bare(text)).stretches))
    _take_two()


def _take_two() -> None:
    """The two readings to begin with."""
    first, second = cuts.two_readings(_sentence(), own_words())
    put(first=first, second=second)
    _forget_heads()


def _take_spaces() -> None:
    """The spaces of the reader's own sentence taken out, or put back; a sentence of the list keeps its readings."""
    if choice_of("case") == OWN:
        _take_two()


def _take_model(name: str) -> None:
    """Another model for the same sentence."""
    put(model=name)
    _forget_heads()


def _take_stretch(pairs: list[tuple[str, str]]) -> None:
    """A stretch was pressed: its two readings."""
    number = st.session_state[KEY + "stretch"]
    if number is not None:
        put(case=OWN, first=pairs[number][0], second=pairs[number][1])
        _forget_heads()


def _take_reading() -> None:
    """Another reading of the sentence."""
    put(case=OWN)
    _forget_heads()


def _forget_heads() -> None:
    """Open the strongest heads again."""
    put(left=None, right=None)
