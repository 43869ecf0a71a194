"""Train lab-gpt: a small Chinese and English model that writes on, each token seeing only those before it.

    python -m attnviz.training.gpt.train --zh common_voice_zh.txt --en common_voice_en.txt

The same sentences, tokenizer, width, depth and optimisers as the lab models of ``training/lab``; the loss is the next
token's (Radford et al. 2018). A text begins with [CLS] and ends with [SEP]; the tokenizer of the result adds only the
first, so that a prompt is open at its end. The result is an ordinary Hugging Face folder, ``attnviz/weights/lab-gpt``.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import torch
from tokenizers import processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from attnviz.shipped import WEIGHTS
from attnviz.training import loop
from attnviz.training.corpus import Marked, ask_for_sentences, read_data
from attnviz.training.folder import save_folder
from attnviz.training.recipe import Recipe, course, learner, shape
from attnviz.training.sentences import loss, told


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained decoder of the recipe's shape (rotary positions, RMS norms, gated inner layers)."""
    config = LlamaConfig(**shape(recipe, tokenizer), num_key_value_heads=recipe.heads, tie_word_embeddings=True)
    model = LlamaForCausalLM(config)
    model.set_attn_implementation("eager")
    return model


def train(recipe: Recipe, languages: list[list[Marked]], tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every 1,000 steps."""
    torch.manual_seed(recipe.seed)
    model = new_model(recipe, tokenizer)
    loop.train(
        learner(recipe, model),
        told(languages, recipe, tokenizer.get_vocab()),
        lambda batch: {"loss": loss(model, batch)},
        course(recipe),
        loop.say(),
        loop.Every(1_000, lambda now: save_folder(folder, model, tokenizer, recipe, now.seconds), last=True),
    )


def opened(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """The lab tokenizer for a model that writes on: [CLS] before a text, nothing after it, [SEP] as its end."""
    found = copy.deepcopy(tokenizer)
    found.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", int(found.cls_token_id or 0))]
    )
    found.bos_token, found.eos_token = found.cls_token, found.sep_token
    return found


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=4, choices=(1, 2, 4, 8))
    ask_for_sentences(parser)
    parser.add_argument("--steps", type=int, default=6_000)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--out", type=Path, default=WEIGHTS / "lab-gpt")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(heads=given.heads, steps=given.steps, rate=given.rate)
    tokenizer, languages = read_data(given.zh, given.en)
    train(recipe, languages, opened(tokenizer), given.out)


if __name__ == "__main__":
    main()
