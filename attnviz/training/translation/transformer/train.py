"""Train lab-translator: a small encoder-decoder Transformer for Chinese into English and English into Chinese.

    python -m attnviz.training.translation.transformer.train --pairs cmn.txt

The shape is that of the first Transformer (Vaswani et al. 2017), as Marian's translators have it: sinusoidal positions,
norms after each block, one embedding for source, target and output. It learns the pairs of Tatoeba (CC BY 2.0 FR) both
ways at once, split as for the recurrent translators, so that both are measured on the same sentences. Which language is
asked for needs no mark: the other one. What is kept is the running mean of the weights, in an ordinary Hugging Face
folder.

After 600 steps the held-out loss was 3.17 nats; with AdamW for all of it 3.97, and in T5's shape 3.0 after 6,000.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationConfig, MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from attnviz.shipped import WEIGHTS
from attnviz.training import loop
from attnviz.training.folder import save_folder
from attnviz.training.translation.data import Batch, Coded, Pair, batches, read_pairs, split, surprise
from attnviz.training.translation.transformer.data import (
    END,
    LONGEST,
    NAME,
    PAD,
    both_ways,
    build_tokenizer,
)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights."""

    heads: int = 4
    layers: int = 3
    width: int = 160
    inner: int = 448
    pieces: int = 5_500
    steps: int = 10_000
    texts_a_step: int = 64
    dropout: float = 0.1
    rate: float = 6e-3
    warm_up: int = 200
    smoothing: float = 0.1
    weight_decay: float = 0.01
    averaged: float = 0.999
    seed: int = 20


def new_model(recipe: Recipe, pieces: int) -> MarianMTModel:
    """An untrained model of the recipe's shape, its matrices as large as Glorot and Bengio (2010) say."""
    sizes: dict[str, Any] = {
        f"{side}_{part}": value for side in ("encoder", "decoder")
        for part, value in (("layers", recipe.layers), ("attention_heads", recipe.heads), ("ffn_dim", recipe.inner))
    }  # fmt: skip
    config = MarianConfig(
        vocab_size=pieces, d_model=recipe.width, **sizes, dropout=recipe.dropout, activation_function="relu",
        scale_embedding=True, init_std=recipe.width**-0.5, max_position_embeddings=LONGEST,
        pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD, forced_eos_token_id=None,
    )  # fmt: skip
    model = MarianMTModel(config)
    for name, one in model.named_parameters():
        if ".layers." in name and one.ndim == 2:
            nn.init.xavier_uniform_(one)
    model.generation_config = GenerationConfig(
        pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD, max_new_tokens=LONGEST
    )
    return model


def loss(model: MarianMTModel, batch: Batch, smoothing: float) -> Tensor:
    """The mean cross-entropy of the next piece, in nats."""
    wanted, mask = batch.target[:, 1:], (batch.source != PAD).long()
    encoded = model.model.encoder(input_ids=batch.source, attention_mask=mask).last_hidden_state
    decoded = model.model.decoder(
        input_ids=batch.target[:, :-1], encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=False
    ).last_hidden_state
    real = wanted != PAD
    return F.cross_entropy(model.lm_head(decoded[real]), wanted[real], label_smoothing=smoothing)


def lessons(recipe: Recipe, pairs: Sequence[Coded]) -> Iterator[Batch]:
    """Batches of pairs without end, one epoch after another."""
    rng = random.Random(recipe.seed)
    while True:
        yield from batches(pairs, recipe.texts_a_step, rng)


@dataclass(frozen=True)
class Lessons:
    """What is learnt from: the tokenizer, and pairs both ways to learn and to measure."""

    tokenizer: PreTrainedTokenizerFast
    training: list[Coded]
    validation: list[Coded]


def read_lessons(pairs: Mapping[str, Sequence[Pair]], pieces: int) -> Lessons:
    """Learn the vocabulary from the training pairs, and cut all texts into it."""
    tokenizer = build_tokenizer([pair.of(language) for pair in pairs["training"] for language in ("zh", "en")], pieces)
    training, validation = (both_ways(pairs[side], tokenizer) for side in ("training", "validation"))
    return Lessons(tokenizer, training, validation)


def train(recipe: Recipe, found: Lessons, folder: Path) -> None:
    """Run the recipe and save the mean of the weights."""
    torch.manual_seed(recipe.seed)
    model = new_model(recipe, len(found.tokenizer)).train()
    average = loop.Average.of(model, recipe.averaged)

    def save(now: loop.Now) -> None:
        held = surprise(found.validation, lambda batch: loss(average.mean, batch, 0.0))
        print(f"held {held:.3f}", flush=True)
        save_folder(folder, average.mean, found.tokenizer, recipe, now.seconds)

    loop.train(
        loop.muon(model, rate=recipe.rate, decay=recipe.weight_decay, float32=True),
        lessons(recipe, found.training),
        lambda batch: {"loss": loss(model, batch, recipe.smoothing)},
        loop.Course(recipe.steps, recipe.rate, partial(loop.straight, steps=recipe.steps, warm_up=recipe.warm_up)),
        loop.Every(1, average.move),
        loop.say(),
        loop.Every(1_000, save, last=True),
    )


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help="English, Chinese, attribution: one pair a line")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--out", type=Path, default=WEIGHTS / NAME, help="folder to write")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(steps=given.steps)
    found = read_lessons(split(read_pairs(given.pairs)), recipe.pieces)
    print(f"{len(found.tokenizer)} pieces, {len(found.training)} pairs", flush=True)
    train(recipe, found, given.out)


if __name__ == "__main__":
    main()
