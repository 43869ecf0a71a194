"""Train one lab model: a small Chinese and English ModernBERT whose head count is the only thing that varies.

    python -m attnviz.training.lab.train --heads 4 --zh common_voice_zh.txt --en common_voice_en.txt

The data are the Common Voice sentence collections (CC0 1.0; see ``corpus.py``). Two losses: fill the blanks
(masked-token loss, Devlin et al. 2019) and say for every token whether a word begins there (Chinese words by jieba).
The result is an ordinary Hugging Face folder under ``attnviz/weights/lab-<heads>`` and beside the model a
``word_boundary.safetensors``: a linear map from the last hidden state to two classes.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import ModernBertConfig, ModernBertForMaskedLM, PreTrainedModel, PreTrainedTokenizerFast

from attnviz.shipped import WEIGHTS
from attnviz.training.corpus import (
    FINAL_MARKS,
    LONGEST,
    NO_MARK,
    SPECIALS,
    Marked,
    build_tokenizer,
    join,
    mark,
    read_corpus,
    without_final_mark,
)
from attnviz.training.packing import Rows, closed, pack, stack


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, the same for all head counts but `heads`."""

    heads: int
    layers: int = 4
    width: int = 160
    inner: int = 448
    steps: int = 14_000
    tokens_a_step: int = 2_048
    masked_a_step: int = 480
    left_whole: float = 0.12
    boundary_share: float = 0.5
    final_mark_dropped: float = 0.3
    joined: float = 0.15
    long_rows_every: int = 10
    rate: float = 4e-3
    init: float = 0.06
    warm_up: int = 300
    weight_decay: float = 0.01
    seed: int = 20


@dataclass(frozen=True)
class Step:
    """One batch: `[row, position]` arrays and the flat indices of the blanks."""

    rows: Rows
    blanks: np.ndarray
    targets: np.ndarray


def texts(languages: list[list[Marked]], recipe: Recipe, finals: frozenset[int], rng: random.Random) -> list[Marked]:
    """One epoch's texts in random order: single sentences, and some running texts of several."""
    epoch: list[Marked] = []
    for sentences in languages:
        order = [without_final_mark(s, finals) if rng.random() < recipe.final_mark_dropped else s for s in sentences]
        rng.shuffle(order)
        cut = int(len(order) * recipe.joined)
        epoch += order[cut:]
        at = 0
        while at < cut:
            count = rng.randint(2, 5)
            joined = join(order[at : min(at + count, cut)])
            epoch.append(Marked(joined.ids[:126], joined.marks[:126]))
            at += count
    rng.shuffle(epoch)
    return epoch


def long_texts(languages: list[list[Marked]], rng: random.Random) -> Iterator[Marked]:
    """Without end: running texts of up to the longest length, so that every position is trained."""
    while True:
        sentences = rng.choice(languages)
        goal, parts, size = rng.randint(100, LONGEST - 2), [], 0
        while size < goal:
            parts.append(rng.choice(sentences))
            size += len(parts[-1].ids)
        whole = join(parts)
        yield Marked(whole.ids[: LONGEST - 2], whole.marks[: LONGEST - 2])


