"""What a model has written, read again from what a link holds: its text where that is cut alike, else its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attnviz.errors import TextError
from attnviz.guard import guarded
from attnviz.models.load import Model
from attnviz.recording.checks import check_rows
from attnviz.recording.generate import begun
from attnviz.recording.prompts import Asked
from attnviz.text.tokens import Encoded, check_size, clean, written
from attnviz.trace import Trace


@dataclass(frozen=True)
class Resumed:
    """A text and what a model wrote after it, as the model reads them: what `record` takes as text and target.

    `border` is the number of the first token that it wrote, None where all of the target is written.
    """

    text: Encoded
    target: Encoded | None
    border: int | None


def answer_ids(model: Model, run: Trace, text: str | None = None, **asked: Any) -> tuple[int, ...]:
    """The tokens that the model wrote after a text, in a run that `generate` made; `asked` is what it was given."""
    _, start, _ = begun(model, _asked(model, text, **asked), 1)
    return run.encoded.ids[len(start.ids) :]


def answer_text(model: Model, ids: Sequence[int]) -> str | None:
    """The text that a model wrote, where that is cut into the same tokens again; else None.

    It is not where pieces are cut otherwise than they were written, or bytes spell no character.
    """
    try:
        # As people read it, else as the tokenizer has it: with special tokens, in WordPiece a blank between any two.
        ways = written(ids, model.tokenizer).text, str(model.tokenizer.decode(list(ids)))
        return next((said for said in ways if said and cut_alone(model, said) == tuple(ids)), None)
    except Exception:  # a row of the embedding that the tokenizer has no piece for
        return None


def cut_alone(model: Model, said: str) -> tuple[int, ...]:
    """The tokens of a text that stands after another: special ones only where they are typed. Raises `TextError`."""
    check_size(said)
    with guarded(lambda error: TextError("text_not_cut", reason=type(error).__name__)):
        found = model.tokenizer(clean(said), add_special_tokens=False, verbose=False)["input_ids"]
        return tuple(int(number) for number in found)


def resumed(model: Model, ids: Sequence[int], text: str | None = None, **asked: Any) -> Resumed:
    """A text, and after it the tokens that the model wrote, as `generate` read them; `asked` is what it was given.

    Raises `TextError` for a text that cannot be read or leaves no room, `ModelError` for tokens that the model has no
    row for.
    """
    source, start, room = begun(model, _asked(model, text, **asked), max(len(ids), 1))
    if room < len(ids):
        raise TextError("text_leaves_no_room", model=model.name, limit=model.limit)
    check_rows(model, ids, tuple(map(str, ids)))  # before the tokenizer is asked for their pieces
    whole = written(ids, model.tokenizer, after=start)
    return Resumed(whole, None, len(start.ids)) if source is None else Resumed(source, whole, None)


def _asked(
    model: Model, text: str | None, *, chat: Any = None, pair: str | None = None, languages: Any = None
) -> Asked:
    """What `generate` was asked to read, cut as far as a language or a template decides that."""
    return Asked.of(text, chat, pair, None, languages, goes_on=True).read_by(model)
