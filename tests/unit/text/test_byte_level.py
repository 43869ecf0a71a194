"""Byte-level, SentencePiece-like and slow tokenizers: no broken glyph anywhere, no special token twice or gone."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from attnviz.errors import TextError
from attnviz.text.labels import label, piece_label
from attnviz.text.tokens import Encoded, encode, written

RIVER = "南京市长江大桥"
SENTENCES = ["南京市的大桥", "大江", "京市", "the cat sat on the mat", "the cats sat on the mats"] * 4


@pytest.fixture(scope="module")
def bytes_bpe() -> PreTrainedTokenizerBase:
    """A byte-level BPE like Qwen's, learned from a little Chinese and English: 南京市 is one token, 长 is three."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"],
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


@pytest.fixture(scope="module")
def unigram() -> PreTrainedTokenizerBase:
    """A SentencePiece-like tokenizer that adds <s> and </s> by itself, as XLM-R's does, with single bytes at hand."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    special = ["<unk>", "<s>", "</s>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_tokens(["<0xE9>", "<0x95>", "<0xBF>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", mask_token="<mask>"
    )


def clean(*labels: str) -> bool:
    """Is every label readable: not empty, no U+FFFD, no letter that stands for a byte?"""
    return all(label and not set(label) & set("\ufffdéåäæçèĠġĢķĸĹ¿▁") for label in labels)


def test_the_river_sentence_shows_without_a_broken_glyph(bytes_bpe: PreTrainedTokenizerBase) -> None:
    found = encode(RIVER, bytes_bpe, None)
    assert "长 1/3 长 2/3 长 3/3" in " ".join(found.labels)
    assert clean(*found.labels)
    assert found.labels[0] == "南京市"
    assert {RIVER[slice(*span)] for span in found.spans} >= {"南京市", "长", "江"}
    assert [name.split(" ")[0] for name in found.labels if not name.endswith(("2/2", "2/3", "3/3"))] == [
        "南京市", "长", "江", "大桥"
    ]  # fmt: skip


def test_the_ids_alone_give_the_same_labels_spans_and_text(
    bytes_bpe: PreTrainedTokenizerBase, byte_level: PreTrainedTokenizerBase, wordpiece: PreTrainedTokenizerBase,
    unigram: PreTrainedTokenizerBase,
) -> None:  # fmt: skip
    for tokenizer in (bytes_bpe, byte_level, wordpiece, unigram):
        for text in ("南京市", "the cat sat", "大桥 the cat", "the mats"):
            if tokenizer is wordpiece and " " in text and text[0] == "大":
                continue  # WordPiece keeps no spaces: those around Chinese are lost
            known, spelt = encode(text, tokenizer, None), written(encode(text, tokenizer, None).ids, tokenizer)
            assert spelt.labels == known.labels
            assert spelt.text == text
            faces = [[e.text[slice(*s)].strip() if s else None for s in e.spans] for e in (known, spelt)]
            assert faces[0] == faces[1]


def test_an_answer_goes_on_in_the_middle_of_the_prompts_last_word(bytes_bpe: PreTrainedTokenizerBase) -> None:
    whole = encode("大桥 the cats 长", bytes_bpe, None)
    for cut in (1, 3, len(whole.ids) - 2):
        prompt = written(whole.ids[:cut], bytes_bpe)
        if not prompt.spans[-1]:
            continue
        after = written(whole.ids[cut:], bytes_bpe, after=prompt)
        assert (after.text, after.ids, after.labels) == (whole.text, whole.ids, whole.labels)


def test_sentencepiece_words_of_an_answer_keep_the_space_before_them(unigram: PreTrainedTokenizerBase) -> None:
    prompt = encode("the cat", unigram, None)
    answer = encode("sat on", unigram, None)
    after = written([n for n, added in zip(answer.ids, answer.special, strict=True) if not added], unigram, prompt)
    assert after.text == "the cat sat on"
    assert after.labels[: len(prompt.ids)] == prompt.labels


def test_words_of_wordpiece_are_parted_where_their_script_has_spaces() -> None:
    vocabulary = {name: number for number, name in enumerate(["[UNK]", "나는", "학생", "a", "cat", "##s", "南", "京"])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece()
    found = written(range(1, 8), PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]"))
    assert found.text == "나는 학생 a cats南京"
    assert found.labels == ("나는", "학생", "a", "cat", "##s", "南", "京")


def test_a_character_that_is_not_whole_yet_shows_its_bytes_and_spells_nothing(
    byte_level: PreTrainedTokenizerBase,
) -> None:
    ids = encode("京长", byte_level, None).ids
    found = written(ids[:-1], byte_level)
    assert found.text == "京"
    assert found.labels == ("京 1/3", "京 2/3", "京 3/3", "‹E9›", "‹95›")
    assert found.spans[3:] == (None, None)


def test_bytes_that_never_become_a_character_show_their_numbers(byte_level: PreTrainedTokenizerBase) -> None:
    ids = (*encode("长", byte_level, None).ids[:2], *encode("cat", byte_level, None).ids)
    found = written(ids, byte_level)
    assert found.labels[:2] == ("‹E9›", "‹95›")
    assert "".join(found.labels[2:]) == "cat"
    assert found.text == "\ufffdcat"
    assert [found.text[slice(*span)] for span in found.spans[2:]] == list(found.labels[2:])


def test_a_piece_with_bytes_of_two_characters_names_both_and_numbers_what_is_shared(
    bytes_bpe: PreTrainedTokenizerBase,
) -> None:
    found = encode("大桥", bytes_bpe, None)
    assert [len(piece) for piece in bytes_bpe.convert_ids_to_tokens(list(found.ids))] == [4, 2]
    assert found.labels == ("大桥 1/2", "桥 2/2")
    assert found.spans == ((0, 2), (1, 2))
    assert written(found.ids, bytes_bpe) == found


def test_a_piece_may_end_one_character_and_begin_the_next(byte_level: PreTrainedTokenizerBase) -> None:
    ids = encode("长", byte_level, None).ids
    assert label("长江", ids, [(0, 1), (0, 2), (1, 2)], byte_level) == ("长 1/2", "长 2/2 江 1/2", "江 2/2")


@pytest.mark.parametrize("which", ["bytes_bpe", "byte_level", "unigram", "wordpiece"])
def test_no_entry_of_the_vocabulary_has_a_broken_label(which: str, request: pytest.FixtureRequest) -> None:
    tokenizer = request.getfixturevalue(which)
    assert clean(*(piece_label(number, tokenizer) for number in range(len(tokenizer))))


def test_predicted_bytes_are_shown_by_their_numbers(
    byte_level: PreTrainedTokenizerBase, bytes_bpe: PreTrainedTokenizerBase, unigram: PreTrainedTokenizerBase
) -> None:
    first, second, third = encode("长", byte_level, None).ids
    assert [piece_label(number, byte_level) for number in (first, second, third)] == ["‹E9›", "‹95›", "‹BF›"]
    assert piece_label(unigram.convert_tokens_to_ids("<0xE9>"), unigram) == "‹E9›"
    assert piece_label(bytes_bpe.convert_tokens_to_ids("Ġ"), bytes_bpe) == "␣"
    assert piece_label(unigram.convert_tokens_to_ids("▁cat"), unigram) == "␣cat"
    assert piece_label(unigram.convert_tokens_to_ids("▁"), unigram) == "␣"
    bad = Tokenizer(models.BPE({"ï": 0, "¿": 1, "½": 2, "ï¿": 3, "ï¿½": 4}, [("ï", "¿"), ("ï¿", "½")]))
    bad.decoder = decoders.ByteLevel()
    assert piece_label(4, PreTrainedTokenizerFast(tokenizer_object=bad)) == "‹EF BF BD›"


def test_a_space_that_was_not_typed_stands_for_no_character(unigram: PreTrainedTokenizerBase) -> None:
    found = encode("长 the", unigram, None)
    assert found.labels[:3] == ("<s>", "␣", "[UNK:长]")
    assert found.spans[:3] == (None, None, (0, 1))


# special tokens


def once(found: Encoded, name: str) -> int:
    return found.labels.count(name)


@pytest.mark.parametrize("text", ["the cat", "<s>the cat", "the cat</s>", "<s> the cat </s>", "  <s>the cat</s> "])
def test_special_tokens_stand_once_whether_typed_or_not(text: str, unigram: PreTrainedTokenizerBase) -> None:
    found = encode(text, unigram, None)
    assert (once(found, "<s>"), once(found, "</s>")) == (1, 1)
    assert (found.labels[0], found.labels[-1]) == ("<s>", "</s>")
    assert found.special == (True, *[False] * (len(found.ids) - 2), True)
    assert "".join(found.labels[1:-1]).replace("␣", "") == "thecat"


def test_special_tokens_typed_inside_the_text_stay_there(unigram: PreTrainedTokenizerBase) -> None:
    found = encode("the <s> cat", unigram, None)
    assert once(found, "<s>") == 2
    inner = found.labels.index("<s>", 1)
    assert found.spans[inner] == (4, 7) and not found.special[inner]


def test_classic_marks_typed_around_a_text_are_not_doubled(wordpiece: PreTrainedTokenizerBase) -> None:
    found = encode("[CLS] 南京 [SEP]", wordpiece, None)
    assert found.labels == ("[CLS]", "南", "京", "[SEP]")
    assert found.special == (True, False, False, True)
    with pytest.raises(TextError) as refusal:
        encode("[CLS]", wordpiece, None)
    assert refusal.value.message == "text_nothing_left"


def test_an_unknown_first_character_is_no_doubled_special_token() -> None:
    tokenizer = Tokenizer(models.WordLevel({"<|end|>": 0, "猫": 1}, unk_token="<|end|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 0)])
    one_for_all = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<|end|>", bos_token="<|end|>")
    assert encode("龘猫", one_for_all, None).labels == ("<|end|>", "[UNK:龘]", "猫")


def test_specials_that_a_model_wrote_keep_their_names_and_spell_nothing(unigram: PreTrainedTokenizerBase) -> None:
    ids = encode("the cat", unigram, None).ids
    found = written(ids, unigram)
    assert (found.labels[0], found.labels[-1], found.text) == ("<s>", "</s>", "the cat")
    assert found.spans[0] is found.spans[-1] is None


# tokenizers that give no account of characters


def test_tokenizer_without_offsets_gives_spans_where_its_text_is_the_typed_one() -> None:
    slow = ByT5Tokenizer()
    assert not slow.is_fast
    found = encode("长江 a", slow, None)
    assert found.labels == ("长 1/3", "长 2/3", "长 3/3", "江 1/3", "江 2/3", "江 3/3", "␣", "a", "</s>")
    assert found.spans == (*[(0, 1)] * 3, *[(1, 2)] * 3, None, (3, 4), None)
    assert encode("长" * 60, slow, 31).cut == 10


class Changing(ByT5Tokenizer):
    """A slow tokenizer that does not keep the text as it was typed."""

    def _tokenize(self, text: str, **_: object) -> list[str]:
        return super()._tokenize(text.lower().replace("!", ""))


def test_tokenizer_without_offsets_that_changes_the_text_gives_its_pieces() -> None:
    found = encode("A长", Changing(), None)
    assert found.labels == ("a", "‹E9›", "‹95›", "‹BF›", "</s>")
    assert found.spans == (None,) * 5
    assert encode("a!b", Changing(), None).spans == (None,) * 3
    assert encode("A" * 60, Changing(), 31).cut == 30
