"""How well does lab-translator translate what it has not seen, beside the recurrent ones? Print, and write a card.

    python -m attnviz.training.translation.transformer.card lab-translator --pairs cmn.txt [--write]

BLEU and chrF are sacrebleu's (Post 2018; ``pip install sacrebleu``), greedy decoding, over the same held-out sentences
as the recurrent translators' (`attnviz.training.translation.card`), whose figures stand in their ``figures.json``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from attnviz import shipped
from attnviz.models import Model, load
from attnviz.systems.translation import system as recurrent
from attnviz.training.folder import save_facts
from attnviz.training.translation.card import NAMES, TATOEBA, measure, questions
from attnviz.training.translation.data import read_pairs, split
from attnviz.training.translation.transformer.data import NAME

WAYS = {"zh-en": "中文 → English", "en-zh": "English → 中文"}
A_BATCH = 64
MOST = 96  # pieces of a translation
SHOWN = ("今天天气很好。", "我想和他去南京。", "Where is the long bridge?", "My mother looked at the black cat.")


def translations(model: Model, texts: Sequence[str]) -> dict[str, str]:
    """What the model writes for each text, always the likeliest next piece."""
    network: Any = model.network  # transformers' own `generate`
    found = dict[str, str]()
    order = sorted(texts, key=len)
    for start in range(0, len(order), A_BATCH):
        part = order[start : start + A_BATCH]
        read = model.tokenizer(part, padding=True, return_tensors="pt")
        with torch.inference_mode():
            ids = network.generate(
                input_ids=read["input_ids"], attention_mask=read["attention_mask"], max_new_tokens=MOST, do_sample=False
            )
        found |= zip(part, model.tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True)
    return found


def figures(model: Model, pairs: Path) -> dict[str, dict[str, float]]:
    """The figures both ways, over the test side of the pairs."""
    held = split(read_pairs(pairs))["test"]
    found = {}
    for way in WAYS:
        asked = questions(held, recurrent.load(f"nmt-{way}"))
        told = measure(asked, translations(model, [one.text for one in asked]), way[-2:])
        found[way] = {"sentences": float(len(asked))} | {name: round(value, 2) for name, value in told.items()}
    return found


def rows(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """The lines of the card's table: each figure beside the recurrent translators', with attention and without."""
    for way, name in WAYS.items():
        beside = shipped.figures(f"nmt-{way}")
        for key, (zh, en) in NAMES.items():
            cells = (found[way][key], beside["attention"][key], beside["plain"][key])
            yield f"| {name} | {zh} · {en} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |"


def card(found: Mapping[str, Mapping[str, float]], recipe: Mapping[str, Any], written: Mapping[str, str]) -> ModelCard:
    """The model card in the Hub's own form, Chinese then English."""
    results = [
        EvalResult(
            task_type="translation", dataset_type="tatoeba", dataset_config=way,
            dataset_name="Tatoeba English and Chinese (CC BY 2.0 FR), held out",
            metric_type=f"{key}_{way}", metric_value=value, metric_name=f"{WAYS[way]} {name}",
        )
        for way, told in found.items() for key, (_, name) in NAMES.items() for value in [told[key]]
    ]  # fmt: skip
    data = ModelCardData(
        language=["zh", "en"], license="cc-by-2.0", library_name="transformers", pipeline_tag="translation",
        tags=["attention"], model_name=f"attnviz {NAME}", eval_results=results,
    )  # fmt: skip
    layers, steps, seconds = (recipe[name] for name in ("layers", "steps", "seconds"))
    seen = steps * recipe["texts_a_step"]
    counts = " · ".join(f"{WAYS[way]} {told['sentences']:.0f}" for way, told in found.items())
    table, lines = "\n".join(rows(found)), "\n".join(f"* {read} → {text}" for read, text in written.items())
    return ModelCard(
        f"---\n{data.to_yaml()}\n---\n\n# {NAME}\n\n"
        "中译英、英译中的小型编码器–解码器 Transformer：结构同最早的 Transformer（Vaswani 等 2017），"
        f"也是 Marian 翻译模型的结构；编码器、解码器各 {layers} 层，每层 {recipe['heads']} 个头，"
        f"宽 {recipe['width']}；用 Tatoeba 的句对双向训练 {steps} 步（共看 {seen} 个句子，{seconds} 秒，一个 CPU 核，"
        "机器上另有别的任务），权重以 float16 保存。读到中文就写英文，读到英文就写中文。"
        "给人看注意力用，句子都很短，不保证译得对。\n\n"
        "A small encoder-decoder Transformer that translates Chinese into English and English into Chinese: the shape "
        "of the first one (Vaswani et al. 2017), which is that of Marian's translators, "
        f"{layers} layers on each side, {recipe['heads']} heads, width {recipe['width']}, trained on the pairs of "
        f"Tatoeba both ways for {steps} steps ({seen} sentences seen, {seconds} s on one core of a CPU beside other "
        "work), stored in float16. Given Chinese it writes English, given English Chinese. It is there to "
        "show attention, knows short sentences only, and is not to be relied on.\n\n"
        f"{TATOEBA[0]}。\n\n{TATOEBA[1]}.\n\n"
        f"留出的句子，贪心解码 · held-out sentences, greedy decoding: {counts}\n\n"
        f"| | | {NAME} | 循环网络，有注意力 · recurrent, with attention | 循环网络，无注意力 · recurrent, without |\n"
        f"|---|---|---:|---:|---:|\n{table}\n\n{lines}\n\n"
        "没有一个句子同时出现在训练和测试里。 No sentence is on both sides of the split.\n\n"
        "`python -m attnviz.training.translation.transformer.train --pairs FILE` trains it, "
        f"`python -m attnviz.training.translation.transformer.card {NAME} --pairs FILE` prints these figures.\n"
    )


def main() -> None:
    """Read the arguments, print, and write when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the folder that the training wrote")
    parser.add_argument("--pairs", type=Path, required=True, help="English, Chinese, attribution: one pair a line")
    parser.add_argument("--write", action="store_true", help="write README.md and figures.json into the folder")
    given = parser.parse_args()
    model = load(given.model)
    found, written = figures(model, given.pairs), translations(model, SHOWN)
    print("\n".join(rows(found)))
    print("\n".join(f"{read} → {text}" for read, text in written.items()))
    if given.write:
        folder = shipped.folder(given.model)
        save_facts(folder, figures=found)
        card(found, shipped.recipe(folder), written).save(folder / "README.md")


if __name__ == "__main__":
    main()
