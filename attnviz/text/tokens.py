"""The way from a text to a model's tokens, and from tokens back to characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from attnviz.axes.axis import Axis, Characters, check_lengths
from attnviz.axes.units import Units
from attnviz.errors import TextError
from attnviz.guard import guarded
from attnviz.text.labels import Span, bytes_of, label, piece_label
from attnviz.text.pairs import BETWEEN, Pair, owners_by_count, placed, shifted
from attnviz.text.turns import Chat

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

SPACES = ("Ġ", "▁", " ")  # what a piece begins with that begins with a space
MOST_CHARACTERS = 200_000
GROUPINGS = ("token", "character", "word")  # `units.UNITS`


@dataclass(frozen=True)
class Encoded(Axis):
    """A text as one model reads it, an axis of tokens; all sequences are `[token]`.

    `spans` are character ranges of `text` (None for a token that stands for no character), `special` marks what
    the tokenizer added by itself, `cut` is the number of characters of `text` that were read (None: all of them).
    Where two texts are read as one, `text` is both, a line each, and `pair` tells them apart. Where a chat is read,
    `text` is the whole that the tokenizer's template makes of it, `chat` says which tokens are of which turn, and those
    that the template wrote are special. `types` are the token
    types that the model is given beside the ids, () where it is given none.

    >>> Encoded("ab", (5, 6), ("a", "##b"), ((0, 1), (1, 2)), (False, False), None).grouped("word").labels
    ('ab',)
    """

    text: str
    ids: tuple[int, ...]
    labels: tuple[str, ...]
    spans: tuple[Span | None, ...]
    special: tuple[bool, ...]
    cut: int | None
    pair: Pair | None = None
    types: tuple[int, ...] = ()
    chat: Chat | None = None
    unit = "token"

    def __post_init__(self) -> None:
        own: dict[str, tuple[object, ...]] = {"types": self.types} if self.types else {}
        own |= {"segments": self.segments} if self.pair else {}
        own |= {"turns": self.chat.turns} if self.chat else {}
        check_lengths("tokens", ids=self.ids, labels=self.labels, spans=self.spans, special=self.special, **own)

    @property
    def segments(self) -> tuple[int | None, ...]:
        return self.pair.segments if self.pair else ()

    @property
    def roles(self) -> tuple[str | None, ...]:
        return self.chat.named() if self.chat else ()

    @property
    def groupings(self) -> tuple[str, ...]:
        return GROUPINGS

    def grouped(self, by: str) -> Units:
        from attnviz.text.units import groups

        return groups(self, by) if by in GROUPINGS else self.alone()

    def stands_for(self, place: int) -> Characters | None:
        span = self.spans[place]
        return None if span is None else Characters(*span)

    def holding(self, stretch: Span) -> list[int]:
        """The tokens that hold any of these characters of `text`.

        >>> Encoded("ab", (5, 6), ("a", "##b"), ((0, 1), (1, 2)), (False, False), None).holding((1, 2))
        [1]
        """
        start, end = stretch
        spans = enumerate(self.spans)
        return [place for place, own in spans if own is not None and own[0] < end and own[1] > start]

    def left_out(self) -> list[tuple[str, str, int]]:
        if self.pair is None:
            return super().left_out()
        first, second = self.pair.split(self.text)
        read = None if self.cut is None else self.cut - self.pair.second
        parts = (("_a", first, self.pair.cut), ("_b", second, read))
        return [(name, text, end) for name, text, end in parts if end is not None]

    def first(self, count: int) -> Encoded:
        """Its first `count` tokens, with the text as far as they reach."""
        end = max((span[1] for span in self.spans[:count] if span), default=0)
        return Encoded(
            self.text[:end], self.ids[:count], self.labels[:count], self.spans[:count], self.special[:count], self.cut,
            self.pair and self.pair.first(count), self.types[:count], self.chat and self.chat.first(count),
        )  # fmt: skip


def clean(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD, which no tokenizer refuses.

    >>> clean("a\\ud800b")
    'a\ufffdb'
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def check_size(*texts: str) -> None:
    """Have these texts together no more characters than one may have? Raises `TextError`."""
    characters = sum(map(len, texts))
    if characters > MOST_CHARACTERS:
        raise TextError("text_huge", characters=characters, most=MOST_CHARACTERS)


def encode(text: str, tokenizer: PreTrainedTokenizerBase, limit: int | None, *, pair: str | None = None) -> Encoded:
    """How does this model cut the text, or two texts that it reads as one, into tokens?

    At most `limit` tokens are taken, special tokens counted; `cut` says how far the text was read. Raises `TextError`
    for a text that is empty, blank, has nothing that the model can read, or passes 200,000 characters.
    """
    texts = [clean(one) for one in (text, pair) if one is not None]
    if not texts[0].strip():
        raise TextError("text_empty")
    if not texts[-1].strip():
        raise TextError("pair_empty")
    check_size(*texts)
    with guarded(lambda error: TextError("text_not_cut", reason=type(error).__name__)):
        return _encoded(texts[0], tokenizer, limit) if pair is None else _paired(texts[0], texts[1], tokenizer, limit)


def encode_whole(text: str, tokenizer: PreTrainedTokenizerBase, limit: int | None) -> Encoded:
    """A text in which every special token is written already, as a chat's template does: none is put around it."""
    with guarded(lambda error: TextError("text_not_cut", reason=type(error).__name__)):
        found = cut_up(tokenizer, limit, text, add_special_tokens=False)
        ids, marks = tuple(found["input_ids"]), frozenset(tokenizer.all_special_ids)
        typed = (False,) * len(ids)
        if tokenizer.is_fast:
            spans = _spans(text, ids, typed, found["offset_mapping"], tokenizer)
        else:
            spans = _aligned(text, ids, typed, tokenizer)
        if not ids:
            raise TextError("text_nothing_left")
        special = tuple(number in marks for number in ids)
        cut = None if limit is None or len(ids) < limit else _cut(text, ids, spans, tokenizer)
        return Encoded(text, ids, label(text, ids, spans, tokenizer), spans, special, cut)


