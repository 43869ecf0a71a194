"""What can a hierarchical network do, and does its attention point at what matters? Print the figures.

    python -m attnviz.training.hierarchical.card han-reviews --data movie_reviews.zip [--write]
    python -m attnviz.training.hierarchical.card han-topics --data kdconv [--write]

Every held-out document is read as the page reads it. Each of its sentences is then deleted in turn, and its most and
its least attended word and one drawn at random; the document is computed again without it (`hierarchical_effect`).
``--write`` puts README.md, figures.json and samples.json beside the weights.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from attnviz.experiments.reading.minimal import interval
from attnviz.measures.ranks import spearman
from attnviz.shipped import WEIGHTS
from attnviz.systems.hierarchical.effect import Deletion, without_sentences, without_words
from attnviz.systems.hierarchical.system import Hierarchical, load
from attnviz.training.documents import Document, place, read_reviews, read_topics

RANKS = 10  # how many places of the ranking by weight get a mean of their own
SOURCES = {
    "han-reviews": ("CC BY 4.0", "Bo Pang, Lillian Lee: Sentiment Polarity Dataset Version 2.0 (2004)"),
    "han-topics": ("Apache-2.0", "Zhou et al.: KdConv (2020)"),
}
LEAST, MOST = 8, 22  # sentences of a sample


@dataclass(frozen=True)
class Found:
    """What was seen of one document."""

    document: Document
    sentences: int
    probabilities: tuple[float, ...]
    by_sentence: list[Deletion]
    by_word: dict[str, Deletion]

    @property
    def right(self) -> bool:
        """Was its class told?"""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__) == self.document.label


def look(system: Hierarchical, document: Document) -> Found:
    """Read one document, then again without each sentence, and without three of its words."""
    pieces, trace = system.pieces(document.text), system.read(document.text)
    sentences = trace.map("sentences")
    weights = sentences.weights(0, 0)[0] @ trace.weights(0, 0)
    drawn = random.Random(document.name).randrange(len(weights))
    words = {"most": int(weights.argmax()), "least": int(weights.argmin()), "random": drawn}
    found = without_words(system, trace, pieces, list(words.values())) if len(weights) > 1 else []
    return Found(
        document, len(trace.tokens), tuple(sentences.probabilities(0).tolist()), without_sentences(system, trace),
        dict(zip(words, found, strict=False)),
    )  # fmt: skip


def effect(deletions: Sequence[Deletion]) -> dict[str, float]:
    """Means over deletions: their weight, how far the class probabilities moved, the told class's change, flips."""
    count = len(deletions)
    return {
        "weight": sum(one.weight for one in deletions) / count,
        "moved": sum(one.moved for one in deletions) / count,
        "change": sum(one.change for one in deletions) / count,
        "flips": sum(one.flips for one in deletions) / count,
    }


