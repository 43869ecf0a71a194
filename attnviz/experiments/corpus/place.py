"""Where a corpus was left: its sums so far and the place in the file, beside the file that it becomes."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from attnviz.errors import AttnvizError
from attnviz.experiments.corpus.exact import Sums, joined
from attnviz.experiments.corpus.lines import Place, Refused, Window
from attnviz.experiments.corpus.worker import Part
from attnviz.models.load import Model
from attnviz.saved import replacing

ENDING = ".unfinished"
FORMAT = "attnviz corpus 1"
NAMED = 100  # refused lines whose numbers and reasons are kept; of all others the number of them is
LOOKED_AT = 64  # numbers of each tensor by which a model is known again
WRONG = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def mark_of(model: Model) -> str:
    """By what is a model known again? A checksum of the names and shapes of its tensors, some numbers of each, and of
    how its tokenizer cuts."""
    found = hashlib.sha256()
    for name, tensor in model.network.state_dict().items():
        flat = tensor.detach().flatten()
        some = flat[torch.linspace(0, max(len(flat) - 1, 0), min(LOOKED_AT, len(flat))).long()]
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {some.double().tolist()}".encode())
    found.update(_cuts(model.tokenizer).encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def _cuts(tokenizer: Any) -> str:
    """How a tokenizer cuts, without what its last call has left in it: how far it was to read, and to fill up."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return str(sorted(tokenizer.get_vocab().items()))
    said = json.loads(backend.to_str())
    return json.dumps(
        {name: one for name, one in said.items() if name not in ("truncation", "padding")}, sort_keys=True
    )


@dataclass(frozen=True)
class About:
    """What a corpus is of: a model's name and mark, a file's size in bytes (None: not known), the measures."""

    model: str
    mark: str
    size: int | None
    measures: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """How far it is: the place in the file, the sums up to there, how many lines were refused, the first of them."""

    place: Place = field(default_factory=Place)
    sums: Sums | None = None
    left_out: int = 0
    refused: tuple[Refused, ...] = ()

    def after(self, window: Window, part: Part) -> State:
        """With one more window."""
        refused = sorted((*window.refused, *part.refused), key=lambda one: one[0])
        kept = (*self.refused, *refused)[:NAMED]
        return State(window.after, joined(self.sums, part.sums), self.left_out + len(refused), kept)


def beside(goal: Path) -> Path:
    """The file in which the state of a corpus lies until it is done."""
    return goal.with_name(goal.name + ENDING)


def keep(state: State, about: About, file: Path) -> None:
    """Write it down, whole or not at all. Raises `AttnvizError` where it cannot be written."""
    said = {
        "format": FORMAT,
        "about": [about.model, about.mark, about.size, list(about.measures)],
        "place": [state.place.windows, state.place.lines, state.place.digest],
        "sums": None if state.sums is None else state.sums.plain(),
        "left_out": state.left_out,
        "refused": [[number, type(one).__name__, one.message, _plain(one.values)] for number, one in state.refused],
    }
    written(file, json.dumps(said).encode())


def written(file: Path, content: bytes) -> None:
    """A file with this content, whole or as it was before. Raises `AttnvizError` where it cannot be written."""
    try:
        with replacing(file) as part, part.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as reason:
        raise AttnvizError("file_not_written", file=file, reason=reason.strerror or reason) from reason


def taken_up(about: About, file: Path) -> State:
    """Where it was left; the beginning where it never was. Raises `AttnvizError` for one of something else."""
    if not file.is_file():
        return State()
    try:
        said = json.loads(file.read_bytes())
        if said["format"] != FORMAT:
            raise ValueError(said["format"])
        model, mark, size, measures = said["about"]
        state = _state(said)
    except (OSError, *WRONG) as reason:
        raise AttnvizError("corpus_state_damaged", file=file) from reason
    then = About(model, mark, size, tuple(measures))
    if (then.model, then.mark) != (about.model, about.mark):
        raise AttnvizError("corpus_other_model", file=file, model=then.model)
    if then.size != about.size:
        raise AttnvizError("corpus_other_file", file=file)
    if then.measures != about.measures:
        raise AttnvizError("corpus_other_measures", file=file, measures=", ".join(then.measures))
    return state


def _state(said: dict[str, Any]) -> State:
    windows, lines, digest = said["place"]
    sums = None if said["sums"] is None else Sums.of_plain(said["sums"])
    refused = tuple((int(number), _again(*error)) for number, *error in said["refused"])
    return State(Place(int(windows), int(lines), str(digest)), sums, int(said["left_out"]), refused)


def _again(kind: str, message: str, values: dict[str, object]) -> AttnvizError:
    """An error by what was written down of it."""
    import attnviz.errors

    found = getattr(attnviz.errors, kind)
    if not issubclass(found, AttnvizError):
        raise ValueError(kind)
    error: AttnvizError = found(message, **values)
    return error


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {name: value if isinstance(value, (int, float)) else str(value) for name, value in values.items()}
