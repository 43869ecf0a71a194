"""Tokens that came as bare strings, as the axis that the rest of attnviz knows: readable labels, the text they spell.

A tokenizer is not needed: what a piece says of itself (Ġ, ▁, ##, the letters that stand for bytes) is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

from attnviz.errors import AttnvizError
from attnviz.text.labels import byte_letters
from attnviz.text.tokens import Encoded, written

SPECIAL = re.compile(r"\[[A-Z]+\d*\]|<[^<>\s]{1,40}>|<｜[^<>]{1,40}｜>")  # [CLS], <s>, <|endoftext|>, DeepSeek's
SPACED = "Ġ▁"


def axis_of(tokens: Any, tokenizer: Any = None) -> Encoded:
    """Tokens as an axis: strings as they are, or ids with the tokenizer that made them.

    Raises `AttnvizError` for ids without a tokenizer and for what is neither.
    """
    found = tokens.tolist() if hasattr(tokens, "tolist") else list(tokens) if isinstance(tokens, Iterable) else []
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]  # [1, token], as a tokenizer returns
    if isinstance(tokens, str) or not found or not _alike(found):
        raise AttnvizError("given_tokens", kind=type(tokens).__name__)
    if isinstance(found[0], str):
        return written(range(len(found)), cast(Any, Pieces(found)))
    if tokenizer is None:
        raise AttnvizError("given_ids")
    return written([int(one) for one in found], tokenizer)


def _alike(found: Sequence[object]) -> bool:
    """Are they all strings, or all whole numbers?"""
    return any(all(isinstance(one, kind) and not isinstance(one, bool) for one in found) for kind in (str, int))


class Pieces:
    """A tokenizer's part in reading what it made, for pieces that came alone: each is its own number.

    It offers what `text.tokens.written` asks of a tokenizer.
    """

    mask_token_id = cls_token_id = sep_token_id = unk_token_id = None

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = ["▁" + piece[1:] if piece[:1] == " " else piece for piece in pieces]  # TransformerLens' strings
        self.all_special_ids = [at for at, piece in enumerate(pieces) if SPECIAL.fullmatch(piece)]
        plain = [piece for at, piece in enumerate(self.pieces) if at not in set(self.all_special_ids)]
        self.bytes = _are_bytes(plain)
        self.glued = self.bytes or any(piece[:1] and piece[0] in SPACED for piece in plain)

    def convert_ids_to_tokens(self, ids: int | list[int]) -> str | list[str]:
        """The piece of a number, or those of several."""
        return self.pieces[ids] if isinstance(ids, int) else [self.pieces[one] for one in ids]

    def decode(self, ids: Sequence[int], **_: object) -> str:
        """The text that these spell: bytes joined, ▁ and Ġ as spaces, ## glued to what stands before it."""
        pieces = [self.pieces[one] for one in ids]
        if self.bytes:
            letters = byte_letters()
            return bytes(letters[letter] for piece in pieces for letter in piece).decode("utf-8", "replace")
        if self.glued:
            return re.sub(f"[{SPACED}]", " ", "".join(pieces)).removeprefix(" ")  # no text begins with one
        return re.sub(r" ##(?=\S)", "", " ".join(pieces))


def _are_bytes(pieces: Sequence[str]) -> bool:
    """Are these GPT-2's letters for bytes? So where they spell UTF-8 and are not what they seem."""
    letters, joined = byte_letters(), "".join(pieces)
    if joined.isascii() or not all(letter in letters for letter in joined):
        return False
    try:
        bytes(letters[letter] for letter in joined).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
