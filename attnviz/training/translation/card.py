"""How well do the translation models translate sentences they have not seen? With attention and without.

    python -m attnviz.training.translation.card nmt-zh-en --pairs cmn.txt [--write]

Names a model with attention; its twin without (``nmt-zh-en-plain``) is measured on the same sentences. BLEU and chrF
are sacrebleu's (Post 2018; ``pip install sacrebleu``) over the test side of ``translation.split``, greedy decoding, all
translations of a sentence in the test side as its references. ``--write`` writes both model cards, ``figures.json`` and
``samples.json``, which the page and the tests read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import sacrebleu
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from attnviz.core.rules import Argmax, Rule, Soft, Sparsemax
from attnviz.shipped import WEIGHTS
from attnviz.systems.translation.system import System, Uniform, load
from attnviz.training.translation.data import Pair, languages, read_pairs, split

BUCKETS = 5
SAMPLES = 20
# The first samples of each direction, which the page offers: short, with another order of words, ambiguous, long.
FIRST = {
    "zh": (
        "她每天都弹钢琴。", "我昨晚做了一个奇怪的梦。", "我想哭。", "我父亲的母语是法语，我母亲的是英语。",
        "如果想了解一个国家，就必须学习这个国家的历史。",
    ),
    "en": (
        "She plays the piano every day.", "I had a strange dream last night.", "The bank was held up a week ago.",
        "My father is a native French speaker and my mother is a native English speaker.",
        "If you want to know a country, you must learn its history.",
    ),
}  # fmt: skip
NAMES = {
    "bleu": ("BLEU", "BLEU"),
    "chrf": ("chrF", "chrF"),
    "bleu_long": ("BLEU，长于中位数的句子", "BLEU, sentences longer than the median"),
    "bleu_short": ("BLEU，其余句子", "BLEU, the other sentences"),
}
TONGUES = {"zh": ("中文", "Chinese"), "en": ("英文", "English")}
TATOEBA = (
    "数据是 Tatoeba（https://tatoeba.org）的英汉句对，许可 CC BY 2.0 FR；每句的作者写在原文件里（每行第三栏）",
    "The data are English and Chinese sentence pairs of Tatoeba (https://tatoeba.org), licence CC BY 2.0 FR; who wrote "
    "each sentence is said in the original file (third column of each line, as collected by "
    "https://www.manythings.org/anki/)",
)
SOURCE = (
    f"{TATOEBA[0]}，这里的样例（samples.json）保留了各自的署名。\n\n"
    f"{TATOEBA[1]}, and the samples here (samples.json) keep their attribution.\n\n"
)


@dataclass(frozen=True)
class Asked:
    """One sentence of the test, its length in tokens, and its true translations with their pairs."""

    text: str
    length: int
    pairs: tuple[Pair, ...]
    references: tuple[str, ...]


def questions(pairs: Sequence[Pair], system: System) -> list[Asked]:
    """The sentences of the test side, each once, the shortest first."""
    found: dict[str, list[Pair]] = defaultdict(list)
    read, write = system.source.language, system.target.language
    for pair in pairs:
        found[pair.of(read)].append(pair)
    asked = [
        Asked(text, len(system.source.ids(text)), tuple(mine), tuple(dict.fromkeys(pair.of(write) for pair in mine)))
        for text, mine in found.items()
    ]
    return sorted(asked, key=lambda one: (one.length, one.text))


def scores(asked: Sequence[Asked], answers: Mapping[str, str], language: str) -> dict[str, float]:
    """BLEU and chrF (0 to 100) of the answers to some sentences."""
    most = max(len(one.references) for one in asked)
    streams: list[Any] = [
        [one.references[n] if n < len(one.references) else None for one in asked] for n in range(most)
    ]
    written = [answers[one.text] for one in asked]
    cut = "zh" if language == "zh" else "13a"
    return {
        "bleu": sacrebleu.corpus_bleu(written, streams, tokenize=cut).score,
        "chrf": sacrebleu.corpus_chrf(written, streams).score,
    }


def buckets(asked: Sequence[Asked]) -> list[list[Asked]]:
    """The sentences by length, in parts of about the same size; one length is never in two."""
    edges = [asked[len(asked) * n // BUCKETS].length for n in range(1, BUCKETS)]
    parts: dict[int, list[Asked]] = defaultdict(list)
    for one in asked:
        parts[sum(one.length > edge for edge in edges)].append(one)
    return [parts[number] for number in sorted(parts)]


def measure(asked: Sequence[Asked], answers: Mapping[str, str], language: str) -> dict[str, float]:
    """The figures of one model, by name."""
    middle = median(one.length for one in asked)
    long, short = [[one for one in asked if (one.length > middle) == longer] for longer in (True, False)]
    return {
        **scores(asked, answers, language),
        "bleu_long": scores(long, answers, language)["bleu"],
        "bleu_short": scores(short, answers, language)["bleu"],
    }


def figures(
    asked: Sequence[Asked], answers: Mapping[str, Mapping[str, str]], language: str, recipe: Mapping[str, object]
) -> dict[str, object]:
    """What the page plots: each model's figures, and BLEU by length."""
    parts = buckets(asked)
    by_length = {
        name: [round(scores(part, mine, language)["bleu"], 2) for part in parts] for name, mine in answers.items()
    }
    found = {name: measure(asked, mine, language) for name, mine in answers.items()}
    attention, plain = found["attention"]["bleu_long"], found["plain"]["bleu_long"]
    return {
        "sentences": len(asked), "pairs": recipe["pairs"], "median": median(one.length for one in asked),
        "lengths": [round(mean(one.length for one in part), 2) for part in parts],
        "ranges": [[part[0].length, part[-1].length] for part in parts], "counts": [len(part) for part in parts],
        "bleu_by_length": by_length,
        "ratio_long": round(attention / max(plain, 0.01), 3),
        **{name: {key: round(value, 2) for key, value in mine.items()} for name, mine in found.items()},
    }  # fmt: skip


