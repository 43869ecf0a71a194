"""The words of the field, explained where they stand: the first of each on a page is dotted, a click explains it.

`glossary.js` finds them in what the page says, without a change to what Streamlit drew. For the keyboard and for screen
readers the same sentences stand in the page's help.
"""

from __future__ import annotations

from functools import cache
from html import escape

import streamlit as st

from attnviz.messages import say
from attnviz.ui.kit.languages import language, t

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


@cache  # two languages: 30 kB
def words(spoken: str) -> list[list[str]]:
    """What the browser needs of every word: its key, its name, its pattern, what it means, its page's name."""
    parts = ("", "_forms", "_says")
    return [
        [word, *(say(f"glossary.{word}{part}", spoken) for part in parts), say(f"ui.page_{page}", spoken)]
        for word, page in WORDS.items()
    ]


def list_words() -> None:
    """All words and what they mean, folded one by one."""
    st.markdown(f"**{t('glossary.title')}**")
    st.caption(t("glossary.hint"))
    lines = "".join(
        f"<details><summary>{escape(name)}</summary><p>{escape(says)}</p></details>"
        for _, name, _, says, _ in words(language())
    )
    st.html(f"<div class='attnviz-words'>{lines}</div>")


def ask(word: str) -> None:
    """A reader wants to see the page of a word; the run that follows goes there."""
    if word in WORDS:
        st.session_state[TO] = WORDS[word]


def asked() -> str | None:
    """The page that was asked for, once."""
    found: str | None = st.session_state.pop(TO, None)
    return found
