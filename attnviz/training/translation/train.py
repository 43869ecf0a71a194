"""Train a translation model: recurrent, with attention (Bahdanau et al. 2015) or without, everything else alike.

    python -m attnviz.training.translation.train nmt-zh-en --pairs cmn.txt
    python -m attnviz.training.translation.train nmt-zh-en-plain --pairs cmn.txt

The pairs are those of Tatoeba (https://tatoeba.org, CC BY 2.0 FR) as https://www.manythings.org/anki/ collects them,
one a line: English, Chinese and who wrote both, parted by tabs. Pairs that share a sentence stay on one side of the
split (`split`), for there are many translations of one sentence. The decoder learns the next piece (cross-entropy with
smoothed labels) given the true ones before it. What is kept is the running mean of the weights.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz.core.rules import Soft
from attnviz.shipped import WEIGHTS
from attnviz.systems.translation import NAMES
from attnviz.systems.translation.network import Shape, Translator
from attnviz.systems.translation.text import PAD, SPECIALS, UNKNOWN, Vocabulary
from attnviz.training import loop
from attnviz.training.folder import save_facts, save_tensors
from attnviz.training.translation.data import (
    Batch,
    Coded,
    batches,
    coded,
    languages,
    read_pairs,
    split,
    surprise,
    vocabulary,
    with_gaps,
)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, the same with attention and without."""

    epochs: int = 13
    pairs_a_step: int = 128
    rate: float = 2e-3
    warm_up: int = 300
    smoothing: float = 0.1
    word_dropout: float = 0.1
    weight_decay: float = 1e-4
    averaged: float = 0.998
    pieces: int = 3_600
    seed: int = 20


def loss(network: Translator, batch: Batch, recipe: Recipe, smoothing: float) -> Tensor:
    """The mean cross-entropy of the next piece, in nats; some read pieces are hidden while training."""
    read, given = batch.source, batch.target[:, :-1]
    if network.training:
        read, given = (with_gaps(ids, recipe.word_dropout, len(SPECIALS), UNKNOWN) for ids in (read, given))
    annotations, state, fixed = network.read(read, batch.lengths)
    embedded = network.dropout(network.target(given))
    if network.shape.attention:
        states, contexts = _looking(network, embedded, state, annotations, (batch.source != PAD)[:, None])
    else:
        states, contexts = _blind(network, embedded, state, fixed)
    wanted = batch.target[:, 1:]
    real = wanted != PAD
    parts = (states[real], embedded[real], contexts[real])
    return F.cross_entropy(network.logits(*parts).float(), wanted[real], label_smoothing=smoothing)


def _looking(
    network: Translator, embedded: Tensor, state: Tensor, annotations: Tensor, allowed: Tensor
) -> tuple[Tensor, Tensor]:
    """The decoder's states and contexts `[text, token, width]`, each look made from the state before it."""
    prepared = annotations @ network.key_weight.T
    states, contexts = [], []
    for number in range(embedded.shape[1]):
        found = network.look_prepared(state[:, None], prepared, annotations, Soft(), allowed)
        contexts.append(found.output[:, 0])
        state = network.step(embedded[:, number], contexts[-1], state)
        states.append(state)
    return torch.stack(states, 1), torch.stack(contexts, 1)


def _blind(network: Translator, embedded: Tensor, state: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
    """The same where the context is fixed: all steps in one call, with the weights of `Translator.step`."""
    contexts = fixed[:, None].expand(-1, embedded.shape[1], -1)
    cell = network.decoder
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    read = torch.cat([embedded, contexts], dim=-1)
    states, _ = torch.gru(read, state[None], weights, True, 1, 0.0, False, False, True)
    return states, contexts


def train(recipe: Recipe, shape: Shape, training: list[Coded], validation: list[Coded]) -> tuple[Translator, float]:
    """Run the recipe; the network with the mean weights, and the seconds."""
    torch.manual_seed(recipe.seed)
    rng, network = random.Random(recipe.seed), Translator(shape)
    average = loop.Average.of(network, recipe.averaged)
    an_epoch = -(-len(training) // recipe.pairs_a_step)
    steps = recipe.epochs * an_epoch

    def say(now: loop.Now) -> None:
        held = surprise(validation, lambda batch: loss(average.mean, batch, recipe, 0.0))
        print(f"epoch {now.step // an_epoch} {now} held {held:.3f} {now.seconds:.0f} s", flush=True)

    seconds = loop.train(
        loop.adamw(network, rate=recipe.rate, decay=recipe.weight_decay),
        (batch for _ in range(recipe.epochs) for batch in batches(training, recipe.pairs_a_step, rng)),
        lambda batch: {"loss": loss(network, batch, recipe, recipe.smoothing)},
        loop.Course(steps, recipe.rate, partial(loop.straight, steps=steps, warm_up=recipe.warm_up), bfloat16=True),
        loop.Every(1, average.move),
        loop.Every(an_epoch, say),
    )
    return average.mean, seconds


def save(
    folder: Path, network: Translator, vocabularies: Mapping[str, Vocabulary], recipe: Mapping[str, object]
) -> None:
    """Write the weights (float16), the vocabularies and the recipe."""
    save_tensors(folder / "model.safetensors", network.state_dict())
    for side, found in vocabularies.items():
        found.tokenizer.save(str(folder / f"{side}.json"), pretty=False)
    english = next(found for found in vocabularies.values() if found.language == "en")
    save_facts(folder, indent=1, capitals=english.capitals, config=asdict(network.shape), recipe=recipe)


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=NAMES)
    parser.add_argument("--pairs", type=Path, required=True, help="English, Chinese, attribution: one pair a line")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--out", type=Path, help="folder to write; attnviz/weights/<model> unless given")
    given = parser.parse_args()
    recipe, sides = Recipe(epochs=given.epochs), split(read_pairs(given.pairs))
    sentences = {language: [pair.of(language) for pair in sides["training"]] for language in ("zh", "en")}
    read, write = languages(given.model)
    source, target = (vocabulary(language, sentences[language], recipe.pieces) for language in (read, write))
    training, validation = (coded(sides[side], source, target) for side in ("training", "validation"))
    shape = Shape(len(source), len(target), attention=not given.model.endswith("-plain"))
    counts = {side: len(pairs) for side, pairs in sides.items()}
    print(counts, f"{len(source)} and {len(target)} pieces")
    network, seconds = train(recipe, shape, training, validation)
    facts = {"source": read, "target": write, **asdict(recipe), "pairs": counts, "seconds": round(seconds)}
    save(given.out or WEIGHTS / given.model, network, {"source": source, "target": target}, facts)


if __name__ == "__main__":
    main()
