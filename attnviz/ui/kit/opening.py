"""Open a picture, or a model: while it loads, how far it is; a loading that takes long can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from attnviz.errors import ModelError, Stopped
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.markdown import plain
from attnviz.ui.kit.waiting import may_begin, told_of
from attnviz.ui.kit.work import Bar, Halted, Tell, Turn, collect, doing, watched
from attnviz.ui.stores import Turns, model_store, runs
from attnviz.ui.stores import figures as figures
from attnviz.ui.stores import forget as forget
from attnviz.ui.stores import offered as offered
from attnviz.ui.stores import open_folders as open_folders
from attnviz.ui.stores import server_turns as server_turns

if TYPE_CHECKING:
    from attnviz.models import Model, Progress
    from attnviz.pictures import Picture

STOPPED = "opening.stopped"
Made = TypeVar("Made")


def open_model(name: str, revision: str = "") -> Model:
    """The model, loaded if nobody has; `revision` "" is the usual one. Raises `ModelError`."""
    if model_store().has(name, revision):
        return model_store().take(name, revision)
    _ask_again(name, revision)
    words = t("loading", model=plain(name))
    with (
        watched("opening.stop", words, on_stop=partial(_stop, name, revision)) as bar,
        st.spinner(words, show_time=True),
    ):
        return model_store().take(name, revision, partial(_show_progress, bar, name))


def _show_progress(bar: Bar, name: str, so_far: Progress) -> None:
    """How far the loading is."""
    share = so_far.done / so_far.total if so_far.total else 0.0
    done, total = (f"{size / 1e6:,.1f}" for size in (so_far.done, so_far.total))
    bar.progress(share, t("loading_file", model=plain(name), file=plain(so_far.file), done=done, total=total))


def _stop(name: str, revision: str) -> None:
    """Stop was pressed: this model is not opened by itself again."""
    st.session_state[STOPPED] = (name, revision)


def _ask_again(name: str, revision: str) -> None:
    """Offer to open what was stopped. Raises `ModelError` until that is wanted; another model is opened at once."""
    if st.session_state.get(STOPPED) == (name, revision):
        place = st.empty()
        if not place.button(t("open_again", model=plain(name)), key="opening.again", icon=":material/play_arrow:"):
            raise ModelError("opening_stopped", model=name)
        place.empty()
    st.session_state.pop(STOPPED, None)


@runs.kept
def opened_bytes(content: bytes, name: str) -> Picture:
    """A picture that was brought. Raises `PictureError`."""
    from attnviz.pictures import open_picture

    return open_picture(content, name=name)


def opened_path(path: str) -> Picture:
    """The picture of a file. Raises `PictureError`."""
    from attnviz.pictures import open_picture

    return open_picture(path)


def made_once(
    key: str, kept: tuple[object, ...], words: Callable[[object, object], str], make: Callable[[Tell, Halted], Made]
) -> Made | None:
    """What `make` makes, in the store under `kept` for everyone who asks the same; None once its reader stopped it.

    It is given a function that hears how many steps are done, of how many, and one that says whether to stop. `words`
    say the two numbers. What was stopped is begun again on a button.
    """
    collect(f"{key}.job")
    found: Made | None = runs.traces().get(kept)
    if found is not None:
        return found
    stopped = f"{key}.stopped"
    if st.session_state.get(stopped) == kept and not _again(key):
        return None
    st.session_state.pop(stopped, None)
    halt = partial(st.session_state.__setitem__, stopped, kept)
    try:
        with doing(f"{key}.job", kept) as job, watched(f"{key}.stop", words(0, "…"), on_stop=halt) as bar:

            def tell(done: int, count: int) -> None:
                job.tell(bar, done / count, partial(words, done, count))

            made: Made = runs.traces().take(kept, lambda: make(tell, job.stopped), job.stopped, heavy=True)
            return made
    except Stopped:
        return None  # by the run of the page that now says so


def _again(key: str) -> bool:
    """It was stopped; is it to be begun again?"""
    place = st.empty()
    with place.container():
        st.info(t("asking.stopped"), icon=":material/info:")
        pressed = st.button(t("asking.again"), key=f"{key}.again", icon=":material/play_arrow:")
    if pressed:
        place.empty()
    return pressed


if told_of not in Turns.tellers:
    Turns.tellers.append(told_of)
    Turns.checks.append(may_begin)
    Turn.lane = staticmethod(lambda about: server_turns().lane(about))
    Turn.heavy = staticmethod(lambda: server_turns().heavy())