def samples(asked: Sequence[Asked], answers: Mapping[str, Mapping[str, str]], language: str) -> list[dict[str, object]]:
    """Some sentences of the test with who wrote them, the page's first; what the models make of them."""
    named = {one.text: one for one in asked}
    first = [named[text] for text in FIRST[language]]
    by_hash = sorted(asked, key=lambda one: hashlib.sha256(one.text.encode()).digest())
    rest = [one for one in by_hash if one not in first]
    chosen = [*first, *sorted(rest[: SAMPLES - len(first)], key=lambda one: one.length)]
    return [
        {
            "text": one.text, "references": list(one.references),
            "attribution": [pair.attribution for pair in one.pairs],
            "attention": answers["attention"][one.text], "plain": answers["plain"][one.text],
        }
        for one in chosen
    ]  # fmt: skip


def front(name: str, found: Mapping[str, float]) -> ModelCardData:
    """The head of a model card."""
    results = [
        EvalResult(
            task_type="translation", dataset_type="tatoeba",
            dataset_name="Tatoeba English and Chinese (CC BY 2.0 FR), held out",
            metric_type=key, metric_value=value, metric_name=" · ".join(NAMES[key]),
        )
        for key, value in found.items()
    ]  # fmt: skip
    return ModelCardData(
        language=list(languages(name)), license="cc-by-2.0", pipeline_tag="translation", tags=["attention"],
        model_name=f"attnviz {name}", eval_results=results,
    )  # fmt: skip


