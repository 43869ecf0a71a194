"""The shipped translation models: what they write is what was measured, and the figures meet their bar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from attnviz.shipped import WEIGHTS
from attnviz.systems.translation.system import NAMES, load

PAIRED = ("nmt-zh-en", "nmt-en-zh")
BAR = 1.5  # BLEU with attention over BLEU without, on sentences longer than the median


def read(name: str, file: str) -> Any:
    return json.loads((WEIGHTS / name / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAIRED)
def test_translations_are_those_that_were_measured(name: str) -> None:
    samples = read(name, "samples.json")
    assert len(samples) == 20
    for sample in samples:
        assert load(name).translate(sample["text"]).text == sample["attention"]
        assert load(f"{name}-plain").translate(sample["text"]).text == sample["plain"]


@pytest.mark.parametrize("name", PAIRED)
def test_every_sample_says_who_wrote_it(name: str) -> None:
    for sample in read(name, "samples.json"):
        assert len(sample["attribution"]) >= len(sample["references"]) >= 1
        assert all("CC-BY 2.0 (France) Attribution: tatoeba.org #" in one for one in sample["attribution"])


@pytest.mark.parametrize("name", PAIRED)
def test_attention_wins_by_the_bar_on_long_sentences(name: str) -> None:
    told = read(name, "figures.json")
    assert told["ratio_long"] == pytest.approx(told["attention"]["bleu_long"] / told["plain"]["bleu_long"], abs=0.01)
    assert told["ratio_long"] >= BAR
    with_attention, without = told["bleu_by_length"]["attention"], told["bleu_by_length"]["plain"]
    assert all(one > other for one, other in zip(with_attention, without, strict=True))
    assert sum(told["counts"]) == told["sentences"] and told["sentences"] > 1_000


@pytest.mark.parametrize("name", PAIRED)
def test_both_models_were_trained_alike(name: str) -> None:
    one, other = (read(folder, "recipe.json") for folder in (name, f"{name}-plain"))
    assert {**one, "seconds": 0} == {**other, "seconds": 0}


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_small_and_the_card_gives_the_attribution(name: str) -> None:
    folder: Path = WEIGHTS / name
    assert (folder / "model.safetensors").stat().st_size <= 8e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    for wanted in ("tatoeba.org", "CC BY 2.0 FR", "license: cc-by-2.0", "BLEU", "training.translation.card"):
        assert wanted in card
    told = read(name.removesuffix("-plain"), "figures.json")
    for value in told["plain" if name.endswith("plain") else "attention"].values():
        assert f"{value:.2f}" in card


@pytest.mark.parametrize("name", PAIRED)
def test_the_alignment_of_a_number_is_its_number(name: str) -> None:
    """Where a digit or a Latin name is copied, the decoder looks at it or beside it."""
    text = {"nmt-zh-en": "他有3个孩子。", "nmt-en-zh": "He has 3 children."}[name]
    trace = load(name).translate(text, target={"nmt-zh-en": "He has 3 children.", "nmt-en-zh": "他有3个孩子。"}[name])
    query, key = trace.tokens.index("3"), trace.key_tokens.index("3")
    weights = trace.weights(0, 0)[query]
    assert abs(int(torch.argmax(weights)) - key) <= 1