def cut_up(
    tokenizer: PreTrainedTokenizerBase, limit: int | None, *texts: str | list[str], add_special_tokens: bool = True
) -> BatchEncoding:
    """What the tokenizer makes of one text, of two that it reads as one, or of a list of them, each by itself."""
    found: BatchEncoding = tokenizer(
        *texts,
        return_offsets_mapping=tokenizer.is_fast,
        return_special_tokens_mask=True,
        truncation=limit is not None,
        max_length=limit,
        add_special_tokens=add_special_tokens,
        verbose=False,
    )
    return found


def _encoded(text: str, tokenizer: PreTrainedTokenizerBase, limit: int | None) -> Encoded:
    """What the tokenizer makes of a text that is not empty."""
    found = cut_up(tokenizer, limit, text)
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
    types = tuple(found.get("token_type_ids") or ())
    types = tuple(types[n] for n in kept) if any(types) else ()  # all 0 is what models take where they are given none
    ids, special, spans = tuple(ids[n] for n in kept), tuple(special[n] for n in kept), tuple(spans[n] for n in kept)
    if all(special):
        raise TextError("text_nothing_left")
    cut = None if limit is None or len(found["input_ids"]) < limit else _cut(text, ids, spans, tokenizer)
    return Encoded(text, ids, label(text, ids, spans, tokenizer), spans, special, cut, types=types)


