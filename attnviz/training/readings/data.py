"""What teaches `lab-readings`: characters and letters, the joins of both readings of every stretch, and blanks.

All that is known of a token travels as one number, its label, through the packing that every lab model uses:
is it joined to the token before it, in reading 1 and in reading 2; does a stretch begin here or go on; does a word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from attnviz.text.lattice import Cut, Dictionary, cut, plain
from attnviz.text.segmentation import cases
from attnviz.training.batches import batches, blank
from attnviz.training.corpus import (
    BEGIN,
    HELD_OUT_ONE_IN,
    NO_MARK,
    SPECIALS,
    Marked,
    drawn,
    mark,
    sentences_of,
    with_specials,
)
from attnviz.training.packing import Rows
from attnviz.training.recipe import Recipe

HELD_OUT_FIVE_IN = HELD_OUT_ONE_IN  # a superset of what the other lab models hold out
LETTERS_MOST = 126
TWO = frozenset(  # else 'll', 'ma', 'ye'
    (
        *("to", "of", "he", "it", "is", "in", "be", "my", "we", "at", "me", "on", "do", "as", "no", "an", "so"),
        *("up", "by", "if", "go", "or", "am", "mr", "oh", "us"),
    )
)
ONE = frozenset("ai")
LEAST = {3: 6}  # occurrences that make a word of so many letters, 4 where longer
WORD = re.compile(r"(?<!['\u2019])\b[a-z]+\b")
UNMARKED = 2
JOINED, JOINED_TOO, INSIDE, OPENS, MADE = 4, 8, 16, 32, 64
MOST_STRETCHES = 768  # of one step; more than a step of 2,048 characters has seen


def is_held_out(sentence: str) -> bool:
    """Is this sentence kept from training? Five in 80, by its own hash: those of the lab models among them."""
    return drawn(sentence) < 5


def bare(text: str) -> str:
    """The characters that the tokenizer reads: lower case, no accents, no spaces.

    >>> bare("Now here")
    'nowhere'
    """
    return "".join(plain(character) for character in text if not character.isspace())


@cache
def forbidden() -> tuple[str, ...]:
    """What may stand in no training text: the sentences that the page shows, without closing marks."""
    return tuple(dict.fromkeys(bare(one.readings[0].text).rstrip("。.！!？?") for one in cases().values()))


def is_of_page(text: str) -> bool:
    """Does a text hold one of the page's sentences?"""
    plainly = bare(text)
    return any(one in plainly for one in forbidden())


def read(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sentences of a file that teach, and those that are held out."""
    kept = [sentence for sentence in sentences_of(path) if not is_of_page(sentence)]
    return tuple(x for x in kept if not is_held_out(x)), tuple(x for x in kept if is_held_out(x))


def english_words(sentences: Iterable[str]) -> dict[str, int]:
    """The words of the training text by count: short ones from a list, longer ones when they are not rare."""
    counts = Counter(word for sentence in sentences for word in WORD.findall(sentence.lower()))
    return {word: n for word, n in sorted(counts.items()) if _known(word, n)}


def _known(word: str, count: int) -> bool:
    """Is this a word, or an abbreviation, a name's letter, a slip?"""
    short = {1: ONE, 2: TWO}.get(len(word))
    return word in short if short is not None else count >= LEAST.get(len(word), 4)


def build_tokenizer(chinese: Sequence[str], english: Sequence[str]) -> PreTrainedTokenizerFast:
    """One token a character, in lower case and without accents; spaces are dropped. Rare characters are [UNK]."""
    counts = Counter(character for text in (*chinese, *english) for character in bare(text))
    known = [*SPECIALS, *sorted(c for c, n in counts.items() if n >= 2)]
    vocabulary = {piece: number for number, piece in enumerate(known)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("."), behavior="isolated")]
    )
    tokenizer.decoder = decoders.Fuse()
    return with_specials(tokenizer)


def joins(cut: Cut, side: int) -> np.ndarray:
    """Which characters of the text are joined to the one before them in one reading? `[character]`, 0 or 1."""
    joined = np.zeros(len(cut.text), dtype=np.int64)
    for start, end in cut.reading(side).units:
        joined[start + 1 : end] = 1
    return joined


