"""Train lab-long: lab-gpt, trained on with texts of up to 8,192 tokens.

    python -m attnviz.training.long.train --zh common_voice_zh.txt --en common_voice_en.txt \
        --reviews movie_reviews.zip --topics kdconv

It begins with the weights of lab-gpt (``gpt.py``) and goes on with the next-token loss over running texts of 1,024 to
8,192 tokens: film reviews (Pang and Lee 2004, CC BY 4.0), dialogues about one film, song or place after the other
(KdConv, Apache-2.0; for the public originals of both see ``hierarchical.py``) and runs of Common Voice sentences
(CC0 1.0). Whoever reads on may look back over all of it. Now and then a passage returns word for word, as names and
phrases do in long texts; 2,200 steps, with one token in 20 such a copy, were not enough for a head that continues a
repeated sequence (Olsson et al. 2022): the model reads far, and the card says how little it makes of it.
The result is an ordinary Hugging Face folder, ``attnviz/weights/lab-long``.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from attnviz.models import built_in_folder
from attnviz.shipped import WEIGHTS
from attnviz.training.corpus import read_corpus
from attnviz.training.hierarchical.data import Document, read_reviews, read_topics
from attnviz.training.lab.train import Recipe, descend, optimisers, rate_at, save_folder

Ids = list[int]
Item = TypeVar("Item")
LENGTHS = (1_024, 2_048, 4_096, 8_192)  # tokens of a row; every step has 8,192 tokens in all
KINDS, SHARES = ("reviews", "dialogues", "zh", "en"), (0.3, 0.15, 0.35, 0.2)
COPIED, COPY = 0.3, (24, 240)  # how often a passage returns after another one, and how many tokens of it


@dataclass(frozen=True)
class Sources:
    """Texts as token ids, each ended by [SEP]: single reviews, the dialogues about one thing, sentences without end."""

    reviews: Sequence[Ids]
    dialogues: Sequence[Ids]
    zh: Sequence[Ids]
    en: Sequence[Ids]


def cut(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> list[Ids]:
    """Texts as token ids without any special token."""
    found: list[Ids] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return found


def sources(
    reviews: Sequence[Document], topics: Sequence[Document], zh: Sequence[str], en: Sequence[str],
    tokenizer: PreTrainedTokenizerFast,
) -> Sources:  # fmt: skip
    """The texts of one side of the split, in tokens."""
    end = int(tokenizer.sep_token_id or 0)
    told = cut([one.text for one in topics], tokenizer)
    about: dict[str, Ids] = defaultdict(list)
    for document, ids in zip(topics, told, strict=True):
        about[document.about] += [*ids, end]
    read = [[*ids, end] for ids in cut([one.text for one in reviews], tokenizer)]
    return Sources(read, list(about.values()), cut(zh, tokenizer), cut(en, tokenizer))


def endless(items: Sequence[Item], rng: random.Random) -> Iterator[Item]:
    """All items in random order, again and again."""
    while True:
        yield from rng.sample(items, len(items))


def passages(found: Sources, end: int, rng: random.Random) -> Iterator[Ids]:
    """Without end: a review, the dialogues about one thing, or a run of sentences in one language."""
    streams = {kind: endless(getattr(found, kind), rng) for kind in KINDS}
    while True:
        kind = rng.choices(KINDS, SHARES)[0]
        if kind in ("reviews", "dialogues"):
            yield next(streams[kind])
        else:
            yield [*(piece for _ in range(rng.randint(3, 40)) for piece in next(streams[kind])), end]


def row(texts: Iterator[Ids], length: int, start: int, rng: random.Random) -> Ids:
    """`length` tokens that a reader may look back over: [CLS], passages, and now and then one that returns."""
    ids = [start]
    while len(ids) < length:
        ids += next(texts)
        if rng.random() < COPIED:
            size = min(rng.randint(*COPY), len(ids) - 1)
            begin = rng.randrange(1, len(ids) - size + 1)
            ids += ids[begin : begin + size]
    return ids[:length]


def batches(found: Sources, tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[Int64[np.ndarray, "row token"]]:
    """Without end: 8,192 tokens in rows of one length, all lengths in turn."""
    rng = random.Random(seed)
    start, end = int(tokenizer.cls_token_id or 0), int(tokenizer.sep_token_id or 0)
    texts = passages(found, end, rng)
    while True:
        for length in LENGTHS:
            rows = [row(texts, length, start, rng) for _ in range(LENGTHS[-1] // length)]
            yield np.array(rows, dtype=np.int64)


def new_model() -> LlamaForCausalLM:
    """lab-gpt's weights in a model that reads up to 8,192 tokens; its rotary positions have no table to outgrow."""
    folder = built_in_folder("lab-gpt")
    config = LlamaConfig.from_pretrained(folder, max_position_embeddings=LENGTHS[-1])
    return LlamaForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="sdpa")


def loss(model: LlamaForCausalLM, ids: Tensor) -> Tensor:
    """The next-token loss of one batch, in nats a token."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        logits = model.lm_head(hidden)
    return F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())


def train(recipe: Recipe, found: Sources, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every 100 steps."""
    torch.manual_seed(recipe.seed)
    model = new_model()
    chosen, parameters = optimisers(model, nn.Identity(), recipe), list(model.parameters())
    began, source, smooth = time.time(), batches(found, tokenizer, recipe.seed), 0.0
    for number in range(recipe.steps):
        value = loss(model, torch.from_numpy(next(source)))
        descend(value, parameters, chosen, recipe.rate * rate_at(number, recipe))
        smooth += (value.item() - smooth) * max(0.02, 1 / (number + 1))
        if number % 20 == 19:
            print(f"step {number + 1} loss {smooth:.3f} {time.time() - began:.0f} s", flush=True)
        if number % 100 == 99 or number + 1 == recipe.steps:
            save_folder(folder, model, tokenizer, recipe, time.time() - began)


def lengthened() -> PreTrainedTokenizerFast:
    """lab-gpt's tokenizer for longer texts."""
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(built_in_folder("lab-gpt"))
    tokenizer.model_max_length = LENGTHS[-1]
    return tokenizer


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zh", type=Path, required=True, help="Chinese sentences, one a line")
    parser.add_argument("--en", type=Path, required=True, help="English sentences, one a line")
    parser.add_argument("--reviews", type=Path, required=True, help="movie_reviews.zip")
    parser.add_argument("--topics", type=Path, required=True, help="folder of kdconv_TOPIC_FILE.json")
    parser.add_argument("--steps", type=int, default=2_200)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--out", type=Path, default=WEIGHTS / "lab-long")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(heads=4, steps=given.steps, rate=given.rate, tokens_a_step=LENGTHS[-1], warm_up=50)
    tokenizer = lengthened()
    chinese, english = read_corpus(given.zh, "zh").training, read_corpus(given.en, "en").training
    reviews, topics = read_reviews(given.reviews).training, read_topics(given.topics).training
    train(recipe, sources(reviews, topics, chinese, english, tokenizer), tokenizer, given.out)


if __name__ == "__main__":
    main()
