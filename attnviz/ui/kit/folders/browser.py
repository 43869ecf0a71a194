"""A small browser over the folders of the machine that the app runs on, for those who sit at it.

Whoever reaches the app from elsewhere is shown none of its folders, unless the setting `browse` says that they may be.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import streamlit as st

from attnviz import settings
from attnviz.errors import ModelError
from attnviz.ui.kit.folders import opened
from attnviz.ui.kit.languages import language, t
from attnviz.ui.kit.markdown import plain
from attnviz.ui.kit.opening import offered, open_folders

if TYPE_CHECKING:
    from attnviz.models.browse import Entry, Listing

KEY = "folders."
LOCAL = ("localhost", "127.0.0.1", "::1")
MARK, FILE, FOLDER = "◆", "▤", "▸"  # a folder with a model, a file with one, any other folder


def brought() -> opened.Opened | None:
    """The model, by name and revision, that was chosen here since the last run of the page."""
    found: opened.Opened | None = st.session_state.pop(KEY + "wish", None)
    if found is not None:
        st.session_state[KEY + "shown"] = False  # the popover has done its work
    return found


def allowed() -> bool:
    """May the reader see what folders there are? One who sits at this machine."""
    said = settings.now().browse
    if not open_folders():
        return False
    if said != "auto":
        return said == "1"
    try:
        host = urlsplit("//" + str(st.context.headers.get("Host") or LOCAL[0])).hostname
    except ValueError:
        return False
    return st.get_option("server.address") in LOCAL and host in LOCAL


@st.fragment
def offer_models() -> None:
    """A button under which the models opened before and the folders of this machine can be chosen."""
    if offered() is not None:
        return
    may = allowed()
    with st.popover(
        t("browse.button" if may else "browse.button_before"), icon=":material/folder_open:", width="stretch",
        key=KEY + "shown", on_change="rerun",
    ) as place:  # fmt: skip
        if not place.open:
            return
        _offer_opened()
        if may:
            _offer_folders()


def _offer_opened() -> None:
    """Those opened before, each a button."""
    opened.ask()
    st.markdown(f"**{t('browse.before')}**")
    found = opened.before()
    if not found:
        st.caption(t("browse.before_none"))
        return
    for number, (name, revision) in enumerate(found):
        title = plain(name + (f" @ {revision}" if revision else ""))
        if st.button(title, key=f"{KEY}before.{number}", width="stretch", icon=":material/history:"):
            _bring(name, revision)
    st.button(t("browse.forget"), key=KEY + "forget", on_click=opened.forget, type="tertiary")


def _offer_folders() -> None:
    """One folder at a time: up, home, what lies in it, and the button that opens it."""
    st.markdown(f"**{t('browse.title')}**")
    from attnviz.models.browse import home as home_of

    found = _listed()
    if found is None:
        return
    st.code(str(found.folder).encode("utf-8", "replace").decode(), language=None, wrap_lines=True)
    up, home = st.columns(2, gap="small")
    top = found.folder.parent == found.folder
    up.button(t("browse.up"), key=KEY + "up", on_click=_go, args=(found.folder.parent,), disabled=top, width="stretch")
    home.button(t("browse.home"), key=KEY + "home", on_click=_go, args=(home_of(),), width="stretch")
    entries = {one.name: one for one in found.entries}
    st.selectbox(
        t("browse.inside", count=len(entries) + found.more), list(entries), index=None, key=KEY + "picked",
        format_func=lambda name: _title(entries.get(name), name), on_change=_pick, args=(found,),
        placeholder=t("browse.placeholder" if entries else "browse.empty"), disabled=not entries,
        help=t("browse.marks", mark=MARK, file=FILE),
    )  # fmt: skip
    if found.more:
        st.caption(t("browse.more", more=found.more))
    chosen = st.session_state.pop(KEY + "file", None)
    if chosen is not None:
        _bring(chosen)
    if st.button(
        t("browse.open"), key=KEY + "open", type="primary", width="stretch", disabled=not found.model,
        help=None if found.model else t("browse.open_help"), icon=":material/deployed_code:",
    ):  # fmt: skip
        _bring(str(found.folder))


def _title(entry: Entry | None, name: str) -> str:
    sign = FOLDER if entry is None or not entry.model else FILE if entry.file else MARK
    return f"{sign} {name}"


def _listed() -> Listing | None:
    """The folder that is open; where it cannot be read that is said, and the one before it, or one above, is shown."""
    from attnviz.models import browse

    way = [Path(one) for one in st.session_state.get(KEY + "way", [])] or [browse.start()]
    for place in (way[-1], *reversed(way[:-1]), *way[-1].parents):
        try:
            found = browse.listing(place)
        except ModelError as error:
            if place == way[-1]:
                st.warning(error.say(language(), plain), icon=":material/info:")
            continue
        st.session_state[KEY + "way"] = [str(place)]
        return found
    return None


def _go(place: Path) -> None:
    """On to another folder; the last is kept, for one that cannot be read."""
    st.session_state[KEY + "way"] = [*st.session_state.get(KEY + "way", [])[-1:], str(place)]


def _pick(listing: Listing) -> None:
    """A folder was picked: into it. A file was: it is to be opened."""
    from attnviz.models.browse import inside

    name = st.session_state[KEY + "picked"]
    st.session_state[KEY + "picked"] = None
    entry = next((one for one in listing.entries if one.name == name), None)
    if entry is None:
        return
    if entry.file:
        st.session_state[KEY + "file"] = str(listing.folder / name)
    else:
        _go(inside(listing.folder, name))


def _bring(name: str, revision: str = "") -> None:
    """Have the page open a model."""
    st.session_state[KEY + "wish"] = (name, revision)
    st.rerun(scope="app")
