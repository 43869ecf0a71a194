"""What can a lab model do? Print its held-out figures, and on request write its model card.

    python -m attnviz.training.lab.evaluate lab-4 --zh common_voice_zh.txt --en common_voice_en.txt \
        --gsd gsdsimp_test.conllu [--write]

Several names or folders may be given. The sentences are the held-out ones of ``corpus.read_corpus``; the gold words of
Universal Dependencies Chinese GSDSimp (github.com/UniversalDependencies/UD_Chinese-GSDSimp, CC BY-SA 4.0) are used for
evaluation only.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import jieba
import torch
from torch import Tensor

from attnviz.measures import Habit, mean_head_distance, strongest, words
from attnviz.models import Model, built_in_folder, load
from attnviz.recording.record import record
from attnviz.trace import Trace
from attnviz.training.blanks import Filled, fill_blanks, same_length
from attnviz.training.cards import Counts, Fill, Report, write_card
from attnviz.training.corpus import read_corpus, word_starts

SAMPLE = 200  # sentences of each language for the habits; half as many for the distances
BLANKS = (
    ("中华人民共和", "国", "成立"),
    ("南京", "市", "长江大桥"),
    ("他是一名美国", "演", "员。"),
    ("She is one ", "of", " the best players."),
    ("He was born ", "in", " London."),
)
CUTS = ("南京市长江大桥", "市长江大桥出席会议", "中华人民共和国成立", "He lives in New York.")


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1, each from 0 to 1."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Gold:
    """Texts and the character offsets at which their words begin; `left_out` counts texts too long for the model."""

    texts: tuple[str, ...]
    starts: tuple[frozenset[int], ...]
    left_out: int = 0


def score(found: Sequence[AbstractSet[object]], gold: Sequence[AbstractSet[object]]) -> Score:
    """How well do found things match the gold ones? Counted over all texts together (micro average).

    >>> score([{0, 2}], [{0, 1}])
    Score(precision=0.5, recall=0.5, f1=0.5)
    """
    right = sum(len(a & b) for a, b in zip(found, gold, strict=True))
    all_found, all_gold = sum(map(len, found)), sum(map(len, gold))
    both = all_found + all_gold
    return Score(right / max(all_found, 1), right / max(all_gold, 1), 2 * right / both if both else 0.0)


def inner(starts: Sequence[AbstractSet[int]]) -> list[set[int]]:
    """The beginnings less that of the text, which no one can miss."""
    return [set(one) - {0} for one in starts]


def spans(starts: AbstractSet[int], length: int) -> set[tuple[int, int]]:
    """The words `[start, end)` between beginnings; the text's first character always begins one.

    >>> sorted(spans({2}, 3))
    [(0, 2), (2, 3)]
    """
    return set(pairwise([*sorted({0, *starts}), length]))


def segmentation_scores(found: Sequence[AbstractSet[int]], gold: Gold) -> dict[str, Score]:
    """How well do found beginnings match the gold ones: all of them, without the text's first, and as whole words?"""
    lengths = [len(text) for text in gold.texts]
    return {
        "boundary": score(found, gold.starts),
        "inner": score(inner(found), inner(gold.starts)),
        "word": score(list(map(spans, found, lengths)), list(map(spans, gold.starts, lengths))),
    }


@torch.inference_mode()
def found_starts(model: Model, texts: Sequence[str]) -> list[set[int]]:
    """At which character offsets does the model say that a word begins? Texts unmasked."""
    assert model.boundary is not None, f"{model.name} has no word-boundary map"
    encoded = model.tokenizer(list(texts), return_offsets_mapping=True)
    starts: list[set[int]] = [set() for _ in texts]
    for places in same_length(encoded["input_ids"]):
        ids = torch.tensor([encoded["input_ids"][place] for place in places])
        begins: Tensor = model.boundary.begins(model.network.base_model(input_ids=ids).last_hidden_state) >= 0.5
        for place, marks in zip(places, begins.tolist(), strict=True):
            offsets = encoded["offset_mapping"][place]
            starts[place] = {a for (a, b), begin in zip(offsets, marks, strict=True) if begin and b > a}
    return starts


