"""A chat as a model reads it: turns, each of a role, and which of the tokens are of which turn.

The tokenizer's template writes the turns into one text, with heads and ends of its own. What it puts where is found by
writing the turns once more with marks of the private use area around each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attnviz.errors import ArgumentError, TextError, shown
from attnviz.text.tokens import Encoded, check_size, clean, encode_whole
from attnviz.text.turns import Chat, turns_in

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Span = tuple[int, int]
Turn = Mapping[str, Any]
FIRST_MARK = 0xF0000  # of the private use area; two marks a turn
MOST_TURNS = 10_000


def as_turns(given: Any) -> tuple[Turn, ...]:
    """Turns as a template takes them, from a list of `{"role": ..., "content": ...}` or a chat that was typed.

    Raises `ArgumentError` for anything else, `TextError` where nothing is said.
    """
    try:
        turns = turns_in(given) if isinstance(given, str) else [dict(one) for one in given]
        texts = [one["content"] for one in turns]
        whole = all(isinstance(one["role"], str) for one in turns) and all(isinstance(text, str) for text in texts)
    except Exception:
        whole = False
    if not whole:
        raise ArgumentError("argument_chat", got=shown(given))
    if not any(text.strip() for text in texts) or len(turns) > MOST_TURNS:
        raise TextError("chat_empty")
    check_size(*texts)
    return tuple({**one, "role": clean(one["role"]), "content": clean(one["content"])} for one in turns)


def encode_chat(
    turns: Sequence[Turn],
    write: Callable[[Sequence[Turn]], str],
    tokenizer: PreTrainedTokenizerBase,
    limit: int | None,
    *,
    open_end: bool = False,
) -> Encoded:
    """How does this model cut a chat into tokens? `write` puts the turns into its template.

    With `open_end` the text ends where the last turn does, for it to be gone on with.
    """
    text = write(turns)
    if not text.strip():
        raise TextError("text_nothing_left")
    check_size(text)
    places = located(turns, text, write)
    if open_end and places[-1] is not None:
        text = text[: places[-1][1]]
    encoded = encode_whole(text, tokenizer, limit)
    owners = _owners(encoded.spans, places)
    known = any(owner is not None for owner in owners)
    special = tuple(owner is None for owner in owners) if known else encoded.special
    return replace(encoded, special=special, chat=Chat(tuple(one["role"] for one in turns), owners))


def located(turns: Sequence[Turn], text: str, write: Callable[[Sequence[Turn]], str]) -> list[Span | None]:
    """Where does what each turn says stand in the whole? None for what the template leaves out or changes."""
    marks = [(chr(FIRST_MARK + 2 * number), chr(FIRST_MARK + 2 * number + 1)) for number in range(len(turns))]
    try:
        marked = write([_marked(one, *pair) for one, pair in zip(turns, marks, strict=True)])
    except Exception:  # a template that looks at what is said, and does not like the marks
        marked = ""
    every = re.compile(f"[{marks[0][0]}-{marks[-1][1]}]")
    if every.search(text) or every.sub("", marked) != text:
        return _searched(turns, text)
    found: list[Span | None] = []
    for begin, end in marks:
        start, stop = marked.find(begin), marked.find(end)
        before = [len(every.findall(marked, 0, place)) for place in (start, stop)]
        found.append((start - before[0], stop - before[1]) if 0 <= start < stop else None)
    return found


def _marked(turn: Turn, begin: str, end: str) -> Turn:
    """A turn with marks around what it says, less the blanks at its ends, which a template may cut off."""
    said = turn["content"]
    inner = said.strip()
    if not inner:
        return turn
    start = said.index(inner)
    return {**turn, "content": f"{said[:start]}{begin}{inner}{end}{said[start + len(inner) :]}"}


def _searched(turns: Sequence[Turn], text: str) -> list[Span | None]:
    """What each turn says, found in the whole one after the other."""
    found: list[Span | None] = []
    cursor = 0
    for turn in turns:
        said = turn["content"].strip()
        start = text.find(said, cursor) if said else -1
        found.append(None if start < 0 else (start, start + len(said)))
        cursor = cursor if start < 0 else start + len(said)
    return found


def _owners(spans: Sequence[Span | None], places: Sequence[Span | None]) -> tuple[int | None, ...]:
    """The turn of each token; one across an edge is of the turn. A lone mark for a space is of what follows it."""
    found: list[int | None] = []
    for span in spans:
        inside = (
            number for number, place in enumerate(places)
            if span is not None and place is not None and span[0] < place[1] and place[0] < span[1]
        )  # fmt: skip
        found.append(next(inside, None))
    for at in range(len(found) - 1):
        if spans[at] is None and found[at] is None and at and found[at - 1] == found[at + 1]:
            found[at] = found[at + 1]
    return tuple(found)
