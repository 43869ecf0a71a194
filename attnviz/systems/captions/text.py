"""The words that the captioner can say, both languages in one list."""

from __future__ import annotations

from collections.abc import Sequence

from attnviz.systems.captions.names import LANGUAGES, THINGS
from attnviz.text.tokens import Encoded

END = 0
BEGIN = {language: number for number, language in enumerate(LANGUAGES, 1)}
SPECIALS = ("</s>", *(f"<{language}>" for language in LANGUAGES))
SMALL = {"zh": ("一", "和", "的", "左边", "上面", "有"), "en": ("a", "an", "and", "to", "the", "left", "of", "above")}
MEASURES = tuple(dict.fromkeys(one.measure for one in THINGS))
SAID = {
    "zh": (*SMALL["zh"], *MEASURES, *(one.zh for one in THINGS)),
    "en": (*SMALL["en"], *(one.en for one in THINGS)),
}
WORDS = (*SPECIALS, *SAID["zh"], *SAID["en"])
NUMBERS = {word: number for number, word in enumerate(WORDS)}
LONGEST = 20  # words of a sentence, its end counted: two rows of two have 16 in Chinese


def written(ids: Sequence[int], language: str) -> Encoded:
    """The sentence that words spell, by number, with the characters of each; an end spells nothing."""
    text, spans = "", []
    for number in ids:
        word = "" if number < len(SPECIALS) else WORDS[number]
        text += " " if word and text and language == "en" else ""
        spans.append((len(text), len(text) + len(word)) if word else None)
        text += word
    special = tuple(number < len(SPECIALS) for number in ids)
    return Encoded(text, tuple(ids), tuple(WORDS[n] for n in ids), tuple(spans), special, None)
