"""Train lab-long: lab-gpt, trained on to read 8,192 tokens and to make something of what stands far back.

    python -m attnviz.training.long.train --zh common_voice_zh.txt --en common_voice_en.txt \
        --reviews movie_reviews.zip --topics kdconv

The first course begins with the weights of lab-gpt and goes on with the next-token loss over running texts of 1,024 to
8,192 tokens: film reviews (Pang and Lee 2004, CC BY 4.0), dialogues about one film, song or place after the other
(KdConv, Apache-2.0; for the public originals of both see ``training/hierarchical``) and runs of Common Voice sentences
(CC0 1.0). Now and then a passage returns word for word; 2,200 steps, with one token in 20 such a copy, make no head
that continues a repeated sequence (Olsson et al. 2022), and sentences alone are told less well than before.

A copy of it is then drilled. The slow half of its rotary positions turns 16 times more slowly (as in Llama 3.1:
wavelengths below 128 tokens stay, so that what is near is read as before; those above 512 are stretched), so that
tokens can be told alike over thousands of places. Each step has running texts, taught by what the first course made;
sentences, taught by lab-gpt; and a drill (`drills.py`) of what must be looked up, at first in short rows of random
blocks. That makes the head, and costs running texts half a bit a token. So two heads of each layer of the copy are put
beside the four of the model of before (`growth.py`); they alone move until they work there, then all goes on together.
The result is an ordinary Hugging Face folder, ``attnviz/weights/lab-long``.

The weights that are shipped came of runs of these courses one after the other, cut by the clock: each began with fresh
optimisers, and the rate of the last but one fell twice.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, MistralForCausalLM, PreTrainedTokenizerFast

from attnviz.models import built_in_folder
from attnviz.shipped import WEIGHTS
from attnviz.training import loop, sentences
from attnviz.training.corpus import ask_for_sentences, read_corpus, read_data
from attnviz.training.documents import read_reviews, read_topics
from attnviz.training.folder import save_folder
from attnviz.training.long import growth, taught
from attnviz.training.long.data import LONGEST, Sources, batches, passages, sources
from attnviz.training.long.drills import Drills
from attnviz.training.long.lessons import BLOCKS, HEADS, ON, PIECES, TOGETHER, Plan, lessons
from attnviz.training.recipe import Recipe, course, learner

FIRST = 2_200  # steps of the first course
# Of Llama 3.1: wavelengths up to original / high stay, those from original / low on are `factor` times as long.
SLOWER = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 512,
}  # fmt: skip


def new_model(turning: Mapping[str, object] | None = None) -> LlamaForCausalLM:
    """lab-gpt's weights in a model that reads up to 8,192 tokens; its rotary positions have no table to outgrow."""
    folder = built_in_folder("lab-gpt")
    config = LlamaConfig.from_pretrained(folder, max_position_embeddings=LONGEST)
    if turning is not None:
        config.rope_parameters = dict(turning)
    return LlamaForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="sdpa")


def loss(model: LlamaForCausalLM, ids: Tensor) -> Tensor:
    """The next-token loss of one batch, in nats a token."""
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    logits = model.lm_head(hidden)
    return F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())


def read(recipe: Recipe, found: Sources, tokenizer: PreTrainedTokenizerFast) -> tuple[LlamaForCausalLM, float]:
    """The first course, over texts alone; the model and the seconds."""
    model = new_model()
    seconds = loop.train(
        learner(recipe, model),
        map(torch.from_numpy, batches(found, tokenizer, recipe.seed)),
        lambda ids: {"loss": loss(model, ids)},
        course(recipe),
        loop.say(20),
    )
    return model, seconds


@dataclass(frozen=True)
class School:
    """What all courses after the first have: teachers, batches of sentences without end, and drills."""

    teachers: taught.Teachers
    told: Iterator[dict[str, Tensor]]
    drills: Drills

    def course(self, model: sentences.Network, plan: Plan) -> float:
        """Train a model by a plan; the seconds."""
        return loop.train(
            learner(Recipe(heads=0, rate=plan.rate, weight_decay=0.0), model),
            lessons(plan, self.told, self.drills),
            partial(taught.losses, model, self.teachers, plan.taught),
            plan.course,
            loop.say(20),
        )

    def drilled(self) -> tuple[LlamaForCausalLM, float]:
        """A copy of the model of before that looks back; the model and the seconds."""
        model = new_model(SLOWER)
        model.load_state_dict(self.teachers.texts.state_dict())
        return model, self.course(model, BLOCKS) + self.course(model, PIECES)

    def grown(self, drilled: LlamaForCausalLM) -> tuple[MistralForCausalLM, float]:
        """The model of before with those heads of the drilled copy that look back most; the model and the seconds."""
        old = self.teachers.texts
        heads = growth.chosen(growth.looking_back(drilled, self.drills.start))
        model = growth.grown(old, drilled, heads)
        all_move = growth.only_new(model, old.config.num_attention_heads)
        seconds = self.course(model, HEADS)
        all_move()
        return model, seconds + self.course(model, TOGETHER) + self.course(model, ON)


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
    parser.add_argument("--out", type=Path, default=WEIGHTS / "lab-long")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(heads=4, steps=FIRST, rate=2e-3, tokens_a_step=LONGEST, warm_up=50)
    tokenizer = lengthened()
    _, languages = read_data(given.zh, given.en)
    chinese, english = read_corpus(given.zh, "zh").training, read_corpus(given.en, "en").training
    reviews, topics = read_reviews(given.reviews).training, read_topics(given.topics).training
    found = sources(reviews, topics, chinese, english, tokenizer)
    torch.manual_seed(recipe.seed)
    before, seconds = read(recipe, found, tokenizer)
    rng = random.Random(recipe.seed)
    texts = passages(found, int(tokenizer.sep_token_id or 0), rng)
    school = School(
        taught.Teachers(before.eval().requires_grad_(False), new_model().eval().requires_grad_(False)),
        sentences.told(languages, Recipe(heads=4), tokenizer.get_vocab()),
        Drills(len(tokenizer), int(tokenizer.cls_token_id or 0), texts, rng),
    )
    copy, more = school.drilled()
    model, most = school.grown(copy)
    recipe = replace(recipe, heads=model.config.num_attention_heads)
    save_folder(given.out, model, tokenizer, recipe, seconds + more + most)


if __name__ == "__main__":
    main()
