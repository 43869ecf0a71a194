"""Readable labels for a model's pieces, and the way from a text to tokens and back to its characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, cast

from attnviz.axes.axis import Axis, Characters, check_lengths
from attnviz.axes.units import Units
from attnviz.errors import TextError
from attnviz.guard import guarded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MARKS = {" ": "␣", "\u00a0": "␣", "\u3000": "␣", "\n": "↵", "\r": "↵", "\t": "⇥"}
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
SPACES = ("Ġ", "▁", " ")  # what a piece begins with that begins with a space
MOST_CHARACTERS = 200_000
GROUPINGS = ("token", "character", "word")  # `units.UNITS`
Span = tuple[int, int]  # the first character and the one after the last


@dataclass(frozen=True)
class Encoded(Axis):
    """A text as one model reads it, an axis of tokens; all sequences are `[token]`.

    `spans` are character ranges of `text` (None for a token that stands for no character), `special` marks what
    the tokenizer added by itself, `cut` is the number of characters of `text` that were read (None: all of them).

    >>> Encoded("ab", (5, 6), ("a", "##b"), ((0, 1), (1, 2)), (False, False), None).grouped("word").labels
    ('ab',)
    """

    text: str
    ids: tuple[int, ...]
    labels: tuple[str, ...]
    spans: tuple[Span | None, ...]
    special: tuple[bool, ...]
    cut: int | None
    unit = "token"

    def __post_init__(self) -> None:
        check_lengths("tokens", ids=self.ids, labels=self.labels, spans=self.spans, special=self.special)

    @property
    def groupings(self) -> tuple[str, ...]:
        return GROUPINGS

    def grouped(self, by: str) -> Units:
        from attnviz.text.units import groups

        return groups(self, by) if by in GROUPINGS else self.alone()

    def stands_for(self, place: int) -> Characters | None:
        span = self.spans[place]
        return None if span is None else Characters(*span)

    def first(self, count: int) -> Encoded:
        """Its first `count` tokens, with the text as far as they reach."""
        end = max((span[1] for span in self.spans[:count] if span), default=0)
        return Encoded(
            self.text[:end], self.ids[:count], self.labels[:count], self.spans[:count], self.special[:count], self.cut
        )


def clean(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD, which no tokenizer refuses.

    >>> clean("a\\ud800b")
    'a\ufffdb'
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def encode(text: str, tokenizer: PreTrainedTokenizerBase, limit: int | None) -> Encoded:
    """How does this model cut the text into tokens?

    At most `limit` tokens are taken, special tokens counted; `cut` says how far the text was read. Raises `TextError`
    for a text that is empty, blank, has nothing that the model can read, or passes 200,000 characters.
    """
    text = clean(text)
    if not text.strip():
        raise TextError("text_empty")
    if len(text) > MOST_CHARACTERS:
        raise TextError("text_huge", characters=len(text), most=MOST_CHARACTERS)
    with guarded(lambda error: TextError("text_not_cut", reason=type(error).__name__)):
        return _encoded(text, tokenizer, limit)


def _encoded(text: str, tokenizer: PreTrainedTokenizerBase, limit: int | None) -> Encoded:
    """What the tokenizer makes of a text that is not empty."""
    found = tokenizer(
        text,
        return_offsets_mapping=tokenizer.is_fast,
        return_special_tokens_mask=True,
        truncation=limit is not None,
        max_length=limit,
        verbose=False,
    )
    ids = tuple(found["input_ids"])
    special = tuple(bool(mark) for mark in found["special_tokens_mask"])
    offsets = found["offset_mapping"] if tokenizer.is_fast else None
    if offsets is None:
        spans = _aligned(text, ids, special, tokenizer)
    else:
        spans = _spans(text, ids, special, offsets, tokenizer)
    if not ids or all(special):
        raise TextError("text_nothing_left")
    kept = _once(text, ids, special, tokenizer)
    ids, special, spans = tuple(ids[n] for n in kept), tuple(special[n] for n in kept), tuple(spans[n] for n in kept)
    if all(special):
        raise TextError("text_nothing_left")
    cut = None if limit is None or len(found["input_ids"]) < limit else _cut(text, ids, spans, tokenizer)
    return Encoded(text, ids, label(text, ids, spans, tokenizer), spans, special, cut)


def _spans(
    text: str, ids: Sequence[int], special: Sequence[bool], offsets: Sequence[tuple[int, int]],
    tokenizer: PreTrainedTokenizerBase,
) -> tuple[Span | None, ...]:  # fmt: skip
    """The characters of each token by the tokenizer's own account.

    A lone mark for a space that was not typed is given the character after it: it stands for none.
    """
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    return tuple(
        None if added or end <= start or (piece in SPACES and text[start:end].strip()) else (start, end)
        for (start, end), added, piece in zip(offsets, special, pieces, strict=True)
    )


def _aligned(
    text: str, ids: Sequence[int], special: Sequence[bool], tokenizer: PreTrainedTokenizerBase
) -> tuple[Span | None, ...]:
    """The characters of each token where a tokenizer gives no account: what the tokens spell, found in the text.

    None for all where that is not what was typed (a tokenizer that lowers letters, say).
    """
    plain = [place for place, added in enumerate(special) if not added]
    spelt = written([ids[place] for place in plain], tokenizer)
    spans: list[Span | None] = [None] * len(ids)
    cursor, last = 0, (-1, -1)
    for place, span, name, marked in zip(plain, spelt.spans, spelt.labels, spelt.special, strict=True):
        face = name if marked else spelt.text[slice(*span)].strip() if span else ""
        if span is not None and span == last:  # another byte of the same character
            spans[place] = spans[place - 1]
        elif face:
            start = text.find(face, cursor)
            if start < 0 or text[cursor:start].strip():
                return (None,) * len(ids)
            cursor = start + len(face)
            spans[place] = (start, cursor)
        last = span or last
    return tuple(spans)


def _once(text: str, ids: Sequence[int], special: Sequence[bool], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens less a special one that was typed where the tokenizer adds it by itself."""
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    typed = [place for place, piece in enumerate(pieces) if not special[place] and piece not in SPACES]
    if not typed:
        return list(range(len(ids)))
    first, last, doubled = typed[0], typed[-1], set()
    for place, around, there in (first, slice(first), str.startswith), (last, slice(last, None), str.endswith):
        added = [number for number, mark in zip(ids[around], special[around], strict=True) if mark]
        if ids[place] in added and there(text.strip(), pieces[place]):
            doubled.add(place)
    return [place for place in range(len(ids)) if place not in doubled]


