"""The address bar of this session: choices come from it, and each act of a person becomes one entry that Back undoes.

Streamlit makes a new entry of every change of its query parameters, also of those that nobody asked for; so
`address.js` writes here, and `history.py` says which changes are steps. After Back or Forward the address rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from secrets import token_hex
from threading import get_ident
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attnviz.ui.kit import link
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.link import Param, texts
from attnviz.ui.kit.link.history import History
from attnviz.ui.kit.reader import asset

KEY = "address"


@dataclass(frozen=True)
class Coming:
    """An entry of the history that a page is opened at: what it says, and whether it rules over the session.

    One that says nothing does not: every entry that a page has come to the end of names a language.
    """

    page: str
    says: Mapping[str, str]
    back: bool = False

    @property
    def rules(self) -> bool:
        """Do the choices of the session give way to it?"""
        return self.back and bool(self.says)


@dataclass
class Book:
    """What a session knows of its address.

    `thread` is the run of the page that may write in it, `whole` whether the last one came to its end.
    """

    session: str = field(default_factory=lambda: token_hex(8))
    history: History = field(default_factory=History)
    texts: texts.Texts = field(default_factory=texts.Texts)
    params: Mapping[str, Param] = field(default_factory=dict)
    coming: Coming | None = None
    returned: bool = False
    unknown: set[str] = field(default_factory=set)
    missing: dict[str, tuple[str, link.Value]] = field(default_factory=dict)
    thread: int = 0
    whole: bool = True


def _book() -> Book:
    """This session's."""
    book: Book = st.session_state.setdefault(KEY + ".book", Book())
    return book


def come(params: Mapping[str, Param]) -> None:
    """Begin a run of a page: its choices from the entry that it is opened at, else as they stand in the session."""
    book = _book()
    book.thread, book.params, book.returned = get_ident(), params, False
    coming = book.coming = _coming(book)
    if coming is None:
        link.restore(params, book.history.says)
        if not book.whole:
            link.tell_again(params)
        book.history.act(_said(book)[0])
    else:
        _open(book, coming)
    book.whole = False
    if book.missing:
        st.warning(t("text_missing"), icon=":material/info:")


def _coming(book: Book) -> Coming | None:
    """The entry that this run is opened at; None where a person goes on with the one that is there."""
    page, says = _page(), st.query_params.to_dict()
    if _gone_back():
        return Coming(page, says, back=True)
    if book.coming is not None and book.coming.page == page:  # found by the last run, which went no further
        return book.coming
    return Coming(page, says) if page != book.history.page else None


def _open(book: Book, coming: Coming) -> None:
    """Take the choices from an entry; where the session lacks a text of it, ask the tab first and go no further."""
    pointed = {name: one for name, one in texts.wanted(coming.says).items() if _names(book, name)}
    known = {name: text for name, one in pointed.items() if (text := book.texts.get(one)) is not None}
    asked = {one for name, one in pointed.items() if name not in known} - book.unknown
    if asked:
        st.info(t("text_asked"), icon=":material/hourglass_empty:")
        _draw(book, asked)
        st.stop()
    link.restore(book.params, {**coming.says, **known}, anew=coming.rules)
    keys = {param.name: param.key for param in book.params.values()}
    book.missing = {
        name: (one, st.session_state[keys[name]]) for name, one in pointed.items() if name not in known
    }  # fmt: skip
    book.coming, book.returned = None, coming.rules
    book.history.arrive(coming.page, coming.says, _said(book)[0])


def _names(book: Book, name: str) -> bool:
    """Is it the name of a choice of this page?"""
    return any(param.name == name for param in book.params.values())


def returned() -> bool:
    """Has this run of the page brought back an entry? Then what a page derives from its choices is derived anew."""
    return _book().returned


def now() -> dict[str, str]:
    """What the address says, as far as this session knows."""
    return dict(_book().history.says)


def left_out() -> bool:
    """Is a text of this page too long to stand in the link?"""
    return bool(_said(_book())[1])


def leave(params: Mapping[str, Param]) -> None:
    """End a run of a page: its choices into the address."""
    book = _book()
    if book.thread != get_ident():  # a newer run of the page has begun
        return
    book.params, book.whole = params, True
    said, long = _said(book)
    for text in long.values():
        book.texts.put(text)
    book.history.settle(said, {param.name for param in params.values() if param.slides})
    _tell(said)
    if long:
        st.caption(t("text_left_out"))
    _draw(book)
    if long:
        _component()(key=KEY + "-texts", data={"keep": long})


def _said(book: Book) -> tuple[dict[str, str], dict[str, str]]:
    """What the choices say, and the texts, by their names, that are too long for it."""
    said = link.said(book.params)
    keys = {param.name: param.key for param in book.params.values()}
    book.missing = {
        name: (one, stood)
        for name, (one, stood) in book.missing.items()
        if name in keys and st.session_state.get(keys[name]) == stood
    }
    fitted, long = texts.fitted({name: text for name, text in said.items() if name not in book.missing})
    return fitted | {name + texts.KEPT: one for name, (one, _) in book.missing.items()}, long


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component("attnviz_address", html="<span></span>", js=asset("kit/address.js"))


def _draw(book: Book, asked: set[str] | None = None) -> None:
    """What the browser is to write, or which texts it is asked for."""
    page, pages = _pages()
    data = {
        "session": book.session, "page": page, "pages": pages, "ask": sorted(asked or ()),
        "says": dict(book.history.says), "writes": [asdict(one) for one in book.history.writes],
    }  # fmt: skip
    _component()(key=KEY, data=data, on_stray_change=_take_stray, on_found_change=_take_found)


def _take_stray() -> None:
    """The address says something else than the session thinks: a way back that no run of the page had seen.

    Where one has seen it since, this run still rules: it brings what the widgets said before the way back.
    """
    book, says = _book(), st.session_state[KEY]["stray"]
    if says is not None:
        book.coming = Coming(_page(), {str(name): str(value) for name, value in says.items()}, back=True)


def _take_found() -> None:
    """The tab has answered; what it does not have is not asked for again."""
    book = _book()
    for name, text in (st.session_state[KEY]["found"] or {}).items():
        if isinstance(text, str) and texts.name_of(text) == name:
            book.texts.put(text)
        else:
            book.unknown.add(str(name))


# What Streamlit knows and does not say aloud, as of the version that requirements.txt names.


def _gone_back() -> bool:
    """Was this run of the page asked for by Back or Forward?"""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _page() -> str:
    """Which page this is, by Streamlit's name."""
    context = get_script_run_ctx()
    return "" if context is None else context.page_script_hash


def _pages() -> tuple[str, list[str]]:
    """The last part of this page's address, empty for the page where the app opens, and those of all pages."""
    context = get_script_run_ctx()
    if context is None:
        return "", []
    found = {name: str(one.get("url_pathname", "")) for name, one in context.pages_manager.get_pages().items()}
    return found.get(context.page_script_hash, ""), sorted(filter(None, found.values()))


def _tell(said: Mapping[str, str]) -> None:
    """Let Streamlit know what the address will say, without the message by which it would write that itself."""
    context = get_script_run_ctx()
    if context is None:
        return
    with context.session_state.query_params() as params:
        params.clear_with_no_forward_msg(preserve_embed=True)
        for name, value in said.items():
            params.set_with_no_forward_msg(name, value)
    context.query_string = urlencode(dict(said))
