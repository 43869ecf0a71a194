"""Train the detector of blood cells from nothing.

    python -m attnviz.training.detection.train --data bccd

The result is an ordinary Hugging Face folder, ``attnviz/weights/detr-cells``: a DAB-DETR (Liu et al. 2022) of
transformers, `config.json` with the labels in Chinese and English (`label_names`).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from transformers import DabDetrForObjectDetection

from attnviz.shipped import WEIGHTS
from attnviz.training import loop
from attnviz.training.detection.data import HIGH, LABELS, MEAN, SPREAD, WIDE, Batch, Recipe, batches, read_cells
from attnviz.training.detection.loss import losses
from attnviz.training.detection.network import Beside, frozen, guesses, new_model, thawed
from attnviz.training.folder import save_facts

NAME = "detr-cells"
PROCESSOR = {
    "do_normalize": True, "do_rescale": True, "do_resize": True, "do_pad": False, "image_mean": [MEAN] * 3,
    "image_std": [SPREAD] * 3, "image_processor_type": "ConditionalDetrImageProcessor", "resample": 2,
    "rescale_factor": 1 / 255, "size": {"shortest_edge": HIGH, "longest_edge": WIDE}, "format": "coco_detection",
}  # fmt: skip


def train(
    recipe: Recipe, data: Path, folder: Path, every: int = 250, kept: Path | None = None, start: Path | None = None
) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every so many steps; go on from what was `kept`.

    `start` is what an earlier course kept: its numbers are begun with.
    """
    torch.manual_seed(recipe.seed)
    model, beside = thawed(new_model(recipe)), Beside(recipe, len(LABELS))
    average = loop.Average.of(model, recipe.average)

    def parts(batch: Batch) -> dict[str, Tensor]:
        return losses(guesses(model, beside, batch), recipe.groups, batch)

    learner = loop.muon(model, beside, rate=recipe.rate, decay=recipe.weight_decay, float32=True)
    learner.optimisers[-1].param_groups[0]["times"] = recipe.elsewhere
    if start is not None:
        loop.Kept(start, beside=(average.mean,)).start(learner)
    share = partial(loop.cosine, steps=recipe.steps, warm_up=recipe.warm_up)
    loop.train(
        learner,
        batches(read_cells(data, "trainval"), recipe),
        parts,
        loop.Course(recipe.steps, recipe.rate, share),
        loop.say(25),
        loop.Every(1, average.move),
        loop.Every(
            every, lambda now: save(folder, frozen(average.mean, model, recipe), recipe, now.seconds), last=True
        ),
        kept=None if kept is None else loop.Kept(kept, beside=(average.mean,)),
    )


def save(folder: Path, model: DabDetrForObjectDetection, recipe: Recipe, seconds: float) -> None:
    """Write the folder: weights in float16, what its pictures go through, and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    save_facts(folder, preprocessor_config=PROCESSOR, recipe={**asdict(recipe), "seconds": round(seconds)})


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of BCCD: Annotations, ImageSets, JPEGImages")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--out", type=Path, default=WEIGHTS / NAME, help="folder to write")
    parser.add_argument("--kept", type=Path, help="a file from which a training that was cut off goes on")
    parser.add_argument("--start", type=Path, help="a file that an earlier course kept, whose numbers are begun with")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    train(Recipe(steps=given.steps, rate=given.rate), given.data, given.out, kept=given.kept, start=given.start)


if __name__ == "__main__":
    main()
