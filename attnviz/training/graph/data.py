"""Cora as Planetoid splits it (Yang et al. 2016): papers, their words, who cites whom, and which are trained on.

The files are those of https://github.com/kimiyoung/planetoid (MIT): ind.cora.x, .allx, .tx, .y, .ally, .ty, .graph,
.test.index, pickles of NumPy and SciPy. A pickle can run code as it is read: take them from there alone.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from attnviz.systems.graph.graph import Graph

CLASSES = (
    "Theory", "Reinforcement_Learning", "Genetic_Algorithms", "Neural_Networks", "Probabilistic_Methods", "Case_Based",
    "Rule_Learning",
)  # fmt: skip
TRAINED, VALIDATED = 140, 500  # papers: twenty of each class; the next five hundred


@dataclass(frozen=True)
class Cora:
    """2,708 papers: the words of each as columns of 1,433, who cites whom without direction, classes, three parts."""

    words: list[list[int]]
    pairs: list[tuple[int, int]]
    classes: list[int]
    parts: Mapping[str, list[int]]

    @classmethod
    def read(cls, folder: Path) -> Cora:
        """Read the eight files. The test papers stand in `tx` in the order of `test.index`."""
        test = [int(line) for line in (folder / "ind.cora.test.index").read_text().split()]
        allx, tx, ally, ty, graph = (_pickle(folder, name) for name in ("allx", "tx", "ally", "ty", "graph"))
        count = allx.shape[0] + tx.shape[0]
        words: list[list[int]] = [[] for _ in range(count)]
        classes = [0] * count
        rows = [*range(allx.shape[0]), *test]
        for node, row, label in zip(rows, [*allx, *tx], [*ally, *ty], strict=True):
            words[node] = sorted(int(column) for column in row.indices)
            classes[node] = int(np.argmax(label))
        pairs = Graph.of([""] * count, [(int(a), int(b)) for a, cited in graph.items() for b in cited]).edges
        parts = {
            "train": list(range(TRAINED)), "validation": list(range(TRAINED, TRAINED + VALIDATED)), "test": test,
        }  # fmt: skip
        return cls(words, [pair for pair in pairs if pair[0] < pair[1]], classes, parts)

    def save(self, file: Path) -> None:
        """Write it as the folder of a model keeps it (`systems.graph.system.stored_graph`)."""
        tensors: dict[str, Tensor] = {
            "words": torch.tensor([word for row in self.words for word in row], dtype=torch.uint16),
            "words_of_node": torch.tensor([len(row) for row in self.words], dtype=torch.uint8),
            "edges": torch.tensor(self.pairs, dtype=torch.uint16),
            "classes": torch.tensor(self.classes, dtype=torch.uint8),
            **{name: torch.tensor(nodes, dtype=torch.uint16) for name, nodes in self.parts.items()},
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, file)


def _pickle(folder: Path, name: str) -> Any:
    with (folder / f"ind.cora.{name}").open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # modules of SciPy that have moved since
        return pickle.load(file, encoding="latin1")
