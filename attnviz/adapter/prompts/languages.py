"""The languages that a model's tokenizer declares, and what it makes of a text in one of them.

Transformers keeps the language in the tokenizer itself (`src_lang`, `_switch_to_target_mode`), which all who use a
model share. So a language is only ever set on a copy of it, by one at a time.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from inspect import signature
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

CODE = re.compile(r"[A-Za-z]+(_[A-Za-z]+)*")  # eng_Latn, en_XX, zh, java; no mark such as <mask>
SOME = 5  # codes that a sentence names


@dataclass(frozen=True)
class _Copy:
    """A tokenizer that may be changed, by whoever holds its lock."""

    tokenizer: Any
    lock: Lock = field(default_factory=Lock)


_COPIES: WeakKeyDictionary[Any, _Copy] = WeakKeyDictionary()
_MAKING = Lock()


def declared(tokenizer: Any) -> tuple[str, ...]:
    """The codes of the languages that a tokenizer can be told, in its own order; () for one that knows of none."""
    if not (hasattr(tokenizer, "set_src_lang_special_tokens") and hasattr(tokenizer, "src_lang")):
        return ()
    listed = getattr(tokenizer, "lang_code_to_id", None) or map(str, getattr(tokenizer, "extra_special_tokens", ()))
    names = dict.fromkeys(str(code).strip("_") for code in listed)
    return tuple(name for name in names if CODE.fullmatch(name) and mark_of(tokenizer, name) is not None)


def mark_of(tokenizer: Any, code: str) -> int | None:
    """The id of the token that stands for a language (M2M100 writes `__en__` where its code is en)."""
    for name in (f"__{code}__", code):
        number = tokenizer.convert_tokens_to_ids(name)
        if isinstance(number, int) and number != tokenizer.unk_token_id:
            return number
    return None


def usual(tokenizer: Any) -> tuple[str | None, str | None]:
    """The languages that a tokenizer takes a source and a target for where it is told of none."""
    found = (getattr(tokenizer, name, None) for name in ("src_lang", "tgt_lang"))
    source, target = (str(one).strip("_") if one else None for one in found)
    return source, target


def nearest(code: str, codes: tuple[str, ...]) -> tuple[str, ...]:
    """Which codes may have been meant: those written alike, else the first few."""
    lower = {one.lower(): one for one in codes}
    begun = [one for one in codes if one.lower().startswith(code.lower()[:3])] if code else []
    alike = [lower[one] for one in get_close_matches(code.lower(), lower, n=SOME)]
    return tuple(dict.fromkeys([*alike, *begun, *([] if alike or begun else codes)]))[:SOME]


@contextmanager
def reading(tokenizer: Any, source: str | None) -> Iterator[Any]:
    """A copy of the tokenizer that reads texts of a language (None: its usual one). Nobody else has it meanwhile."""
    with _own(tokenizer) as mine:
        mine.src_lang = source or tokenizer.src_lang
        yield mine


def target_ids(target: str, tokenizer: Any) -> list[int]:
    """A target without its end; without the mark of a language too where the tokenizer was told of none (M2M100)."""
    if getattr(tokenizer, "tgt_lang", "") is None and hasattr(tokenizer, "lang_code_to_token"):
        return plain_ids(target, tokenizer)
    with _own(tokenizer) as mine:
        found = list(mine(text_target=target)["input_ids"])
        if not declared(mine):
            return found[:-1]
        mine._switch_to_target_mode()
        end = len(mine.suffix_tokens)  # of mBART, whose target ends in the mark of its language, two
        mine._switch_to_input_mode()
        return found[: len(found) - end]


def plain_ids(target: str, tokenizer: Any) -> list[int]:
    """A target without what the tokenizer would put around it."""
    with _own(tokenizer) as mine:
        return list(mine(target, add_special_tokens=False)["input_ids"])


def begins(network: Any, tokenizer: Any, code: str, start: int) -> tuple[int, ...]:
    """What the decoder begins with where it shall write this language.

    Its start token and the mark (what transformers calls `forced_bos_token_id`); of mBART, whose decoder is taught to
    begin with what ends a target, and whose targets end in the mark, the mark alone.
    """
    mark = mark_of(tokenizer, code)
    assert mark is not None
    with _own(tokenizer) as mine:
        mine.set_tgt_lang_special_tokens(code)
        ends = list(getattr(mine, "suffix_tokens", ()))
    return (mark,) if _turns_round(network) and ends[-1:] == [mark] else (start, mark)


def _turns_round(network: Any) -> bool:
    """Does the network's class make what its decoder reads from a target by putting its last token first?"""
    shift = getattr(sys.modules[type(network).__module__], "shift_tokens_right", None)
    return shift is not None and "decoder_start_token_id" not in signature(shift).parameters


@contextmanager
def _own(tokenizer: Any) -> Iterator[Any]:
    """The tokenizer itself where nothing is ever set on it, else a copy, told the languages that it was told."""
    if not hasattr(tokenizer, "set_src_lang_special_tokens"):
        yield tokenizer
        return
    with _MAKING:
        found = _COPIES.get(tokenizer) or _COPIES.setdefault(tokenizer, _Copy(_copied(tokenizer)))
    with found.lock:
        for name in ("src_lang", "tgt_lang"):
            if hasattr(tokenizer, name):
                setattr(found.tokenizer, name, getattr(tokenizer, name))
        yield found.tokenizer


def _copied(tokenizer: Any) -> Any:
    """A tokenizer with attributes of its own; the vocabulary is the same, unless it lies beside the ends (in Rust)."""
    found = object.__new__(type(tokenizer))
    found.__dict__.update(tokenizer.__dict__)
    if tokenizer.is_fast:
        found._tokenizer = copy.deepcopy(tokenizer._tokenizer)
    return found
