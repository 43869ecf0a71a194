"""Which sentences teach the lab models, which are held out, and how a sentence becomes tokens and word marks.

The public originals: Mozilla Common Voice sentence collections (github.com/common-voice/common-voice,
``server/data/zh-CN`` and ``server/data/en``), CC0 1.0, one sentence a line.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jieba
import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
HELD_OUT_ONE_IN = 80
LATIN_VOCABULARY = 4_000
FINAL_MARKS = "。.！!？?"
BEGIN, INSIDE, NO_MARK = 1, 0, -100
LONGEST = 256


@dataclass(frozen=True)
class Corpus:
    """Training and held-out sentences of one language (``"zh"`` or ``"en"``)."""

    language: str
    training: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class Marked:
    """One sentence as token ids and word marks, both `[token]`, without special tokens."""

    ids: np.ndarray
    marks: np.ndarray


def is_held_out(sentence: str) -> bool:
    """Is this sentence kept from training? One in 80, by its own hash, so a duplicate falls on the same side.

    >>> is_held_out("南京市长江大桥")
    False
    """
    return drawn(sentence) == 0


def drawn(sentence: str) -> int:
    """A number from 0 to 79 that hangs on the sentence alone: those of 0 are held out."""
    return int.from_bytes(hashlib.sha1(sentence.encode()).digest()[:4], "big") % HELD_OUT_ONE_IN


def read_corpus(path: Path, language: str) -> Corpus:
    """Read one sentence a line, drop repeats, and split off the held-out ones."""
    sentences = sentences_of(path)
    return Corpus(
        language,
        tuple(sentence for sentence in sentences if not is_held_out(sentence)),
        tuple(sentence for sentence in sentences if is_held_out(sentence)),
    )


def sentences_of(path: Path) -> list[str]:
    """The lines of a file that are not empty, each once."""
    lines = dict.fromkeys(line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def build_tokenizer(chinese: Sequence[str], english: Sequence[str]) -> PreTrainedTokenizerFast:
    """Make the lab tokenizer: WordPiece for Latin script, one token for every other character.

    The Latin pieces are learned from `english`; a character of `chinese` becomes a token when it occurs
    at least twice. Every character outside Latin letters and digits stands alone.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=64))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.BertPreTokenizer(),
            pre_tokenizers.Split(Regex(r"[^\p{Latin}\p{Nd}]"), behavior="isolated"),
        ]
    )
    trainer = trainers.WordPieceTrainer(vocab_size=LATIN_VOCABULARY, special_tokens=list(SPECIALS), show_progress=False)
    tokenizer.train_from_iterator(english, trainer)
    counts = Counter(character for sentence in chinese for character in sentence.lower())
    latin = set(tokenizer.get_vocab()) - set(SPECIALS)
    single = {c for c, n in counts.items() if n >= 2 and not c.isspace()} - latin
    known = [*SPECIALS, *sorted(latin), *sorted(single)]  # sorted: the trainer numbers equal counts as it happens
    vocabulary = {piece: number for number, piece in enumerate(known)}
    tokenizer.model = models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=64)
    tokenizer.decoder = decoders.WordPiece()
    return with_specials(tokenizer)


def with_specials(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers' own, [CLS] and [SEP] put around a text; its vocabulary has `SPECIALS`."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIALS, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LONGEST, **names)


def word_starts(sentence: str, language: str) -> set[int]:
    """At which character offsets does a word begin? Chinese by jieba, English by spaces and punctuation.

    >>> sorted(word_starts("南京市长江大桥", "zh"))
    [0, 3]
    """
    if language == "zh":
        lengths = [len(word) for word in jieba.cut(sentence)]
        return set(np.cumsum([0, *lengths[:-1]]).tolist())
    return {match.start() for match in re.finditer(r"\w+|[^\w\s]", sentence)}


def mark(sentences: Iterable[str], language: str, tokenizer: PreTrainedTokenizerFast) -> list[Marked]:
    """Encode sentences and mark each token as the beginning or the inside of a word."""
    chosen = list(sentences)
    encoded = tokenizer(chosen, add_special_tokens=False, return_offsets_mapping=True)
    marked = []
    for sentence, ids, offsets in zip(chosen, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        starts = word_starts(sentence, language)
        marks = [BEGIN if start in starts else INSIDE for start, _ in offsets]
        marked.append(Marked(np.array(ids, dtype=np.int64), np.array(marks, dtype=np.int64)))
    return [item for item in marked if 0 < len(item.ids) <= LONGEST - 2]


def without_final_mark(item: Marked, finals: frozenset[int]) -> Marked:
    """The sentence less its closing punctuation, so that a text without one is not strange to the model."""
    if len(item.ids) > 1 and int(item.ids[-1]) in finals:
        return Marked(item.ids[:-1], item.marks[:-1])
    return item


def join(items: Sequence[Marked]) -> Marked:
    """Several sentences as one running text."""
    return Marked(np.concatenate([i.ids for i in items]), np.concatenate([i.marks for i in items]))


def read_data(zh: Path, en: Path) -> tuple[PreTrainedTokenizerFast, list[list[Marked]]]:
    """The tokenizer, and the training sentences of both languages as it cuts them."""
    chinese, english = read_corpus(zh, "zh"), read_corpus(en, "en")
    tokenizer = build_tokenizer(chinese.training, english.training)
    return tokenizer, [mark(corpus.training, corpus.language, tokenizer) for corpus in (chinese, english)]


def ask_for_sentences(parser: argparse.ArgumentParser) -> None:
    """Let a command ask for the two files of sentences."""
    parser.add_argument("--zh", type=Path, required=True, help="Chinese sentences, one a line")
    parser.add_argument("--en", type=Path, required=True, help="English sentences, one a line")
