"""Every message that has a place for something from outside, with a hostile text in it; run by `streamlit run`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from string import Formatter
from zlib import crc32

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.messages import LANGUAGES, say, table
from attnviz.ui.kit.markdown import plain
from attnviz.ui.kit.markdown import table as rows

HOSTILE = (
    "![i](http://foreign.test/x.png) <img src=http://foreign.test/y.png>",
    ":material/home: www.foreign.test a@foreign.test",
    "<svg onload=fetch('//foreign.test/z')> http://foreign.test/a",
    "[b](http://foreign.test/b) ![c]: http://foreign.test/c",
    "<script>fetch('http://foreign.test/d')</script> `e`",
    "$\\href{http://foreign.test/f}{g}$ </b>*|",
)
AT_ONCE = 40
DONE = "All messages stand here."


def places(text: str) -> dict[str, str]:
    """The places of a message, each with how a number would be written in it."""
    return {name: form or "" for _, name, form, _ in Formatter().parse(text) if name}


def filled(key: str, language: str) -> str:
    """A message with a hostile text in every place that takes one; a number where only that can stand."""
    found = places(table(language)[key])
    values = {name: 1 if form else plain(one) for (name, form), one in zip(found.items(), turned(key), strict=False)}
    return say(key, language, **values)


def turned(key: str) -> Iterator[str]:
    """Hostile texts without end, beginning with another for each message."""
    return islice(cycle(HOSTILE), crc32(key.encode()) % len(HOSTILE), None)


def all_filled() -> Iterator[str]:
    """All of them, in both languages; those of errors as a page says them."""
    for language in LANGUAGES:
        for key, text in table(language).items():
            if not (named := places(text)):
                continue
            group, _, name = key.partition(".")
            if group == "error" and not any(named.values()):
                yield AttnvizError(name, **dict(zip(named, turned(key), strict=False))).say(language, plain)
            else:
                yield filled(key, language)


if __name__ == "__main__":
    every = all_filled()
    while some := tuple(islice(every, AT_ONCE)):
        st.markdown("\n\n".join(some))
        st.error(some[0])
        st.caption(rows(["a", "b"], [[some[1].replace("\n", " "), plain(HOSTILE[0])]]))
        st.checkbox(some[2], key=some[2])
    st.write(DONE)