def begin_accuracy(model: Model, golds: Sequence[Gold]) -> float:
    """For which share of all tokens does the model rightly say whether a word begins there?"""
    right = total = 0
    for gold in golds:
        offsets = model.tokenizer(list(gold.texts), return_offsets_mapping=True)["offset_mapping"]
        for pairs, found, true in zip(offsets, found_starts(model, gold.texts), gold.starts, strict=True):
            tokens = {a for a, b in pairs if b > a}
            right += len(tokens) - len(tokens & (found ^ true))
            total += len(tokens)
    return right / total


def gold_words(sentences: Sequence[str], language: str) -> Gold:
    """The words that the model was taught: jieba's for Chinese; a space begins no word."""
    starts = [frozenset(at for at in word_starts(text, language) if not text[at].isspace()) for text in sentences]
    return Gold(tuple(sentences), tuple(starts))


def read_conllu(path: Path) -> Gold:
    """The sentences of a CoNLL-U file, their words joined without spaces."""
    texts, starts = [], []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        columns = [line.split("\t") for line in block.splitlines() if not line.startswith("#")]
        forms = [column[1] for column in columns if column[0].isdigit()]
        texts.append("".join(forms))
        starts.append(frozenset(sum(map(len, forms[:number])) for number in range(len(forms))))
    return Gold(tuple(texts), tuple(starts))


def within_limit(gold: Gold, model: Model) -> Gold:
    """The texts that the model reads whole."""
    ids = model.tokenizer(list(gold.texts), verbose=False)["input_ids"]
    fits = [place for place, one in enumerate(ids) if model.limit is None or len(one) <= model.limit]
    return Gold(
        tuple(gold.texts[place] for place in fits),
        tuple(gold.starts[place] for place in fits),
        gold.left_out + len(ids) - len(fits),
    )


def segmentation_figures(model: Model, gold: Gold, name: str) -> dict[str, float]:
    """The word-begin and whole-word scores against one gold standard, by metric name."""
    scores = segmentation_scores(found_starts(model, gold.texts), gold)
    return {
        f"boundary_f1_{name}": scores["boundary"].f1,
        f"boundary_precision_{name}": scores["boundary"].precision,
        f"boundary_recall_{name}": scores["boundary"].recall,
        f"boundary_f1_{name}_inner": scores["inner"].f1,
        f"word_f1_{name}": scores["word"].f1,
    }


def distance_figures(traces: Sequence[Trace]) -> dict[str, float]:
    """The mean distance between heads in bits, overall and a layer; nothing for a model of one head."""
    layers = range(traces[0].n_layers)
    found = {layer: [mean_head_distance(trace, layer) for trace in traces] for layer in layers}
    known = {layer: [value for value in values if value is not None] for layer, values in found.items()}
    means = {layer: sum(values) / len(values) for layer, values in known.items() if values}
    if not means:
        return {}
    each = {f"head_distance_bits_layer_{layer}": mean for layer, mean in means.items()}
    return {"head_distance_bits": sum(means.values()) / len(means), **each}


def gold_numbers(trace: Trace, language: str) -> list[int | None]:
    """Each token's gold word, by the word starts that the training used."""
    starts = sorted(word_starts(trace.text, language))
    return [None if span is None else sum(start <= span[0] for start in starts) - 1 for span in trace.encoded.spans]


def head_habits(traces: Sequence[Trace], language: str) -> tuple[Habit, ...]:
    """Each head's habit over the traces; the same word as the training cut it."""
    return strongest(traces, [gold_numbers(trace, language) for trace in traces])


def fill(model: Model, before: str, original: str, after: str) -> Fill:
    """What does the model put in the place of `original`?"""
    text = before + original + after
    read = record(model, text).encoded.spans
    place = next(place for place, span in enumerate(read) if span and span[0] == len(before))
    trace = record(model, text, blank=place)
    return Fill(before, original, after, tuple(trace.predictions(place, 5)))


