"""What a run is asked to read beyond a text as it was typed: its languages, or that it is a chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from attnviz.adapter.prompts.languages import begins, nearest, plain_ids, reading, target_ids
from attnviz.adapter.prompts.templates import rendered
from attnviz.errors import ArgumentError, ModelError, TextError, shown
from attnviz.models.load import Model
from attnviz.recording.asked import check_text
from attnviz.text.chat import Turn, as_turns, encode_chat
from attnviz.text.tokens import Encoded, check_size, clean, encode, written
from attnviz.text.turns import WRITES

Languages = tuple[str | None, str | None]


@dataclass(frozen=True)
class Asked:
    """What a run is asked to read: the text, perhaps a second one, what the decoder has written, and in what languages.

    `languages` are those of the text and of the target, None where the model's usual one is meant. `chat` are turns in
    place of a text, "" then; where a chat `goes_on`, the assistant's last turn is left open.
    """

    text: str | Encoded
    pair: str | None = None
    target: str | Encoded | None = None
    languages: Languages = (None, None)
    chat: tuple[Turn, ...] = ()
    goes_on: bool = False

    @classmethod
    def of(
        cls, text: Any, chat: Any, pair: Any, target: Any, languages: Any, *, goes_on: bool = False
    ) -> Asked:  # fmt: skip
        """What a person asked for. Raises `ArgumentError` for things of another kind, `TextError` for what clashes."""
        if pair is not None:
            check_text("pair", pair)
        if chat is None:
            return cls(check_text("text", text), pair, target, as_languages(languages), goes_on=goes_on)
        if pair is not None:
            raise TextError("chat_and_pair")
        if text is not None:
            raise TextError("chat_and_text")
        return cls("", None, target, as_languages(languages), as_turns(chat), goes_on)

    def read_by(self, model: Model) -> Asked:
        """The same as far as a language or a template decides how it is cut: cut into the tokens that the model reads.

        Raises `ModelError` for a language that the model does not know and for a template that is none or that fails,
        `TextError` for a text that was cut before.
        """
        if self.chat:
            return replace(self, text=chat_of(model, self.chat, self.goes_on), chat=()).read_by(model)
        if self.languages == (None, None):
            return self
        source, target = self.languages
        check_languages(model, self.languages)
        text, pair = self.text, self.pair
        if source is not None:
            if isinstance(text, Encoded):
                raise TextError("languages_already_read")
            with reading(model.tokenizer, source) as tokenizer:
                text, pair = encode(text, tokenizer, model.limit, pair=pair), None
        return Asked(text, pair, self.target if target is None else reply_of(model, self.target, target))


def chat_of(model: Model, turns: Sequence[Turn], goes_on: bool = False) -> Encoded:
    """A chat as the model reads it: by its tokenizer's template, which puts every token that it wants itself.

    Up to the head of the answer, unless the assistant has spoken last; then to the end of that turn, or where it
    `goes_on` to the end of what was said in it.
    """
    answered = turns[-1]["role"] == WRITES

    def write(turns: Sequence[Turn]) -> str:
        return rendered(model.name, model.tokenizer, turns, ask=not answered)

    return encode_chat(turns, write, model.tokenizer, model.limit, open_end=answered and goes_on)


def as_languages(given: Any) -> Languages:
    """Two codes, None for a usual language; None for both of them. Raises `ArgumentError`.

    >>> as_languages(("eng_Latn", None))
    ('eng_Latn', None)
    """
    if given is None:
        return None, None
    try:
        found = [] if isinstance(given, (str, bytes)) else [*given]
    except Exception:
        found = []
    if len(found) != 2 or not all(one is None or isinstance(one, str) for one in found):
        raise ArgumentError("argument_languages", got=shown(given))
    return found[0] or None, found[1] or None


def check_languages(model: Model, languages: Languages) -> None:
    """Does the model know these languages, and does it write? Raises `ModelError` with some that it knows."""
    known = model.languages
    if not known:
        raise ModelError("model_without_languages", model=model.name)
    for code in languages:
        if code is not None and code not in known:
            raise ModelError(
                "language_unknown", model=model.name, language=code, count=len(known),
                some=", ".join(nearest(code, known)),
            )  # fmt: skip
    if languages[1] is not None and model.kind != "seq2seq":
        raise ModelError("language_unwritten", model=model.name, language=languages[1])


def reply_of(model: Model, target: str | Encoded | None, language: str | None = None) -> Encoded:
    """What the decoder reads: its start token, the mark of a language where one is told, then the target without its
    end.
    """
    if isinstance(target, Encoded):
        return target
    check_size(target or "")
    start, ids = start_of(model), list[int]()
    if target:
        ids = (target_ids if language is None else plain_ids)(clean(target), model.tokenizer)
    begun = (start,) if language is None else begins(model.network, model.tokenizer, language, start)
    return written((*begun, *ids), model.tokenizer)


def start_of(model: Model) -> int:
    """The token that a decoder begins with."""
    config = model.network.config
    start = getattr(config, "decoder_start_token_id", None)
    if start is None:
        written_by = getattr(model.network, "generation_config", None)  # which a body without its head does not have
        start = getattr(written_by, "decoder_start_token_id", None)
    if start is None:
        start = config.bos_token_id if config.bos_token_id is not None else config.pad_token_id
    found: int = start
    return found


def open_ended(encoded: Encoded) -> Encoded:
    """The prompt without the special tokens that the tokenizer put at its end."""
    if encoded.chat is not None:  # whose template ends as an answer begins
        return encoded
    own = [place for place, special in enumerate(encoded.special, 1) if not special]
    end = max(own, default=len(encoded.ids))  # a text may be nothing but the token that begins it
    return replace(encoded.first(end), text=encoded.text)
