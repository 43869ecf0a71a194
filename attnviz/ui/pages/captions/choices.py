"""What the page on words for pictures asks: a scene, which model, by which rule, in which language."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    RULE_PARAMS,
    SETTINGS,
    SOFT,
    Param,
    RuleChoice,
    as_rule,
    between,
    choose_rule,
    flag,
    language,
    offer_samples,
    one_of,
    opened_bytes,
    own_language,
    page,
    picture_address,
    plain,
    rule_now,
    rule_title,
    runs,
    t,
)
from attnviz.ui.pages.captions import beside, scenes
from attnviz.ui.pages.captions.scenes import HARD_MODEL, MODELS, SOFT_MODEL

if TYPE_CHECKING:
    from attnviz.pictures import Picture
    from attnviz.systems.captions.scene import Scene
    from attnviz.trace import Trace

KEY = "captions."
START = scenes.SAMPLE
EMPTY = "-"  # the scene of an empty canvas, as a link writes it
SHOWN = {"soft": (SOFT_MODEL,), "hard": (HARD_MODEL,), "both": (SOFT_MODEL, HARD_MODEL)}
WAYS = ("trained", "swapped", "argmax", "rule")
LANGUAGES = ("zh", "en")
FIGURES = ("sentence", "things", "next_right", "names_right", "f1", "bleu", "inside")
TYPES = ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff")
MOST_SEED = 9_999
ARGMAX = RuleChoice("argmax", None, True)
SENT = re.compile(r"-|[A-Za-z]+ \d{1,2} \d{1,2}(, [A-Za-z]+ \d{1,2} \d{1,2}){0,3}")
PARAMS = {
    **RULE_PARAMS,
    **beside.PARAMS,
    "scene": Param("scene", KEY + "scene", START, str),
    "another": Param("another", KEY + "another", 0, between(0, MOST_SEED, int)),
    "model": Param("model", KEY + "model", "soft", one_of(*SHOWN)),
    "way": Param("way", KEY + "way", "trained", one_of(*WAYS)),
    "blind": Param("blind", KEY + "blind", False, flag),
    "spoken": Param("in", KEY + "spoken", None, one_of(*LANGUAGES)),
    "word": Param("word", KEY + "word", None, between(0, 99, int)),
    "figure": Param("figure", KEY + "figure", "sentence", one_of(*FIGURES)),
}


@dataclass(frozen=True)
class Request:
    """One run as caches know it: the scene as text, or a picture by its fingerprint; the language of the sentence."""

    name: str
    seen: str
    rule: RuleChoice = SOFT
    language: str = "en"
    blind: bool = False

    @property
    def draws(self) -> bool:
        """Is one place drawn for each word?"""
        return self.rule.name == "sample"

    @property
    def hard(self) -> bool:
        """Does each word look at one place alone?"""
        return self.rule.name in ("sample", "argmax")


def drawn(seed: int) -> RuleChoice:
    """One place drawn for each word, as the hard model was trained."""
    return RuleChoice("sample", seed, True)


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def spoken() -> str:
    """The language of the sentences."""
    return own_language(KEY + "spoken")


def text_now() -> str:
    """The scene as text; "" for an empty canvas."""
    text = str(now("scene") or "").strip()
    return "" if text == EMPTY else text


def choose_rules() -> None:
    """In the sidebar: by which rule the words look, and whether the picture is seen."""
    with st.sidebar:
        way = st.radio(
            t("captions.way"), WAYS, key=KEY + "way", format_func=lambda name: t(f"captions.way_{name}"),
            help=t("captions.way_help"),
        )  # fmt: skip
        if way == "rule":
            choose_rule()
        st.toggle(t("captions.blind"), key=KEY + "blind", help=t("captions.blind_help"))
    page.how_it_works("captions", "captions.how")


def rule_of(name: str, way: str = "") -> RuleChoice:
    """The rule of a model in the way that is chosen, or in another."""
    seed = int(st.session_state[RULE_PARAMS["seed"].key])
    trained = {SOFT_MODEL: SOFT, HARD_MODEL: drawn(seed)}
    swapped = {SOFT_MODEL: drawn(seed), HARD_MODEL: SOFT}
    return {"trained": trained[name], "swapped": swapped[name], "argmax": ARGMAX}.get(way or now("way"), rule_now())


def asked(given: Scene | Picture) -> list[Request]:
    """The runs that are chosen: one, or both models side by side."""
    return [request_of(given, name) for name in SHOWN[str(now("model") or "soft")]]


def request_of(
    given: Scene | Picture, name: str, rule: RuleChoice | None = None, *, blind: bool | None = None
) -> Request:
    """One run of a model, by its chosen rule or by another."""
    from attnviz.pictures import Picture

    seen = given.fingerprint if isinstance(given, Picture) else scenes.text_of(given.things)
    return Request(name, seen, rule or rule_of(name), spoken(), bool(now("blind")) if blind is None else blind)


@runs.kept
def read(request: Request, _given: Scene | Picture) -> Trace:
    """What a model says; `_given` is what the request names. Raises `AttnvizError`."""
    from attnviz.systems.captions.system import load

    return load(request.name).read(_given, rule=as_rule(request.rule), language=request.language, blind=request.blind)


def ways(given: Scene | Picture) -> list[Request]:
    """The runs that are compared: the chosen rule's too, where it is none of the others."""
    rules = {
        SOFT_MODEL: [SOFT, rule_of(SOFT_MODEL, "swapped"), ARGMAX],
        HARD_MODEL: [rule_of(HARD_MODEL, "trained"), ARGMAX, SOFT],
    }
    found = []
    for name in MODELS:
        own = rule_of(name)
        listed = rules[name] if own in rules[name] else [*rules[name], own]
        found += [request_of(given, name, rule, blind=False) for rule in listed]
        found.append(request_of(given, name, rules[name][0], blind=True))
    return found


