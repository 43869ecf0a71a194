"""Readable labels for a model's pieces, and the way from a text to tokens and back to its characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from attnviz.errors import TextError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MARKS = {" ": "␣", "\u00a0": "␣", "\u3000": "␣", "\n": "↵", "\r": "↵", "\t": "⇥"}
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MOST_CHARACTERS = 200_000


@dataclass(frozen=True)
class Encoded:
    """A text as one model reads it; all sequences are `[token]`.

    `spans` are character ranges of `text` (None for a token that stands for no character), `special` marks what
    the tokenizer added by itself, `cut` is the number of characters of `text` that were read (None: all of them).
    """

    text: str
    ids: tuple[int, ...]
    labels: tuple[str, ...]
    spans: tuple[tuple[int, int] | None, ...]
    special: tuple[bool, ...]
    cut: int | None


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
    offsets = found["offset_mapping"] if tokenizer.is_fast else [(0, 0)] * len(ids)
    spans = tuple((a, b) if b > a and not s else None for (a, b), s in zip(offsets, special, strict=True))
    if not ids or all(special):
        raise TextError("text_nothing_left")
    return Encoded(text, ids, label(text, ids, spans, tokenizer), spans, special, _cut(text, ids, spans, limit))


def _cut(text: str, ids: Sequence[int], spans: Sequence[tuple[int, int] | None], limit: int | None) -> int | None:
    """How many characters were read, when the limit stopped the reading before the text ended."""
    if limit is None or len(ids) < limit:
        return None
    read = max((span[1] for span in spans if span), default=0)
    return read if text[read:].strip() else None


def label(
    text: str,
    ids: Sequence[int],
    spans: Sequence[tuple[int, int] | None],
    tokenizer: PreTrainedTokenizerBase,
) -> tuple[str, ...]:
    """A readable label for every token `[token]`.

    Pieces of WordPiece keep their ``##``; spaces and line ends become visible marks; the byte pieces of one
    character are numbered (长 1/3, 长 2/3, 长 3/3); an unknown character keeps its face ([UNK:龘]).
    """
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    labels = [
        _one(text, number, piece, span, tokenizer) for number, piece, span in zip(ids, pieces, spans, strict=True)
    ]
    for start, end in _shared(text, spans):
        for place in range(start, end):
            labels[place] = f"{labels[place]} {place - start + 1}/{end - start}"
    return tuple(labels)


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


def _one(text: str, number: int, piece: str, span: tuple[int, int] | None, tokenizer: PreTrainedTokenizerBase) -> str:
    """The label of one token before byte pieces are numbered."""
    if span is None or number in {tokenizer.mask_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id}:
        return piece
    face = visible(text[span[0] : span[1]])
    if number == tokenizer.unk_token_id:
        return f"[UNK:{face}]"
    if piece.startswith("##"):
        return "##" + face
    starts_with_space = piece[:1] in "Ġ▁" and span[0] > 0 and text[span[0] - 1] == " "
    return "␣" + face if starts_with_space and not face.startswith("␣") else face


def _shared(text: str, spans: Sequence[tuple[int, int] | None]) -> list[tuple[int, int]]:
    """Runs of tokens `[start, end)` that all stand for the same characters, a space before them not counted."""
    faces = [span and _after_space(text, *span) for span in spans]
    runs, start = [], 0
    for place in range(1, len(faces) + 1):
        if place == len(faces) or faces[place] != faces[start]:
            if faces[start] is not None and place - start > 1:
                runs.append((start, place))
            start = place
    return runs


def _after_space(text: str, start: int, end: int) -> tuple[int, int]:
    """A span less the spaces it begins with; a span of spaces alone as it is."""
    return end - (len(text[start:end].lstrip()) or end - start), end


def written(ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> Encoded:
    """Tokens that a model wrote, or shall go on from, with the text that they spell and labels like those of `encode`.

    Pieces that together spell one character share its span; special tokens spell nothing.
    """
    text, waiting = "", 0
    spans: list[tuple[int, int] | None] = []
    special = tuple(number in tokenizer.all_special_ids for number in ids)
    spelt: list[int] = []
    for number, is_special in zip(ids, special, strict=True):
        spans.append(None)
        if is_special:
            continue
        spelt.append(number)
        longer = str(tokenizer.decode(spelt, clean_up_tokenization_spaces=False))
        waiting += 1
        if longer.endswith("\ufffd"):  # the character is not whole yet
            continue
        start, text = len(text), longer
        plain = [place for place in range(len(spans)) if not special[place]][-waiting:]
        for place in plain:
            spans[place] = (start, len(text)) if len(text) > start else None
        waiting = 0
    return Encoded(text, tuple(ids), label(text, ids, spans, tokenizer), tuple(spans), special, None)


def piece_label(number: int, tokenizer: PreTrainedTokenizerBase) -> str:
    """A readable label for a vocabulary entry that stands in no text (a prediction)."""
    piece = cast("str | None", tokenizer.convert_ids_to_tokens(number))
    if piece is None:
        return f"#{number}"
    if piece.startswith("##") or number in tokenizer.all_special_ids:
        return piece
    text = str(tokenizer.decode([number], clean_up_tokenization_spaces=False))
    return piece if "\ufffd" in text or not text else visible(text)
