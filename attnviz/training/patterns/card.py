"""What do sparse patterns cost a model in accuracy? Print it over the held-out sentences, and on request write it.

    python -m attnviz.training.patterns.card --zh common_voice_zh.txt --en common_voice_en.txt [--write]

The models were trained looking at everything and are not trained again: a pattern is put on when they are asked. The
sentences are the held-out ones of ``corpus.read_corpus``; the lab models' figure is the share of blanks filled with
what stood there, the same blanks as in their cards, lab-gpt's the share of next tokens that came first. `--write` puts
the figures into ``attnviz/content/sparse.toml``, which the page on sparse attention plots.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from attnviz.adapter.registered import recording
from attnviz.core.interventions import Restrict
from attnviz.core.masks import Causal, Mask
from attnviz.measures.patterns import FIGURES, Pattern, Point
from attnviz.models import COMPARED, Model, load
from attnviz.training.blanks import Filled, fill_blanks
from attnviz.training.corpus import read_corpus
from attnviz.training.next_token import Told, told

CONTENT = Path(__file__).parents[2] / "content"
WINDOWS = (1, 2, 4, 8, 16, 32)
OTHERS = (
    *(Pattern(name, size=size) for name in ("dilated", "global", "random") for size in (1, 2, 4, 8)),
    *(Pattern(name, stride=stride) for name in ("strided", "fixed") for stride in (2, 4, 8)),
)
ALL_PATTERNS_ON = "lab-4"
DECODER = "lab-gpt"
Held = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Masked:
    """A network that looks only where `mask` allows, called as the network itself is."""

    network: Any
    mask: Mask

    def __call__(self, **inputs: Any) -> Any:
        with recording(self.network, [Restrict(self.mask)]):
            return self.network(**inputs)


def masked(model: Model, mask: Mask | None) -> Model:
    """The model as it computes under a mask."""
    return model if mask is None else replace(model, network=cast(Any, Masked(model.network, mask)))


def share(model: Model, texts: Sequence[str], mask: Mask | None) -> float:
    """Which share of the pairs that the model computes without a mask does it compute with it? Over all texts."""
    lengths = [len(ids) for ids in model.tokenizer(list(texts))["input_ids"]]
    own: Mask | None = Causal() if model.kind == "causal" else None
    kept = _pairs(mask if own is None else own if mask is None else own & mask, lengths)
    return kept / _pairs(own, lengths)


def _pairs(mask: Mask | None, lengths: Sequence[int]) -> int:
    """The pairs of texts of these lengths, all of them without a mask."""
    each = {length: length**2 if mask is None else mask.pairs(length) for length in set(lengths)}
    return sum(each[length] for length in lengths)


def filled(model: Model, held: Held) -> dict[str, float]:
    """The share of blanks filled with what stood there, by language and for both."""
    found = {language: fill_blanks(model, list(texts)) for language, texts in held.items()}
    found["both"] = sum(found.values(), Filled(0, 0, 0))
    return {language: one.first / one.blanks for language, one in found.items()}


def told_next(model: Model, held: Held) -> dict[str, float]:
    """The share of next tokens that came first, by language and for both."""
    found = {language: sum((told(model, text) for text in texts), Told()) for language, texts in held.items()}
    found["both"] = sum(found.values(), Told())
    return {language: one.first / one.tokens for language, one in found.items()}


def point(model: Model, held: Held, pattern: Pattern | None) -> Point:
    """What one model reaches with one pattern; None: with none."""
    mask = None if pattern is None else pattern.mask()
    under = masked(model, mask)
    figures = told_next(under, held) if model.kind == "causal" else filled(under, held)
    size = None if pattern is None else pattern.stride if pattern.name in ("strided", "fixed") else pattern.size
    texts = [text for one in held.values() for text in one]
    kept = share(model, texts, mask)
    rounded = {language: round(value, 4) for language, value in figures.items()}
    return Point(model.name, pattern.name if pattern else "all", size, round(kept, 4), **rounded)


def points(held: Held) -> Iterator[Point]:
    """All that is measured: windows on every model, the other patterns on one."""
    for name in (*COMPARED, DECODER):
        model = load(name)
        wanted: list[Pattern | None] = [*(Pattern("window", size=size) for size in WINDOWS), None]
        for pattern in [*wanted, *(OTHERS if name == ALL_PATTERNS_ON else ())]:
            yield point(model, held, pattern)


def written(counts: Mapping[str, int], found: Sequence[Point]) -> str:
    """The figures as TOML; what has no size has no such key."""
    head = "# Written by python -m attnviz.training.patterns.card --write; never by hand.\n\n"
    tables = [("[counts]", counts), *(("[[points]]", asdict(one)) for one in found)]
    return (
        head
        + "\n\n".join(
            "\n".join([name, *(f"{key} = {json.dumps(value)}" for key, value in table.items() if value is not None)])
            for name, table in tables
        )
        + "\n"
    )


def main() -> None:
    """Read the arguments, print a line for each figure as it comes, and write the file when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zh", type=Path, required=True, help="Chinese sentences, one a line")
    parser.add_argument("--en", type=Path, required=True, help="English sentences, one a line")
    parser.add_argument("--write", action="store_true", help=f"write attnviz/content/{FIGURES}")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    held = {name: read_corpus(path, name).held_out for name, path in (("zh", given.zh), ("en", given.en))}
    counts = {f"sentences_{language}": len(texts) for language, texts in held.items()}
    print(counts)
    found = []
    for one in points(held):
        found.append(one)
        size = "" if one.size is None else one.size
        print(
            f"{one.model:8} {one.pattern:8} {size!s:>3} pairs {one.share:.3f}  "
            f"zh {one.zh:.4f} en {one.en:.4f} both {one.both:.4f}", flush=True,
        )  # fmt: skip
    if given.write:
        (CONTENT / FIGURES).write_text(written(counts, found), encoding="utf-8")


if __name__ == "__main__":
    main()
