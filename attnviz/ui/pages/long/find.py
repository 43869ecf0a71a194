"""Where in a long text does a string stand? Characters to tokens; nothing of the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.text.tokens import Encoded

Hit = tuple[int, int]  # the first token of an occurrence and the last


def folded(text: str) -> tuple[str, list[int]]:
    """The text without its case, and for each of its characters the place of the one in `text` that it came from.

    A character may become two (ß), so places in the folded text are not those in the text.
    """
    letters, places = [], []
    for place, character in enumerate(text):
        for letter in character.casefold():
            letters.append(letter)
            places.append(place)
    return "".join(letters), places


def occurrences(encoded: Encoded, wanted: str) -> list[Hit]:
    """Every place where `wanted` stands in the text as it was read, and every special token of that name, in order.

    Upper and lower case are one. Occurrences may share a token, but no character.

    A text whose tokens give no account of their characters is searched token by token.
    """
    needle = folded(wanted.strip())[0]
    if not needle:
        return []
    found = _in_text(encoded, needle) if any(encoded.spans) else []
    skip = any(encoded.spans)
    names = [
        (place, place)
        for place, (label, special) in enumerate(zip(encoded.labels, encoded.special, strict=True))
        if (special or not skip) and needle in folded(label)[0]
    ]
    return sorted({*found, *names})


def _in_text(encoded: Encoded, needle: str) -> list[Hit]:
    """Occurrences in the characters of the text, as tokens; what was cut off is not among them."""
    text, places = folded(encoded.text)
    spans = [(token, span) for token, span in enumerate(encoded.spans) if span]
    starts, found, cursor, at = [span[0] for _, span in spans], [], 0, text.find(needle)
    while at >= 0:
        first, end = places[at], places[at + len(needle) - 1] + 1
        while cursor < len(spans) and spans[cursor][1][1] <= first:
            cursor += 1
        last = cursor
        while last < len(spans) and starts[last] < end:
            last += 1
        if last > cursor and spans[last - 1][1][1] >= end:
            found.append((spans[cursor][0], spans[last - 1][0]))
        at = text.find(needle, at + len(needle))
    return found


def nearest(hits: list[Hit], token: int, step: int) -> int | None:
    """The number of the next occurrence after `token` (step 1), or of the last before it (step -1), round the end.

    None where there is none at all.
    """
    if not hits:
        return None
    if step > 0:
        return next((number for number, hit in enumerate(hits) if hit[0] > token), 0)
    return next((number for number in reversed(range(len(hits))) if hits[number][0] < token), len(hits) - 1)


def number_of(hits: list[Hit], token: int) -> int | None:
    """Which occurrence begins at this token?"""
    return next((number for number, hit in enumerate(hits) if hit[0] == token), None)