def _cut(text: str, ids: Sequence[int], spans: Sequence[Span | None], tokenizer: PreTrainedTokenizerBase) -> int | None:
    """How many characters were read by the time the limit stopped the reading; None where nothing was left."""
    if not any(spans):  # as far as can be told
        return min(len(text), len(str(tokenizer.decode(list(ids), skip_special_tokens=True))))
    read = max(span[1] for span in spans if span)
    return read if text[read:].strip() else None


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
            labels.append(piece if number in marks else _face(text, piece, span, number == unknown))
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


def _face(text: str, piece: str, span: Span, unknown: bool) -> str:
    """The label of a token of the text before byte pieces are numbered."""
    face = visible(text[span[0] : span[1]])
    if unknown:
        return f"[UNK:{face}]"
    if piece.startswith("##"):
        return "##" + face
    starts_with_space = piece[:1] in "Ġ▁" and span[0] > 0 and text[span[0] - 1] == " "
    return "␣" + face if starts_with_space and not face.startswith("␣") else face


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


def written(ids: Sequence[int], tokenizer: PreTrainedTokenizerBase, after: Encoded | None = None) -> Encoded:
    """Tokens that a model wrote, or shall go on from, with the text that they spell and labels like those of `encode`.

    With `after` they go on from that text, and what comes back is both. Pieces that together spell one character share
    its span; special tokens spell nothing. Bytes that spell no character have U+FFFD in the text, and their numbers for
    a label (‹E9 95›); those that may still become one are not in the text.
    """
    scribe = _Scribe(tokenizer, after)
    for number in ids:
        scribe.read(number)
    all_ids = (*(after.ids if after else ()), *ids)
    labels = list(label(scribe.text, all_ids, scribe.spans, tokenizer))
    for place in range(len(all_ids) - len(ids), len(all_ids)):
        span = scribe.spans[place]
        if span and "\ufffd" in scribe.text[slice(*span)]:
            labels[place] = piece_label(all_ids[place], tokenizer)
    return Encoded(scribe.text, all_ids, tuple(labels), tuple(scribe.spans), tuple(scribe.special), None)