def _paired(first: str, second: str, tokenizer: PreTrainedTokenizerBase, limit: int | None) -> Encoded:
    """What the tokenizer makes of two texts, token for token as transformers gives them to the model.

    Where both are too long together, tokens are left out at the end of the longer one.
    """
    found = cut_up(tokenizer, limit, first, second)
    text, begins = first + BETWEEN + second, (0, len(first + BETWEEN))
    ids, special = tuple(found["input_ids"]), tuple(bool(mark) for mark in found["special_tokens_mask"])
    if tokenizer.is_fast:
        owners = tuple(found.sequence_ids(0))
        spans = _spans(text, ids, special, placed(found["offset_mapping"], owners, begins), tokenizer)
    else:
        counts = [len(tokenizer(one, add_special_tokens=False, verbose=False)["input_ids"]) for one in (first, second)]
        owners, spans = owners_by_count(special, *counts), (None,) * len(ids)
    if not {0, 1} <= set(owners):
        raise TextError("text_nothing_left")
    cuts: list[int | None] = [None, None]
    for which, (one, begin) in enumerate(zip((first, second), begins, strict=True)):
        places = [place for place, owner in enumerate(owners) if owner == which]
        mine, own = tuple(ids[place] for place in places), tuple(spans[place] for place in places)
        if not tokenizer.is_fast:
            own = tuple(shifted(_aligned(one, mine, (False,) * len(mine), tokenizer), begin))
            spans = tuple(dict(zip(places, own, strict=True)).get(place, span) for place, span in enumerate(spans))
        if limit is not None and len(ids) >= limit:
            cut = _cut(one, mine, tuple(shifted(own, -begin)), tokenizer)
            cuts[which] = None if cut is None else cut + begin
    pair, types = Pair(begins[1], owners, cuts[0]), tuple(found.get("token_type_ids") or ())
    return Encoded(text, ids, label(text, ids, spans, tokenizer), spans, special, cuts[1], pair, types)


def _spans(
    text: str, ids: Sequence[int], special: Sequence[bool], offsets: Sequence[tuple[int, int]],
    tokenizer: PreTrainedTokenizerBase,
) -> tuple[Span | None, ...]:  # fmt: skip
    """The characters of each token by the tokenizer's own account."""
    return spans_by(text, tokenizer.convert_ids_to_tokens(list(ids)), special, offsets)


def spans_by(
    text: str, pieces: Sequence[str], special: Sequence[bool], offsets: Sequence[tuple[int, int]]
) -> tuple[Span | None, ...]:
    """The characters of each piece by these offsets; None for what was added and for what stands for none.

    A lone mark for a space that was not typed is given the character after it: it stands for none.
    """
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
    chat = after.chat.answered(scribe.special[len(after.ids) :]) if after and after.chat else None
    return Encoded(scribe.text, all_ids, tuple(labels), tuple(scribe.spans), tuple(scribe.special), None, chat=chat)


class _Scribe:
    """Spells tokens one by one. Each is decoded with the one before it, on which its space may depend."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, after: Encoded | None) -> None:
        self.tokenizer, self.marks = tokenizer, frozenset(tokenizer.all_special_ids)  # asking takes as long as decoding
        self.text = after.text if after else ""
        self.spans = list(after.spans) if after else []
        self.special = list(after.special) if after else []
        self.plain = [place for place, special in enumerate(self.special) if not special]
        apart = (
            [n in self.marks for n in after.ids] if after and after.chat else self.special
        )  # a template's words count
        self.known = [n for n, special in zip(after.ids, apart, strict=True) if not special] if after else []
        self.new: list[int] = []  # pieces that are not spelt yet: bytes of one character
        self.start = 0  # where in `known` the pieces begin that are decoded with the new ones

    def read(self, number: int) -> None:
        """One more token."""
        special = number in self.marks
        self.spans.append(None)
        self.special.append(special)
        if special:
            return
        self.plain.append(len(self.special) - 1)
        self.new.append(number)
        before = self._decoded(self.known[self.start :])
        both = self._decoded([*self.known[self.start :], *self.new])
        if both.endswith("\ufffd") or (both == before and bytes_of(self._piece(number)) is not None):
            return  # the character is not whole yet
        self._spell(both[len(before) :])
        self.start = len(self.known)
        self.known += self.new
        self.new = []

    def _spell(self, more: str) -> None:
        """The text grows by what the waiting pieces spell."""
        places = self.plain[-len(self.new) :]
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
        found = [bytes_of(self._piece(number)) or b"" for number in self.new]
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
