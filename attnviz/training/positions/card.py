"""Who notices that the words are shuffled? Print the held-out figures of the five encoders, and on request write cards.

    python -m attnviz.training.positions.card --zh common_voice_zh.txt --en common_voice_en.txt [--write]

The held-out sentences of ``corpus.read_corpus``. Each sentence is read in its order and with its tokens shuffled (one
seed for all models; [CLS] and [SEP] stay); the same tokens are blanked and every token keeps the mark that it had. A
third reading leaves the positions out of the trained model. ``--write`` puts figures.json and README.md into each
folder.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jieba
import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from torch import Tensor

from attnviz.shipped import WEIGHTS
from attnviz.systems.positions.system import (
    NAMES,
    Positioned,
    inverse,
    load,
    shuffled,
    weight_by_distance,
)
from attnviz.training.blanks import SHARE_BLANKED
from attnviz.training.corpus import BEGIN, INSIDE, Marked, join, mark, read_corpus
from attnviz.training.positions.words import LABELS, about, label

SEED = 7
FURTHEST = 24  # tokens to each side, for the weight by distance
NEAR = 200  # sentences of each language for the weight by distance
LENGTHS = (64, 128, 256, 512, 1024)  # tokens of the running texts; 256 is the longest of the training
TOKENS = 24_576  # in the running texts of each length, all together
Sentences = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Counted:
    """Blanks, those filled rightly; begin marks found, right, wanted; marks right; tokens; the sum of movements."""

    blanks: int = 0
    filled: int = 0
    found: int = 0
    right: int = 0
    wanted: int = 0
    agreed: int = 0
    tokens: int = 0
    moved: float = 0.0

    def __add__(self, other: Counted) -> Counted:
        mine, theirs = vars(self), vars(other)
        return Counted(**{name: mine[name] + theirs[name] for name in mine})

    def figures(self, ending: str) -> dict[str, float]:
        """Masked accuracy, F1 of word beginnings, accuracy of the marks, mean movement; names with `ending`."""
        both = self.found + self.wanted
        return {
            f"masked_accuracy{ending}": self.filled / max(self.blanks, 1),
            f"boundary_f1{ending}": 2 * self.right / both if both else 0.0,
            f"boundary_accuracy{ending}": self.agreed / max(self.tokens, 1),
            f"moved{ending}": self.moved / max(self.tokens, 1),
        }


@dataclass(frozen=True)
class Case:
    """One held-out sentence: token ids with [CLS] and [SEP], marks and blanks by place, a shuffled order."""

    ids: Tensor
    marks: Tensor
    blanks: Tensor
    order: tuple[int, ...]


def cases(model: Positioned, sentences: Sequence[str], language: str) -> list[Case]:
    """The sentences as every one of the five reads them."""
    found = []
    for number, sentence in enumerate(sentences):
        encoded = model.encode(sentence)
        marks = mark([sentence], language, model.tokenizer)[0].marks  # type: ignore[arg-type]  # the lab tokenizer
        generator = torch.Generator().manual_seed(SEED + number)
        count = max(1, round(SHARE_BLANKED * len(marks)))
        blanks = 1 + torch.randperm(len(marks), generator=generator)[:count]
        padded = torch.tensor([INSIDE, *marks.tolist(), INSIDE])
        found.append(Case(torch.tensor(encoded.ids), padded, blanks, shuffled(encoded, SEED + number)))
    return found


@torch.inference_mode()
def states(model: Positioned, ids: Tensor, positions: bool = True) -> Tensor:
    """The outputs [*, token, width] of texts of one length."""
    found: Tensor = model.network.encoder(ids, torch.arange(ids.shape[-1]).expand(ids.shape) if positions else None)
    return found


@torch.inference_mode()
def counted(model: Positioned, case: Case, *, positions: bool) -> tuple[Counted, Counted]:
    """One sentence read in order and shuffled, told for the tokens in their own order; positions said or left out.

    Each is read twice: with its blanks, and whole for the word beginnings and the outputs.
    """
    order, back = list(case.order), list(inverse(case.order))
    masked = case.ids.clone()
    masked[case.blanks] = model.tokenizer.mask_token_id
    read = torch.stack([masked, case.ids, masked[order], case.ids[order]])
    blank, whole, blank_shuffled, whole_shuffled = states(model, read, positions)
    return (
        told(model, case, blank, whole, whole),
        told(model, case, blank_shuffled[back], whole_shuffled[back], whole),
    )


def told(model: Positioned, case: Case, blank: Tensor, whole: Tensor, before: Tensor) -> Counted:
    """What the outputs [token, width] of a reading say, with blanks and whole; `before` are those in order."""
    filled, wanted = model.network.filled(blank[case.blanks]).argmax(-1), case.ids[case.blanks]
    right = (filled == wanted) & (wanted != model.tokenizer.unk_token_id)
    text = slice(1, -1)
    begins, marks = model.network.begins(whole)[text] >= 0.5, case.marks[text] == BEGIN
    apart = (1 - torch.cosine_similarity(before[text].double(), whole[text].double(), dim=-1)).clamp(0, 2)
    return Counted(
        len(case.blanks), int(right.sum()), int(begins.sum()), int((begins & marks).sum()), int(marks.sum()),
        int((begins == marks).sum()), len(marks), float(apart.sum()),
    )  # fmt: skip


def measure(model: Positioned, held_out: Mapping[str, Sequence[Case]]) -> dict[str, float]:
    """All figures of one model, as in `masked_accuracy_shuffled_zh`; `_both` counts both languages together."""
    found: dict[str, float] = {}
    for said, endings in ((True, ("", "_shuffled")), (False, ("_unsaid", "_unsaid_shuffled"))):
        totals = {}
        for language, texts in held_out.items():
            pairs = [counted(model, case, positions=said) for case in texts]
            totals[language] = [sum((pair[way] for pair in pairs), Counted()) for way in (0, 1)]
        totals["both"] = [sum((total[way] for total in totals.values()), Counted()) for way in (0, 1)]
        for language, total in totals.items():
            for way, ending in enumerate(endings):
                found |= total[way].figures(f"{ending}_{language}")
    return found


def distances(model: Positioned, held_out: Sentences) -> list[float]:
    """The mean weight at each offset -24 .. 24, over heads, layers and the first sentences of each language."""
    sums = [weight_by_distance(model.read(text), FURTHEST) for texts in held_out.values() for text in texts[:NEAR]]
    weight, pairs = (torch.stack(part).sum(0) for part in zip(*sums, strict=True))
    return [round(value, 6) for value in (weight / pairs.clamp_min(1)).tolist()]


@torch.inference_mode()
def by_length(model: Positioned, sentences: Sequence[str]) -> dict[str, float]:
    """Masked accuracy on running Chinese text of several lengths; lengths that the learned table lacks are left out."""
    stream: Marked = join(mark(sentences, "zh", model.tokenizer))  # type: ignore[arg-type]
    ids, found = torch.from_numpy(stream.ids), {}
    for length in LENGTHS:
        if model.encoding == "learned" and length > model.limit:
            continue
        right = total = 0
        for number in range(TOKENS // length):
            generator = torch.Generator().manual_seed(SEED + number)
            start = int(torch.randint(len(ids) - length, (1,), generator=generator))
            text = torch.cat([torch.tensor([model.tokenizer.cls_token_id]), ids[start : start + length - 2],
                              torch.tensor([model.tokenizer.sep_token_id])])  # fmt: skip
            blanks = 1 + torch.randperm(length - 2, generator=generator)[: round(SHARE_BLANKED * length)]
            masked = text.clone()
            masked[blanks] = model.tokenizer.mask_token_id
            best = model.network.filled(states(model, masked)[blanks]).argmax(-1)
            right += int(((best == text[blanks]) & (text[blanks] != model.tokenizer.unk_token_id)).sum())
            total += len(blanks)
        found[str(length)] = round(right / total, 4)
    return found


def card(model: Positioned, figures: Mapping[str, float], recipe: Mapping[str, object]) -> ModelCard:
    """The model card in the Hub's own form, Chinese then English."""
    shown = {key: value for key, value in figures.items() if key in LABELS}
    results = [
        EvalResult(
            task_type="fill-mask", dataset_type="common_voice_sentences",
            dataset_name="Common Voice sentences (Mozilla, CC0 1.0), held out",
            metric_type=key, metric_value=round(value, 4), metric_name=" · ".join(label(key)),
        )
        for key, value in shown.items()
    ]  # fmt: skip
    data = ModelCardData(
        language=["zh", "en"], license="mit", tags=["attention"], model_name=f"attnviz {model.name}",
        eval_results=results,
    )  # fmt: skip
    rows = "\n".join(f"| {zh} · {en} | {shown[key]:.4f} |" for key in shown for zh, en in [label(key)])
    return ModelCard(
        f"---\n{data.to_yaml()}\n---\n\n# {model.name}\n\n{about(model.encoding, recipe)}\n\n"
        f"| 留出的句子 · held-out sentences | |\n|---|---:|\n{rows}\n\n"
        "`python -m attnviz.training.positions.train` trains it, `python -m attnviz.training.positions.card` prints "
        "these figures.\n"
    )


