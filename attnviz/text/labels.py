"""Readable labels for a model's pieces: what a token of a text, or an entry of the vocabulary, is called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MARKS = {" ": "␣", "\u00a0": "␣", "\u3000": "␣", "\n": "↵", "\r": "↵", "\t": "⇥"}
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
Span = tuple[int, int]  # the first character and the one after the last


def label(
    text: str,
    ids: Sequence[int],
    spans: Sequence[Span | None],
    tokenizer: PreTrainedTokenizerBase,
) -> tuple[str, ...]:
    """A readable label for every token `[token]`.

    Pieces of WordPiece keep their ``##``; spaces and line ends become visible marks; the byte pieces of one
    character are numbered (长 1/3, 长 2/3, 长 3/3); an unknown character keeps its face ([UNK:龘]).
    """
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    # Asked once: transformers takes 7 µs to look up such a name, four for each token were a third of reading a text.
    marks = {tokenizer.mask_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id}
    unknown = tokenizer.unk_token_id
    labels = []
    for number, piece, span in zip(ids, pieces, spans, strict=True):
        if span is None:
            labels.append(piece_label(number, tokenizer))
        else:
            labels.append(piece if number in marks else token_face(text, piece, span, number == unknown))
    return tuple(_numbered(labels, text, spans))


@lru_cache(maxsize=8_192)  # faces of tokens, at most a few hundred bytes each
def visible(text: str) -> str:
    """The text with a mark for what has no shape of its own, and nothing that would turn a line's direction.

    >>> visible("a b\\n\\u202e")
    'a␣b↵U+202E'
    """
    alone = all(unicodedata.category(character) == "Cf" for character in text)
    shown = "".join(_shape(character, alone) for character in text)
    return "◌" + shown if text and unicodedata.combining(text[0]) else shown


def _shape(character: str, alone: bool) -> str:
    """One character as a label shows it; a joiner inside a word or an emoji stays as it is."""
    kind = unicodedata.category(character)
    if character in MARKS:
        return MARKS[character]
    if character < " ":
        return chr(0x2400 + ord(character))
    hidden = kind in {"Cc", "Zl", "Zp"} or character in TURNING or (kind == "Cf" and alone)
    return f"U+{ord(character):04X}" if hidden else character


def token_face(text: str, piece: str, span: Span, unknown: bool) -> str:
    """The label of a token of the text before byte pieces are numbered."""
    face = visible(text[span[0] : span[1]])
    if unknown:
        return f"[UNK:{face}]"
    if piece.startswith("##"):
        return "##" + face
    starts_with_space = piece[:1] in "Ġ▁" and span[0] > 0 and text[span[0] - 1] == " "
    return "␣" + face if starts_with_space and not face.startswith("␣") else face


def no_formula(name: str) -> str:
    """A name that no spreadsheet takes for a formula.

    >>> no_formula("=cmd()"), no_formula("cat")
    ("'=cmd()", 'cat')
    """
    return f"'{name}" if name[:1] and name[:1] in "=+-@\t\r" else name


def _numbered(labels: list[str], text: str, spans: Sequence[Span | None]) -> list[str]:
    """The labels, those of tokens that share characters with a number: 长 1/3. A space before them does not count.

    A piece may end one character and begin the next (长 3/3 江 1/3).
    """
    if all(one[1] <= after[0] for one, after in pairwise(filter(None, spans))):
        return labels  # nothing is shared, as in nearly every text: looking at each character takes long
    faces = [span and _after_space(text, *span) for span in spans]
    owners: dict[int, list[int]] = {}
    for place, face in enumerate(faces):
        for character in range(*face) if face else ():
            owners.setdefault(character, []).append(place)
    found = list(labels)
    for place, face in enumerate(faces):
        mine = [owners[character] for character in range(*face)] if face else []
        if all(len(places) == 1 for places in mine):
            continue
        shares = [f" {places.index(place) + 1}/{len(places)}" if len(places) > 1 else "" for places in mine]
        if mine[1:] == mine[:-1]:  # the same tokens for all of it
            found[place] += shares[0]
        elif face:
            shown = [visible(character) + share for character, share in zip(text[slice(*face)], shares, strict=True)]
            found[place] = "".join(part + " " * (" " in part) for part in shown).rstrip()
    return found


def _after_space(text: str, start: int, end: int) -> tuple[int, int]:
    """A span less the spaces it begins with; a span of spaces alone as it is."""
    return end - (len(text[start:end].lstrip()) or end - start), end


def piece_label(number: int, tokenizer: PreTrainedTokenizerBase) -> str:
    """A readable label for a vocabulary entry that stands in no text (a prediction).

    Bytes that are only part of a character are shown by their numbers (‹E9 95›).
    """
    piece = cast("str | None", tokenizer.convert_ids_to_tokens(number))
    if piece is None:
        return f"#{number}"
    if piece.startswith("##") or number in tokenizer.all_special_ids:
        return piece
    text = str(tokenizer.decode([number], clean_up_tokenization_spaces=False))
    if not text or "\ufffd" in text:
        found = bytes_of(piece)
        return visible(piece.replace("▁", " ")) if found is None else _by_numbers(found)
    return "␣" * (piece.startswith("▁") and not text.startswith(" ")) + visible(text)


def bytes_of(piece: str) -> bytes | None:
    """What a byte-level piece stands for: GPT-2's letters for bytes, <0xE9>, or one letter below U+0100 (ByT5)."""
    if found := re.fullmatch(r"<0x([0-9A-Fa-f]{2})>", piece):
        return bytes.fromhex(found[1])
    if len(piece) == 1 and ord(piece) < 0x100:
        return bytes([ord(piece)])
    letters = byte_letters()
    return bytes(letters[letter] for letter in piece) if piece and all(letter in letters for letter in piece) else None


@cache
def byte_letters() -> dict[str, int]:
    """The byte of each of GPT-2's letters: printable Latin-1 stands for itself, the others follow from U+0100 on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(0x100) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + place): byte for place, byte in enumerate(rest)}


def _by_numbers(found: bytes) -> str:
    """Bytes as text, those that make no character by their numbers."""
    text = visible(found.decode("utf-8", "surrogateescape")).replace("\ufffd", "‹EF BF BD›")
    return re.sub("[\udc80-\udcff]+", lambda bad: f"‹{' '.join(f'{ord(byte) - 0xDC00:02X}' for byte in bad[0])}›", text)
