"""Train lab-long: lab-gpt, trained on to read 8,192 tokens and to make something of what stands far back.

    python -m attnviz.training.long.train --zh common_voice_zh.txt --en common_voice_en.txt \
        --reviews movie_reviews.zip --topics kdconv

It begins with the weights of lab-gpt, its rotary positions turning more slowly (a base of 500,000 in place of 10,000,
as Llama 3 has it), so that tokens far apart can be told alike. Every step has sentences, which keep what lab-gpt
knew. Beside them stand first drills, blocks of random tokens that return, for an induction head (`drills.py`); then,
in turn, running texts of up to 8,192 tokens in which passages return (film reviews, Pang and Lee 2004, CC BY 4.0;
dialogues about one film, song or place after the other, KdConv, Apache-2.0; runs of Common Voice sentences, CC0 1.0;
for the public originals of the first two see ``training/hierarchical``), and drills over all distances; then the same
with pieces of texts among the blocks. Texts alone, with one token in 20 a copy, made no such head in 2,200 steps; and
random blocks alone made one that did not find passages of a text: after the second stage a passage that returned cost
what it cost before. The result is an ordinary Hugging Face folder, ``attnviz/weights/lab-long``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from attnviz.models import built_in_folder
from attnviz.shipped import WEIGHTS
from attnviz.training import loop, sentences
from attnviz.training.corpus import ask_for_sentences, read_corpus, read_data
from attnviz.training.documents import read_reviews, read_topics
from attnviz.training.folder import save_folder
from attnviz.training.long.data import LONGEST, STAGES, Lesson, passages, sources
from attnviz.training.long.drills import Drills, Row
from attnviz.training.loop import Course
from attnviz.training.recipe import Recipe, learner
from attnviz.training.sentences import NO_TARGET

BASE = 500_000.0  # of the rotary positions
WARM_UP = 50  # steps until the full rate


def new_model() -> LlamaForCausalLM:
    """lab-gpt's weights in a model that reads up to 8,192 tokens; its rotary positions have no table to outgrow."""
    folder = built_in_folder("lab-gpt")
    turning = {"rope_type": "default", "rope_theta": BASE}
    config = LlamaConfig.from_pretrained(folder, max_position_embeddings=LONGEST, rope_parameters=turning)
    return LlamaForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="sdpa")


def loss(model: LlamaForCausalLM, row: Row) -> Tensor:
    """The loss of what is to be told of some rows, in nats a token."""
    hidden = model.model(input_ids=row.ids, use_cache=False).last_hidden_state
    asked = row.targets != NO_TARGET
    return F.cross_entropy(model.lm_head(hidden[asked]).float(), row.targets[asked])


def losses(model: LlamaForCausalLM, lesson: Lesson) -> dict[str, Tensor]:
    """The loss of each part of a step."""
    return {
        name: sentences.loss(model, part) if name == "sentences" else loss(model, part) for name, part in lesson.items()
    }


def train(
    recipe: Recipe, told: Iterator[dict[str, Tensor]], drills: Drills, tokenizer: PreTrainedTokenizerFast,
    folder: Path,
) -> None:  # fmt: skip
    """Run the stages and write the result to `folder`, a snapshot every 100 steps."""
    torch.manual_seed(recipe.seed)
    model, seconds = new_model(), 0.0

    def keep(before: float, now: loop.Now) -> None:
        save_folder(folder, model, tokenizer, recipe, before + now.seconds)

    for stage in STAGES:
        share = partial(loop.cosine, steps=stage.course, warm_up=WARM_UP)
        seconds += loop.train(
            learner(recipe, model),
            stage.lessons(told, drills),
            partial(losses, model),
            Course(stage.steps, recipe.rate, share, stage.counts, bfloat16=True),
            loop.say(20),
            loop.Every(100, partial(keep, seconds), last=True),
        )


def lengthened() -> PreTrainedTokenizerFast:
    """lab-gpt's tokenizer for longer texts."""
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(built_in_folder("lab-gpt"))
    tokenizer.model_max_length = LONGEST
    return tokenizer


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask_for_sentences(parser)
    parser.add_argument("--reviews", type=Path, required=True, help="movie_reviews.zip")
    parser.add_argument("--topics", type=Path, required=True, help="folder of kdconv_TOPIC_FILE.json")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--out", type=Path, default=WEIGHTS / "lab-long")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(heads=4, steps=sum(stage.steps for stage in STAGES), rate=given.rate, warm_up=WARM_UP)
    tokenizer = lengthened()
    _, languages = read_data(given.zh, given.en)
    told = sentences.told(languages, recipe, tokenizer.get_vocab())
    chinese, english = read_corpus(given.zh, "zh").training, read_corpus(given.en, "en").training
    reviews, topics = read_reviews(given.reviews).training, read_topics(given.topics).training
    found = sources(reviews, topics, chinese, english, tokenizer)
    rng = random.Random(recipe.seed)
    texts = passages(found, int(tokenizer.sep_token_id or 0), rng)
    drills = Drills(len(tokenizer), int(tokenizer.cls_token_id or 0), texts, rng)
    train(recipe, told, drills, tokenizer, given.out)


if __name__ == "__main__":
    main()
