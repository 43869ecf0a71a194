"""Tokens taken together as characters and words, and their weights: against plain loops and known cuts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from attnviz.axes.units import Units, averaged, pooled
from attnviz.text.tokens import Encoded, encode
from attnviz.text.units import UNITS, Unit, groups, words_in


def made(text: str, *pieces: str | tuple[int, int] | None, labels: Sequence[str] | None = None) -> Encoded:
    """`text` as these pieces: character ranges, strings found one after another, or None for a special token."""
    spans, at = list[tuple[int, int] | None](), 0
    for piece in pieces:
        if isinstance(piece, str):
            start = text.index(piece, at)
            spans.append((start, start + len(piece)))
            at = start + len(piece)
        else:
            spans.append(piece)
    names = labels or [text[slice(*span)] if span else "[SEP]" for span in spans]
    special = tuple(span is None for span in spans)
    return Encoded(text, tuple(range(len(spans))), tuple(names), tuple(spans), special, None)


def test_by_token_every_token_is_itself() -> None:
    encoded = made("a b", None, "a", "b", None)
    assert groups(encoded, "token") == Units((0, 1, 2, 3), ("[SEP]", "a", "b", "[SEP]"), (True, False, False, True))


def test_byte_pieces_of_one_character_are_one_character_and_one_word() -> None:
    labels = ("长 1/3", "长 2/3", "长 3/3", "江")
    encoded = made("长江", (0, 1), (0, 1), (0, 1), (1, 2), labels=labels)
    assert groups(encoded, "character") == Units((0, 0, 0, 1), ("长", "江"), (False, False))
    assert groups(encoded, "word") == Units((0, 0, 0, 0), ("长江",), (False,))


def test_a_token_that_shares_a_byte_piece_joins_its_character() -> None:
    encoded = made("长江", (0, 1), (0, 2))
    assert groups(encoded, "character").of == (0, 0)
    assert groups(encoded, "character").labels == ("长江",)


def test_a_space_before_a_token_joins_it_to_nothing() -> None:
    encoded = made("a b", (0, 2), (1, 3), labels=("a␣", "␣b"))  # both claim the space
    assert groups(encoded, "character").of == (0, 1)
    assert groups(encoded, "word").labels == ("a", "b")


def test_longer_tokens_stay_whole_by_character_and_keep_their_labels() -> None:
    encoded = made("unable", "un", "able", labels=("un", "##able"))
    assert groups(encoded, "character").labels == ("un", "##able")


def test_chinese_words_are_those_of_jieba() -> None:
    encoded = made("我来到北京清华大学", None, *"我来到北京清华大学", None)
    assert groups(encoded, "word").labels == ("[SEP]", "我", "来到", "北京", "清华大学", "[SEP]")
    assert groups(encoded, "word").special == (True, False, False, False, False, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't stop", ["don't", "stop"]),
        ("the dogs' bowl", ["the", "dogs", "bowl"]),
        ("it’s 3.14, or 1,000.", ["it’s", "3.14", "or", "1,000"]),
        ("用GPT-2写诗", ["用", "GPT", "2", "写诗"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("한국어를 배운다", ["한국어를", "배운다"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("cafe\u0301!", ["cafe\u0301"]),
        ("👍🏽 ok ❤️", ["ok"]),
        ("snake_case", ["snake_case"]),
    ],
)
def test_words_end_at_spaces_and_punctuation(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in words_in(text)] == words


def test_wordpieces_of_a_word_are_one_and_punctuation_stands_alone() -> None:
    encoded = made("unbelievable, don't", None, "un", "believ", "able", ",", "don", "'", "t", None)
    assert groups(encoded, "word").labels == ("[SEP]", "unbelievable", ",", "don't", "[SEP]")
    assert groups(encoded, "word").of == (0, 1, 1, 1, 2, 3, 3, 3, 4)


def test_an_emoji_in_byte_pieces_is_one_unit_that_is_in_no_word() -> None:
    encoded = made("hi👍", "hi", (2, 3), (2, 3), (2, 3))
    assert groups(encoded, "word") == Units((0, 1, 1, 1), ("hi", "👍"), (False, False))


def test_a_token_across_two_words_goes_to_the_one_it_shares_most_with() -> None:
    assert groups(made("来到北京", (0, 3), (3, 4)), "word").of == (0, 1)
    assert groups(made("我来到", (0, 1), (1, 3)), "word").of == (0, 1)
    assert groups(made("清华大学里", (0, 3), (3, 5)), "word").of == (0, 0)  # 大学|里: of equals the first, 清华大学


def test_a_blank_and_an_unknown_token_show_themselves_in_their_unit() -> None:
    blanked = made("unable", "un", "able", labels=("[MASK]", "##able"))
    assert groups(blanked, "word").labels == ("[MASK]able",)
    assert groups(made("A", "A", labels=("[MASK]",)), "word").labels == ("[MASK]",)
    assert groups(made("龘", "龘", labels=("[UNK:龘]",)), "word").labels == ("[UNK:龘]",)


def test_white_space_tokens_keep_their_marks() -> None:
    encoded = made("a \n", "a", " ", "\n", labels=("a", "␣", "↵"))
    assert groups(encoded, "word").labels == ("a", "␣", "↵")


def test_tokens_without_characters_stand_alone() -> None:
    encoded = Encoded("ab", (1, 2, 3), ("x", "y", "z"), (None, None, None), (False,) * 3, None)
    for by in UNITS:
        assert groups(encoded, by) == Units((0, 1, 2), ("x", "y", "z"), (False,) * 3)


@pytest.mark.parametrize("by", ["character", "word"])
@pytest.mark.parametrize("text", ["南京市长江大桥 was tired", "the cat’s mat 龘", "a\n\n猫  it 🧑‍🚀!"])
def test_units_of_real_tokenizers_are_runs_of_tokens_without_marks_of_pieces(
    by: Unit, text: str, byte_level: PreTrainedTokenizerBase, wordpiece: PreTrainedTokenizerBase
) -> None:
    for tokenizer in (byte_level, wordpiece):
        units = groups(encode(text, tokenizer, None), by)
        assert units.firsts == sorted(units.firsts)
        assert all(tokens == list(range(tokens[0], tokens[-1] + 1)) for tokens in units.places)
        assert not any("\ufffd" in label or label.endswith("/3") for label in units.labels)


def test_characters_of_a_byte_level_text_are_its_characters(byte_level: PreTrainedTokenizerBase) -> None:
    assert groups(encode("南京市", byte_level, None), "character").labels == ("南", "京", "市")


def plainly(weights: list[list[float]], queries: Units, keys: Units) -> list[list[float]]:
    """`pooled` in loops."""
    return [
        [sum(sum(weights[q][k] for k in columns) for q in rows) / len(rows) for columns in keys.places]
        for rows in queries.places
    ]


def split(count: int, parts: Sequence[int]) -> Units:
    """`count` tokens in units, a new one where `parts` says so."""
    of = []
    for place in range(count):
        of.append(0 if not of else of[-1] + parts[place % len(parts)])
    return Units(tuple(of), tuple(f"u{n}" for n in range(of[-1] + 1)), (False,) * (of[-1] + 1))


@given(
    st.integers(1, 9), st.integers(1, 9), st.lists(st.integers(0, 1), min_size=1, max_size=9),
    st.lists(st.integers(0, 1), min_size=1, max_size=9), st.integers(0, 99),
)  # fmt: skip
def test_rows_stay_stochastic_and_agree_with_plain_loops(
    queries: int, keys: int, down: list[int], across: list[int], seed: int
) -> None:
    weights = torch.softmax(3 * torch.randn(2, queries, keys, generator=torch.Generator().manual_seed(seed)), -1)
    before, rows, columns = weights.clone(), split(queries, down), split(keys, across)
    found = pooled(weights, rows, columns)
    assert torch.equal(weights, before)
    assert found.shape == (2, len(rows.labels), len(columns.labels))
    torch.testing.assert_close(found.sum(-1), torch.ones(2, len(rows.labels)), atol=1e-6, rtol=0)  # worst seen 2e-7
    for head in range(2):
        expected = torch.tensor(plainly(weights[head].tolist(), rows, columns))
        torch.testing.assert_close(found[head], expected, atol=1e-6, rtol=0)


def test_units_are_not_allowed_only_where_all_their_cells_are() -> None:
    weights = torch.tensor([[1.0, torch.nan, torch.nan], [0.5, 0.5, torch.nan], [0.2, 0.3, 0.5]])
    units = Units((0, 1, 1), ("a", "b"), (False, False))
    found = pooled(weights, units, units)
    torch.testing.assert_close(found, torch.tensor([[1.0, torch.nan], [0.35, 0.65]]), equal_nan=True)


def test_a_number_of_each_query_is_averaged() -> None:
    units = Units((0, 1, 1), ("a", "b"), (False, False))
    torch.testing.assert_close(averaged(torch.tensor([1.0, 2.0, 4.0]), units), torch.tensor([1.0, 3.0]))


def test_jieba_is_read_only_for_chinese_and_says_nothing() -> None:
    code = (
        "import sys, attnviz.figures; from attnviz.text.units import words_in;"
        "words_in('plain words'); assert 'jieba' not in sys.modules; words_in('长江'); assert 'jieba' in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == ran.stderr == ""


@pytest.mark.parametrize(
    ("text", "by", "wanted"),
    [
        ("👨‍👩‍👧‍👦", "character", 1), ("e\u0301", "character", 1), ("🇨🇳", "character", 1), ("👨‍👩‍👧‍👦", "word", 1),
        ("1️⃣2️⃣", "word", 2),
        ("नमस्ते", "word", 1), ("नमस्ते", "character", 3), ("1️⃣2️⃣", "character", 2), ("👩🏽‍🚀🧑‍🔬", "character", 2),
        ("👍🏽👍🏿", "word", 2), ("\u1100\u1161\u11a8", "character", 1), ("ที่นี่", "character", 2), ("க்ஷ", "word", 1),
        ("a\r\nb", "character", 3), ("e\u0301\u0323\u0302", "character", 1), ("❤️☎︎", "character", 2),
        ("نص abc", "word", 3),
        ("🇨🇳🇩🇪", "character", 2), ("\u0301", "character", 1), ("\u0301a", "character", 2),
    ],
)  # fmt: skip
def test_what_people_see_as_one_is_one_and_has_no_circle_that_was_not_typed(
    text: str, by: Unit, wanted: int, byte_level: PreTrainedTokenizerBase
) -> None:
    units = groups(encode(text, byte_level, None), by)
    if text == "نص abc":  # the space is a token of its own or goes with the word after it
        wanted -= "␣" not in units.labels
    assert len(units.labels) == wanted
    assert not any("◌" in label for label in units.labels)


def test_scripts_that_import_it_from_where_it_stood_go_on_working() -> None:
    import attnviz.units as before

    assert before.groups is groups and before.UNITS is UNITS
