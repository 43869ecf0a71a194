"""Train `lab-readings`: as the other lab models, and two heads of its top layer hold the two readings of a stretch.

    python -m attnviz.training.readings.train --zh common_voice_zh.txt --en common_voice_en.txt

The data are the Common Voice sentence collections (CC0 1.0; see ``corpus.py``), Chinese by character, English by letter
without spaces, and texts made up from them and from jieba's dictionary (``made.py``). Three losses: fill the blanks,
say where words begin, and point the top layer's weights at the neighbours inside the word (``loss.py``).
"""

from __future__ import annotations

import argparse
import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import ModernBertForMaskedLM, PreTrainedTokenizerFast

from attnviz.models.load import BOUNDARY_FILE
from attnviz.shipped import WEIGHTS
from attnviz.text.lattice import MODEL, Dictionary
from attnviz.training import loop
from attnviz.training.corpus import NO_MARK, Marked, ask_for_sentences
from attnviz.training.folder import save_facts, save_folder, save_tensors
from attnviz.training.masked import new_model
from attnviz.training.readings.data import bare, blanked, build_tokenizer, english_words, read, taught
from attnviz.training.readings.loss import reading_loss
from attnviz.training.readings.made import allowed, chained, grafted, respelled
from attnviz.training.recipe import Recipe, course

CHOICES = ("batch", "two", "roles", "mean", "none")
MADE_IN = ("zh", "zh", "en")
KINDS = ("zh", "zh again", "en", "grafted", "chained", "respelled")
GRAFTED, CHAINED, RESPELLED = 100_000, 100_000, 50_000
HOT, COLD, COOLING = 4.0, 1.0, 0.15  # the temperature falls over this share of the steps: heads stay alike till it has


@dataclass(frozen=True)
class ReadingsRecipe(Recipe):
    """The lab models' shape and steps; fewer blanks and more texts left whole: no weights are asked for near blanks."""

    steps: int = 10_000
    masked_a_step: int = 260
    left_whole: float = 0.3
    choice: str = "two"
    reading_share: float = 1.0
    hot: float = HOT
    bfloat16: bool = False


@dataclass(frozen=True)
class Lessons:
    """All that a training reads: the tokenizer, the English words, and the texts by kind."""

    tokenizer: PreTrainedTokenizerFast
    english: dict[str, int]
    texts: list[list[Marked]]


def lessons(zh: Path, en: Path, seed: int = 20) -> Lessons:
    """Read both files, make up texts, and cut everything. Chinese sentences come twice as often as English ones."""
    chinese, english = read(zh)[0], read(en)[0]
    words = Dictionary.of(english_words(english))
    tokenizer = build_tokenizer(chinese, english)
    characters = frozenset(character for text in chinese for character in bare(text))
    rng = random.Random(seed)
    made = [
        [*islice(allowed(grafted(chinese, words, rng)), GRAFTED)],
        [*islice(allowed(chained(words, characters, rng)), CHAINED)],
        [*islice(allowed(respelled(english, words, rng)), RESPELLED)],
    ]
    real = taught(chinese, "zh", tokenizer, words)
    texts = [
        real,
        real,
        taught(english, "en", tokenizer, words),
        *(taught(one, language, tokenizer, words, made=True) for one, language in zip(made, MADE_IN, strict=True)),
    ]
    return Lessons(tokenizer, dict(words.english), texts)


def kept(file: Path | None, zh: Path, en: Path) -> Lessons:
    """The lessons as they were kept in a file by an earlier run, or made and kept."""
    if file is not None and file.exists():
        found: Lessons = pickle.loads(file.read_bytes())
        return found
    made = lessons(zh, en)
    if file is not None:
        file.write_bytes(pickle.dumps(made))
    return made


def cooling(steps: int, hot: float = HOT) -> Iterator[float]:
    """The temperature of each step, from hot to cold along a line, then cold."""
    for step in range(steps):
        yield hot + (COLD - hot) * min(1.0, step / (COOLING * steps))


