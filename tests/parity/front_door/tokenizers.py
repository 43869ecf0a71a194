"""A small tokenizer for each type of model, as people's folders hold one: of its own class, or a tokenizer.json."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

TEXT, REPLY = "the cat sat on the mat because it was tired", "a cat sat"
WORDS = sorted({*TEXT.split(), *REPLY.split()})
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MERGES = [("t", "h"), ("th", "e"), ("c", "a"), ("s", "a")]
GENERIC = {"TokenizersBackend", "PreTrainedTokenizerFast"}
Pieces = dict[str, int]


def tokenizer_for(name: str, family: str, folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a type: its own class where transformers has one that needs no other package, else a plain one.

    `folder` takes the files that a class wants to read its vocabulary from.
    """
    own = OWN.get(name)
    if own is not None:
        return own(_class_of(name), folder)
    maker = _class_of(name)
    if (
        name == "roformer"
        or maker is None
        or maker.__name__ in GENERIC
        or not issubclass(maker, PreTrainedTokenizerFast)
    ):
        return _plain(family)
    return _of_class(maker)


def _class_of(name: str) -> Any:
    known = TOKENIZER_MAPPING_NAMES.get(name)
    return tokenizer_class_from_name(known) if known else None


def _of_class(maker: Any) -> PreTrainedTokenizerBase:
    """A tokenizer of a class on the tokenizers library: what it begins with by itself, and a few pieces."""
    if maker.__name__ == "PegasusTokenizer":  # cannot begin by itself
        return _made(maker, vocab=[(one, 0.0) for one in ("<pad>", "</s>", "<unk>", "<mask_2>")] + _scored())
    started = json.loads(maker()._tokenizer.to_str())["model"]
    if started["type"] == "Unigram":
        known = {piece for piece, _ in started["vocab"]}
        return _made(maker, vocab=[*map(tuple, started["vocab"]), *(one for one in _scored() if one[0] not in known)])
    start = sorted(started["vocab"], key=started["vocab"].get)
    if started["type"] == "WordPiece":
        return _made(maker, vocab=_numbered([*start, *_specials(maker), *_wordpieces()]))
    return _made(maker, vocab=_numbered([*start, *_specials(maker), *_byte_pairs()]), merges=_merges())


def _scored() -> list[tuple[str, float]]:
    return [(piece, -2.0) for piece in _unigrams()]


def _made(maker: Any, **given: Any) -> PreTrainedTokenizerBase:
    return cast("PreTrainedTokenizerBase", maker(**given))


def _specials(maker: Any) -> list[str]:
    """The special tokens that a class has unless told otherwise."""
    given = inspect.signature(maker.__init__).parameters.values()
    return [str(one.default) for one in given if one.name.endswith("_token") and isinstance(one.default, str)]


def _numbered(pieces: list[str]) -> Pieces:
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def _wordpieces() -> list[str]:
    return [*WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]


def _byte_pairs() -> list[str]:
    """Letters, and what stands for a space (GPT-2's, SentencePiece's) or for the end of a word (CLIP's)."""
    merged = ["".join(pair) for pair in MERGES]
    return [*LETTERS, "Ġ", "▁", *merged, *(f"{letter}</w>" for letter in LETTERS)]


def _merges() -> list[tuple[str, str]]:
    return list(MERGES)


def _unigrams() -> list[str]:
    return ["▁", *(f"▁{word}" for word in WORDS), *LETTERS]


def _plain(family: str) -> PreTrainedTokenizerBase:
    """A tokenizer.json alone: WordPiece of an encoder, bytes of a decoder, Unigram of an encoder-decoder."""
    if family == "text encoder":
        return _encoder()
    return _unigram() if family == "encoder-decoder" else _bytes()


def _encoder() -> PreTrainedTokenizerBase:
    vocab = _numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_wordpieces()])
    made = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = dict(
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
    )  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)


def _bytes() -> PreTrainedTokenizerBase:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = _numbered(["<pad>", "<s>", "</s>", *alphabet, *("".join(pair) for pair in MERGES)])
    made = Tokenizer(models.BPE(vocab=vocab, merges=MERGES))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>")


def _unigram() -> PreTrainedTokenizerBase:
    first = ["<s>", "<pad>", "</s>", "<unk>"]
    made = Tokenizer(models.Unigram([*((one, 0.0) for one in first), *((one, -2.0) for one in _unigrams())], unk_id=3))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    names = dict(bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)


def _sentencepiece(folder: Path, **ids: int) -> Path:
    """A SentencePiece model of the two texts."""
    import sentencepiece

    file = folder / "made.model"
    with file.open("wb") as written:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([TEXT, REPLY] * 4), model_writer=written, vocab_size=40, model_type="bpe",
            hard_vocab_limit=False, minloglevel=2, **ids,
        )  # fmt: skip
    return file


