"""The training of lab-gpt: what each token must tell, what it may see, and how its figures are counted."""

from __future__ import annotations

import math

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from attnviz import load
from attnviz.training import next_token, sentences
from attnviz.training.gpt import card as gpt_card
from attnviz.training.gpt import train as gpt
from attnviz.training.packing import Rows
from attnviz.training.recipe import Recipe

ROWS = Rows(
    ids=np.array([[2, 7, 8, 3, 2, 9, 3, 0]]), positions=np.array([[0, 1, 2, 3, 0, 1, 2, 0]]),
    text=np.array([[1, 1, 1, 1, 2, 2, 2, 0]]), marks=np.zeros((1, 8), dtype=np.int64),
)  # fmt: skip
SMALL = Recipe(heads=2, layers=1, width=16, inner=24)


def batch(rows: Rows) -> dict[str, torch.Tensor]:
    arrays = {"ids": rows.ids, "positions": rows.positions, "text": rows.text, "targets": sentences.targets(rows)}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def test_each_token_must_tell_the_next_of_its_own_text() -> None:
    assert sentences.targets(ROWS).tolist() == [[7, 8, 3, -100, 9, 3, -100, -100]]


def test_loss_knows_neither_what_follows_nor_the_other_text(wordpiece: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    model = gpt.new_model(SMALL, wordpiece)
    whole = batch(ROWS)
    first = {**whole, "targets": torch.where(torch.arange(8) == 1, whole["targets"], -100)}  # the second token's alone
    told = sentences.loss(model, first)
    later, other, before = (dict(first, ids=first["ids"].clone()) for _ in range(3))
    later["ids"][0, 2], other["ids"][0, 5], before["ids"][0, 0] = 11, 11, 11
    assert sentences.loss(model, later) == told == sentences.loss(model, other)
    assert sentences.loss(model, before) != told


def test_prompt_is_begun_and_left_open(wordpiece: PreTrainedTokenizerFast) -> None:
    found = gpt.opened(wordpiece)
    assert found("南京")["input_ids"] == wordpiece("南京")["input_ids"][:-1]
    assert (found.bos_token, found.eos_token) == ("[CLS]", "[SEP]")
    assert wordpiece("南京")["input_ids"][-1] == wordpiece.sep_token_id  # the other is left as it was


def test_figures_count_every_token_after_the_first_and_the_end() -> None:
    model, sentence = load("lab-gpt"), "他是一名"
    ids = [*model.tokenizer(sentence)["input_ids"], model.tokenizer.sep_token_id]
    with torch.inference_mode():
        shares = torch.softmax(model.network(torch.tensor([ids])).logits[0].double(), -1)
    bits = [-math.log2(shares[place, number]) for place, number in enumerate(ids[1:])]
    right = [int(shares[place].argmax()) == number for place, number in enumerate(ids[1:])]
    found = next_token.told(model, sentence)
    assert (found.tokens, found.first) == (5, sum(right))
    assert abs(found.bits - sum(bits)) < 1e-6
    twice = next_token.measure(model, {"zh": [sentence], "en": [sentence]})
    assert twice["next_bits_both"] == twice["next_bits_zh"] == found.bits / 5


def test_card_holds_the_figures_that_are_read_from_it() -> None:
    figures = {f"{name}_{language}": 0.5 for name in next_token.NAMES for language in next_token.LANGUAGES}
    recipe = {"steps": 1, "tokens_a_step": 2, "layers": 3, "heads": 4, "width": 5, "seconds": 6}
    card = gpt_card.card("lab-gpt", figures, recipe, ["a → b"])
    found = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert found == figures and "a → b" in card.text