class _Scribe:
    """Spells tokens one by one. Each is decoded with the one before it, on which its space may depend."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, after: Encoded | None) -> None:
        self.tokenizer = tokenizer
        self.text = after.text if after else ""
        self.spans = list(after.spans) if after else []
        self.special = list(after.special) if after else []
        self.known = [n for n, special in zip(after.ids, after.special, strict=True) if not special] if after else []
        self.new: list[int] = []  # pieces that are not spelt yet: bytes of one character
        self.start = 0  # where in `known` the pieces begin that are decoded with the new ones

    def read(self, number: int) -> None:
        """One more token."""
        special = number in self.tokenizer.all_special_ids
        self.spans.append(None)
        self.special.append(special)
        if special:
            return
        self.new.append(number)
        before = self._decoded(self.known[self.start :])
        both = self._decoded([*self.known[self.start :], *self.new])
        if both.endswith("\ufffd") or (both == before and _bytes(self._piece(number)) is not None):
            return  # the character is not whole yet
        self._spell(both[len(before) :])
        self.start = len(self.known)
        self.known += self.new
        self.new = []

    def _spell(self, more: str) -> None:
        """The text grows by what the waiting pieces spell."""
        places = [place for place, special in enumerate(self.special) if not special][-len(self.new) :]
        ranges = self._ranges(more)
        if more.startswith(" ") and more.strip():
            own = self._piece(self.new[0])[:1] in SPACES  # in WordPiece none is: its decoder puts them between words
            close = _is_close(self.text[-1:]) or _is_close(more[1:2])
            self.text += " " if own or not close else ""
            more, ranges = more[1:], [(max(a - 1, 0), b - 1) for a, b in ranges]
        start = len(self.text)
        self.text += more
        for place, (first, last) in zip(places, ranges, strict=True):
            self.spans[place] = (start + first, start + last) if last > first else None

    def _ranges(self, more: str) -> list[Span]:
        """Which characters of `more` each waiting piece spells, or has a byte of."""
        if len(self.new) == 1:
            return [(0, len(more))]
        broken = more.rfind("\ufffd") + 1
        if broken:  # bytes that spell nothing, then perhaps whole characters, which are the last piece's
            return [(0, broken)] * (len(self.new) - 1) + [(broken if broken < len(more) else 0, len(more))]
        found = [_bytes(self._piece(number)) or b"" for number in self.new]
        owners = [number for number, character in enumerate(more) for _ in character.encode()]
        if b"".join(found).decode("utf-8", "replace") != more:
            return [(0, len(more))] * len(self.new)
        ends = list(accumulate(map(len, found)))
        return [(owners[end - len(piece)], owners[end - 1] + 1) for piece, end in zip(found, ends, strict=True)]

    def _piece(self, number: int) -> str:
        return str(self.tokenizer.convert_ids_to_tokens(number))

    def _decoded(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False)) if ids else ""


def _is_close(character: str) -> bool:
    """Is it of a script that is written without spaces?"""
    return bool(character) and unicodedata.east_asian_width(character) in "WF" and not "가" <= character <= "힣"


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
        found = _bytes(piece)
        return visible(piece.replace("▁", " ")) if found is None else _by_numbers(found)
    return "␣" * (piece.startswith("▁") and not text.startswith(" ")) + visible(text)


def _bytes(piece: str) -> bytes | None:
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
