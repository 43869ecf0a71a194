"""Train lab-long: lab-gpt, trained on to read 8,192 tokens and to make something of what stands far back.

    python -m attnviz.training.long.train --zh common_voice_zh.txt --en common_voice_en.txt \
        --reviews movie_reviews.zip --topics kdconv

It begins with the weights of lab-gpt, its rotary positions turning more slowly (a base of 500,000 in place of 10,000,
as Llama 3 has it), so that tokens far apart can be told alike. Every step has sentences, which keep what lab-gpt
knew. Beside them stand first drills, blocks of random tokens that return, for an induction head (`drills.py`); then,
in turn, running texts of up to 8,192 tokens in which passages return (film reviews, Pang and Lee 2004, CC BY 4.0;
dialogues about one film, song or place after the other, KdConv, Apache-2.0; runs of Common Voice sentences, CC0 1.0;
for the public originals of the first two see ``training/hierarchical``), and drills over all distances; then the same
with pieces of texts among the blocks. Random blocks alone made a head that did not find passages of a text: after the
second stage a passage that returned cost what it cost before.

Such a model looks up what returns, and tells texts by a bit a token less well than lab-gpt after 2,200 steps of texts
alone, in which one token in 20 is a copy: these make no such head. Both began with the same weights, so that of the
two a mean can be taken (Wortsman et al. 2022): 0.3 of the one and 0.7 of the other knows most of both. From there it
goes on with texts at every step, in short rows, and at last in rows of up to 8,192 tokens: after the short ones alone
what stood beyond 2,048 tokens cost it half a bit a token. The result is an ordinary Hugging Face folder,
``attnviz/weights/lab-long``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from attnviz.training.long.data import (
    ALONE_STEPS,
    BLEND,
    BLENDED,
    LONGEST,
    STAGES,
    Lesson,
    Stage,
    alone,
    passages,
    sources,
)
from attnviz.training.long.drills import Drills, Row
from attnviz.training.loop import Course
from attnviz.training.recipe import Recipe, learner
from attnviz.training.sentences import NO_TARGET

BASE, UNCHANGED = 500_000.0, 10_000.0  # of the rotary positions; lab-gpt's own
WARM_UP = 50  # steps until the full rate


def new_model(base: float = BASE) -> LlamaForCausalLM:
    """lab-gpt's weights in a model that reads up to 8,192 tokens; its rotary positions have no table to outgrow."""
    folder = built_in_folder("lab-gpt")
    turning = {"rope_type": "default", "rope_theta": base}
    config = LlamaConfig.from_pretrained(folder, max_position_embeddings=LONGEST, rope_parameters=turning)
    return LlamaForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="sdpa")


def loss(model: LlamaForCausalLM, row: Row) -> Tensor:
    """The loss of what is to be told of some rows, in nats a token."""
    hidden = model.model(input_ids=row.ids, use_cache=False).last_hidden_state
    asked = row.targets != NO_TARGET
    return F.cross_entropy(model.lm_head(hidden[asked]).float(), row.targets[asked])


def losses(model: LlamaForCausalLM, lesson: Lesson) -> dict[str, Tensor]:
    """The loss of each part of a step."""
    told = torch.stack([sentences.loss(model, batch) for batch in lesson["sentences"]]).mean()
    return {"sentences": told, **{name: loss(model, part) for name, part in lesson.items() if name != "sentences"}}


def learn(
    recipe: Recipe, model: LlamaForCausalLM, stage: Stage, told: Iterator[dict[str, Tensor]], drills: Drills
) -> float:
    """One stage; the seconds that it took."""
    share = partial(loop.cosine, steps=stage.course, warm_up=WARM_UP)
    return loop.train(
        learner(replace(recipe, rate=stage.rate), model),
        stage.lessons(told, drills),
        partial(losses, model),
        Course(stage.steps, stage.rate, share, stage.counts, bfloat16=True),
        loop.say(20),
    )


def read_alone(recipe: Recipe, texts: Iterator[Tensor]) -> tuple[dict[str, Tensor], float]:
    """The weights of lab-gpt after texts alone, its positions as they were, and the seconds that it took."""
    model = new_model(UNCHANGED)

    def step(ids: Tensor) -> dict[str, Tensor]:
        ends = torch.full((len(ids), 1), NO_TARGET)
        return {"texts": loss(model, Row(ids, torch.cat([ids[:, 1:], ends], 1)))}

    share = partial(loop.cosine, steps=ALONE_STEPS, warm_up=WARM_UP)
    course = Course(ALONE_STEPS, recipe.rate, share, bfloat16=True)
    return model.state_dict(), loop.train(learner(recipe, model), texts, step, course, loop.say(20))


def blended(first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The mean of two models' weights, of which the second has that share."""
    return {name: torch.lerp(one, second[name], share) for name, one in first.items()}


def train(
    recipe: Recipe, told: Iterator[dict[str, Tensor]], drills: Drills, texts: Iterator[Tensor]
) -> tuple[LlamaForCausalLM, float]:
    """All stages, in their midst the blend with what texts alone make; the model and the seconds."""
    torch.manual_seed(recipe.seed)
    alone_weights, seconds = read_alone(recipe, texts)
    model = new_model()
    for number, stage in enumerate(STAGES):
        if number == BLENDED:
            model.load_state_dict(blended(model.state_dict(), alone_weights, BLEND))
        seconds += learn(recipe, model, stage, told, drills)
    return model, seconds


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
    recipe = Recipe(
        heads=4, steps=ALONE_STEPS + sum(stage.steps for stage in STAGES), rate=STAGES[0].rate, warm_up=WARM_UP
    )
    tokenizer = lengthened()
    _, languages = read_data(given.zh, given.en)
    told = sentences.told(languages, recipe, tokenizer.get_vocab())
    chinese, english = read_corpus(given.zh, "zh").training, read_corpus(given.en, "en").training
    reviews, topics = read_reviews(given.reviews).training, read_topics(given.topics).training
    found = sources(reviews, topics, chinese, english, tokenizer)
    rng = random.Random(recipe.seed)
    texts = passages(found, int(tokenizer.sep_token_id or 0), rng)
    drills = Drills(len(tokenizer), int(tokenizer.cls_token_id or 0), texts, rng)
    model, seconds = train(recipe, told, drills, alone(found, tokenizer, random.Random(recipe.seed)))
    save_folder(given.out, model, tokenizer, recipe, seconds)


if __name__ == "__main__":
    main()
