"""Open any model while the reader watches, and do work in steps that may be stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError
from attnviz.ui.kit.languages import t

if TYPE_CHECKING:
    from attnviz.models import Model, Progress


def opened(name: str, revision: str = "") -> Model:
    """The model; while it loads, what is loaded and how far it is. Raises `ModelError`."""
    from attnviz.ui.stores import shelf  # whose rules are of this room

    if shelf().has(name, revision):
        return shelf().take(name, revision)
    place = st.empty()
    try:
        with place.container():
            bar = st.progress(0.0, text=t("loading", model=name))
            with st.spinner(t("loading", model=name), show_time=True):
                return shelf().take(name, revision, partial(_show_progress, bar, name))
    finally:
        place.empty()


def _show_progress(bar: DeltaGenerator, name: str, so_far: Progress) -> None:
    """How far the loading is."""
    share = so_far.done / so_far.total if so_far.total else 0.0
    done, total = (f"{size / 1e6:,.1f}" for size in (so_far.done, so_far.total))
    bar.progress(min(share, 1.0), text=t("loading_file", model=name, file=so_far.file, done=done, total=total))


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
