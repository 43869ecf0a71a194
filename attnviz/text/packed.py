"""Token numbers as a short word for a link: varints (LEB128, seven bits a byte, the least first) in base64url."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

LOW, MORE = 0x7F, 0x80  # the bits of a number in a byte, and the one that says that more bytes follow
LONGEST = 5  # bytes of one number: more than any vocabulary needs


def packed(ids: Sequence[int]) -> str:
    """Numbers from 0 as a word of letters, digits, - and _.

    >>> packed([5, 300])
    'BawC'
    """
    found = bytearray()
    for number in ids:
        while number > LOW:
            found.append(number & LOW | MORE)
            number >>= 7
        found.append(number)
    return urlsafe_b64encode(bytes(found)).decode().rstrip("=")


def unpacked(word: str) -> tuple[int, ...]:
    """The numbers of such a word. Raises `ValueError` for one that `packed` cannot have made.

    >>> unpacked("BawC")
    (5, 300)
    """
    found, number, place = [], 0, 0
    for byte in urlsafe_b64decode(word.encode("ascii") + b"=" * (-len(word) % 4)):
        number |= (byte & LOW) << 7 * place
        place += 1
        if place > LONGEST:
            raise ValueError(word)
        if byte & MORE == 0:
            found.append(number)
            number, place = 0, 0
    if packed(found) != word:  # cut short, or with characters that base64 leaves out
        raise ValueError(word)
    return tuple(found)
