"""What the pages on sparse attention and on its limits ask alike: a sentence, a model, a token; and work in steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError
from attnviz.ui.choices import MODELS
from attnviz.ui.language import t
from attnviz.ui.panels import plain
from attnviz.ui.shelf import shelf

if TYPE_CHECKING:
    from attnviz.models import Model, Progress
    from attnviz.trace import Trace

BUILT_IN = (*MODELS, "lab-gpt")
START = "中华人民共和国成立了七十多年，人民的生活有了很大的变化。"
SAMPLES = (
    START,
    "他把书还给了图书馆，然后去超市买了一些水果和牛奶。",
    "She is one of the best players in the history of the game.",
    "The dog chased the cat because it was hungry and tired.",
)
STARTING = 2  # 华, of 中华人民共和国: what gives it away stands three tokens on


def choose_sentence(key: str) -> str:
    """A text box of the page `key`, with samples beside it. A chosen token belongs to the text it was chosen in."""
    box, samples = st.columns([5, 7], vertical_alignment="bottom", gap="small")
    with box:
        st.text_input(t("text"), key=f"{key}text", placeholder=t("text_placeholder"), on_change=_forget, args=(key,))
    with samples:
        st.pills(
            t("samples"), SAMPLES, key=f"{key}sample", on_change=_take, args=(key,),
            format_func=lambda sample: sample if len(sample) < 16 else sample[:15] + "…",
        )  # fmt: skip
    return str(st.session_state[f"{key}text"] or "")


def _forget(key: str) -> None:
    st.session_state[f"{key}at"] = None


def _take(key: str) -> None:
    """Put the sample that was clicked into the box."""
    sample = st.session_state[f"{key}sample"]
    if sample:
        st.session_state[f"{key}text"] = sample
        st.session_state[f"{key}sample"] = None
        _forget(key)


def choose_model(key: str) -> str:
    """A lab model, or any Hub id, folder or GGUF file that is typed."""
    current = str(st.session_state[f"{key}model"] or MODELS[2]).strip()
    st.selectbox(
        t("any_model"), list(dict.fromkeys([*BUILT_IN, current])), key=f"{key}model", accept_new_options=True,
        help=t("any_model_help"), placeholder=t("any_model_placeholder"), on_change=_forget, args=(key,),
    )  # fmt: skip
    return current


def opened(name: str) -> Model:
    """The model; while it loads, what is loaded and how far it is. Raises `ModelError`."""
    if shelf().has(name, ""):
        return shelf().take(name, "")
    place = st.empty()
    try:
        with place.container():
            bar = st.progress(0.0, text=t("loading", model=plain(name)))
            with st.spinner(t("loading", model=plain(name)), show_time=True):
                return shelf().take(name, "", partial(_show_progress, bar, name))
    finally:
        place.empty()


def _show_progress(bar: DeltaGenerator, name: str, so_far: Progress) -> None:
    """How far the loading is."""
    share = so_far.done / so_far.total if so_far.total else 0.0
    done, total = (f"{size / 1e6:,.1f}" for size in (so_far.done, so_far.total))
    named = {"model": plain(name), "file": plain(so_far.file)}
    bar.progress(min(share, 1.0), text=t("loading_file", **named, done=done, total=total))


def choose_token(key: str, plain: Trace, masked: bool) -> int:
    """Which token is asked about: the one that is blanked, or after which a model writes on. The last unless chosen.

    A model that fills blanks is asked about a [MASK] of the text, or else about the token in the middle.
    """
    labels, special = plain.tokens, plain.special
    options = [at for at in range(len(labels)) if not masked or not special[at] or labels[at] == "[MASK]"]
    options = options or list(range(len(labels)))
    if st.session_state[f"{key}at"] not in options:
        st.session_state[f"{key}at"] = _usual(plain, options, masked)
    chosen: int = st.selectbox(
        t("asking.blank" if masked else "asking.query"), options, key=f"{key}at",
        format_func=lambda at: f"{at} · {labels[at]}", help=t("asking.blank_help" if masked else "asking.query_help"),
    )  # fmt: skip
    return chosen


def _usual(plain: Trace, options: Sequence[int], masked: bool) -> int:
    """The token that is asked about while nobody has chosen one."""
    if not masked:
        return options[-1]
    if "[MASK]" in plain.tokens:
        return plain.tokens.index("[MASK]")
    return STARTING if plain.text == START and STARTING in options else options[len(options) // 2]


class Steps:
    """Work that a reader starts, watches step by step and may stop; what it has found stays while the session lasts.

    `key` names it; `about` is what the results belong to (another pattern: another measurement).
    """

    def __init__(self, key: str, about: str = "") -> None:
        self.key, self.about = key, about
        if self._kept.get("about") != about:
            st.session_state[f"{key}.steps"] = {"about": about, "found": [], "running": False}

    @property
    def _kept(self) -> dict[str, Any]:
        kept: dict[str, Any] = st.session_state.get(f"{self.key}.steps", {})
        return kept

    @property
    def found(self) -> list[Any]:
        """What the steps done so far have found, in their order."""
        found: list[Any] = self._kept["found"]
        return found

    @property
    def running(self) -> bool:
        """Has someone started it, and nobody stopped it?"""
        return bool(self._kept["running"])

    def buttons(self, start: str) -> None:
        """Start, or stop while it runs: one button, for of two the first would stay, faded, until the work is done."""
        st.button(
            t("asking.stop") if self.running else start, key=f"{self.key}.start",
            on_click=self._stop if self.running else self._start, type="secondary" if self.running else "primary",
            icon=":material/stop:" if self.running else ":material/play_arrow:",
        )  # fmt: skip

    def run(self, steps: Sequence[tuple[str, Callable[[], Any]]], bar: DeltaGenerator) -> Iterator[list[Any]]:
        """Do the steps that are left, each with a sentence that says what it is; after each, all that was found."""
        if not self.running:
            return
        for number, (said, work) in enumerate(steps):
            if number < len(self.found):
                continue
            bar.progress(number / len(steps), text=said)
            try:
                result = work()
            except AttnvizError:  # told on the page; nobody wants it again and again
                self._stop()
                raise
            if not self.running:  # stopped meanwhile by another run of this session
                return
            self.found.append(result)
            yield self.found
        self._stop()
        bar.empty()
        st.rerun()

    def _start(self) -> None:
        self._kept.update(found=[], running=True)

    def _stop(self) -> None:
        self._kept.update(running=False)
