"""The lesson's first picture: its sentence asking, inside the page itself until the app behind it has loaded."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import lru_cache

from attnviz.figures.teaching.asking import Asking, gallery
from attnviz.measures.held import spans_of
from attnviz.messages import LANGUAGES, say
from attnviz.selection import Style
from attnviz.ui.kit import LESSONS, SOFT, asset, css_class, of_locale, runs

STANDS = f".{css_class('lesson.options')} button"  # what the page has when it stands


def asked_lesson(query: Mapping[str, str], accepted: str) -> str | None:
    """In which language does somebody begin the lesson? None for a link that says more, which is left to the page."""
    if not set(query) <= {"lang"}:
        return None
    chosen = query.get("lang") or of_locale(accepted)
    return chosen if chosen in LANGUAGES else None


@lru_cache(maxsize=len(LANGUAGES))  # two drawings of a sentence: 6 kB an entry
def drawn_lesson(language: str) -> str:
    """The picture as HTML to stand at the end of the page's body, from the run that the page shows."""
    text, query = LESSONS[language]
    trace = runs.trace("lab-4", text, SOFT)
    tokens = [at for at, special in enumerate(trace.special) if not special]
    names, spans = [trace.tokens[at] for at in tokens], spans_of(trace)
    starts = [one[0] if (one := spans[at]) else 0 for at in tokens]
    spaced = [trace.text[max(start - 1, 0) : start].isspace() for start in starts]
    alt = say("lesson.alt_asking", language, query=trace.tokens[query])
    asking = Asking(names, spaced, tokens.index(query), None, alt)
    pictures = "".join(
        f"<div class='attnviz-{name}'>{gallery([asking], Style(dark=dark))}</div>"
        for name, dark in (("light", False), ("dark", True))
    )
    title, waiting = (html.escape(say(key, language)) for key in ("lesson.title", "ui.first_waiting"))
    return (
        f"<style>{asset('server/first_picture.css')}</style>"
        f"<div id='attnviz-first' lang='{language}'><p><b>{title}</b></p>{pictures}"
        f"<p class='attnviz-waiting'>{waiting}</p></div>"
        f"<script>{asset('server/first_picture.js').replace('PICTURE', STANDS)}</script>"
    )
