"""What the page on captions asks: a scene made by hand, a sample, a picture of one's own; and how the words look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.ui.kit import Param, between, choose_one, language, one_of, t
from attnviz.ui.pages.captions import run
from attnviz.ui.pages.captions.run import LOOKS, Asked

if TYPE_CHECKING:
    from attnviz.pictures import Picture

KEY = "captions."
START = "cat.4.2-dog.36.6-rocket.18.38"
MOST_SEEDS = 9_999
TYPES = ("png", "jpg", "jpeg", "webp", "gif", "bmp")


def _scene(text: str) -> str:
    """A reader of a scene: cat.4.2-dog.36.34."""
    run.things(text)
    return text


PARAMS = {
    "scene": Param("scene", KEY + "scene", START, _scene),
    "look": Param("look", KEY + "look", "trained", one_of(*LOOKS)),
    "seed": Param("seed", KEY + "seed", 0, between(0, MOST_SEEDS, int)),
}


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def _put(name: str, value: object) -> None:
    st.session_state[KEY + name] = value


def choose_picture() -> None:
    """A thing by its name to be put down, another scene, a sample, a picture of one's own."""
    known = run.names(language())
    left, middle, right = st.columns([3, 5, 4], gap="small", vertical_alignment="bottom")
    with left:
        st.selectbox(
            t("captions.thing"), list(known), key=KEY + "thing", format_func=known.__getitem__,
            help=t("captions.thing_help"),
        )  # fmt: skip
    with middle, st.container(horizontal=True, gap="small"):
        st.button(t("captions.put"), key=KEY + "put", on_click=_put_down, help=t("captions.put_help"))
        st.button(t("captions.another"), key=KEY + "another", on_click=_another, help=t("captions.another_help"))
        st.button(t("captions.held_out"), key=KEY + "sample", on_click=_sample, help=t("captions.held_out_help"))
    with right, st.popover(t("captions.own"), help=t("captions.own_help"), width="stretch"):
        st.file_uploader(t("captions.upload"), list(TYPES), key=KEY + "upload", on_change=_take_upload)
    if st.session_state.get(KEY + "refused"):
        st.caption(st.session_state.pop(KEY + "refused"))
    if st.session_state.get(KEY + "brought"):
        st.caption(t("captions.not_in_link"))
        st.button(t("captions.back"), key=KEY + "back", on_click=_put, args=("brought", None))


def choose_look() -> None:
    """How the words of both models look; and another path."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        choose_one(
            PARAMS["look"], LOOKS, t("captions.look_is"), lambda name: t(f"captions.look_{name}"),
            t("captions.look_help"),
        )  # fmt: skip
        st.button(
            t("captions.again"), key=KEY + "again", on_click=_again, help=t("captions.again_help"),
            disabled=now("look") not in ("trained", "drawn"),
        )  # fmt: skip


def _again() -> None:
    _put("seed", (int(now("seed")) + 1) % (MOST_SEEDS + 1))


def _put_down() -> None:
    """Put the chosen thing where there is room."""
    _put("brought", None)
    try:
        _put("scene", run.free_place(str(now("scene")), str(st.session_state[KEY + "thing"])))
    except AttnvizError as refusal:
        _put("refused", refusal.say(language()))


def _another() -> None:
    """Another scene, other than the one before."""
    number = int(st.session_state.get(KEY + "number", 0)) + 1
    _put("number", number)
    _put("scene", run.another(number))
    _put("brought", None)


def _sample() -> None:
    """The next of the held-out scenes."""
    known = run.samples()
    before = known.index(now("scene")) if now("scene") in known else -1
    _put("scene", known[(before + 1) % len(known)])
    _put("brought", None)


def _take_upload() -> None:
    """A file was given, or taken away again."""
    file = st.session_state[KEY + "upload"]
    _put("brought", None if file is None else (file.getvalue(), file.name))


def take_scene() -> None:
    """A thing was put down, moved or taken away by hand; what cannot be is said, and nothing changes."""
    told = st.session_state[KEY + "picture"]["scene"]
    if told is None:
        return
    try:
        _put("scene", "" if told == "none" else run.as_link(run.scene_of(_scene(str(told)))))
        _put("brought", None)
    except (AttnvizError, ValueError) as refusal:
        _put("refused", refusal.say(language()) if isinstance(refusal, AttnvizError) else "")


def picture() -> Picture | None:
    """The person's own picture, None where a scene is looked at. Raises `PictureError`."""
    brought = st.session_state.get(KEY + "brought")
    return run.opened(*brought) if brought else None


def asked() -> Asked:
    """What is looked at, and how. Raises `AttnvizError`."""
    own = picture()
    return Asked(str(now("scene")), str(now("look")), int(now("seed")), own.fingerprint if own else "")
