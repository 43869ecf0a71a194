"""Where the sound of the page comes from: a voice that says digits, a file, the microphone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import offer_samples, open_folders, plain, t
from attnviz.ui.pages.hearing import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from attnviz.sounds import Sound
    from attnviz.systems.speech.system import Said

KEY = run.KEY
SOURCES = ("voices", "file", "microphone")
TYPES = ("wav", "flac", "ogg", "mp3", "aiff", "opus")
SAMPLES = ("jackson 307", "george 5519", "nicolas 24680", "lucas 8888", "theo 1234", "yweweler 906")


def choose_sound(forget: Callable[[], None]) -> tuple[Sound, Said | None]:
    """The sound, and what is truly said in it where a voice says it. Raises `TextError`, `SoundError`.

    `forget` is called where another sound comes, for what belonged to the one before.
    """
    st.session_state.setdefault(KEY + "source", "file" if _now("path") else "voices")
    source = st.segmented_control(
        t("hearing.source"), SOURCES, key=KEY + "source", format_func=lambda name: t(f"hearing.source_{name}"),
        required=True, wrap=True, label_visibility="collapsed", width="stretch",
    )  # fmt: skip
    st.session_state[KEY + "forget"] = forget
    {"voices": _voices, "file": _file, "microphone": _microphone}[source or "voices"]()
    brought = _now("brought")
    if brought is not None:
        st.caption(t("hearing.not_in_link"))
        return run.opened(*brought), None
    if _now("path"):
        return run.opened_path(str(_now("path"))), None
    said = run.say(str(_now("voice")), str(_now("digits") or ""))
    return said.sound, said


def voice_name(voice: str) -> str:
    """A voice, and whether it was in training."""
    return t("hearing.voice_unseen", name=voice) if voice in run.UNSEEN else voice


def _now(name: str) -> Any:
    return st.session_state.get(KEY + name)


def _voices() -> None:
    """A voice, and the digits that it says; and some of both to click."""
    left, right = st.columns([5, 4], gap="small")
    with left:
        st.selectbox(
            t("hearing.voice"), run.voices(), key=KEY + "voice", format_func=voice_name, on_change=_other,
            help=t("hearing.voice_help"),
        )  # fmt: skip
    with right:
        st.text_input(t("hearing.digits"), key=KEY + "digits", on_change=_other, help=t("hearing.digits_help"))
    offer_samples(
        KEY + "pick", SAMPLES, _take_sample, label=t("hearing.samples"),
        format_func=lambda text: text.split()[1] + " · " + voice_name(text.split()[0]),
    )  # fmt: skip


def _file() -> None:
    """A file from this device, or, where that is allowed, the path of one on the machine that runs the app."""
    st.file_uploader(
        t("hearing.upload"), list(TYPES), key=KEY + "upload", on_change=_take_file, args=("upload",),
        help=t("hearing.upload_help"),
    )  # fmt: skip
    if not open_folders():
        return
    st.session_state[KEY + "typed"] = _now("path")
    st.text_input(
        t("hearing.path"), key=KEY + "typed", on_change=_take_path, placeholder=t("hearing.path_placeholder"),
        help=t("hearing.path_help"),
    )  # fmt: skip


def _microphone() -> None:
    """A recording; the browser asks for the microphone when it is begun, and not before."""
    st.audio_input(
        t("hearing.microphone"), key=KEY + "microphone", on_change=_take_file, args=("microphone",),
        help=t("hearing.microphone_help"),
    )  # fmt: skip


def _take_sample(text: str) -> None:
    """A sample was clicked: it takes the place of a sound that was brought."""
    st.session_state[KEY + "voice"], st.session_state[KEY + "digits"] = text.split()
    _take(None, "")


def _other() -> None:
    """Another voice, or other digits."""
    _take(None, "")


def _take_file(key: str) -> None:
    """A file was given, a recording made, or it was taken away again."""
    file = _now(key)
    _take(None if file is None else (file.getvalue(), plain(file.name)), "")


def _take_path() -> None:
    _take(None, str(_now("typed") or "").strip().strip('"'))


def _take(content: tuple[bytes, str] | None, path: str) -> None:
    """Another sound: what was brought, and where it lies."""
    st.session_state[KEY + "brought"], st.session_state[KEY + "path"] = content, path
    st.session_state[KEY + "forget"]()
