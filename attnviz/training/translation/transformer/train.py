"""Train lab-t5: a small encoder-decoder Transformer that translates Chinese into English and English into Chinese.

    python -m attnviz.training.translation.transformer.train --pairs cmn.txt --out FOLDER

The shape is T5's (Raffel et al. 2020): learnt relative positions, norms before each block, one embedding for source,
target and output. It learns the pairs of Tatoeba (CC BY 2.0 FR) both ways at once, split as for the recurrent
translators, so that both are measured on the same sentences. Which language is asked for needs no mark: the other one.
What is kept is the running mean of the weights, in an ordinary Hugging Face folder. No such weights come with the
project yet: what the recipe's steps give is far behind the recurrent translators (the card's command says how far).
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
from torch import Tensor
from transformers import GenerationConfig, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from attnviz.training import loop
from attnviz.training.folder import save_folder
from attnviz.training.translation.data import Batch, Coded, Pair, batches, read_pairs, split, surprise, with_gaps
from attnviz.training.translation.transformer.data import (
    END,
    LONGEST,
    PAD,
    SPECIALS,
    UNKNOWN,
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
    steps: int = 6_000
    texts_a_step: int = 64
    dropout: float = 0.15
    rate: float = 2e-3
    embedding_times: float = 20.0  # its numbers are of the size 1, those of the other matrices of some 0.05
    warm_up: int = 300
    smoothing: float = 0.1
    word_dropout: float = 0.1
    weight_decay: float = 0.01
    averaged: float = 0.999
    seed: int = 20


def new_model(recipe: Recipe, pieces: int) -> T5ForConditionalGeneration:
    """An untrained model of the recipe's shape."""
    settings: dict[str, Any] = {
        "vocab_size": pieces, "d_model": recipe.width, "d_kv": recipe.width // recipe.heads, "d_ff": recipe.inner,
        "num_layers": recipe.layers, "num_decoder_layers": recipe.layers, "num_heads": recipe.heads,
        "dropout_rate": recipe.dropout, "feed_forward_proj": "relu", "tie_word_embeddings": True,
        "n_positions": LONGEST, "relative_attention_max_distance": 64,
        "pad_token_id": PAD, "eos_token_id": END, "decoder_start_token_id": PAD,
    }  # fmt: skip
    config = T5Config(**settings)
    model = T5ForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD, max_new_tokens=LONGEST
    )
    return model


def loss(model: T5ForConditionalGeneration, batch: Batch, recipe: Recipe, smoothing: float) -> Tensor:
    """The mean cross-entropy of the next piece, in nats; some read pieces are hidden while training."""
    read, given = batch.source, batch.target[:, :-1]
    if model.training:
        read, given = (with_gaps(ids, recipe.word_dropout, len(SPECIALS), UNKNOWN) for ids in (read, given))
    wanted, mask = batch.target[:, 1:], (batch.source != PAD).long()
    encoded = model.encoder(input_ids=read, attention_mask=mask).last_hidden_state
    decoded = model.decoder(
        input_ids=given, encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=False
    ).last_hidden_state
    scale = model.config.d_model**-0.5 if model.config.scale_decoder_outputs else 1.0
    real = wanted != PAD
    return F.cross_entropy(model.lm_head(decoded[real] * scale).float(), wanted[real], label_smoothing=smoothing)


def learner(model: T5ForConditionalGeneration, recipe: Recipe) -> loop.Learner:
    """AdamW; the embedding, which is also the output, moves faster than the rest and is not drawn to 0."""
    embedding = model.shared.weight
    rest = [one for one in model.parameters() if one is not embedding]
    groups: list[dict[str, Any]] = [
        {"params": rest, "weight_decay": recipe.weight_decay},
        {"params": [embedding], "weight_decay": 0.0, "times": recipe.embedding_times},
    ]
    return loop.Learner(
        [*model.parameters()], [torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), fused=True)]
    )


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
        held = surprise(found.validation, lambda batch: loss(average.mean, batch, recipe, 0.0))
        print(f"held {held:.3f}", flush=True)
        save_folder(folder, average.mean, found.tokenizer, recipe, now.seconds)

    loop.train(
        learner(model, recipe),
        lessons(recipe, found.training),
        lambda batch: {"loss": loss(model, batch, recipe, recipe.smoothing)},
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
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(steps=given.steps)
    found = read_lessons(split(read_pairs(given.pairs)), recipe.pieces)
    print(f"{len(found.tokenizer)} pieces, {len(found.training)} pairs", flush=True)
    train(recipe, found, given.out)


if __name__ == "__main__":
    main()
