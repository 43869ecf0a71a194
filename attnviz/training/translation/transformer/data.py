"""The texts that lab-translator learns from: one vocabulary of both languages, and pairs both ways."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from attnviz.training.translation.data import Coded, Pair

NAME = "lab-translator"
SPECIALS = ("<pad>", "</s>", "<unk>")
PAD, END, UNKNOWN = range(3)
SPACE = "▁"
LONGEST = 128  # tokens of a text, as the tokenizer says


def build_tokenizer(sentences: Sequence[str], pieces: int) -> PreTrainedTokenizerFast:
    """Learn one vocabulary for both languages: a Chinese character is a piece, a Latin word one or several.

    Word pieces begin with the space before them (▁), the first word of a sentence too; `</s>` ends each text.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIALS[UNKNOWN], fuse_unk=False))
    tokenizer.normalizer = _normalizer()
    cut = Regex(rf"{SPACE}?[\p{{Latin}}\p{{M}}']+|{SPACE}?\d|{SPACE}?[^\p{{Latin}}\p{{M}}\d{SPACE}']|{SPACE}")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(SPACE, prepend_scheme="never", split=False),
            pre_tokenizers.Split(cut, "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    seen = Counter(c for one in sentences for c in tokenizer.normalizer.normalize_str(one))
    always = {SPACE, *string.digits, *string.punctuation, *string.ascii_letters}
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, initial_alphabet=sorted(always), min_frequency=2, special_tokens=list(SPECIALS),
        show_progress=False, limit_alphabet=len(always | {letter for letter, count in seen.items() if count > 1}),
    )  # fmt: skip
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[(SPECIALS[END], END)])
    names = dict(zip(("pad_token", "eos_token", "unk_token"), SPECIALS, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LONGEST, **names)


def _normalizer() -> normalizers.Normalizer:
    """One spelling for marks of one meaning, wide after a Chinese character, and a space before a first word."""
    wide = dict(zip(",!?:;.", "，！？：；。", strict=True))
    return normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex("[‘’`]"), "'"),
            normalizers.Replace("｡", "。"),
            normalizers.Replace(Regex(r"(?<=[\p{Han}，。？！])\s+|\s+(?=[\p{Han}，。？！])"), ""),
            *(normalizers.Replace(Regex(rf"(?<=\p{{Han}})[{narrow}]"), mark) for narrow, mark in wide.items()),
            normalizers.Strip(),
            normalizers.Replace(Regex(r"^(?=[\p{Latin}\d\"'])"), " "),
        ]
    )


def both_ways(pairs: Sequence[Pair], tokenizer: PreTrainedTokenizerFast) -> list[Coded]:
    """Each pair from Chinese to English and from English to Chinese: the source's language says which is asked for."""
    zh, en = (tokenizer([pair.of(language) for pair in pairs])["input_ids"] for language in ("zh", "en"))
    return [(a, [PAD, *b]) for first, second in ((zh, en), (en, zh)) for a, b in zip(first, second, strict=True)]
