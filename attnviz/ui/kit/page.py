"""What a page is, and the frame of every page: its head, its article, its link, what it says when it cannot."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import token_hex

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz import settings
from attnviz.errors import AttnvizError, is_fault
from attnviz.ui.kit import frame, link, waiting
from attnviz.ui.kit.languages import article, language, t
from attnviz.ui.kit.link import address
from attnviz.ui.kit.markdown import plain
from attnviz.ui.kit.rules import LANGUAGE

# In the page itself: a Material icon comes from outside, and Streamlit drops the file of a run that is interrupted.
ICON = "data:image/png;base64," + b64encode(Path(__file__).with_name("icon.png").read_bytes()).decode()

LOG = logging.getLogger("attnviz")
COME = "come"  # whether this session has been let in
FOLDERS = ("things", "reading")  # sections whose pages stand in folders of their own


@dataclass(frozen=True)
class Member:
    """One member of the family of attention that a page shows: its key in the messages, its number on the map.

    `mask` names a small drawing of who may look at whom; `choices` are session values that the page is opened with, and
    while they stand the page shows this member. `of` is the key of the member that it changes, "" for the first.
    """

    key: str
    number: int
    mask: str = "all"
    choices: Mapping[str, link.Value] = field(default_factory=dict)
    of: str = ""


@dataclass(frozen=True)
class Screen:
    """What a page is: its file's name in pages/ without the ending, its sign, its place in the navigation, its choices.

    `section` is "" or one that has a name in the messages (`section_<name>`); `order` counts over all sections; `home`
    is the one page at the app's own address. `title` and `look` are messages, the page's question and what to look for;
    `params` are the choices that stand in its link.
    """

    name: str
    icon: str
    order: int
    section: str = ""
    params: Mapping[str, link.Param] = field(default_factory=dict)
    title: str = ""
    look: str = ""
    members: tuple[Member, ...] = ()
    home: bool = False

    def __post_init__(self) -> None:
        own = {**self.params, "large": frame.PROJECTOR}
        if self.members:
            own["shown_as"] = link.Param(
                "as", self.shown_as, None, link.one_of(*(member.key for member in self.members))
            )
        object.__setattr__(self, "params", own)

    @property
    def shown_as(self) -> str:
        """The key under which the session holds as which member the page was opened on the map."""
        return f"{self.name}.as"

    @property
    def file(self) -> str:
        """The file, seen from app.py."""
        folder = f"{self.section}/" if self.section in FOLDERS else ""
        return f"pages/{folder}{self.name}.py"


@contextmanager
def first_by(door: Callable[[Callable[[int], object]], AbstractContextManager[None]]) -> Iterator[None]:
    """Round the run of a page: the first of a session comes in by that door, and is told how many go first."""
    if COME in st.session_state:
        yield
        return
    st.session_state[COME] = True
    places: list[DeltaGenerator] = []

    def told(ahead: int) -> None:
        if not places:
            speak()
            places.append(st.empty())
        places[0].info(t("turn.door", ahead=ahead), icon=":material/hourglass_empty:")

    with door(told):
        for place in places:
            place.empty()
        yield


def start(params: Mapping[str, link.Param]) -> None:
    """What every page begins with: the language of the link, the style. `params`, all pages', stay as they are."""
    speak()
    link.keep(params)
    st.html(frame.style(frame.large()))


def speak() -> None:
    """The language of the link, or the reader's where it names none; and whether it is for a projector."""
    link.restore({"lang": LANGUAGE, "large": frame.PROJECTOR}, st.query_params.to_dict())
    if st.session_state["lang"] is None:
        st.session_state["lang"] = language()


def heading(screen: Screen) -> None:
    """What the page asks, and what to look for; its choices back from the link."""
    speak()
    title, look = screen.title or f"{screen.name}.title", screen.look or f"{screen.name}.look"
    head = f"<strong role='heading' aria-level='1'>{t(title)}</strong> <small>{t(look)}</small>"
    st.markdown(f"<div class='page-head'>{head}</div>", unsafe_allow_html=True)
    waiting.arrive()
    address.come(screen.params)
    _cut_texts()
    _say_member(screen)


def _cut_texts() -> None:
    """What is longer than the settings let a text be is cut there, and that is said."""
    most = settings.now().characters
    if not most:  # to look through all that a page keeps takes a millisecond
        return
    long = [key for key, said in st.session_state.items() if isinstance(said, str) and len(said) > most]
    for key in long:
        st.session_state[key] = st.session_state[key][:most]
    if long:
        st.warning(t("settings.cut", most=f"{most:,}"), icon=":material/content_cut:")


def _say_member(screen: Screen) -> None:
    """As which member of the family the page was opened, as long as its choices say so; it can be put away."""
    opened = st.session_state.get(screen.shown_as)
    member = next((one for one in screen.members if one.key == opened), None)
    if member is None or any(st.session_state.get(key) != value for key, value in member.choices.items()):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(t("family.looking_at", name=t(f"family.{member.key}_name")), width="content")
        st.button(
            t("family.put_away"), key=f"{screen.name}.put_away", icon=":material/close:", type="tertiary",
            on_click=link.choose, args=(screen.shown_as, None),
        )  # fmt: skip


def how_it_works(name: str, label: str = "how_title") -> None:
    """The article of a page, beside it, behind a button on top of it; `label` is a message."""
    frame.show_help(name, t(label), partial(article, name))


@contextmanager
def reader_errors(place: DeltaGenerator | None = None) -> Iterator[None]:
    """A reader's mistake is one sentence in the reader's language; anything else is ours: one sentence, and the log."""
    try:
        yield
    except BaseException as error:
        if not is_fault(error):  # Ctrl-C, and Streamlit's own way to stop a page or run it anew
            raise
        with place or st.container():
            tell(error)


def tell(error: BaseException) -> None:
    """Say in one sentence what went wrong; what the reader cannot mend stands whole in the log, under a short code."""
    if isinstance(error, AttnvizError):
        st.error(error.say(language(), plain), icon=":material/info:")
        return
    code = token_hex(3)
    LOG.error("fault %s on a page", code, exc_info=error)
    st.error(t("fault", code=code), icon=":material/report:")


def done(params: Mapping[str, link.Param]) -> None:
    """Write the choices into the link."""
    address.leave({**params, "large": frame.PROJECTOR})  # of whatever subset a page hands over
