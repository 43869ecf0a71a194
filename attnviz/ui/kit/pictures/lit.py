"""A picture that lights up, as a component of the browser; and what is changed by it: places hidden, heads removed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit.languages import language
from attnviz.ui.kit.markdown import plain
from attnviz.ui.kit.reader import asset

if TYPE_CHECKING:
    from attnviz.pictures import Picture

PLACES = re.compile(r"(\d{1,5}(\.\d{1,5})*)?")  # places as a link writes them: 3.4.11
Head = tuple[str | int, ...]  # a layer and a head, the name of the map before them where there are several


@cache  # one component a page with its scripts: at most 60 kB
def lit_picture(page: str, *before: str):  # type: ignore[no-untyped-def]
    """The component of a page whose class of `Lit` (`lit.js`) stands in its `picture.js`; its scripts `before` that."""
    own = (f"pages/{page}/{name}.js" for name in (*before, "picture"))
    scripts = ("kit/pictures/picture.js", "kit/pictures/lit.js", *own)
    return st.components.v2.component(
        f"attnviz_{page}", html=f'<div class="lit {page}"></div>', js="".join(map(asset, scripts)),
        css=asset("kit/pictures/lit.css") + asset(f"pages/{page}/picture.css"),
    )  # fmt: skip


def say_notes(picture: Picture) -> None:
    """What was done to a picture when it was opened."""
    if picture.notes:
        st.caption(" ".join(note.say(language(), plain) for note in picture.notes))


def hidden_now(told: object) -> str:
    """The places hidden by hand, as a link writes them; "" for none of them, and for what the browser cannot mean."""
    return str(told) if PLACES.fullmatch(str(told)) else ""


def with_or_without(gone: Sequence[Head], head: Head) -> str:
    """The heads taken away, and one more or one fewer, as a link writes them: 0.1-3.2.

    >>> with_or_without([(3, 2)], (0, 1)), with_or_without([(0, 1), (3, 2)], (0, 1))
    ('0.1-3.2', '3.2')
    """
    after = [one for one in gone if one != head] if head in gone else [*gone, head]
    return "-".join(".".join(map(str, one)) for one in sorted(after))


@dataclass(frozen=True)
class PictureClicks:
    """What the picture of a page tells of a click in it, and the page's choices that follow: callbacks of the picture.

    `key` begins all keys of the page; `view` is the choice that goes back to one head, and its value then.
    """

    key: str
    view: str

    def heard(self, name: str) -> Any:
        """What the picture in the browser has just told."""
        return st.session_state[f"{self.key}picture"][name]

    def put(self, name: str, value: object) -> None:
        """Choose something on the page."""
        st.session_state[self.key + name] = value

    def take_number(self, told: str, name: str, least: int = 0) -> None:
        """A place, a word or a box was clicked: its number is what is open."""
        if (number := self.heard(told)) is not None:
            self.put(name, max(least, int(number)))

    def take_head(self) -> None:
        """A tile was clicked: its head is open."""
        if found := self.heard("head"):
            self.put("layer", int(found[0]))
            self.put("head", int(found[1]))
            self.put(self.view, "head")

    def take_hidden(self) -> None:
        """Places were hidden or shown again by hand."""
        if (found := self.heard("hidden")) is not None:
            self.put("hidden", hidden_now(found))
