"""The training of lab-translator: its vocabulary of two languages, what its loss sees, how its figures are counted."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from attnviz import shipped
from attnviz.training.translation.data import Batch, Pair
from attnviz.training.translation.transformer import card, data, train

PAIRS = [Pair("I like my dog, Tom.", "我喜欢我的狗，汤姆。", "x"), Pair("My dog likes me!", "我的狗喜欢我！", "y")] * 3
SMALL = train.Recipe(heads=2, layers=1, width=16, inner=24)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return data.build_tokenizer([pair.of(language) for pair in PAIRS for language in ("en", "zh")], 200)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return train.new_model(SMALL, 200).eval()


@pytest.mark.parametrize("text", ["I like my dog, Tom.", "我喜欢我的狗，汤姆。", "My dog likes me!", "我的狗Tom"])
def test_what_was_cut_comes_back(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_a_character_is_a_piece_and_a_first_word_is_the_word_that_stands_inside(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    assert tokenizer.tokenize("我喜欢") == ["我", "喜", "欢"]
    assert tokenizer.tokenize("dog") == tokenizer.tokenize("my dog")[-1:] == ["▁dog"]
    assert tokenizer.tokenize("狗,狗.") == ["狗", "，", "狗", "。"]  # marks are wide after a Chinese character
    assert tokenizer("狗")["input_ids"][-1] == data.END


def test_pairs_are_learnt_both_ways(tokenizer: PreTrainedTokenizerFast) -> None:
    zh, en = (tokenizer(PAIRS[0].of(language))["input_ids"] for language in ("zh", "en"))
    assert data.both_ways(PAIRS[:1], tokenizer) == [(zh, [data.PAD, *en]), (en, [data.PAD, *zh])]


def batch(source: list[int], target: list[int]) -> Batch:
    return Batch(torch.tensor([source]), torch.tensor([len(source)]), torch.tensor([target]))


def test_loss_is_transformers_own_and_padding_is_not_seen(network: torch.nn.Module) -> None:
    source, target = [7, 8, 9, data.END], [data.PAD, 11, 12, data.END]
    mine = train.loss(network, batch(source, target), 0.0)
    theirs = network(input_ids=torch.tensor([source]), labels=torch.tensor([target[1:]])).loss
    assert mine.item() == pytest.approx(theirs.item(), abs=1e-5)
    padded = train.loss(network, batch([*source, 0, 0], [*target, 0]), 0.0)
    assert padded.item() == pytest.approx(mine.item(), abs=1e-5)


def test_epochs_follow_each_other_without_end() -> None:
    pairs = [([5, 1], [0, 6, 1])] * 5
    lessons = train.lessons(train.Recipe(texts_a_step=2), pairs)
    sizes = [len(next(lessons).source) for _ in range(6)]
    assert sorted(sizes[:3]) == sorted(sizes[3:]) == [1, 2, 2]


def test_card_says_each_figure_beside_the_recurrent_translators() -> None:
    figures = {way: {"sentences": 9.0, **dict.fromkeys(card.NAMES, 12.34)} for way in card.WAYS}
    recipe = {"layers": 3, "heads": 4, "width": 160, "steps": 10, "texts_a_step": 64, "seconds": 5}
    text = card.card(figures, recipe, {"你好": "hello"}).text
    beside = shipped.figures("nmt-en-zh")
    assert f"| 12.34 | {beside['attention']['bleu']:.2f} | {beside['plain']['bleu']:.2f} |" in text
    assert "你好 → hello" in text and "640" in text
