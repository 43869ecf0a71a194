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
    PictureClicks,
    between,
    choose_head,
    choose_one,
    choose_rule,
    flag,
    matching,
    numbers_of,
    one_of,
    own_language,
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
CLICKS = PictureClicks(KEY, "mean")


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def spoken() -> str:
    """The language of the words."""
    return own_language(KEY + "spoken")


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
        CLICKS.put(name, PARAMS[name].default)


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
                t("hearing.all_heads", count=len(without)),
                key=KEY + "heads_back",
                on_click=CLICKS.put,
                args=("without", ""),
            )
        if now("hidden"):
            st.button(t("hearing.show_all"), key=KEY + "show_all", on_click=CLICKS.put, args=("hidden", ""))


def choose_share() -> float:
    """From which share of its largest weight on a moment counts as listened to."""
    return st.slider(t("hearing.share"), 0.05, 0.95, step=0.05, key=KEY + "share", help=t("hearing.share_help"))


def _remove(head: Head) -> None:
    """Take a head away, or give it back."""
    CLICKS.put("without", with_or_without(run.heads_of(str(now("without"))), head))
