"""Can a tokenizer make much of little? Asked of its files before it is built: what it does then cannot be stopped.

A normalizer that puts a thousand letters in place of one, three times over, took all memory and ended the process; a
template of a million marks, a prefix of ten million letters and as many marks of its own took longer than 15 seconds;
so did a filling of every text up to a hundred million tokens, and a prefix of a million letters before each piece of a
word.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attnviz.adapter.checks import said_in
from attnviz.adapter.tokenizers import CONFIG
from attnviz.errors import ModelError, first_line

GROWTH = 18  # characters in place of one: ﷺ in Unicode's NFKC, and no other has so many
MARKS = 64  # that are set around a text; known tokenizers set up to four
AFFIX = 64  # characters that are put before or behind each piece of a word; known ones have up to four
PIECE = 1_000  # characters of a piece of Unigram, each of which is looked for at every place; known ones have up to 64
WORD = 1_000  # characters of a word that WordPiece cuts, in time that grows with their cube: 100 everywhere
FILLED = 2**20  # tokens that a text is filled up to
OWN = 5_000  # special tokens beside the vocabulary; those of NLLB are 202, T5's 100
PIECES = (".model", ".spm")  # how a file of SentencePiece ends; tiktoken's lists of tokens end so too
TRIE = 4  # bytes before the table of SentencePiece's characters: how long it is
LISTS = ("additional_special_tokens", "extra_special_tokens")
MORE = re.compile(r"\)(?:[*+]|\{\d+,\})")  # a group that may come any number of times
INSIDE = re.compile(r"(?<!\\)(?:[*+]|\{\d+,\})")


def check_growth(name: str, folder: Path, whole: dict[str, Any]) -> None:
    """Does it stay in proportion to a text? Raises `ModelError` with the part that does not.

    `whole` is what tokenizer.json of the folder says, {} where there is none.
    """
    try:
        for part in _parts(folder, whole):
            if part:
                raise ModelError("tokenizer_multiplies", model=name, part=part)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError) as reason:
        raise ModelError("tokenizer_unreadable", model=name, reason=first_line(reason)) from reason


def _parts(folder: Path, whole: dict[str, Any]) -> Iterator[str]:
    """The parts that make much of little, "" for those that do not."""
    yield from (_changing(whole.get(part), part) for part in ("normalizer", "pre_tokenizer", "decoder"))
    if not whole:  # else tokenizer.json alone is read
        files = sorted(one for one in folder.iterdir() if one.suffix in PIECES)
        yield from (_of_pieces(one) for one in files)
    yield from (_framing(one) for one in _steps(whole.get("post_processor"), "processors"))
    yield _laid_out(whole.get("model"), whole.get("padding"))
    for file in (CONFIG, "special_tokens_map.json"):
        said = said_in(folder / file)
        yield from (key for key in LISTS if len(said.get(key) or ()) > OWN)
        yield "extra_ids" if _number(said.get("extra_ids")) > OWN else ""


def _laid_out(model: Any, padding: Any) -> str:
    """A vocabulary whose pieces, or a filling whose length, no text needs."""
    model, padding = (one if isinstance(one, dict) else {} for one in (model, padding))
    affixes = (model.get(name) for name in ("continuing_subword_prefix", "end_of_word_suffix"))
    longest = max((len(str(one[0])) for one in model.get("vocab") or () if isinstance(one, list) and one), default=0)
    if any(len(str(one or "")) > AFFIX for one in affixes) or longest > PIECE:
        return "model"
    if _number(model.get("max_input_chars_per_word")) > WORD:
        return "max_input_chars_per_word"
    fixed = padding["strategy"].get("Fixed") if isinstance(padding.get("strategy"), dict) else 0
    return "padding" if max(_number(fixed), _number(padding.get("pad_to_multiple_of"))) > FILLED else ""


def _changing(said: Any, part: str) -> str:
    """A part that rewrites a text, where all its steps together make more than `GROWTH` characters of one."""
    steps = list(_steps(said, "normalizers", "pretokenizers", "decoders"))
    together = 1.0
    for one in steps:
        together *= max(_grows(one), 1.0)
        if together > GROWTH or _hangs(one):
            return part
    return ""


def _steps(said: Any, *lists: str) -> Iterator[dict[str, Any]]:
    """The steps of a part, those of a sequence one after the other."""
    if not isinstance(said, dict):
        return
    inner = next((said[name] for name in lists if isinstance(said.get(name), list)), None)
    if inner is None:
        yield said
    for one in inner or ():
        yield from _steps(one, *lists)


def _grows(step: dict[str, Any]) -> float:
    """How many characters may a step make of one?"""
    if step.get("type") == "Replace":
        pattern = step.get("pattern") or {}
        least = len(pattern.get("String") or "") if "String" in pattern else 1
        return len(str(step.get("content", ""))) / least if least else float("inf")
    if step.get("type") == "Prepend":  # once a text, or once a word
        return float(len(str(step.get("prepend", ""))))
    if step.get("type") == "Precompiled":
        return max(map(len, _written(str(step.get("precompiled_charsmap") or "")))) / len("ﷺ".encode())
    return float(len(str(step.get("replacement", "")))) if step.get("type") == "Metaspace" else 1.0


def _of_pieces(file: Path) -> str:
    """The name of SentencePiece's own file where its table of characters or one of its pieces is; "" for another."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf has no types
    from sentencepiece import sentencepiece_model_pb2

    try:
        said = sentencepiece_model_pb2.ModelProto.FromString(file.read_bytes())  # type: ignore[attr-defined]  # made late
    except DecodeError:
        return ""
    if max((len(one.piece) for one in said.pieces), default=0) > PIECE:
        return file.name
    table = b64encode(said.normalizer_spec.precompiled_charsmap).decode()
    return _changing({"type": "Precompiled", "precompiled_charsmap": table}, file.name)


def _written(table: str) -> list[bytes]:
    """What SentencePiece's table of characters writes in place of some: behind its trie, each with a zero byte.

    Raises `ValueError` where the trie is longer than the table: memory is taken for as much as it says.
    """
    content = b64decode(table)
    end = TRIE + int.from_bytes(content[:TRIE], "little")
    if end > max(len(content), TRIE):
        raise ValueError(f"precompiled_charsmap: {len(content)} bytes, its trie alone says {end}")
    return content[end:].split(b"\0")


def _hangs(step: dict[str, Any]) -> bool:
    """Has a pattern something that repeats within something that repeats? It may take time that doubles by letter."""
    pattern = step.get("pattern")
    written = str(pattern.get("Regex") or "") if isinstance(pattern, dict) else ""
    for end in MORE.finditer(written):
        begin, depth = end.start(), 0
        while begin >= 0:
            depth += {")": 1, "(": -1}.get(written[begin], 0) if written[begin - 1 : begin] != "\\" else 0
            if not depth:
                break
            begin -= 1
        if INSIDE.search(written[begin + 1 : end.start()]):
            return True
    return False


def _framing(step: dict[str, Any]) -> str:
    """A template that sets many marks around a text."""
    ids = step.get("special_tokens") or {}
    each = {key: len(one.get("ids") or ()) for key, one in ids.items()} if isinstance(ids, dict) else {}
    for frame in ("single", "pair"):
        pieces = step.get(frame) or []
        pieces = pieces if isinstance(pieces, list) else []
        if len(pieces) > MARKS or sum(each.get((one.get("SpecialToken") or {}).get("id"), 1) for one in pieces) > MARKS:
            return "post_processor"
    return ""


def _number(said: Any) -> float:
    return float(said) if isinstance(said, (int, float)) else 0.0
