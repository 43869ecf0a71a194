"""Train lab-long: lab-gpt, trained on with texts of up to 8,192 tokens.

    python -m attnviz.training.long.train --zh common_voice_zh.txt --en common_voice_en.txt \
        --reviews movie_reviews.zip --topics kdconv

It begins with the weights of lab-gpt and goes on with the next-token loss over running texts of 1,024 to
8,192 tokens: film reviews (Pang and Lee 2004, CC BY 4.0), dialogues about one film, song or place after the other
(KdConv, Apache-2.0; for the public originals of both see ``training/hierarchical``) and runs of Common Voice sentences
(CC0 1.0). Whoever reads on may look back over all of it. Now and then a passage returns word for word, as names and
phrases do in long texts; 2,200 steps, with one token in 20 such a copy, were not enough for a head that continues a
repeated sequence (Olsson et al. 2022): the model reads far, and the card says how little it makes of it.
The result is an ordinary Hugging Face folder, ``attnviz/weights/lab-long``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from attnviz.models import built_in_folder
from attnviz.shipped import WEIGHTS
from attnviz.training import loop
from attnviz.training.corpus import ask_for_sentences, read_corpus
from attnviz.training.documents import read_reviews, read_topics
from attnviz.training.folder import save_folder
from attnviz.training.long.data import LENGTHS, Sources, batches, sources
from attnviz.training.recipe import Recipe, course, learner


def new_model() -> LlamaForCausalLM:
    """lab-gpt's weights in a model that reads up to 8,192 tokens; its rotary positions have no table to outgrow."""
    folder = built_in_folder("lab-gpt")
    config = LlamaConfig.from_pretrained(folder, max_position_embeddings=LENGTHS[-1])
    return LlamaForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="sdpa")


def loss(model: LlamaForCausalLM, ids: Tensor) -> Tensor:
    """The next-token loss of one batch, in nats a token."""
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    logits = model.lm_head(hidden)
    return F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())


def train(recipe: Recipe, found: Sources, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every 100 steps."""
    torch.manual_seed(recipe.seed)
    model = new_model()
    loop.train(
        learner(recipe, model),
        map(torch.from_numpy, batches(found, tokenizer, recipe.seed)),
        lambda ids: {"loss": loss(model, ids)},
        course(recipe),
        loop.say(20),
        loop.Every(100, lambda now: save_folder(folder, model, tokenizer, recipe, now.seconds), last=True),
    )


def lengthened() -> PreTrainedTokenizerFast:
    """lab-gpt's tokenizer for longer texts."""
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(built_in_folder("lab-gpt"))
    tokenizer.model_max_length = LENGTHS[-1]
    return tokenizer


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask_for_sentences(parser)
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