def mean_effect(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of such means, every document counting as much."""
    return {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}


def sentence_figures(found: Sequence[Found]) -> dict[str, Any]:
    """The most and least attended sentence and any one, by rank, and how well weight goes with effect."""
    several = [sorted(one.by_sentence, key=lambda d: -d.weight) for one in found if len(one.by_sentence) > 1]
    pairs = [spearman([d.weight for d in row], [d.moved for d in row]) for row in several]
    hit = [max(row, key=lambda d: d.moved) is row[0] for row in several]
    ranks = range(min(RANKS, min(len(row) for row in several)))
    return {
        "documents": len(several),
        "most": mean_effect([effect(row[:1]) for row in several]),
        "least": mean_effect([effect(row[-1:]) for row in several]),
        "random": mean_effect([effect(row) for row in several]),  # every sentence once: what a random draw gives
        "by_rank": [sum(row[rank].moved for row in several) / len(several) for rank in ranks],
        "rank_correlation": _mean([value for value in pairs if not math.isnan(value)]),
        "most_attended_is_most_effective": _mean([float(one) for one in hit]),
        "by_chance": _mean([1 / len(row) for row in several]),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def figures(system: Hierarchical, found: Sequence[Found]) -> dict[str, Any]:
    """Everything that is printed, plotted and tested."""
    right, count = sum(one.right for one in found), len(found)
    low, high = interval(right, count)
    by_class = {
        name: _mean([float(one.right) for one in found if one.document.label == number])
        for number, name in enumerate(system.classes)
    }
    return {
        "documents": count, "right": right, "accuracy": right / count, "interval": [low, high], "by_class": by_class,
        "known_words": _mean([system.pieces(one.document.text).known for one in found]),
        "sentences": sentence_figures(found),
        "words": {
            name: effect([one.by_word[name] for one in found if name in one.by_word])
            for name in ("most", "least", "random")
        },
    }  # fmt: skip


def samples(system: Hierarchical, found: Sequence[Found]) -> list[dict[str, Any]]:
    """Held-out documents for the page: the shortest told right of each class, and the shortest told wrong."""
    fit = [one for one in found if LEAST <= one.sentences <= MOST]
    fit.sort(key=lambda one: (len(one.document.text), place(one.document.name)))
    chosen = [
        next((one for one in fit if one.right and one.document.label == number), None)
        for number in range(len(system.classes))
    ]
    chosen.append(next((one for one in fit if not one.right), None))
    licence, source = SOURCES[system.name]
    return [
        {
            "name": one.document.name, "about": one.document.about, "class": system.classes[one.document.label],
            "probabilities": [round(p, 4) for p in one.probabilities], "licence": licence, "source": source,
            "text": "\n".join(line.strip() for line in one.document.text.splitlines() if line.strip()),
        }
        for one in chosen
        if one is not None
    ]  # fmt: skip


WHICH = {
    "most": ("权重最大的", "most attended"),
    "least": ("权重最小的", "least attended"),
    "random": ("随机一个", "random"),
}
LEVELS = {"sentences": ("句子", "sentence"), "words": ("词", "word")}


def told(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The figures as lines: their names in Chinese and English, and the number."""
    (low, high), own = found["interval"], found["sentences"]
    accuracy = f"{found['accuracy']:.4f} ({low:.3f}–{high:.3f}; {found['right']}/{found['documents']})"
    lines = [
        ("留出文档的准确率（95% 区间）", "accuracy on held-out documents (95 % interval)", accuracy),
        ("词表覆盖率", "share of words known", f"{found['known_words']:.4f}"),
    ]
    for level, (zh, en) in LEVELS.items():
        for name, (zh_which, en_which) in WHICH.items():
            part = found[level][name]
            value = f"{part['moved']:.4f}; {part['change']:+.4f}; {part['flips']:.1%}; {part['weight']:.4f}"
            lines.append((f"删去{zh_which}{zh}", f"{en_which} {en} deleted", value))
    hit = f"{own['most_attended_is_most_effective']:.1%} ({own['by_chance']:.1%})"
    return [
        *lines,
        (
            "句子权重与影响的秩相关（逐篇计算后平均）", "rank correlation of sentence weight and effect, mean",
            f"{own['rank_correlation']:.4f}",
        ),
        ("权重最大的句子影响也最大（随机应有）", "most attended sentence is also most effective (chance)", hit),
    ]  # fmt: skip


def card(system: Hierarchical, found: dict[str, Any], recipe: dict[str, Any]) -> ModelCard:
    """The model card in the Hub's own form, Chinese then English."""
    licence, source = SOURCES[system.name]
    result = EvalResult(
        task_type="text-classification", dataset_type=system.name, dataset_name=f"{source} ({licence}), held out",
        metric_type="accuracy", metric_value=round(found["accuracy"], 4), metric_name="准确率 · accuracy",
    )  # fmt: skip
    data = ModelCardData(
        language=[system.language], license="mit", library_name="attnviz", pipeline_tag="text-classification",
        tags=["attention"], model_name=f"attnviz {system.name}", eval_results=[result],
    )  # fmt: skip
    rows = "\n".join(f"| {zh} · {en} | {value} |" for zh, en, value in told(found))
    parts = [
        f"---\n{data.to_yaml()}\n---", f"# {system.name}", *prose(system, recipe), *HELD_OUT[system.name], *DELETED,
        f"| | |\n|---|---:|\n{rows}",
        "`python -m attnviz.training.hierarchical.train` trains it, `python -m attnviz.training.hierarchical.card` "
        "prints these figures.\n",
    ]  # fmt: skip
    return ModelCard("\n\n".join(parts))


def prose(system: Hierarchical, recipe: dict[str, Any]) -> tuple[str, str]:
    """What it is, what it learnt from, how, and for how long, in Chinese and English."""
    licence, source = SOURCES[system.name]
    shape, seeds = system.network.shape, len(recipe["seeds"])
    accuracy = f"{recipe['validation_accuracy']:.3f}"
    return (
        "分层注意力网络（Yang 等，2016）：词一层、句一层，各有一个双向 GRU"
        f"（每个方向 {shape.hidden} 维）和一个学得的上下文向量；词表 {shape.words} 个词，词向量 {shape.embedding} 维。"
        f"训练数据：{source}，{licence}。{seeds} 个随机种子，每个 {recipe['epochs']} 轮，"
        f"按验证集选出种子 {recipe['kept_seed']}（验证准确率 {accuracy}），共 {recipe['seconds']} 秒，一个 CPU 核。"
        f"权重以 float16 保存，许可 MIT；samples.json 里的样例文本仍属 {licence}。",
        "A hierarchical attention network (Yang et al. 2016): words, then sentences, each level with a GRU both ways "
        f"({shape.hidden} a direction) and one learned context vector; {shape.words} words, vectors of "
        f"{shape.embedding}. Learnt from: {source}, {licence}. Seeds: {seeds}, of {recipe['epochs']} epochs each; seed "
        f"{recipe['kept_seed']} was best on validation (accuracy {accuracy}); {recipe['seconds']} s in all on one core "
        f"of a CPU. Stored in float16, licence MIT; the texts in samples.json stay under {licence}.",
    )


HELD_OUT = {
    "han-reviews": (
        "每类 1,000 篇，按文件名的散列取 200 篇测试、100 篇验证，其余 700 篇训练。",
        "Of the 1,000 reviews of each class, 200 are the test and 100 validation, by the hash of the file name; the "
        "other 700 teach.",
    ),
    "han-topics": (
        "按对话所谈对象（片名、歌名、地名）的散列划分，同一对象的对话不会分在两侧；测试占四分之一强。"
        "话题词常直接出现在对话里，任务不难。",
        "Split by the hash of what a dialogue is about (its film, song or place), so that no such name is on both "
        "sides; over a quarter are the test. The words of the topic often stand in the dialogue: the task is easy.",
    ),
}
DELETED = (
    "“删去”各行的四个数：各类概率的移动量（总变差），原预测类概率的变化，预测改变的比例，被删者的平均权重。",
    "The four numbers of a deletion: how far the class probabilities moved (total variation), the change of the told "
    "class's probability, how often the told class changes, the mean weight of what was deleted.",
)


def main() -> None:
    """Read the arguments, print, and write the card when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=tuple(SOURCES))
    parser.add_argument("--data", type=Path, required=True, help="movie_reviews.zip, or the folder of kdconv_*.json")
    parser.add_argument("--write", action="store_true", help="write README.md, figures.json and samples.json")
    given = parser.parse_args()
    torch.set_num_threads(1)
    system = load(given.name)
    split = (read_reviews if given.name == "han-reviews" else read_topics)(given.data)
    seen = [look(system, document) for document in split.test]
    found = figures(system, seen)
    for _, english, value in told(found):
        print(f"{english:66s} {value}")
    if given.write:
        write(system, found, samples(system, seen))


def write(system: Hierarchical, found: dict[str, Any], documents: list[dict[str, Any]]) -> None:
    """The card, the figures and the samples beside the weights."""
    folder = WEIGHTS / system.name
    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    for name, content in (("figures.json", found), ("samples.json", documents)):
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    card(system, found, recipe).save(folder / "README.md")


if __name__ == "__main__":
    main()
