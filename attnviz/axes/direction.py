"""Where a line begins: on the left or, in Arabic and Hebrew among others, on the right (Unicode UAX 9)."""

from __future__ import annotations

import unicodedata

LEFTWARD = frozenset({"R", "AL"})  # bidirectional classes of letters from right to left
LETTERS = LEFTWARD | {"L"}
PLAIN = LEFTWARD | {"NSM", "BN"}  # letters from right to left, and marks on them
ISOLATED, ENDED = "\u2067", "\u2069"  # what stands between runs from right to left and turns nothing around it


def right_to_left(text: str) -> bool:
    """Does a line with this text begin on the right? By its first letter (UAX 9, rules P2 and P3).

    >>> right_to_left("«שלום»"), right_to_left("3 + 4")
    (True, False)
    """
    for character in text:
        if (kind := unicodedata.bidirectional(character)) in LETTERS:
            return kind in LEFTWARD
    return False


def isolated(label: str) -> str:
    """A label whose marks and digits stay on their side of its letters, whatever is written around it.

    What draws a label by itself takes `##` before Hebrew for the beginning of a line from left to right.

    >>> isolated("##ים") == ISOLATED + "##ים" + ENDED, isolated("the"), isolated("ים") == "ים"
    (True, 'the', True)
    """
    pure = all(unicodedata.bidirectional(character) in PLAIN for character in label)
    return ISOLATED + label + ENDED if right_to_left(label) and not pure else label
