"""Parts of a tokenizer of every kind that `tokenizers` has, with numbers and texts that nobody would write."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Part = Any
WORDS = st.sampled_from(["", " ", "a", "▁", "##", "[MASK]", "ab" * 40, "x" * 5_000, "\x00", "中", "\u0300"])
NUMBERS = st.sampled_from([0, 1, -1, 2, 7, 18, 300, 10**6, 2**31, 2**63, 10**30, 1.5, None, True, "1"])
SWITCHES = st.one_of(st.booleans(), st.booleans(), NUMBERS)
REGEXES = st.sampled_from(
    ["", "a", ".", "(a+)+$", "(a|a)*b", "(?=a)", "a*a*a*a*a*b", r"(\w+)\1", "[", r"\p{L}+", "(?<=x", r"(?:a?){40}a{40}",
     r"\s+(?!\S)|\s+", "^", "$", r"(?i)x", "(.*)*", "((((a))))", r"\b"]
)  # fmt: skip
PATTERNS = st.one_of(WORDS.map(lambda one: {"String": one}), REGEXES.map(lambda one: {"Regex": one}), WORDS)
BEHAVIOURS = st.sampled_from(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous", "x"])
SCHEMES = st.sampled_from(["always", "never", "first", "x"])


def _of(kind: str, **given: Any) -> Part:
    """A part of a kind, any of its fields left out."""
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=given)


def _listed(kind: str, name: str, inner: Part) -> Part:
    return st.fixed_dictionaries({"type": st.just(kind), name: st.lists(inner, max_size=4)})


REPLACE = st.fixed_dictionaries({"type": st.just("Replace"), "pattern": PATTERNS, "content": WORDS})
METASPACE = _of("Metaspace", replacement=WORDS, prepend_scheme=SCHEMES, split=SWITCHES, str_rep=WORDS,
                add_prefix_space=SWITCHES)  # fmt: skip
BYTES = _of("ByteLevel", add_prefix_space=SWITCHES, trim_offsets=SWITCHES, use_regex=SWITCHES)
NORMALIZERS = st.one_of(
    REPLACE, REPLACE, _of("Prepend", prepend=WORDS), _of("Strip", strip_left=SWITCHES, strip_right=SWITCHES),
    _of("BertNormalizer", clean_text=SWITCHES, handle_chinese_chars=SWITCHES, strip_accents=SWITCHES,
        lowercase=SWITCHES),
    _of("Precompiled", precompiled_charsmap=st.sampled_from(["", "AAAA", "BAAAAGEAYWE=", "////fw==", "x"])),
    st.sampled_from(["NFC", "NFKC", "NFD", "NFKD", "Lowercase", "Nmt", "StripAccents", "ByteLevel", "?"]).map(
        lambda kind: {"type": kind}),
)  # fmt: skip
SPLITS = st.one_of(
    st.fixed_dictionaries({"type": st.just("Split"), "pattern": PATTERNS, "behavior": BEHAVIOURS, "invert": SWITCHES}),
    METASPACE, BYTES, _of("CharDelimiterSplit", delimiter=WORDS), _of("Punctuation", behavior=BEHAVIOURS),
    _of("Digits", individual_digits=SWITCHES), _of("FixedLength", length=NUMBERS),
    st.sampled_from(["Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts"]).map(
        lambda kind: {"type": kind}),
)  # fmt: skip
DECODERS = st.one_of(
    REPLACE, METASPACE, BYTES, _of("WordPiece", prefix=WORDS, cleanup=SWITCHES), _of("BPEDecoder", suffix=WORDS),
    _of("CTC", pad_token=WORDS, word_delimiter_token=WORDS, cleanup=SWITCHES),
    _of("Strip", content=WORDS, start=NUMBERS, stop=NUMBERS), st.just({"type": "Fuse"}),
    st.just({"type": "ByteFallback"}),
)  # fmt: skip
PIECES = st.one_of(
    st.fixed_dictionaries({"SpecialToken": st.fixed_dictionaries({"id": WORDS, "type_id": NUMBERS})}),
    st.fixed_dictionaries({"Sequence": st.fixed_dictionaries({"id": st.sampled_from("ABC"), "type_id": NUMBERS})}),
)
MARKS = st.dictionaries(
    WORDS, st.fixed_dictionaries({"id": WORDS, "ids": st.lists(NUMBERS, max_size=3),
                                  "tokens": st.lists(WORDS, max_size=3)}), max_size=2,
)  # fmt: skip
PAIR = st.tuples(WORDS, NUMBERS).map(list)
AFTER = st.one_of(
    st.fixed_dictionaries({"type": st.just("TemplateProcessing"), "single": st.lists(PIECES, max_size=80),
                           "pair": st.lists(PIECES, max_size=5), "special_tokens": MARKS}),
    st.fixed_dictionaries({"type": st.just("BertProcessing"), "sep": PAIR, "cls": PAIR}),
    st.fixed_dictionaries({"type": st.just("RobertaProcessing"), "sep": PAIR, "cls": PAIR, "trim_offsets": SWITCHES,
                           "add_prefix_space": SWITCHES}), BYTES,
)  # fmt: skip
ADDED = st.fixed_dictionaries(
    {"id": NUMBERS, "content": WORDS},
    optional={"special": SWITCHES, "normalized": SWITCHES, "lstrip": SWITCHES, "rstrip": SWITCHES,
              "single_word": SWITCHES},
)  # fmt: skip
MODELS = st.fixed_dictionaries(
    {"type": st.sampled_from(["BPE", "WordPiece", "WordLevel", "Unigram", "x"])},
    optional={"vocab": st.one_of(st.dictionaries(WORDS, NUMBERS, max_size=5), st.lists(PAIR, max_size=5)),
              "merges": st.lists(st.one_of(st.lists(WORDS, max_size=3), WORDS), max_size=3), "unk_token": WORDS,
              "unk_id": NUMBERS, "continuing_subword_prefix": WORDS, "end_of_word_suffix": WORDS, "dropout": NUMBERS,
              "max_input_chars_per_word": NUMBERS, "byte_fallback": SWITCHES, "fuse_unk": SWITCHES,
              "ignore_merges": SWITCHES},
)  # fmt: skip


def each() -> list[Any]:
    """A strategy for each key of tokenizer.json: the key and what it says."""
    made = {
        "normalizer": st.one_of(NORMALIZERS, _listed("Sequence", "normalizers", NORMALIZERS)),
        "pre_tokenizer": st.one_of(SPLITS, _listed("Sequence", "pretokenizers", SPLITS)),
        "decoder": st.one_of(DECODERS, _listed("Sequence", "decoders", DECODERS)),
        "post_processor": st.one_of(AFTER, _listed("Sequence", "processors", AFTER)),
        "added_tokens": st.lists(ADDED, max_size=8),
        "model": MODELS,
        "truncation": st.fixed_dictionaries({"direction": st.sampled_from(["Left", "Right"]), "max_length": NUMBERS,
                                             "strategy": st.sampled_from(["LongestFirst", "x"]), "stride": NUMBERS}),
        "padding": st.fixed_dictionaries({"strategy": st.one_of(st.just("BatchLongest"), st.fixed_dictionaries(
            {"Fixed": NUMBERS})), "direction": st.just("Right"), "pad_to_multiple_of": NUMBERS, "pad_id": NUMBERS,
            "pad_type_id": NUMBERS, "pad_token": WORDS}),
    }  # fmt: skip
    return [st.tuples(st.just(key), value) for key, value in made.items()]
