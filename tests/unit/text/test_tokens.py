"""Texts that people type, cut by a WordPiece and by a byte-level tokenizer: every label readable, no text a crash."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from attnviz.errors import TextError
from attnviz.text.labels import piece_label, visible
from attnviz.text.tokens import _Scribe, clean, encode

RIVER = "南京市长江大桥"
FLAG = "🇨🇳"
FAMILY = "👩\u200d👩\u200d👧"
AWKWARD = [
    RIVER, "龘", "a\ud800b", "\udfff", "a\x07b\x00c", "e\u0301te\u0301", "שלום עולם", "مرحبا", FAMILY, FLAG,
    "<s>", "<script>alert('x')</script>", "[MASK]", "[CLS] [SEP] [PAD] [UNK]", "  the   cat  ", "a\nb\r\n\tc",
    "\u202eabc", "a\u3000b",
    "\ufeffa\u200bb\u00adc", "Å ﬁ ㎞ ½", "##ing", "x" * 300, "，。！？", "\u0301", "a\u2028b\u2029c", "𠮷野家", "0.5%",
]  # fmt: skip


def by_bytes(texts: list[str], size: int, **options: bool) -> PreTrainedTokenizerBase:
    """A byte-level tokenizer that learned its merges from `texts`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, **options)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def test_wordpiece_labels_are_the_characters_between_cls_and_sep(wordpiece: PreTrainedTokenizerBase) -> None:
    found = encode(RIVER, wordpiece, None)
    assert found.labels == ("[CLS]", *RIVER, "[SEP]")
    assert found.spans == (None, *((n, n + 1) for n in range(7)), None)
    assert found.special == (True, *[False] * 7, True)
    assert found.cut is None
    assert len(found.ids) == 9


def test_byte_pieces_of_a_chinese_character_are_numbered(byte_level: PreTrainedTokenizerBase) -> None:
    found = encode(RIVER, byte_level, None)
    assert found.labels == tuple(f"{character} {n}/3" for character in RIVER for n in (1, 2, 3))
    assert found.labels[9:12] == ("长 1/3", "长 2/3", "长 3/3")
    assert not any("\ufffd" in label or "é" in label for label in found.labels)
    assert found.spans[9:12] == ((3, 4),) * 3


def test_byte_piece_that_took_the_space_before_it_is_numbered_with_its_character() -> None:
    tokenizer = by_bytes([" 长", " 门", " 闪", " 镜"] * 2, 257)
    assert tokenizer.tokenize(" 长")[0] == "Ġé"
    assert encode("门 长", tokenizer, None).labels == ("门 1/3", "门 2/3", "门 3/3", "␣长 1/3", "长 2/3", "长 3/3")


def test_same_character_twice_is_numbered_apart(byte_level: PreTrainedTokenizerBase) -> None:
    assert encode("长长", byte_level, None).labels == ("长 1/3", "长 2/3", "长 3/3") * 2


@pytest.mark.parametrize("options", [{"trim_offsets": False}, {"trim_offsets": True}], ids=str)
def test_space_before_a_word_is_visible_in_byte_level_labels(options: dict[str, bool]) -> None:
    tokenizer = by_bytes(["the cat sat on the cat"] * 5, 300, **options)
    assert encode("the cat", tokenizer, None).labels == ("the", "␣cat")


def test_lines_tabs_and_wide_spaces_are_visible(byte_level: PreTrainedTokenizerBase) -> None:
    labels = encode("a\nb\tc\u3000d", byte_level, None).labels
    assert labels == ("a", "↵", "b", "⇥", "c", "␣ 1/3", "␣ 2/3", "␣ 3/3", "d")


def test_inner_pieces_of_a_word_keep_their_hashes(wordpiece: PreTrainedTokenizerBase) -> None:
    found = encode("catsat", wordpiece, None)
    assert found.labels[1] == "cats"[: len(found.labels[1])]
    assert all(label.startswith("##") for label in found.labels[2:-1])
    assert "".join(label.removeprefix("##") for label in found.labels[1:-1]) == "catsat"