def show(name: str, figures: Mapping[str, float], lengths: Mapping[str, float]) -> None:
    """Print one model's figures, one a line."""
    print(f"\n{name}")
    for key, value in figures.items():
        print(f"{key:36s} {value:.4f}")
    print("masked accuracy by length:", ", ".join(f"{length}: {value:.4f}" for length, value in lengths.items()))


def main() -> None:
    """Read the arguments, print, and write figures and cards when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(NAMES), help="all five unless given")
    parser.add_argument("--zh", type=Path, required=True, help="Chinese sentences, one a line")
    parser.add_argument("--en", type=Path, required=True, help="English sentences, one a line")
    parser.add_argument("--write", action="store_true", help="write figures.json and README.md into each folder")
    given = parser.parse_args()
    jieba.setLogLevel(logging.WARNING)
    held_out = {name: read_corpus(path, name).held_out for name, path in (("zh", given.zh), ("en", given.en))}
    same = {language: cases(load(given.models[0]), texts, language) for language, texts in held_out.items()}
    for name in given.models:
        model = load(name)
        figures = measure(model, same)
        lengths = by_length(model, held_out["zh"])
        show(name, figures, lengths)
        if given.write:
            write(model, figures, distances(model, held_out), lengths, {k: len(v) for k, v in held_out.items()})


def write(
    model: Positioned, figures: Mapping[str, float], near: Sequence[float], lengths: Mapping[str, float],
    sentences: Mapping[str, int],
) -> None:  # fmt: skip
    """figures.json, which the page draws, and the model card."""
    folder = WEIGHTS / model.name
    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    content = {
        "sentences": dict(sentences), "figures": {key: round(value, 4) for key, value in figures.items()},
        "weight_by_distance": list(near), "masked_accuracy_by_length": dict(lengths),
    }  # fmt: skip
    (folder / "figures.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    card(model, figures, recipe).save(folder / "README.md")


if __name__ == "__main__":
    main()
