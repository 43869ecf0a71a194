"""The choices of the readings page: a sentence, its two readings, what stands around it, the model."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.text.segmentation import Case, Lattice, Reading, cases
from attnviz.ui.kit import LANGUAGE, MODELS, Param, address, choose_lab_model, language, one_of, plain, t, table

KEY = "readings."
OWN = "own"
VIEWS = ("token", "word", "difference")
BEST = 8  # readings offered for a sentence, at most


def place_of(text: str) -> str:
    """A (layer, head) in the link, as in 3.0."""
    layer, head = text.split(".")
    return f"{int(layer)}.{int(head)}"


PARAMS = {
    "lang": LANGUAGE,
    "case": Param("case", KEY + "case", "bridge", one_of(*cases(), OWN)),
    "first": Param("a", KEY + "first", None, str),
    "second": Param("b", KEY + "second", None, str),
    "model": Param("model", KEY + "model", "lab-4", one_of(*MODELS)),
    "before": Param("before", KEY + "before", "", str),
    "after": Param("after", KEY + "after", "", str),
    "own": Param("own", KEY + "own", "", str),
    "view": Param("view", KEY + "view", "token", one_of(*VIEWS)),
    "left": Param("left", KEY + "left", None, place_of),
    "right": Param("right", KEY + "right", None, place_of),
}


def choice_of(name: str) -> str | None:
    """What is chosen for one of `PARAMS`."""
    value = st.session_state[PARAMS[name].key]
    return None if value is None else str(value)


def put(**values: str | None) -> None:
    """Choose for the reader."""
    for name, value in values.items():
        st.session_state[KEY + name] = value


def fill() -> None:
    """The readings of the case, where the link names none; the sentence that they read."""
    case = chosen_case()
    if choice_of("first") is None or choice_of("second") is None:
        put(first=case.first if case else "", second=case.second if case else "")
    if KEY + "text" not in st.session_state or address.returned():
        put(text=_plain(choice_of("first") or ""))


def link_params() -> dict[str, Param]:
    """What the link must name: a case names its own readings."""
    left_out = () if choice_of("case") == OWN else ("first", "second")
    return {name: param for name, param in PARAMS.items() if name not in left_out}


def chosen_case() -> Case | None:
    """The sentence from the list; None for the reader's own."""
    return cases().get(choice_of("case") or OWN)


def choose_sentence() -> None:
    """A sentence from the list, or the reader's own."""
    known = cases()
    with st.sidebar:
        st.selectbox(
            t("case"), (*known, OWN), key=KEY + "case", on_change=_take_case,
            format_func=lambda name: t("own_case") if name == OWN else _plain(known[name].first),
        )  # fmt: skip
        st.text_input(t("reading_sentence"), key=KEY + "text", on_change=_take_text, placeholder=t("text_placeholder"))


def choose_model() -> str:
    """1, 2, 4 or 8 heads."""
    with st.sidebar:
        return choose_lab_model(PARAMS["model"], _forget_heads)


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


def choose_reading(side: str, options: Iterable[str]) -> str:
    """Reading A or B: one of the best, or typed with / or [ ]."""
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
        t("view"), VIEWS, format_func=lambda name: t(f"view_{name}"), key=KEY + "view", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    return choice_of("view") or "token"


def glosses() -> tuple[str, str]:
    """What the two readings of the case mean; nothing for the reader's own."""
    case = chosen_case()
    return case.glosses[language()] if case else ("", "")


@st.cache_data(max_entries=32, show_spinner=False)  # eight readings of a sentence: 2 kB an entry
def best_readings(text: str, own: tuple[str, ...] = ()) -> dict[str, float]:
    """The best readings of a text by the dictionary, as one would write them, and their probabilities.

    The best that hold one of the reader's own words are among them.
    """
    try:
        every = Lattice.of(text, own).best(20 * BEST) if _cut(text) else []
    except AttnvizError:
        return {}
    mine = [one for one in every[BEST - 2 :] if set(own) & set(one[0].words)]
    return {"/".join(reading.words): p for reading, p in [*every[: BEST - 2], *mine[:2]]}


def offered(own: tuple[str, ...]) -> dict[str, float]:
    """The readings that are offered for the sentence in its box, and their probabilities."""
    with st.spinner(t("cutting")):
        return best_readings(st.session_state[KEY + "text"], own)


def show_offered(options: dict[str, float]) -> None:
    """The best readings and how probable each is among all ways to cut the text."""
    if options:
        rows = [(plain(written), percent(p)) for written, p in options.items()]
        with st.sidebar:
            st.caption(f"**{t('best_readings')}**", help=t("best_readings_help"))
            st.markdown(table((t("reading"), t("probability")), rows, "---:"))


def percent(p: float) -> str:
    """A probability as one reads it: 99.7%, 0.04%, 3e-07."""
    return f"{p:.1%}" if p >= 0.0005 else f"{p:.0e}"


def _cut(text: str) -> bool:
    """Is it cut with slashes? English words are grouped with brackets instead."""
    return not any(character.isspace() for character in text.strip())


def _plain(written: str) -> str:
    """The text of a reading; what was typed, where it is none."""
    try:
        return Reading.parse(written).text
    except AttnvizError:
        return written


def _take_case() -> None:
    """Another sentence from the list: its readings, and nothing around it."""
    case = chosen_case()
    if case is not None:
        put(first=case.first, second=case.second, text=_plain(case.first), before="", after="")
    _forget_heads()


def _take_text() -> None:
    """The reader's own sentence: its two best readings."""
    text = st.session_state[KEY + "text"]
    best = [*best_readings(text, own_words()), text, text]
    put(case=OWN, first=best[0], second=best[1], before="", after="")
    _forget_heads()


def _take_reading() -> None:
    """Another reading of the sentence."""
    put(case=OWN)
    _forget_heads()


def _forget_heads() -> None:
    """Open the strongest heads again."""
    put(left=None, right=None)