def how(request: Request) -> str:
    """By which rule, and whether it saw the picture."""
    if request.rule == SOFT:
        name = t("captions.rule_soft")
    elif request.draws:
        name = t("captions.rule_drawn", seed=int(request.rule.number or 0))
    else:
        name = t("captions.rule_argmax") if request.rule == ARGMAX else plain(rule_title(as_rule(request.rule)))
    return t("captions.blind_too", how=name) if request.blind else name


def choose_words(requests: list[Request]) -> None:
    """Which model, and the language of the sentence; where one place is drawn for each word, another drawing."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        st.segmented_control(
            t("captions.model"), tuple(SHOWN), key=KEY + "model", required=True, wrap=True,
            label_visibility="collapsed", format_func=lambda name: t(f"captions.model_{name}"),
        )  # fmt: skip
        st.segmented_control(
            t("captions.spoken"), LANGUAGES, key=KEY + "spoken", required=True, wrap=True, label_visibility="collapsed",
            format_func=lambda name: t(f"captions.in_{name}"),
        )  # fmt: skip
        if any(request.draws for request in requests):
            seed = st.session_state[RULE_PARAMS["seed"].key]
            st.button(
                t("captions.draw_again", seed=seed), key=KEY + "draw_again", on_click=_draw_again,
                icon=":material/casino:", help=t("captions.draw_again_help"),
            )  # fmt: skip


def _draw_again() -> None:
    """Another drawing of a place for each word."""
    setting = SETTINGS["sample"]
    st.session_state[RULE_PARAMS["seed"].key] = (int(st.session_state[RULE_PARAMS["seed"].key]) + 1) % int(
        setting.high + 1
    )


def choose_scene() -> None:
    """Below the canvas: one more thing by its name, another scene, an empty canvas, scenes to try."""
    things = scenes.things_of(text_now())
    full = len(things) >= len(scenes.CORNERS)
    there = [one.name for one in things]
    st.selectbox(
        t("captions.add_full" if full else "captions.add"), _addable(there), key=KEY + "add", index=None,
        disabled=full or own() is not None, format_func=_listed, on_change=_add, help=t("captions.add_help"),
        placeholder=t("captions.add_placeholder", count=len(scenes.known())),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("captions.another"),
            key=KEY + "other",
            on_click=_another,
            icon=":material/shuffle:",
            help=t("captions.another_help"),
        )
        st.button(
            t("captions.clear"),
            key=KEY + "clear",
            on_click=_put_scene,
            args=(EMPTY,),
            disabled=not text_now() and own() is None,
        )
    with st.container(key=KEY + "samples"):
        offer_samples(
            KEY + "pick",
            scenes.samples(),
            _put_scene,
            label=t("captions.samples"),
            format_func=_seen,
            help=t("captions.samples_help"),
        )
    st.caption(t("captions.knows", count=len(scenes.known())))


def choose_otherwise() -> None:
    """The scene as text, or a picture of one's own; each is shown when it is asked for."""
    how = st.segmented_control(
        t("captions.otherwise"), ("typed", "upload"), key=KEY + "otherwise", wrap=True,
        format_func=lambda name: t(f"captions.otherwise_{name}"),
    )  # fmt: skip
    if how == "typed":
        st.session_state[KEY + "typed"] = text_now()
        st.text_input(
            t("captions.typed"), key=KEY + "typed", on_change=_take_typed, help=t("captions.typed_help"),
            placeholder=START,
        )  # fmt: skip
    elif how == "upload":
        st.file_uploader(
            t("captions.upload"), list(TYPES), key=KEY + "upload", on_change=_take_upload,
            help=t("captions.upload_help"),
        )  # fmt: skip


