"""A phone's two bars, drawn by `frame.js` from what a page asks; and Streamlit's own words and names.

The bar on top says where one is and changes the language; the bar at the bottom has a page's main choices, so that the
picture is seen changing. Their buttons are those of the controls in the drawer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import streamlit as st

from attnviz.messages import LANGUAGES
from attnviz.ui.kit.frame import glossary
from attnviz.ui.kit.frame.style import dark
from attnviz.ui.kit.languages import NAMES, TOUCHED, language, t, touched
from attnviz.ui.kit.link import Param, choose
from attnviz.ui.kit.reader import asset
from attnviz.ui.kit.rules import LANGUAGE

TOP, BOTTOM = "frame", "frame-bottom"

# Streamlit's markup, the attribute that a reader needs, and the message that it says.
MARKUP = (
    ('[data-testid="stExpandSidebarButton"]', "aria-label", "open_menu"),
    ('[data-testid="stExpandSidebarButton"]', "data-word", "menu"),
    ('[data-testid="stSidebarCollapseButton"] button', "aria-label", "close_menu"),
    ('[data-testid="stSidebar"]', "aria-label", "menu"),
    ('[data-testid="stSelectbox"] button[aria-label="Open"]', "aria-label", "open_list"),
    ('[data-testid="stSelectbox"] button[aria-label="Close"]', "aria-label", "close_list"),
    ('[data-testid="stSelectbox"] input[placeholder="Choose an option"]', "placeholder", "choose"),
    ('[data-testid="stSidebarNav"], [data-testid="stTopNav"]', "aria-label", "pages"),
)
# A list of pages with sections inside is no list to a screen reader, which then is told of none.
UNLISTED = ('[data-testid="stSidebarNavItems"], [data-testid="stSidebarNavItems"] li', "role", "none")
# What Streamlit says in English, as patterns, and the message that says it in the reader's language.
ENGLISH = (
    (r"^(\d+) more$", "more"),
    (r"^Press (?:Enter|⌘\+Enter|Ctrl\+Enter) to apply$", "apply"),
    (r"^No results$", "no_results"),
    (r"^Add: (.*)$", "add"),
    (r"^Fullscreen$", "fullscreen"),
    (r"^Close fullscreen$", "close_fullscreen"),
    (r"^Page not found$", "no_page"),
    (r"no corresponding file was found|requested does not seem to exist", "no_page_says"),
    (r"^Connection error$", "no_server"),
    (r"^Stop$", "stop"),
    (r"^Help for (.*)$", "tip_for"),
    (r"^Help$", "tip"),
    (r"^Skip to main content$", "skip"),
)


@dataclass(frozen=True)
class Group:
    """Buttons of a bar: the choice that they make, its name, what is chosen, and the labels of its options."""

    param: Param
    name: str
    value: str
    options: Mapping[str, str]


@cache  # one component with its script and the words of both languages: at most 60 kB
def _component():  # type: ignore[no-untyped-def]
    scripts = "".join(asset(f"kit/frame/{name}.js") for name in ("glossary", "help", "ticks", "frame"))
    words = json.dumps({spoken: glossary.words(spoken) for spoken in LANGUAGES}, ensure_ascii=False)
    return st.components.v2.component("attnviz_frame", html="<span></span>", js=f"const WORDS = {words};\n{scripts}")


def draw_frame(title: str) -> None:
    """The language of the page as a whole, Streamlit's words in it, and the bar on top with the page's `title`."""
    chosen = language()
    group = Group(LANGUAGE, t("language"), chosen, NAMES)
    words = [[english, t(f"frame.{message}")] for english, message in ENGLISH if chosen != "en" or "page" in message]
    names = [[selector, attribute, t(f"frame.{message}")] for selector, attribute, message in MARKUP]
    said = {
        "bar": "top",
        "title": title,
        "language": chosen,
        "table": t("frame.table"),
        "dark": dark(),
        "touched": touched(),
        "go": t("glossary.go"),
    }
    _draw(TOP, [group], {**said, "names": [*names, list(UNLISTED)], "words": words})


def draw_bar(groups: Sequence[Group]) -> None:
    """A page's main choices at the bottom of a phone's screen."""
    _draw(BOTTOM, groups, {"bar": "bottom", "title": ""})


def _draw(key: str, groups: Sequence[Group], data: dict[str, object]) -> None:
    said = [
        {"key": one.param.name, "name": one.name, "value": one.value, "options": list(map(list, one.options.items()))}
        for one in groups
    ]
    label = t(f"frame.bar_{data['bar']}")
    params = {one.param.name: one.param for one in groups}
    _component()(
        key=key,
        data={**data, "label": label, "groups": said},
        on_chosen_change=partial(_take, key, params),
        on_screen_change=partial(_take_screen, key),
        on_word_change=partial(_take_word, key),
    )


def _take_word(key: str) -> None:
    """The page of a word was asked for."""
    glossary.ask(str(st.session_state[key]["word"] or ""))


def _take_screen(key: str) -> None:
    """The browser tells of its screen what was taken for something else; the run that this begins paints for it."""
    if told := st.session_state[key]["screen"]:
        st.session_state[TOUCHED] = bool(told["touched"])


def _take(key: str, params: Mapping[str, Param]) -> None:
    """A button of a bar was pressed."""
    name, value = st.session_state[key]["chosen"] or ("", "")
    if name in params:
        choose(params[name].key, params[name].read(str(value)))
