"""The words of the field, explained where they stand: the first of each on a page is dotted, a click explains it.

`glossary.js` finds them in what the page says, without a change to what Streamlit drew. For the keyboard and for screen
readers the same sentences stand in the page's help.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from attnviz.ui.kit.languages import t

# A word by its name in the messages, and the page on which to see what it means.
WORDS = {
    "token": "models", "query": "scaled", "key": "scaled", "value": "scaled", "score": "scaled", "softmax": "sparse",
    "temperature": "sparse", "weight": "attention", "head": "attention", "layer": "attention", "hard": "attention",
    "self": "directions", "cross": "translation", "mask": "directions", "blank": "attention", "special": "limits",
    "sink": "limits", "entropy": "atlas", "bit": "atlas", "kl": "limits", "perplexity": "long", "bleu": "translation",
    "f1": "readings", "held_out": "readings", "encoder": "translation", "decoder": "translation",
    "alignment": "translation", "position": "positions", "residual": "reasons", "gradient": "reasons",
    "occlusion": "reasons", "rollout": "reasons", "patch": "seeing", "spectrogram": "hearing",
}  # fmt: skip
TO = "glossary.to"  # the page that a reader asked for in the explanation of a word


def words(title: str) -> list[list[str]]:
    """What the browser needs of every word: its name, its pattern, what it means, the way to its page.

    There is no way to the page that is open, which bears this `title`.
    """
    pages = {page: t(f"page_{page}") for page in WORDS.values()}
    return [
        [name, t(f"glossary.{name}"), t(f"glossary.{name}_forms"), t(f"glossary.{name}_says"),
         "" if pages[page] == title else t("glossary.go", page=pages[page])]
        for name, page in WORDS.items()
    ]  # fmt: skip


def list_words() -> None:
    """All words and what they mean, folded one by one."""
    st.markdown(f"**{t('glossary.title')}**")
    st.caption(t("glossary.hint"))
    said = [(t(f"glossary.{name}"), t(f"glossary.{name}_says")) for name in WORDS]
    lines = "".join(f"<details><summary>{escape(word)}</summary><p>{escape(says)}</p></details>" for word, says in said)
    st.html(f"<div class='attnviz-words'>{lines}</div>")


def ask(word: str) -> None:
    """A reader wants to see the page of a word; the run that follows goes there."""
    if word in WORDS:
        st.session_state[TO] = WORDS[word]


def asked() -> str | None:
    """The page that was asked for, once."""
    found: str | None = st.session_state.pop(TO, None)
    return found