def card(name: str, found: Mapping[str, float], told: Mapping[str, object], recipe: Mapping[str, object]) -> ModelCard:
    """The model card in the Hub's own form, Chinese then English."""
    read, write = languages(name)
    rows = "\n".join(f"| {zh} · {en} | {found[key]:.2f} |" for key in found for zh, en in [NAMES[key]])
    (zh_from, en_from), (zh_to, en_to) = TONGUES[read], TONGUES[write]
    plain = name.endswith("-plain")
    zh_kind = (
        "没有注意力：解码器每一步得到同一个向量，即编码器两个方向的末状态"
        if plain
        else "加性注意力（Bahdanau 等，2015）"
    )
    en_kind = (
        "no attention: the decoder gets one vector at each step, the last states of the encoder in both directions"
        if plain else "additive attention (Bahdanau et al. 2015)"
    )  # fmt: skip
    sizes = json.loads((load_folder(name) / "config.json").read_text(encoding="utf-8"))
    widths = f"{sizes['embedding']} / {sizes['encoder']} x 2 / {sizes['decoder']}"
    counts = recipe["pairs"]
    assert isinstance(counts, dict)
    return ModelCard(
        f"---\n{front(name, found).to_yaml()}\n---\n\n# {name}\n\n"
        f"把{zh_from}译成{zh_to}的小型循环网络（GRU 编码器–解码器），{zh_kind}。"
        f"宽度（词向量 / 编码器 / 解码器）{widths}；"
        f"用 {counts['training']} 对句子训练 {recipe['epochs']} 遍（{recipe['seconds']} 秒，一个 CPU 核），"
        "权重以 float16 保存。给人看注意力用，句子都很短，不保证译得对。\n\n"
        f"A small recurrent network (GRU encoder and decoder) that translates {en_from} into {en_to}, {en_kind}. "
        f"Widths (embedding / encoder / decoder) {widths}; trained on {counts['training']} pairs for "
        f"{recipe['epochs']} epochs ({recipe['seconds']} s on one core of a CPU), stored in float16. It is there to "
        "show attention, knows short sentences only, and is not to be relied on.\n\n"
        f"{SOURCE}"
        f"| 留出的 {told['sentences']} 个句子 · {told['sentences']} held-out sentences | |\n|---|---:|\n{rows}\n\n"
        f"长于中位数（{told['median']:g} 个词元）的句子上，有注意力与没有注意力的 BLEU 之比：{told['ratio_long']:.2f}。"
        f" Ratio of BLEU with attention to BLEU without, on sentences longer than the median ({told['median']:g} "
        f"tokens): {told['ratio_long']:.2f}.\n\n"
        f"{'' if plain else rules(told)}"
        "没有一个句子同时出现在训练和测试里。 No sentence is on both sides of the split.\n\n"
        f"`python -m attnviz.training.translation.train {name}` trains it, `python -m "
        f"attnviz.training.translation.card {name.removesuffix('-plain')}` prints these figures.\n"
    )


def rules(told: Mapping[str, Any]) -> str:
    """BLEU when the model, trained with softmax, is used with other rules."""
    kinds = {
        "attention": ("softmax", "softmax"), "sparsemax": ("sparsemax", "sparsemax"), "argmax": ("argmax", "argmax"),
        "uniform": ("均匀", "uniform"),
    }  # fmt: skip
    zh, en = (", ".join(f"{kinds[kind][n]} {told[kind]['bleu']:.2f}" for kind in kinds) for n in (0, 1))
    return (
        f"训练时用 softmax；用时换规则，BLEU：{zh}。 Trained with softmax; BLEU when used with other rules: {en}.\n\n"
    )


def load_folder(name: str) -> Path:
    """Where a shipped model lies."""
    return WEIGHTS / name


def write(name: str, told: Mapping[str, object], chosen: Sequence[Mapping[str, object]]) -> None:
    """Write what the page and the tests read, and both cards."""
    for file, value in (("figures.json", told), ("samples.json", chosen)):
        text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
        (load_folder(name) / file).write_text(text, encoding="utf-8")
    for one, kind in ((name, "attention"), (f"{name}-plain", "plain")):
        recipe = json.loads((load_folder(one) / "recipe.json").read_text(encoding="utf-8"))
        found = told[kind]
        assert isinstance(found, dict)
        card(one, found, told, recipe).save(load_folder(one) / "README.md")


def main() -> None:
    """Read the arguments, print, and write when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=("nmt-zh-en", "nmt-en-zh"))
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="write cards, figures.json and samples.json")
    given = parser.parse_args()
    system, plain = load(given.model), load(f"{given.model}-plain")
    asked, language = questions(split(read_pairs(given.pairs))["test"], system), system.target.language
    ways: tuple[tuple[str, System, Rule], ...] = (
        ("attention", system, Soft()), ("plain", plain, Soft()), ("uniform", system, Uniform()),
        ("argmax", system, Argmax()), ("sparsemax", system, Sparsemax()),
    )  # fmt: skip
    answers = {
        kind: {one.text: model.translate(one.text, rule=rule).text for one in asked} for kind, model, rule in ways
    }
    recipe = json.loads((load_folder(given.model) / "recipe.json").read_text(encoding="utf-8"))
    told = figures(asked, answers, language, recipe)
    print(json.dumps(told, ensure_ascii=False, indent=1))
    if given.write:
        write(given.model, told, samples(asked, answers, system.source.language))


if __name__ == "__main__":
    main()
