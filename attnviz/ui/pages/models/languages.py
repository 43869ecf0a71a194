"""The two menus of a model that can be told the language of its text, and in which to write."""

from __future__ import annotations

from functools import lru_cache, partial

import streamlit as st
from babel import Locale
from babel.core import get_global

from attnviz.models import Model
from attnviz.ui.pages.models import choices
from attnviz.ui.pages.models.choices import KEY, language, t


def choose_languages(model: Model) -> None:
    """The language of the text, and the one to write in, of those that the model's tokenizer can be told."""
    names, usual = choices.told(model), model.usual_languages
    for name, own, place in zip(names, usual, st.columns(2, gap="small") if names else (), strict=False):
        key = KEY + name
        chosen = str(st.session_state[key] or "")  # one that the model does not know stays, for its sentence
        st.session_state[key] = chosen
        codes: list[str] = list(dict.fromkeys(["", *model.languages, chosen]))
        none = t("prompts.usual", code=called(own, language())) if own else t("prompts.not_told")
        place.selectbox(
            t(f"prompts.{name}"), codes, key=key, help=t(f"prompts.{name}_help"),
            format_func=partial(_named, none, language()),
        )  # fmt: skip


def _named(none: str, reader: str, code: str) -> str:
    """A language, or what stands for none."""
    return called(code, reader) if code else none


@lru_cache(maxsize=1024)  # two readers' languages times NLLB's 202 codes: some 100 kB
def called(code: str, reader: str) -> str:
    """What the reader calls the language of a code, and the code; the code alone where no name is known.

    >>> called("zho_Hans", "zh"), called("fra_Latn", "en"), called("en_XX", "en"), called("java", "zh")
    ('中文（简体） · zho_Hans', 'French · fra_Latn', 'English · en_XX', 'java')
    """
    names, (first, _, second) = Locale(reader), code.partition("_")
    found = names.languages.get(get_global("language_aliases").get(first, first))
    if found is None:
        return code
    more = "" if second == "Latn" else names.scripts.get(second) or names.territories.get(second)
    around = "（{}）" if reader == "zh" else " ({})"
    return str(found) + (around.format(more) if more else "") + f" · {code}"