def labels_of(cut: Cut) -> np.ndarray:
    """Both readings of a text as one number a character, `[character]`."""
    found: np.ndarray = JOINED * joins(cut, 0) + JOINED_TOO * joins(cut, 1)
    for one in cut.stretches:
        found[one.start : one.end] |= INSIDE
        found[one.start] |= OPENS
    return found


def taught(
    texts: Sequence[str], language: str, tokenizer: PreTrainedTokenizerFast, words: Dictionary, *, made: bool = False
) -> list[Marked]:
    """Texts as ids and labels; of made ones no character is blanked, and in English no word beginning is told."""
    fitting = [text for text in texts if 0 < len(bare(text)) <= LETTERS_MOST]
    offsets = tokenizer(fitting, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    marked = mark(fitting, language, tokenizer)
    found = []
    for text, one, spans in zip(fitting, marked, offsets, strict=True):
        at = np.array([start for start, _ in spans])
        marks = np.full_like(one.marks, UNMARKED) if made and language == "en" else one.marks
        found.append(Marked(one.ids, marks + labels_of(cut(text, words))[at] + (MADE if made else 0)))
    return found


@dataclass(frozen=True)
class Joins:
    """What the top layer's weights are asked for; all `[row, position]`.

    `joined` and `joined_too` say which tokens belong to the token before them, in reading 1 and 2; `stretch` numbers
    the stretches from 1 (0: outside); `asked` says where weights are asked for at all.
    """

    joined: np.ndarray
    joined_too: np.ndarray
    stretch: np.ndarray
    asked: np.ndarray


def opened(rows: Rows) -> tuple[Rows, Rows, Joins]:
    """Labels as what they hold: rows for the blanks, rows with all word marks, and the joins."""
    label = np.where(rows.marks == NO_MARK, UNMARKED, rows.marks)
    told = np.where(label % 4 == UNMARKED, NO_MARK, label % 4)
    able = np.where((rows.marks == NO_MARK) | (label & MADE > 0), NO_MARK, BEGIN)
    inside, opens = label & INSIDE > 0, label & OPENS > 0
    number = np.cumsum(opens.reshape(-1)).reshape(label.shape) * inside
    number = np.where(number < MOST_STRETCHES, number, 0)
    asked = (rows.marks != NO_MARK) & ((number > 0) | ~inside)
    found = Joins(label & JOINED > 0, label & JOINED_TOO > 0, number, asked)
    return replace(rows, marks=able), replace(rows, marks=told), found


def around(found: Joins, blanks: np.ndarray) -> Joins:
    """Ask for nothing near a blank: two characters on either side, and the whole of a stretch that touches one."""
    flat = np.zeros(found.asked.size, dtype=bool)
    flat[blanks] = True
    there = flat.reshape(found.asked.shape)
    touched = np.unique(found.stretch[_wider(there, 1)])
    bad = np.where(found.stretch > 0, np.isin(found.stretch, touched), _wider(there, 2))
    return replace(found, asked=found.asked & ~bad)


def _wider(places: np.ndarray, by: int) -> np.ndarray:
    """The places and those up to `by` before and after, within a row."""
    wide = places.copy()
    for step in range(1, by + 1):
        wide[:, step:] |= places[:, :-step]
        wide[:, :-step] |= places[:, step:]
    return wide


def blanked(
    languages: list[list[Marked]], recipe: Recipe, ids: dict[str, int], temperature: Iterable[float]
) -> Iterator[dict[str, Tensor]]:
    """Without end: batches by name, as the other lab models' (`batches.blanked`), with joins and a temperature."""
    rng = np.random.default_rng(recipe.seed)
    for rows, heat in zip(batches(languages, recipe, ids), temperature, strict=False):
        able, told, found = opened(rows)
        step = blank(able, recipe, ids, rng)
        arrays = {**asdict(step.rows), "marks": told.marks, "blanks": step.blanks, "targets": step.targets}
        arrays |= asdict(around(found, step.blanks))
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        yield {**tensors, "temperature": torch.tensor(heat)}
