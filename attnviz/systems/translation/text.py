"""Text of the translation models: a sentence to pieces, pieces back to a sentence, each with its characters."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from attnviz.errors import TextError
from attnviz.text.labels import Span, visible
from attnviz.text.tokens import Encoded, check_size, clean

PAD, UNKNOWN, BEGIN, END = range(4)
SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")
SPACE = "▁"  # how a piece shows the space before it
LONGEST = 60  # tokens of a source, its end counted; the longest sentence of the training data has 45
WORD = re.compile(r"(?:[^\W\d_]|')+")
STARTS = re.compile(r"(?:^|[.!?][\"']?\s)(?:[^\w]|_)*[^\W\d_]")  # the first letter of a sentence


@dataclass(frozen=True)
class Vocabulary:
    """The pieces of one language ("zh" or "en"): BPE (Sennrich et al. 2016) inside words, Chinese by characters.

    `capitals` is how words are written that keep their capitals inside a sentence ({"tom": "Tom"}): the English pieces
    have none.
    """

    language: str
    tokenizer: Tokenizer
    capitals: Mapping[str, str]

    @classmethod
    def read_folder(cls, folder: Path, side: str, language: str) -> Vocabulary:
        """The vocabulary of a model's `side`, "source" or "target"."""
        capitals = json.loads((folder / "capitals.json").read_text(encoding="utf-8"))
        return cls(language, Tokenizer.from_file(str(folder / f"{side}.json")), capitals if language == "en" else {})

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def ids(self, text: str) -> list[int]:
        """The pieces of a text by number, without an end."""
        return list(self.tokenizer.encode(text).ids)

    def piece(self, number: int) -> str:
        """A piece as the vocabulary writes it."""
        return str(self.tokenizer.id_to_token(number))

    def name(self, number: int) -> str:
        """A piece for a reader, where it stands in no text: ## before one that goes on a word, </s> for the end."""
        piece = self.piece(number)
        if number < len(SPECIALS) or self.language == "zh":
            return piece if number < len(SPECIALS) else visible(piece.replace(SPACE, " "))
        if piece.startswith(SPACE):
            return visible(piece[1:] or " ")
        return "##" + piece if _in_word(piece[0]) else visible(piece)

    def read(self, text: str, limit: int = LONGEST) -> Encoded:
        """A text as the model reads it, its end (</s>) last; `cut` says how far a long one was read.

        Raises `TextError` for a text that is empty, blank, has nothing that the model can read, or passes 200,000
        characters.
        """
        text = clean(text)
        if not text.strip():
            raise TextError("text_empty")
        check_size(text)
        found = self.tokenizer.encode(text)
        kept = min(len(found.ids), limit - 1)
        if not kept:
            raise TextError("text_nothing_left")
        ids, spans = tuple(found.ids[:kept]), tuple(_typed(text, *span) for span in found.offsets[:kept])
        cut = max((span[1] for span in spans if span), default=0) if len(found.ids) > kept else None
        labels = tuple(self._label(text, number, span) for number, span in zip(ids, spans, strict=True))
        return _ended(Encoded(text, ids, labels, spans, (False,) * kept, cut))

    def _label(self, text: str, number: int, span: Span | None) -> str:
        """The label of a token that stands in a text: its characters, ## before the rest of a word."""
        if span is None:
            return self.name(number)
        face = visible(text[span[0] : span[1]])
        if number == UNKNOWN:
            return f"[UNK:{face}]"
        return "##" + face if self._goes_on(text, span) else face

    def _goes_on(self, text: str, span: Span) -> bool:
        """Is it the rest of a word of letters?"""
        return span[0] > 0 and _in_word(text[span[0] - 1]) and _in_word(text[span[0]])

    def write(self, ids: Sequence[int]) -> Encoded:
        """The text that written pieces spell, with the characters of each; <s> and </s> spell nothing."""
        text, spans = "", []
        for number in ids:
            face = "" if number in (PAD, BEGIN, END) else self.piece(number).replace(SPACE, " ")
            face = face[1:] if not text and face.startswith(" ") else face
            start = len(text) + (face.startswith(" ") and len(face) > 1)
            text += face
            spans.append((start, len(text)) if face else None)
        text = restored(text, self.capitals) if self.language == "en" else text
        special = tuple(number in (PAD, BEGIN, END) for number in ids)
        labels = tuple(
            self.piece(number) if span is None else self._label(text, number, span)
            for number, span in zip(ids, spans, strict=True)
        )
        return Encoded(text, tuple(ids), labels, tuple(spans), special, None)


def _typed(text: str, start: int, end: int) -> Span | None:
    """The characters of a piece less the spaces before them; None for none."""
    while start < end and text[start].isspace():
        start += 1
    return (start, end) if end > start else None


def _in_word(character: str) -> bool:
    """Is it part of a word of several letters, which a Chinese character is not?"""
    return character == "'" or (character.isalpha() and unicodedata.east_asian_width(character) not in "WF")


def _ended(encoded: Encoded) -> Encoded:
    """The same with </s> behind it."""
    return Encoded(
        encoded.text, (*encoded.ids, END), (*encoded.labels, SPECIALS[END]), (*encoded.spans, None),
        (*encoded.special, True), encoded.cut,
    )  # fmt: skip


def restored(text: str, capitals: Mapping[str, str]) -> str:
    """A lower-cased English text with the capitals of names and of the first word of each sentence; length is kept.

    >>> restored("tom is here. is he?", {"tom": "Tom"})
    'Tom is here. Is he?'
    """
    named = WORD.sub(lambda found: capitals.get(found[0], found[0]), text)
    return STARTS.sub(lambda found: found[0][:-1] + _upper(found[0][-1]), named)


def _upper(letter: str) -> str:
    """The capital of a letter, where it is one character."""
    return letter.upper() if len(letter.upper()) == 1 else letter
