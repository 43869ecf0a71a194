"""What becomes of a model's folder on its way: through editors, training tools, a browser's downloads, a full disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
Spoil = Callable[[Path], object]


def settings(name: str = "config.json", **changes: Any) -> Spoil:
    """Change what a file of settings says."""

    def spoil(folder: Path) -> None:
        said = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**said, **changes}))

    return spoil


def encoded(name: str, encoding: str) -> Spoil:
    """Save a file as an editor of Windows does."""

    def spoil(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_bytes(text.encode(encoding))

    return spoil


def weights(change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Spoil:
    """Change the weights."""

    def spoil(folder: Path) -> None:
        found = change(load_file(folder / WEIGHTS))
        save_file({name: one.clone() for name, one in found.items()}, folder / WEIGHTS, {"format": "pt"})

    return spoil


def prefixed(before: str) -> Spoil:
    """Put something before the name of every weight."""
    return weights(lambda found: {before + name: one for name, one in found.items()})


def typed(dtype: torch.dtype) -> Spoil:
    """Store all weights as numbers of a type."""
    return weights(lambda found: {name: (one * 10).to(dtype) for name, one in found.items()})


def renamed(old: str, new: str) -> Spoil:
    """Give a file another name."""
    return lambda folder: (folder / old).rename(folder / new)


def only(*names: str) -> Spoil:
    """Keep these files alone."""
    return lambda folder: [one.unlink() for one in folder.iterdir() if one.name not in names]


def instead_of_weights(*files: str) -> Spoil:
    """Other files in the place of the weights."""

    def spoil(folder: Path) -> None:
        (folder / WEIGHTS).unlink()
        for file in files:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(b"x")

    return spoil


def word_list(ends: bytes, begins: bytes = b"") -> Spoil:
    """A vocab.txt in place of tokenizer.json, its lines ending as other systems end them."""

    def spoil(folder: Path) -> None:
        vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        words = sorted(vocabulary, key=vocabulary.__getitem__)
        (folder / "tokenizer.json").unlink()
        (folder / "vocab.txt").write_bytes(begins + ends.join(word.encode() for word in words) + ends)
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')

    return spoil


def in_parts(parts: int = 2, *, without: int | None = None, place: str = "", **index: Any) -> Spoil:
    """The weights in several files with an index, one of them missing, or lying elsewhere."""

    def spoil(folder: Path) -> None:
        found = load_file(folder / WEIGHTS)
        (folder / WEIGHTS).unlink()
        names = [f"model-{part + 1:05}-of-{parts:05}.safetensors" for part in range(parts)]
        of = {name: number % parts for number, name in enumerate(found)}
        for part, file in enumerate(names):
            if part != without:
                held = {name: one for name, one in found.items() if of[name] == part}
                save_file(held, folder / place / file, {"format": "pt"})
        table = {name: place + names[part] for name, part in of.items()}
        (folder / INDEX).write_text(json.dumps({"weight_map": table, **index}))

    return spoil


def checkpoints(*numbers: str, broken: str | None = None) -> Spoil:
    """The model in folders of its folder, as a Trainer leaves them; the weights of one were never written."""

    def spoil(folder: Path) -> None:
        files = [one for one in folder.iterdir() if one.is_file()]
        for number in numbers:
            (folder / number).mkdir()
            for one in files:
                if not (number == broken and one.name == WEIGHTS):
                    shutil.copy(one, folder / number)
        for one in files:
            one.unlink()

    return spoil


def pruned(folder: Path) -> None:
    """One head of layer 0 cut out of BERT's weights, as transformers before 5 did it."""

    def cut(found: dict[str, Tensor]) -> dict[str, Tensor]:
        layer = "bert.encoder.layer.0.attention."
        for name in ("query", "key", "value"):
            for what in ("weight", "bias"):
                found[f"{layer}self.{name}.{what}"] = found[f"{layer}self.{name}.{what}"][:24]
        found[f"{layer}output.dense.weight"] = found[f"{layer}output.dense.weight"][:, :24].contiguous()
        return found

    weights(cut)(folder)
    settings(pruned_heads={"0": [3]})(folder)


def both(*spoils: Spoil) -> Spoil:
    """One after the other."""
    return lambda folder: [spoil(folder) for spoil in spoils]