def _listed(folder: Path, name: str, vocab: Pieces) -> Path:
    """A vocabulary file: JSON, or a piece a line."""
    file = folder / name
    said = json.dumps(vocab) if name.endswith(".json") else "\n".join(vocab) + "\n"
    file.write_text(said, encoding="utf-8")
    return file


def _spm(maker: Any, folder: Path) -> PreTrainedTokenizerBase:
    return _made(maker, vocab_file=str(_sentencepiece(folder, pad_id=3)))


def _markup(maker: Any, _: Path) -> PreTrainedTokenizerBase:
    """MarkupLM's, which also wants to know every tag of HTML."""
    vocab = _numbered([*_specials(maker), *_byte_pairs()])
    return _made(maker, tags_dict={"html": 0, "p": 1}, vocab=vocab, merges=_merges())


def _spm_and_json(maker: Any, folder: Path) -> PreTrainedTokenizerBase:
    """M2M100's: pieces from SentencePiece, numbers from a list."""
    vocab = _numbered(["<s>", "<pad>", "</s>", "<unk>", "▁", *LETTERS, *_unigrams()])
    spm = str(_sentencepiece(folder))
    return _made(maker, vocab_file=str(_listed(folder, "made.json", vocab)), spm_file=spm)


def _marian(maker: Any, folder: Path) -> PreTrainedTokenizerBase:
    spm = str(_sentencepiece(folder))
    vocab = _numbered(["</s>", "<unk>", *_unigrams(), "<pad>"])
    return _made(maker, source_spm=spm, target_spm=spm, vocab=str(_listed(folder, "made.json", vocab)))


def _merged(maker: Any, folder: Path) -> PreTrainedTokenizerBase:
    """CTRL's and the small Blenderbot's: vocab.json with merges.txt, read in Python."""
    marked = [f"{letter}@@" for letter in LETTERS]
    pieces = ["<unk>", "__start__", "__end__", "__null__", "__unk__", *_byte_pairs(), *marked]
    vocab = _listed(folder, "made.json", _numbered(pieces))
    merges = folder / "merges.made"
    merges.write_text("#version: 0.2\nt h\nth e</w>\n", encoding="utf-8")
    return _made(maker, vocab_file=str(vocab), merges_file=str(merges))


def _lines(maker: Any, folder: Path) -> PreTrainedTokenizerBase:
    """A piece a line, read in Python: ESM's letters of amino acids, ProphetNet's and Tapas's WordPiece."""
    names = ["<cls>", "<pad>", "<eos>", "<unk>", "<mask>"] if maker.__name__ == "EsmTokenizer" else _specials(maker)
    pieces = [*LETTERS.upper()] if maker.__name__ == "EsmTokenizer" else _wordpieces()
    return _made(maker, vocab_file=str(_listed(folder, "made.txt", _numbered([*names, *pieces]))))


def _roc_bert(maker: Any, folder: Path) -> PreTrainedTokenizerBase:
    pieces = _numbered([*_specials(maker), *_wordpieces()])
    shapes, sounds = dict.fromkeys(pieces, 1), dict.fromkeys(pieces, 2)
    return _made(
        maker, vocab_file=str(_listed(folder, "made.txt", pieces)),
        word_shape_file=str(_listed(folder, "shape.json", shapes)),
        word_pronunciation_file=str(_listed(folder, "sound.json", sounds)),
    )  # fmt: skip


def _luke(maker: Any, folder: Path) -> PreTrainedTokenizerBase:
    entities = _numbered(["[PAD]", "[UNK]", "[MASK]", "[MASK2]"])
    vocab = _numbered([*_specials(maker)[:7], "<ent>", "<ent2>", *_byte_pairs()])
    return _made(maker, vocab=vocab, merges=_merges(), entity_vocab=entities)


def _alone(maker: Any, _: Path) -> PreTrainedTokenizerBase:
    """One that needs no vocabulary: characters, bytes."""
    return _made(maker)


OWN: dict[str, Callable[[Any, Path], PreTrainedTokenizerBase]] = {
    "bert-generation": _spm,
    "gpt-sw3": _spm,
    "siglip": _spm,
    "plbart": _spm,
    "m2m_100": _spm_and_json,
    "speech_to_text": _spm_and_json,
    "marian": _marian,
    "ctrl": _merged,
    "blenderbot-small": _merged,
    "esm": _lines,
    "prophetnet": _lines,
    "tapas": _lines,
    "roc_bert": _roc_bert,
    "luke": _luke,
    "markuplm": _markup,
    "canine": _alone,
    "perceiver": _alone,
    "byt5": _alone,
}