def losses(
    model: ModernBertForMaskedLM, boundary: nn.Linear, choice: str, batch: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The masked-token loss, the word-boundary loss and what the top layer's weights cost, in nats."""
    text = batch["text"]
    own = (text[:, None, :, None] == text[:, None, None, :]).float()
    run = model.model(
        input_ids=batch["ids"],
        position_ids=batch["positions"],
        attention_mask={"full_attention": (1 - own) * -1e4},
        output_attentions=choice != "none",
    )
    hidden = run.last_hidden_state.flatten(0, 1)
    filled = model.decoder(model.head(hidden[batch["blanks"]]))
    marked = boundary(hidden)
    found = {
        "loss": F.cross_entropy(filled.float(), batch["targets"]),
        "boundary": _told(marked, batch["marks"].flatten()),
    }
    return found if choice == "none" else {**found, "reading": reading_loss(run.attentions[-1], batch, choice)}


def _told(marked: Tensor, marks: Tensor) -> Tensor:
    """The mean loss over tokens whose mark is told; 0 where none is, since a step may hold made-up English alone."""
    lost = F.cross_entropy(marked.float(), marks, ignore_index=NO_MARK, reduction="sum")
    return lost / (marks != NO_MARK).sum().clamp_min(1)


def begun(
    recipe: ReadingsRecipe, tokenizer: PreTrainedTokenizerFast, start: Path | None
) -> tuple[ModernBertForMaskedLM, nn.Linear]:
    """The untrained network and its word-boundary map, or those that an earlier training left in a folder."""
    torch.manual_seed(recipe.seed)
    model, boundary = new_model(recipe, tokenizer), nn.Linear(recipe.width, 2)
    if start is not None:
        model = ModernBertForMaskedLM.from_pretrained(start, attn_implementation="eager", dtype=torch.float32)
        boundary.load_state_dict({name: one.float() for name, one in load_file(start / BOUNDARY_FILE).items()})
    return model.train(), boundary


def train(
    recipe: ReadingsRecipe,
    made: Lessons,
    folder: Path,
    *,
    start: Path | None = None,
    compiled: bool = False,
    going_on: loop.Kept | None = None,
) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every 500 steps; `going_on` from what was kept.

    A recipe's `bfloat16` halves a step's time on a processor that has it (avx512_bf16); weights stay float32.
    """
    model, boundary = begun(recipe, made.tokenizer, start)
    run = torch.compile(losses, dynamic=False) if compiled else losses

    def save(now: loop.Now) -> None:
        save_folder(folder, model, made.tokenizer, recipe, now.seconds)
        save_tensors(folder / BOUNDARY_FILE, boundary.state_dict())
        save_facts(folder, words=made.english, indent=0)

    loop.train(
        loop.muon(model, boundary, rate=recipe.rate, decay=recipe.weight_decay, float32=not recipe.bfloat16),
        blanked(made.texts, recipe, made.tokenizer.get_vocab(), cooling(recipe.steps, recipe.hot)),
        partial(run, model, boundary, recipe.choice),
        course(
            recipe,
            counts={"boundary": recipe.boundary_share, "reading": recipe.reading_share},
            bfloat16=recipe.bfloat16,
        ),
        loop.say(),
        loop.Every(500, save, last=True),
        kept=going_on,
    )


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask_for_sentences(parser)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--steps", type=int, default=ReadingsRecipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--choice", choices=CHOICES, default="two", help="how stretches are asked for; see loss.py")
    parser.add_argument("--whole", type=float, default=ReadingsRecipe.left_whole, help="share of texts without blanks")
    parser.add_argument("--masked", type=int, default=ReadingsRecipe.masked_a_step, help="blanks a step")
    parser.add_argument("--rate", type=float, default=ReadingsRecipe.rate, help="the full learning rate")
    parser.add_argument("--hot", type=float, default=HOT, help="the first temperature; 1 with --start")
    parser.add_argument("--shares", type=float, nargs=len(KINDS), default=[1.0] * len(KINDS), help=f"of {KINDS}")
    parser.add_argument("--start", type=Path, help="a folder whose training is gone on with")
    parser.add_argument("--out", type=Path, help=f"folder to write; attnviz/weights/{MODEL} unless given")
    parser.add_argument("--lessons", type=Path, help="a file to keep the cut texts in, for the next run")
    parser.add_argument("--compile", action="store_true", help="compile the step (needs a C++ compiler)")
    parser.add_argument("--bfloat16", action="store_true", help="multiply in bfloat16, where the processor can")
    parser.add_argument("--kept", type=Path, help="a file from which a training that was cut off goes on")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)  # the moments of rare characters fade to denormal numbers, which are slow
    recipe = ReadingsRecipe(
        given.heads,
        steps=given.steps,
        seed=given.seed,
        choice=given.choice,
        left_whole=given.whole,
        masked_a_step=given.masked,
        rate=given.rate,
        hot=given.hot,
        bfloat16=given.bfloat16,
    )
    made = kept(given.lessons, given.zh, given.en)
    print(
        f"{len(made.tokenizer)} pieces, {[sum(len(x.ids) for x in texts) for texts in made.texts]} tokens", flush=True
    )
    few = [texts[: int(len(texts) * share)] for texts, share in zip(made.texts, given.shares, strict=True)]
    made = replace(made, texts=few)
    going_on = given.kept and loop.Kept(given.kept)
    train(recipe, made, given.out or WEIGHTS / MODEL, start=given.start, compiled=given.compile, going_on=going_on)


if __name__ == "__main__":
    main()