def test_unknown_character_keeps_its_face(wordpiece: PreTrainedTokenizerBase) -> None:
    assert encode("南龘京", wordpiece, None).labels == ("[CLS]", "南", "[UNK:龘]", "京", "[SEP]")
    assert encode(FLAG, wordpiece, None).labels[1:-1] == ("[UNK:🇨]", "[UNK:🇳]")


def test_uppercase_and_accents_keep_the_face_that_was_typed(wordpiece: PreTrainedTokenizerBase) -> None:
    assert encode("The CÁT", wordpiece, None).labels == ("[CLS]", "The", "CÁT", "[SEP]")


def test_typed_mask_is_one_token_of_the_text(wordpiece: PreTrainedTokenizerBase) -> None:
    found = encode("南[MASK]市", wordpiece, None)
    assert found.labels == ("[CLS]", "南", "[MASK]", "市", "[SEP]")
    assert found.ids[2] == wordpiece.mask_token_id
    assert found.special == (True, False, False, False, True)
    assert found.spans[2] == (1, 7)


def test_typed_tags_stay_as_they_were_typed(byte_level: PreTrainedTokenizerBase) -> None:
    for text in ("<s>", "<script>alert(1)</script>", "&lt;b&gt;"):
        assert "".join(encode(text, byte_level, None).labels) == text


def test_lone_surrogate_becomes_a_replacement_and_a_pair_is_joined() -> None:
    assert clean("a\ud800b\udc00") == "a\ufffdb\ufffd"
    assert clean("\ud83d\ude00") == "😀"
    assert clean(RIVER + FAMILY) == RIVER + FAMILY


def test_control_and_turning_characters_are_shown_by_sign_or_number(byte_level: PreTrainedTokenizerBase) -> None:
    assert encode("\x07\x00a", byte_level, None).labels == ("␇", "␀", "a")
    assert encode("\u202ea", byte_level, None).labels == ("U+202E 1/3", "U+202E 2/3", "U+202E 3/3", "a")
    assert visible("a\u202eb\u2066c\x7f\u2028") == "aU+202EbU+2066cU+007FU+2028"


def test_joiner_shows_only_where_it_stands_alone() -> None:
    assert visible(FAMILY) == FAMILY
    assert visible("می\u200cخواهم") == "می\u200cخواهم"
    assert visible("\u200d") == "U+200D"


def test_lone_combining_mark_stands_on_a_circle(byte_level: PreTrainedTokenizerBase) -> None:
    assert encode("e\u0301", byte_level, None).labels == ("e", "◌\u0301 1/2", "◌\u0301 2/2")
    assert visible("e\u0301") == "e\u0301"


@pytest.mark.parametrize("text", AWKWARD, ids=ascii)
@pytest.mark.parametrize("which", ["wordpiece", "byte_level"])
def test_awkward_text_gives_readable_labels_or_one_sentence(
    text: str, which: str, request: pytest.FixtureRequest
) -> None:
    tokenizer = request.getfixturevalue(which)
    try:
        found = encode(text, tokenizer, None)
    except TextError as refusal:
        assert refusal.message == "text_nothing_left"
        assert which == "wordpiece"
        return
    assert len(found.ids) == len(found.labels) == len(found.spans) == len(found.special)
    kinds = [[unicodedata.category(character) for character in label] for label in found.labels]
    assert not {"Cc", "Zl", "Zp", "Cs"} & {kind for label in kinds for kind in label}
    assert all(set(label) - {"Cf", "Zs"} and not label[0].startswith("M") for label in kinds)
    assert not any("\u202e" in label for label in found.labels)
    assert ("\ufffd" in "".join(found.labels)) == ("\ufffd" in found.text)
    spans = [span for span in found.spans if span]
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(found.text) for start, end in spans)


