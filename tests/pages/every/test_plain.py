"""What a link or a model brings into a page stands there as it is: none of it becomes a picture, a link, a sign."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from attnviz.ui import registry
from attnviz.ui.kit import Screen
from attnviz.ui.kit.markdown import UNSEEN, plain
from tests.pages.opened import run_page

HOSTILE = "![i](http://foreign.test/x.png) <img src=http://foreign.test/y.png> :material/home: $x^2$ www.foreign.test"
SCREENS = {screen.name: screen for screen in registry.screens()}
PAGES = list(SCREENS)
# A mark that is not escaped: a picture, a tag, an icon, a formula, an address.
LIVE = re.compile(r"(?<!\\)!\[i|(?<!\\)<img|:material[/_]home|(?<!\\)\$x\^2|http\\?://foreign|www\\?\.foreign")

# A drawing of our own, which brings its numbers along: it fetches nothing.
OWN = re.compile(r"<img [^<>]*src=[\"']data:image/svg\+xml;base64,[A-Za-z0-9+/=]*[\"'][^<>]*>")


def free_texts(screen: Screen) -> dict[str, str]:
    """The parameters of a page's link that take any text, all of them hostile."""
    return {param.name: HOSTILE for param in screen.params.values() if param.read is str}


def of_page(name: str) -> dict[str, str]:
    """The hostile link of a page."""
    return free_texts(SCREENS[name])


def markdown(message: Message) -> Iterator[str]:
    """Every text of an element that Streamlit takes for Markdown."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for one in value if hasattr(value, "add") else [value]:
                if isinstance(one, Message):
                    yield from markdown(one)
        elif field.name in ("body", "label", "help", "text", "caption", "content") and isinstance(value, str):
            yield value


def live(at: AppTest) -> list[str]:
    """What stands on the page and is not escaped; of a text box or a chart its label alone is Markdown."""
    found = []
    for element in [*at.main, *at.sidebar]:
        proto = getattr(element, "proto", None)
        kind = type(element).__name__
        if proto is not None and kind not in ("UnknownElement",):
            found += [f"{kind}: {text}" for text in markdown(proto) if LIVE.search(OWN.sub("", text))]
    return found


@pytest.mark.parametrize("name", PAGES)
def test_no_text_of_a_link_is_taken_for_markdown(name: str) -> None:
    at = run_page(name, "en", of_page(name))
    assert not at.exception
    assert live(at) == []


def test_the_link_of_the_models_page_names_what_it_could_not_open() -> None:
    at = run_page("models", "en", {"id": f"/nope/{HOSTILE}"})
    (error,) = at.error
    assert "foreign" in error.value and not LIVE.search(error.value)


@pytest.mark.parametrize("mark", list("\\`*_{}[]()<>#+-.!|~$:&@"))
def test_every_mark_of_markdown_is_escaped(mark: str) -> None:
    assert plain(f"a {mark} b") == f"a \\{mark} b"


SIGNS = (
    "http://a.b", "HTTPS://a.b", "www.a.b", "me@a.b", ":material_home:", ":material/home:", ":smile:", ":streamlit:",
    "-> <- <->",
)  # fmt: skip


@pytest.mark.parametrize("text", SIGNS)
def test_what_a_backslash_does_not_help_against_is_parted(text: str) -> None:
    assert UNSEEN in plain(text)
    assert re.sub(r"\\(?=\W|_)", "", plain(text)).replace(UNSEEN, "") == text


@pytest.mark.parametrize("text", ["南京", "[UNK:龘]", "##ing", "␣the", "a: b", "12:30", "3 - 2"])
def test_what_is_no_sign_for_anything_gets_nothing_unseen(text: str) -> None:
    assert UNSEEN not in plain(text)


def test_lines_become_one() -> None:
    assert plain("a\n\n# b\n    c") == r"a \# b c"


def test_an_error_is_told_with_its_values_escaped() -> None:
    def script() -> None:
        from attnviz.errors import ModelError
        from attnviz.ui.kit.page import reader_errors

        with reader_errors():
            raise ModelError("folder_missing", model="![i](http://foreign.test/x.png)")

    (error,) = AppTest.from_function(script).run().error
    assert not LIVE.search(error.value) and error.value.startswith("There is no folder or file ")
