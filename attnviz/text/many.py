"""Many texts in a model's tokens at once: what `encode` gives for each, in a third of its time.

The tokenizer is asked for all together. A text in which nothing is out of the ordinary (letters and signs that each
stand for themselves, tokens that share no character) is put together here; any other goes to `encode` by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attnviz.errors import AttnvizError, is_fault
from attnviz.text.characters import PLAIN
from attnviz.text.labels import piece_label, token_face
from attnviz.text.tokens import MOST_CHARACTERS, Encoded, cut_up, encode, spans_by

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass
class ManyTexts:
    """Reads texts for one tokenizer, at most `limit` tokens of each.

    >>> import attnviz as av
    >>> model = av.load("lab-4")
    >>> [len(one.ids) for one in ManyTexts(model.tokenizer, model.limit).read(["南京市", "the cat"])]
    [5, 4]
    """

    tokenizer: PreTrainedTokenizerBase
    limit: int | None
    _pieces: dict[int, str] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._unknown = self.tokenizer.unk_token_id
        self._marks = frozenset(self.tokenizer.all_special_ids) - {self._unknown}

    def read(self, texts: Sequence[str]) -> list[Encoded | AttnvizError]:
        """The tokens of each text, or why it has none, in their order."""
        found: list[Encoded | AttnvizError | None] = [None] * len(texts)
        plain = [number for number, text in enumerate(texts) if self._is_plain(text)]
        for number, read in zip(plain, self._together([texts[number] for number in plain]), strict=True):
            found[number] = read
        return [self._alone(text) if one is None else one for text, one in zip(texts, found, strict=True)]

    def _is_plain(self, text: str) -> bool:
        if not self.tokenizer.is_fast or not text.strip() or len(text) > MOST_CHARACTERS:
            return False
        return PLAIN.fullmatch(text) is not None

    def _alone(self, text: str) -> Encoded | AttnvizError:
        try:
            return encode(text, self.tokenizer, self.limit)
        except AttnvizError as reason:
            return reason

    def _together(self, texts: Sequence[str]) -> list[Encoded | None]:
        """Those that the tokenizer cuts into tokens that share no character; None for the others."""
        if not texts:
            return []
        try:
            cut = cut_up(self.tokenizer, self.limit, list(texts))
        except BaseException as error:  # a tokenizer in Rust panics; which text is to blame is found one by one
            if not is_fault(error):
                raise
            return [None] * len(texts)
        types = cut.get("token_type_ids") or [()] * len(texts)
        rows = zip(texts, cut["input_ids"], cut["offset_mapping"], cut["special_tokens_mask"], types, strict=True)
        return [self._put_together(*row) for row in rows]

    def _put_together(
        self, text: str, ids: Sequence[int], offsets: Sequence[tuple[int, int]], marks: Sequence[int], types: Any
    ) -> Encoded | None:
        """A text's tokens; None where something in them is to be looked at closer."""
        special = tuple(map(bool, marks))
        if not ids or all(special) or (self.limit is not None and len(ids) >= self.limit):
            return None
        typed = {number for number, own in zip(ids, special, strict=True) if not own}
        if typed & self._marks:  # a special token was typed
            return None
        pieces = [self._piece(number) for number in ids]
        spans = spans_by(text, pieces, special, offsets)
        if any(one[1] > after[0] for one, after in pairwise(filter(None, spans))):
            return None
        labels = tuple(
            self._name(number) if span is None else token_face(text, piece, span, number == self._unknown)
            for number, piece, span in zip(ids, pieces, spans, strict=True)
        )
        return Encoded(text, tuple(ids), labels, spans, special, None, types=tuple(types) if any(types) else ())

    def _piece(self, number: int) -> str:
        found = self._pieces.get(number)
        if found is None:
            found = self._pieces[number] = str(self.tokenizer.convert_ids_to_tokens(number))
        return found

    def _name(self, number: int) -> str:
        found = self._names.get(number)
        if found is None:
            found = self._names[number] = piece_label(number, self.tokenizer)
        return found