def evaluate(name: str, chinese: Sequence[str], english: Sequence[str], gsd: Gold) -> Report:
    """Everything about one model, from held-out sentences and a gold standard."""
    folder = built_in_folder(name)
    model = load(name)
    zh, en = gold_words(chinese, "zh"), gold_words(english, "en")
    read = within_limit(gsd, model)
    filled = {"zh": fill_blanks(model, chinese), "en": fill_blanks(model, english)}
    traces = {"zh": [record(model, text) for text in chinese[:SAMPLE]]}
    traces["en"] = [record(model, text) for text in english[:SAMPLE]]
    jieba_words = segmentation_scores(gold_words(read.texts, "zh").starts, read)
    return Report(
        model=folder.name,
        recipe=json.loads((folder / "recipe.json").read_text(encoding="utf-8")),
        figures=masked_figures(filled["zh"], filled["en"])
        | {"boundary_accuracy": begin_accuracy(model, (zh, en))}
        | segmentation_figures(model, zh, "jieba")
        | segmentation_figures(model, read, "gsd")
        | distance_figures(traces["zh"][: SAMPLE // 2] + traces["en"][: SAMPLE // 2]),
        counts=Counts(
            len(chinese), len(english), filled["zh"].blanks, filled["en"].blanks, len(read.texts), read.left_out
        ),
        jieba_on_gsd=(jieba_words["boundary"].f1, jieba_words["word"].f1),
        habits={language: head_habits(found, language) for language, found in traces.items()},
        fills=tuple(fill(model, *blank) for blank in BLANKS),
        cuts=tuple((text, tuple(words(record(model, text)))) for text in CUTS),
    )


def masked_figures(zh: Filled, en: Filled) -> dict[str, float]:
    """The masked-token accuracies by metric name."""
    kinds = {"_zh": zh, "_en": en, "": zh + en}
    first = {f"masked_accuracy{kind}": filled.first / filled.blanks for kind, filled in kinds.items()}
    return first | {f"masked_top5{kind}": filled.among_five / filled.blanks for kind, filled in kinds.items()}


def show(report: Report) -> None:
    """Print a report, one figure a line."""
    print(f"\n{report.model}  {report.recipe}\n{report.counts}")
    for name, value in report.figures.items():
        print(f"{name:32} {value:.4f}")
    print(f"jieba itself on GSD: begin F1 {report.jieba_on_gsd[0]:.4f}, whole-word F1 {report.jieba_on_gsd[1]:.4f}")
    for language, habits in report.habits.items():
        for habit in habits:
            place = f"{language} layer {habit.layer} head {habit.head}"
            print(f"{place}  {habit.name:12} {habit.share:.2f}  sink {habit.sink:.2f}")
    for one in report.fills:
        best = ", ".join(f"{token} {p:.2f}" for token, p in one.best)
        print(f"{one.before}[MASK]{one.after} ({one.original}): {best}")
    for text, cut in report.cuts:
        print(f"{text}: {' / '.join(cut)}")


def main() -> None:
    """Read the arguments, evaluate each model, print, and on request write the cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="built-in names (lab-4) or folders")
    parser.add_argument("--zh", type=Path, required=True, help="Chinese sentences, one a line")
    parser.add_argument("--en", type=Path, required=True, help="English sentences, one a line")
    parser.add_argument("--gsd", type=Path, required=True, help="UD Chinese GSDSimp test, CoNLL-U")
    parser.add_argument("--write", action="store_true", help="write README.md into each model's folder")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    jieba.setLogLevel(logging.WARNING)
    chinese, english = read_corpus(given.zh, "zh").held_out, read_corpus(given.en, "en").held_out
    gsd = read_conllu(given.gsd)
    for name in given.models:
        report = evaluate(name, chinese, english, gsd)
        show(report)
        if given.write:
            print(f"wrote {write_card(report, built_in_folder(name)).name} into {report.model}")


if __name__ == "__main__":
    main()
