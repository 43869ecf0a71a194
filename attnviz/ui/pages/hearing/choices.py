"""What the page on speech asks: a sound, how its words are written, which map, and what is changed inside the run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    PLACES,
    RULE_PARAMS,
    SOFT,
    Param,
    between,
    choose_head,
    choose_one,
    choose_rule,
    chosen,
    find,
    flag,
    hidden_now,
    language,
    matching,
    numbers_of,
    one_of,
    page,
    rule_now,
    t,
    with_or_without,
)
from attnviz.ui.pages.hearing import bring, run
from attnviz.ui.pages.hearing.bring import KEY
from attnviz.ui.pages.hearing.run import Head, Request

if TYPE_CHECKING:
    from attnviz.sounds import Sound
    from attnviz.systems.speech.system import Said
    from attnviz.trace import Trace

LANGUAGES, SCOPES = ("zh", "en"), ("cross", "all")
VIEWS = {"words": "cross", "moments": "encoder"}
MEANS = ("head", "layer", "all")
HEAD = r"(cross|decoder|encoder)\.\d{1,2}\.\d{1,2}"
HEADS = re.compile(rf"({HEAD}(-{HEAD})*)?")  # cross.0.1-encoder.1.3
DIGITS = re.compile(r"[0-9 ]{0,20}")


def _voice(text: str) -> str:
    """A reader of the name of a voice."""
    return one_of(*run.voices())(text)


PARAMS = {
    **RULE_PARAMS,
    "voice": Param("voice", KEY + "voice", "jackson", _voice),
    "digits": Param("digits", KEY + "digits", "307", matching(DIGITS)),
    "path": Param("file", KEY + "path", "", str),
    "spoken": Param("in", KEY + "spoken", None, one_of(*LANGUAGES)),
    "scope": Param("scope", KEY + "scope", "cross", one_of(*SCOPES)),
    "ahead": Param("ahead", KEY + "ahead", False, flag),
    "view": Param("view", KEY + "view", "words", one_of(*VIEWS)),
    "mean": Param("mean", KEY + "mean", "head", one_of(*MEANS)),
    "layer": Param("layer", KEY + "layer", 1, between(0, 99, int)),
    "head": Param("head", KEY + "head", 2, between(0, 99, int)),
    "word": Param("word", KEY + "word", 0, between(0, 99, int)),
    "moment": Param("moment", KEY + "moment", -1, between(-1, 9_999, int)),
    "share": Param("share", KEY + "share", 0.3, between(0.05, 0.95, float), slides=True),
    "hidden": Param("hidden", KEY + "hidden", "", matching(PLACES)),
    "noise": Param("noise", KEY + "noise", False, flag),
    "without": Param("without", KEY + "without", "", matching(HEADS)),
}


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def spoken() -> str:
    """The language of the words: the reader's unless another was chosen."""
    if chosen(KEY + "spoken") is None and now("spoken") != language():
        find(KEY + "spoken", language())
    return str(now("spoken"))


def choose_rules() -> None:
    """In the sidebar: the rule, in which maps it acts, and whether a token may listen back."""
    with st.sidebar:
        choose_rule()
        if rule_now() != SOFT:
            choose_one(
                PARAMS["scope"], SCOPES, t("hearing.scope"), lambda name: t(f"hearing.scope_{name}"),
                t("hearing.scope_help"),
            )  # fmt: skip
        st.toggle(t("hearing.ahead"), key=KEY + "ahead", help=t("hearing.ahead_help"))
    page.how_it_works("hearing", "hearing.how")


def choose_sound() -> tuple[Sound, Said | None]:
    """The sound, what is truly said in it; and the language of the words. Raises `TextError`, `SoundError`."""
    found = bring.choose_sound(forget)
    spoken()
    choose_one(PARAMS["spoken"], LANGUAGES, t("hearing.spoken"), lambda name: t(f"hearing.spoken_{name}"))
    return found


def forget() -> None:
    """What belonged to the other sound."""
    for name in ("hidden", "word", "moment"):
        _put(name, PARAMS[name].default)


def asked(sound: Sound) -> Request:
    """The run as it is chosen."""
    return Request(
        run.BUILT_IN, sound.fingerprint, spoken(), rule_now(), str(now("scope")), bool(now("ahead")),
        numbers_of(str(now("hidden"))), bool(now("noise")), run.heads_of(str(now("without"))),
    )  # fmt: skip


def choose_map(trace: Trace) -> tuple[Trace, run.Map]:
    """Where words listen, or moments; one head, the mean of its layer or of all."""
    view = choose_one(PARAMS["view"], tuple(VIEWS), t("hearing.view"), lambda name: t(f"hearing.view_{name}"))
    mean = choose_one(PARAMS["mean"], MEANS, t("hearing.mean"), lambda name: t(f"hearing.mean_{name}"))
    part = trace.map(VIEWS[view])
    layer, head = choose_head(part, KEY, off={"head": (), "layer": ("head",), "all": ("layer", "head")}[mean])
    return part, run.chosen(part, mean, layer, head)


def choose_changes(head: Head) -> None:
    """Take the open head away, say what covers a part; and take changes back."""
    without = run.heads_of(str(now("without")))
    part, layer, number = head
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("hearing.give_back" if head in without else "hearing.remove", layer=layer, head=number),
            key=KEY + "remove", on_click=_remove, args=(head,),
            help=t("hearing.remove_help", part=t(f"hearing.part_{part}")),
        )  # fmt: skip
        st.toggle(t("hearing.noise"), key=KEY + "noise", help=t("hearing.noise_help"))
        if without:
            st.button(
                t("hearing.all_heads", count=len(without)), key=KEY + "heads_back", on_click=_put, args=("without", "")
            )
        if now("hidden"):
            st.button(t("hearing.show_all"), key=KEY + "show_all", on_click=_put, args=("hidden", ""))


def choose_share() -> float:
    """From which share of its largest weight on a moment counts as listened to."""
    return st.slider(t("hearing.share"), 0.05, 0.95, step=0.05, key=KEY + "share", help=t("hearing.share_help"))


def _put(name: str, value: object) -> None:
    st.session_state[KEY + name] = value


def _remove(head: Head) -> None:
    """Take a head away, or give it back."""
    _put("without", with_or_without(run.heads_of(str(now("without"))), head))


def heard(name: str) -> Any:
    """What the picture in the browser has just told."""
    return st.session_state[KEY + "picture"][name]


def take_word() -> None:
    """A word was clicked: it is the one that is open."""
    if (word := heard("picked")) is not None:
        _put("word", max(0, int(word)))


def take_moment() -> None:
    """A moment of the sound was clicked."""
    if (moment := heard("place")) is not None:
        _put("moment", max(-1, int(moment)))


def take_head() -> None:
    """A tile was clicked: its head is open."""
    if found := heard("head"):
        _put("layer", int(found[0]))
        _put("head", int(found[1]))
        _put("mean", "head")


def take_hidden() -> None:
    """Frames were covered or shown again by hand."""
    if (found := heard("hidden")) is not None:
        _put("hidden", hidden_now(found))