def batches(languages: list[list[Marked]], recipe: Recipe, ids: dict[str, int]) -> Iterator[Rows]:
    """Without end: packed batches of rows of 128 positions, now and then of rows of 256."""
    rng = random.Random(recipe.seed)
    finals = frozenset(ids[c] for c in FINAL_MARKS if c in ids)
    cls, sep, pad = ids["[CLS]"], ids["[SEP]"], ids["[PAD]"]

    def short() -> Iterator[list[Marked]]:
        while True:
            yield from pack((closed(t, cls, sep) for t in texts(languages, recipe, finals, rng)), 128)

    kinds = {128: short(), LONGEST: pack((closed(t, cls, sep) for t in long_texts(languages, rng)), LONGEST)}
    number = 0
    while True:
        length = LONGEST if number % recipe.long_rows_every == 0 else 128
        yield stack([next(kinds[length]) for _ in range(recipe.tokens_a_step // length)], length, pad)
        number += 1


def blank(rows: Rows, recipe: Recipe, ids: dict[str, int], rng: np.random.Generator) -> Step:
    """Put [MASK] on a fixed number of tokens, leaving some of the texts whole."""
    text = rows.text + 1_000 * np.arange(len(rows.text))[:, None]
    names = np.unique(text)
    whole = names[rng.random(len(names)) < recipe.left_whole]
    able = rows.marks != NO_MARK
    masked_here = able & ~np.isin(text, whole)
    eligible = np.flatnonzero(masked_here if masked_here.any() else able)
    blanks = rng.permutation(eligible)[: recipe.masked_a_step]
    blanks = np.resize(blanks, recipe.masked_a_step)
    targets = rows.ids.reshape(-1)[blanks]
    masked = rows.ids.copy()
    masked.reshape(-1)[blanks] = ids["[MASK]"]
    return Step(Rows(masked, rows.positions, rows.text, rows.marks), blanks, targets)


def shape(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """What the configurations of all lab models say alike."""
    return {
        "vocab_size": len(tokenizer), "hidden_size": recipe.width, "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads, "intermediate_size": recipe.inner, "max_position_embeddings": LONGEST,
        "initializer_range": recipe.init, "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id,
    }  # fmt: skip


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> ModernBertForMaskedLM:
    """An untrained ModernBERT of the recipe's shape, every layer looking at the whole text.

    Rotary positions, normalisation before each block and gated inner layers (Warner et al. 2024) reached in 900 steps
    the loss for which a BERT with learned positions (same size, data and optimiser) took 2,300. Attention is computed
    plainly in training: on a CPU the fused one is twice as slow backwards in bfloat16.
    """
    rotary = {"rope_type": "default", "rope_theta": 10_000.0}
    config = ModernBertConfig(
        **shape(recipe, tokenizer),
        layer_types=["full_attention"] * recipe.layers,
        rope_parameters={"full_attention": rotary, "sliding_attention": rotary},
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
    )
    model = ModernBertForMaskedLM(config)
    model.set_attn_implementation("eager")
    return model


def losses(model: ModernBertForMaskedLM, boundary: nn.Linear, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The masked-token loss and the word-boundary loss of one batch, in nats."""
    text = batch["text"]
    own = (text[:, None, :, None] == text[:, None, None, :]).to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(
            input_ids=batch["ids"],
            position_ids=batch["positions"],
            attention_mask={"full_attention": (1 - own) * -1e4},
        ).last_hidden_state.flatten(0, 1)
        filled = model.decoder(model.head(hidden[batch["blanks"]]))
        marked = boundary(hidden)
    return (
        F.cross_entropy(filled.float(), batch["targets"]),
        F.cross_entropy(marked.float(), batch["marks"].flatten(), ignore_index=NO_MARK),
    )


def optimisers(model: nn.Module, boundary: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the rest (embeddings, norms, biases, heads)."""
    inside = [p for name, p in model.named_parameters() if ".layers." in name and p.ndim == 2]
    chosen = {id(p) for p in inside}
    rest = [p for p in [*model.parameters(), *boundary.parameters()] if id(p) not in chosen]
    return [
        torch.optim.Muon(inside, lr=recipe.rate, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay, fused=True),
    ]


def rate_at(step: int, recipe: Recipe) -> float:
    """The share of the full learning rate at a step: linear warm-up, then cosine to 0."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - recipe.warm_up) / (recipe.steps - recipe.warm_up)))


def descend(loss: Tensor, parameters: list[nn.Parameter], chosen: Sequence[torch.optim.Optimizer], rate: float) -> None:
    """One step of all optimisers down a loss."""
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    for optimiser in chosen:
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        optimiser.zero_grad()


def train(
    recipe: Recipe,
    languages: list[list[Marked]],
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    *,
    compiled: bool,
) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every 2,000 steps."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    ids = tokenizer.get_vocab()
    model, boundary = new_model(recipe, tokenizer), nn.Linear(recipe.width, 2)
    parameters = [*model.parameters(), *boundary.parameters()]
    chosen = optimisers(model, boundary, recipe)
    run = torch.compile(losses, dynamic=False) if compiled else losses
    began, source = time.time(), batches(languages, recipe, ids)
    smooth = np.zeros(2)
    for number in range(recipe.steps):
        step = blank(next(source), recipe, ids, rng)
        arrays = {**asdict(step.rows), "blanks": step.blanks, "targets": step.targets}
        parts = run(model, boundary, {name: torch.from_numpy(array) for name, array in arrays.items()})
        descend(parts[0] + recipe.boundary_share * parts[1], parameters, chosen, recipe.rate * rate_at(number, recipe))
        smooth += (np.array([p.item() for p in parts]) - smooth) * max(0.02, 1 / (number + 1))
        if number % 100 == 99:
            print(
                f"step {number + 1} loss {smooth[0]:.3f} boundary {smooth[1]:.3f} {time.time() - began:.0f} s",
                flush=True,
            )
        if number % 2_000 == 1_999 or number + 1 == recipe.steps:
            save(folder, model, boundary, tokenizer, recipe, time.time() - began)


def save(
    folder: Path,
    model: ModernBertForMaskedLM,
    boundary: nn.Linear,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    seconds: float,
) -> None:
    """Write an ordinary Hugging Face folder in float16, the word-boundary map and the recipe."""
    save_folder(folder, model, tokenizer, recipe, seconds)
    save_file(
        {name: tensor.detach().half().contiguous() for name, tensor in boundary.state_dict().items()},
        folder / "word_boundary.safetensors",
    )


def save_folder(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, seconds: float
) -> None:
    """Write an ordinary Hugging Face folder in float16, and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    facts = {**asdict(recipe), "seconds": round(seconds)}
    (folder / "recipe.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read_data(zh: Path, en: Path) -> tuple[PreTrainedTokenizerFast, list[list[Marked]]]:
    """The tokenizer, and the training sentences of both languages as it cuts them."""
    chinese, english = read_corpus(zh, "zh"), read_corpus(en, "en")
    tokenizer = build_tokenizer(chinese.training, english.training)
    return tokenizer, [mark(corpus.training, corpus.language, tokenizer) for corpus in (chinese, english)]


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, required=True, choices=(1, 2, 4, 8))
    parser.add_argument("--zh", type=Path, required=True, help="Chinese sentences, one a line")
    parser.add_argument("--en", type=Path, required=True, help="English sentences, one a line")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--out", type=Path, help="folder to write; attnviz/weights/lab-<heads> unless given")
    parser.add_argument("--compile", action="store_true", help="compile the step (needs a C++ compiler)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(heads=given.heads, steps=given.steps, rate=given.rate)
    tokenizer, languages = read_data(given.zh, given.en)
    count = sum(len(item.ids) for sentences in languages for item in sentences)
    print(f"{len(tokenizer)} pieces ({len(SPECIALS)} special), {count} tokens")
    train(recipe, languages, tokenizer, given.out or WEIGHTS / f"lab-{given.heads}", compiled=given.compile)


if __name__ == "__main__":
    main()
