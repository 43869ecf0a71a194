"""Train cora-gat or cora-gatv2 on Cora's 140 labelled papers, by the recipe of GAT's paper (sec. 3.3).

    python -m attnviz.training.graph.train cora-gat --data cora

Two layers: 8 heads of 8 numbers and ELU, then one head of 7 classes; dropout 0.6 on features, states and weights, Adam
with a weight decay of 5e-4, and an end when neither the loss nor the accuracy of the 500 validation papers has become
better for 100 epochs. Ten seeds are trained; the one whose validation loss was lowest is kept. No test paper has a say.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shutil import copyfile

import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz.shipped import WEIGHTS
from attnviz.systems.graph import NAMES
from attnviz.systems.graph.graph import Graph
from attnviz.systems.graph.network import Bag, Network, Shape
from attnviz.systems.graph.system import stored_graph
from attnviz.training import loop
from attnviz.training.folder import save_facts, save_tensors
from attnviz.training.graph.data import CLASSES, Cora

VERSION = {"cora-gat": 1, "cora-gatv2": 2}


@dataclass(frozen=True)
class Recipe:
    """How it is trained."""

    hidden: int = 8
    heads: int = 8
    dropout: float = 0.6
    rate: float = 5e-3
    weight_decay: float = 5e-4
    epochs: int = 1_000
    patience: int = 100
    seeds: int = 10


@dataclass(frozen=True)
class Material:
    """What is learnt from."""

    graph: Graph
    features: Bag
    classes: Tensor
    parts: dict[str, Tensor]

    def right(self, logits: Tensor, part: str) -> float:
        """Which share of a part's papers gets its class?"""
        nodes = self.parts[part]
        return float((logits[nodes].argmax(-1) == self.classes[nodes]).double().mean())

    def loss(self, logits: Tensor, part: str) -> Tensor:
        """The cross-entropy of a part's papers, in nats."""
        return F.cross_entropy(logits[self.parts[part]], self.classes[self.parts[part]])


@dataclass
class Watch:
    """What the validation papers said so far, and the network where they said it best."""

    patience: int
    loss: float = float("inf")
    right: float = 0.0
    waited: int = 0
    best: loop.Best = field(default_factory=loop.Best)

    def see(self, network: Network, loss: float, right: float, epoch: int) -> None:
        """One more epoch; the network is kept where both were at least as good as ever."""
        if loss <= self.loss or right >= self.right:
            if loss <= self.loss and right >= self.right:
                self.best = loop.Best()
                self.best.offer(network, loss, right=right, epoch=epoch)
            self.loss, self.right, self.waited = min(loss, self.loss), max(right, self.right), 0
        else:
            self.waited += 1

    def epochs(self) -> Iterator[None]:
        """One after the other, until it has waited too long."""
        while self.waited < self.patience:
            yield None


def train(material: Material, version: int, seed: int, recipe: Recipe) -> tuple[Network, Watch]:
    """Train one network, and put it back to where the validation papers liked it best."""
    torch.manual_seed(seed)
    shape = Shape(
        material.features.width, recipe.hidden, recipe.heads, len(CLASSES), version, recipe.dropout
    )  # fmt: skip
    network, watch = Network(shape), Watch(recipe.patience)
    adam = torch.optim.Adam(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)

    def losses(_: None) -> dict[str, Tensor]:
        logits, _weights = network.train().along(material.features, material.graph.index)
        return {"train": material.loss(logits, "train")}

    def look(now: loop.Now) -> None:
        with torch.no_grad():
            logits, _weights = network.eval().along(material.features, material.graph.index)
        loss, right = float(material.loss(logits, "validation")), material.right(logits, "validation")
        watch.see(network, loss, right, now.step)

    loop.train(
        loop.Learner(list(network.parameters()), [adam]), watch.epochs(), losses,
        loop.Course(recipe.epochs, recipe.rate, lambda step: 1.0), loop.Every(1, look),
    )  # fmt: skip
    network.load_state_dict(dict(watch.best.state))
    return network.eval(), watch


def material_of(file: Path, width: int = 1_433) -> Material:
    """What a stored graph gives to learn from."""
    graph, features, parts = stored_graph(file, width)
    return Material(graph, features, torch.tensor(graph.classes), parts)


def main() -> None:
    """Read the arguments, train all seeds, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=NAMES)
    parser.add_argument("--data", type=Path, required=True, help="folder of Planetoid's ind.cora.* and its LICENSE")
    parser.add_argument("--seeds", type=int, default=Recipe.seeds)
    given = parser.parse_args()
    recipe, folder = Recipe(seeds=given.seeds), WEIGHTS / given.model
    Cora.read(given.data).save(folder / "graph.safetensors")
    copyfile(given.data / "LICENSE", folder / "LICENSE.planetoid")
    material = material_of(folder / "graph.safetensors")
    told, best, began = [], loop.Best(), time.time()
    for seed in range(recipe.seeds):
        network, watch = train(material, VERSION[given.model], seed, recipe)
        with torch.no_grad():
            logits, _ = network.along(material.features, material.graph.index)
        told.append({"seed": seed, "test": round(material.right(logits, "test"), 4), **watch.best.facts})
        best.offer(network, watch.best.value, seed=seed)
        print(told[-1], f"{time.time() - began:.0f} s", flush=True)
    save_tensors(folder / "model.safetensors", best.state)
    shape = asdict(network.shape)
    facts = {**asdict(recipe), "chosen": best.facts["seed"], "runs": told, "seconds": round(time.time() - began)}
    save_facts(folder, config={"shape": shape, "classes": CLASSES}, recipe=facts)


if __name__ == "__main__":
    main()
