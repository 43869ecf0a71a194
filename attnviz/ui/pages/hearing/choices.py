"""What the page on speech asks: a model, a sound, how its words are written, which map, what is changed in the run."""

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
    choose_any_model,
    choose_head,
    choose_one,
    choose_rule,
    flag,
    matching,
    numbers_of,
    one_of,
    open_model,
    own_language,
    page,
    rule_now,
    t,
    with_or_without,
    within,
)
from attnviz.ui.pages.hearing import bring, run, told
from attnviz.ui.pages.hearing.bring import KEY
from attnviz.ui.pages.hearing.run import Head, Request

if TYPE_CHECKING:
    from attnviz.sounds import Sound
    from attnviz.systems.speech.system import Said
    from attnviz.trace import Trace
    from attnviz.ui.pages.hearing.views import Map, View

LANGUAGES, SCOPES = ("zh", "en"), ("cross", "all")
VIEWS = ("words", "moments")
MEANS = ("head", "layer", "all")
HEAD = r"(cross|decoder|encoder|self)\.\d{1,3}\.\d{1,3}"
HEADS = re.compile(rf"({HEAD}(-{HEAD})*)?")  # cross.0.1-encoder.1.3
TONGUE = re.compile(r"[a-z]{0,8}")  # the code of a language that a model knows: en, yue
DIGITS = re.compile(r"[0-9 ]{0,20}")


def _voice(text: str) -> str:
    """A reader of the name of a voice."""
    return one_of(*run.voices())(text)


