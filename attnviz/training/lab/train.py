"""Train one lab model: a small Chinese and English ModernBERT whose head count is the only thing that varies.

    python -m attnviz.training.lab.train --heads 4 --zh common_voice_zh.txt --en common_voice_en.txt

The data are the Common Voice sentence collections (CC0 1.0; see ``corpus.py``). Two losses: fill the blanks
(masked-token loss, Devlin et al. 2019) and say for every token whether a word begins there (Chinese words by jieba).
The result is an ordinary Hugging Face folder under ``attnviz/weights/lab-<heads>`` and beside the model a
``word_boundary.safetensors``: a linear map from the last hidden state to two classes.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ModernBertForMaskedLM, PreTrainedTokenizerFast

from attnviz.models.load import BOUNDARY_FILE
from attnviz.shipped import WEIGHTS
from attnviz.training import loop
from attnviz.training.batches import blanked
from attnviz.training.corpus import NO_MARK, SPECIALS, Marked, ask_for_sentences, read_data
from attnviz.training.folder import save_folder, save_tensors
from attnviz.training.masked import new_model
from attnviz.training.recipe import Recipe, course, learner


def losses(model: ModernBertForMaskedLM, boundary: nn.Linear, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The masked-token loss and the word-boundary loss of one batch, in nats."""
    text = batch["text"]
    own = (text[:, None, :, None] == text[:, None, None, :]).to(torch.bfloat16)
    hidden = model.model(
        input_ids=batch["ids"],
        position_ids=batch["positions"],
        attention_mask={"full_attention": (1 - own) * -1e4},
    ).last_hidden_state.flatten(0, 1)
    filled = model.decoder(model.head(hidden[batch["blanks"]]))
    marked = boundary(hidden)
    return {
        "loss": F.cross_entropy(filled.float(), batch["targets"]),
        "boundary": F.cross_entropy(marked.float(), batch["marks"].flatten(), ignore_index=NO_MARK),
    }


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
    model, boundary = new_model(recipe, tokenizer), nn.Linear(recipe.width, 2)
    run = torch.compile(losses, dynamic=False) if compiled else losses

    def save(now: loop.Now) -> None:
        save_folder(folder, model, tokenizer, recipe, now.seconds)
        save_tensors(folder / BOUNDARY_FILE, boundary.state_dict())

    loop.train(
        learner(recipe, model, boundary),
        blanked(languages, recipe, tokenizer.get_vocab()),
        partial(run, model, boundary),
        course(recipe, counts={"boundary": recipe.boundary_share}),
        loop.say(),
        loop.Every(2_000, save, last=True),
    )


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, required=True, choices=(1, 2, 4, 8))
    ask_for_sentences(parser)
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