def _addable(there: list[str]) -> list[str]:
    """The things that may be put onto the canvas, in the order of the reader's alphabet or of their list."""
    found = [name for name in scenes.known() if name not in there]
    return sorted(found) if language() == "en" else found


def _listed(name: str) -> str:
    """A thing in a list, so that it is found by either name: 🐈 cat · 猫."""
    zh, sign = scenes.known()[name]
    return f"{sign} {zh} · {name}" if language() == "zh" else f"{sign} {name} · {zh}"


def _seen(text: str) -> str:
    """A scene to click: its picture, with the names of its things for those who cannot see it."""
    from attnviz.systems.captions.system import scene_of

    scene = scene_of(text)
    names = t("captions.comma").join(scenes.named(one.name, language()) for one in scene.things)
    return f"![{plain(names)}]({picture_address(scenes.canvas(scene))})"


def _add() -> None:
    """A thing was chosen: it comes onto the canvas."""
    name = st.session_state[KEY + "add"]
    st.session_state[KEY + "add"] = None
    if name:
        _put_scene(scenes.with_thing(text_now(), str(name)))
        st.session_state[KEY + "active"] = str(name)


def _another() -> None:
    """Another scene, by the next seed."""
    seed = int(now("another")) % MOST_SEED + 1
    _put_scene(scenes.by_chance(seed))
    st.session_state[KEY + "another"] = seed


def _put_scene(text: str) -> None:
    """Another scene: it takes the place of a picture that was brought, and its words are others."""
    st.session_state[KEY + "scene"] = text or EMPTY
    st.session_state[KEY + "brought"] = st.session_state[KEY + "word"] = st.session_state[KEY + "active"] = None


def _take_typed() -> None:
    _put_scene(" ".join(str(st.session_state[KEY + "typed"] or "").split()))


def _take_upload() -> None:
    """A file was given, or taken away again."""
    file = st.session_state[KEY + "upload"]
    st.session_state[KEY + "brought"] = None if file is None else (file.getvalue(), file.name)
    st.session_state[KEY + "word"] = None


def take_pasted() -> None:
    """A picture was pasted, anywhere on the page."""
    if found := st.session_state[KEY + "maker"]["pasted"]:
        st.session_state[KEY + "brought"] = (b64decode(found["data"]), str(found["name"]))
        st.session_state[KEY + "word"] = None


def own() -> tuple[bytes, str] | None:
    """The picture that was brought, if one was."""
    found: tuple[bytes, str] | None = st.session_state.get(KEY + "brought")
    return found


def given_now() -> Scene | Picture | None:
    """What is looked at: a picture that was brought, or the scene; None for an empty canvas. Raises `AttnvizError`."""
    from attnviz.systems.captions.system import scene_of

    if (brought := own()) is not None:
        return opened_bytes(*brought)
    return scene_of(text_now()) if text_now() else None


def take_scene() -> None:
    """A thing was moved or taken away on the canvas."""
    found = st.session_state[KEY + "maker"]["scene"]
    if found is not None and SENT.fullmatch(str(found)):
        active = st.session_state.get(KEY + "active")
        _put_scene(str(found))
        st.session_state[KEY + "active"] = active


def take_word() -> None:
    """A word was clicked: its look stays."""
    if (found := st.session_state[KEY + "lit"]["picked"]) is not None:
        st.session_state[KEY + "word"] = max(0, min(99, int(found)))