PARAMS = {
    **RULE_PARAMS,
    "model": Param("model", KEY + "model", run.BUILT_IN, str),
    "voice": Param("voice", KEY + "voice", "jackson", _voice),
    "digits": Param("digits", KEY + "digits", "307", matching(DIGITS)),
    "path": Param("file", KEY + "path", "", str),
    "spoken": Param("in", KEY + "spoken", None, one_of(*LANGUAGES)),
    "tongue": Param("hears", KEY + "tongue", "", matching(TONGUE)),
    "english": Param("translate", KEY + "english", False, flag),
    "window": Param("window", KEY + "window", 0, between(0, 999, int)),
    "scope": Param("scope", KEY + "scope", "cross", one_of(*SCOPES)),
    "ahead": Param("ahead", KEY + "ahead", False, flag),
    "view": Param("view", KEY + "view", "words", one_of(*VIEWS)),
    "mean": Param("mean", KEY + "mean", "head", one_of(*MEANS)),
    "layer": Param("layer", KEY + "layer", 1, between(0, 999, int)),
    "head": Param("head", KEY + "head", 2, between(0, 999, int)),
    "word": Param("word", KEY + "word", 0, between(0, 9_999, int)),
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
    """The language of the words of the built-in model."""
    return own_language(KEY + "spoken")


def choose_model() -> str:
    """In the sidebar: the model that writes digits, any Hub id or folder; and the rule."""
    with st.sidebar:
        titles = {run.BUILT_IN: t("hearing.model_built_in")}
        chosen = choose_any_model(KEY + "model", titles, _forget, start=run.BUILT_IN, about=t("hearing.model_help"))
        choose_rule()
    page.how_it_works("hearing", "hearing.how")
    return chosen


def open_chosen(name: str) -> None:
    """Open the chosen model, saying how far it is; then ask what else its kind can be asked. Raises `ModelError`."""
    if not run.built_in(name):
        open_model(name)
    model = run.foreign(name)
    with st.sidebar:
        if rule_now() != SOFT and (model is None or model.writes):
            choose_one(
                PARAMS["scope"], SCOPES, t("hearing.scope"), lambda name: t(f"hearing.scope_{name}"),
                t("hearing.scope_help"),
            )  # fmt: skip
        if model is None:
            st.toggle(t("hearing.ahead"), key=KEY + "ahead", help=t("hearing.ahead_help"))


def choose_sound() -> tuple[Sound, Said | None]:
    """The sound, and what is truly said in it. Raises `TextError`, `SoundError`."""
    return bring.choose_sound(forget)


def forget() -> None:
    """What belonged to the other sound."""
    CLICKS.put("window", 0)
    _forget_places()


def _forget_places() -> None:
    """What belonged to the other part of the sound."""
    for name in ("hidden", "word", "moment"):
        CLICKS.put(name, PARAMS[name].default)


def _forget() -> None:
    """What belonged to the other model: its heads, its windows, its places."""
    CLICKS.put("without", "")
    CLICKS.put("tongue", "")
    forget()


def asked(name: str, sound: Sound) -> Request:
    """The run as it is chosen; asked here too: in which language, and which window of a long sound.

    What counts for nothing is as it is where nothing is changed, so that the same run is made once.
    """
    model = run.foreign(name)
    rule, hidden = rule_now(), numbers_of(str(now("hidden")))
    scope = str(now("scope")) if model is None or model.writes else "all"
    tongue, english = _choose_tongue(() if model is None else model.languages)
    return _as_far_as(Request(
        name, sound.fingerprint, _choose_spoken() if model is None else tongue, rule,
        "cross" if rule == SOFT else scope, model is None and bool(now("ahead")), hidden,
        bool(hidden) and bool(now("noise")), run.heads_of(str(now("without"))),
        0 if model is None else _choose_window(model.windows(sound.seconds)), english,
    ))  # fmt: skip


def _as_far_as(request: Request) -> Request:
    """The run as far as it was let go on, and the button that lets it go on to its end. Raises `Stopped`."""
    from attnviz.errors import Stopped

    found = run.as_far_as(request)
    if not found.most:
        return found
    st.button(t("asking.again"), key=KEY + "again", on_click=run.go_on, icon=":material/play_arrow:")
    if found.most < 0:
        raise Stopped("run_stopped")
    st.caption(t("hearing.halted", count=found.most))
    return found


def _choose_spoken() -> str:
    """The language in which digits are written."""
    spoken()
    choose_one(PARAMS["spoken"], LANGUAGES, t("hearing.spoken"), lambda name: t(f"hearing.spoken_{name}"))
    return spoken()


def _choose_tongue(codes: tuple[str, ...]) -> tuple[str, bool]:
    """What language a model of several is told it hears, and whether it writes English of it; none of another."""
    if not codes:
        return "", False
    if now("tongue") not in codes:
        CLICKS.put("tongue", "")
    chosen = st.selectbox(
        t("hearing.tongue"), ["", *codes], key=KEY + "tongue", format_func=lambda code: code or t("hearing.tongue_own"),
        help=t("hearing.tongue_help"),
    )  # fmt: skip
    return chosen or "", st.toggle(t("hearing.english"), key=KEY + "english", help=t("hearing.english_help"))


def _choose_window(windows: tuple[tuple[float, float], ...]) -> int:
    """Which part of a sound that is longer than the model hears at a time."""
    number = within(KEY + "window", len(windows))
    if len(windows) > 1:
        st.selectbox(
            t("hearing.window", seconds=f"{windows[0][1]:.0f}", count=len(windows)), range(len(windows)),
            key=KEY + "window", on_change=_forget_places, help=t("hearing.window_help"),
            format_func=lambda one: f"{one + 1}: {windows[one][0]:.1f}–{windows[one][1]:.1f} s",
        )  # fmt: skip
    return number


def choose_view(request: Request, sound: Sound, trace: Trace) -> View:
    """Where words listen, or moments."""
    rows = told.rows_of(trace, run.foreign(request.name))
    if not rows:
        return told.view_of("moments", trace, rows, run.columns(request, sound))
    kind = run.kind(request.name)
    names = {"words": t(f"hearing.view_{kind}"), "moments": t("hearing.view_moments")}
    name = choose_one(PARAMS["view"], VIEWS, t("hearing.view"), lambda one: names[one])
    return told.view_of(name, trace, rows, run.columns(request, sound))


def choose_map(request: Request, view: View) -> Map:
    """One head, the mean of its layer or of all."""
    mean = choose_one(PARAMS["mean"], MEANS, t("hearing.mean"), lambda name: t(f"hearing.mean_{name}"))
    layer, head = choose_head(view.trace, KEY, off={"head": (), "layer": ("head",), "all": ("layer", "head")}[mean])
    return run.picked(request, view, mean, layer, head)


def word_now(view: View) -> int:
    """The word that is open, or the last where there are fewer; 0 where moments listen."""
    return min(int(now("word")), len(view.rows) - 1) if view.name == "words" else 0


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


def open_head(layer: int, head: int) -> None:
    """Let one head be the open one."""
    for name, value in (("layer", layer), ("head", head), ("mean", "head"), ("view", "words")):
        CLICKS.put(name, value)


def _remove(head: Head) -> None:
    """Take a head away, or give it back."""
    CLICKS.put("without", with_or_without(run.heads_of(str(now("without"))), head))