@pytest.mark.parametrize("text", ["", " ", "\n\t \u3000", "\u00a0\u2003"])
def test_empty_or_blank_text_is_refused(text: str, wordpiece: PreTrainedTokenizerBase) -> None:
    with pytest.raises(TextError) as refusal:
        encode(text, wordpiece, None)
    assert refusal.value.message == "text_empty"


@pytest.mark.parametrize("text", ["\u200b", "\x00", "\u200d\ufeff"])
def test_text_of_which_the_tokenizer_keeps_nothing_is_refused(text: str, wordpiece: PreTrainedTokenizerBase) -> None:
    with pytest.raises(TextError) as refusal:
        encode(text, wordpiece, 64)
    assert refusal.value.message == "text_nothing_left"


def test_text_beyond_200_000_characters_is_refused(wordpiece: PreTrainedTokenizerBase) -> None:
    with pytest.raises(TextError) as refusal:
        encode("长" * 200_001, wordpiece, 64)
    assert refusal.value.values == {"characters": 200_001, "most": 200_000}


def test_long_text_is_read_as_far_as_the_limit_and_cut_says_how_far(wordpiece: PreTrainedTokenizerBase) -> None:
    found = encode("南京" * 2500, wordpiece, 64)
    assert len(found.ids) == 64
    assert found.cut == 62
    assert found.labels[-1] == "[SEP]"
    assert len(found.text) == 5000


def test_long_text_of_byte_pieces_is_cut_at_the_last_character_read(byte_level: PreTrainedTokenizerBase) -> None:
    found = encode("长" * 5000, byte_level, 62)
    assert len(found.ids) == 62
    assert found.cut == 21
    assert found.labels[-2:] == ("长 1/2", "长 2/2")


@pytest.mark.parametrize(("length", "cut"), [(61, None), (62, None), (63, 62)])
def test_cut_is_none_while_the_whole_text_is_read(
    length: int, cut: int | None, wordpiece: PreTrainedTokenizerBase
) -> None:
    assert encode("京" * length, wordpiece, 64).cut == cut
    assert encode("京" * length + "  ", wordpiece, 64).cut == cut


def test_5_000_characters_without_a_limit_are_all_read(wordpiece: PreTrainedTokenizerBase) -> None:
    found = encode("南京" * 2500, wordpiece, None)
    assert len(found.ids) == 5002
    assert found.cut is None


def test_predicted_piece_is_readable(wordpiece: PreTrainedTokenizerBase, byte_level: PreTrainedTokenizerBase) -> None:
    assert piece_label(wordpiece.convert_tokens_to_ids("长"), wordpiece) == "长"
    assert piece_label(wordpiece.mask_token_id, wordpiece) == "[MASK]"
    assert piece_label(byte_level.convert_tokens_to_ids("Ġcat"), byte_level) == "␣cat"
    assert piece_label(10_000, wordpiece) == "#10000"
    assert "\ufffd" not in "".join(piece_label(number, byte_level) for number in range(len(byte_level)))
    inner = next(piece for piece in sorted(wordpiece.get_vocab()) if piece.startswith("##"))
    assert piece_label(wordpiece.convert_tokens_to_ids(inner), wordpiece) == inner


def test_spelling_takes_time_in_proportion_to_the_tokens(wordpiece: PreTrainedTokenizerBase) -> None:
    ids = wordpiece("the cat sat", add_special_tokens=False)["input_ids"]

    def asked(count: int) -> int:
        """How many places of tokens are looked at while so many texts are spelt: list accesses, not seconds."""
        seen = 0

        class Counted(list):  # type: ignore[type-arg]
            def __iter__(self) -> Iterator[bool]:
                nonlocal seen
                seen += len(self)
                return super().__iter__()

        scribe = _Scribe(wordpiece, None)
        scribe.special = Counted()
        for number in ids * count:
            scribe.read(number)
        return seen

    assert asked(200) <= 10 * max(asked(20), 1)
