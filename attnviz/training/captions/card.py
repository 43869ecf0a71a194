"""How well are small scenes put into words, and where do the words look? Print it, and on request write the cards.

    python -m attnviz.training.captions.card [words-soft words-hard] --emoji emoji [--write]

Over scenes that were kept from training (`data.part`): one thing at a new place, new combinations of three and four,
pairs never seen together, and things seen only alone. Each model is measured with soft weights, with one place drawn
for each word, with the heaviest place alone, and without its picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from attnviz.shipped import WEIGHTS, recipe
from attnviz.systems.captions import NAMES
from attnviz.systems.captions.names import LANGUAGES, THINGS
from attnviz.systems.captions.scene import SHARE
from attnviz.systems.captions.system import load
from attnviz.training.captions.data import PARTS, held_out, read_drawings
from attnviz.training.captions.measure import BANK, WAYS, batched, largest, measured, neighbours
from attnviz.training.cards import in_parts, table
from attnviz.training.folder import save_facts

COUNT = 300  # scenes of each part
SAMPLES = 12
FIGURES = {
    "sentence": ("整句全对", "whole sentence right"),
    "things": ("物名说对", "things named"),
    "next_right": ("词说对（读到前面的真词之后）", "words right, after the true words before them"),
    "names_right": ("名词说对（同上）", "naming words right, so too"),
    "f1": ("词 F1", "word F1"),
    "bleu": ("BLEU", "BLEU"),
    "inside": ("名词的权重落在它的图里", "share of a naming word's weight inside its picture"),
}
PART_NAMES = {
    "one": ("一样东西，新位置", "one thing, new places"),
    "new": ("三四样东西，新组合", "three and four things, new combinations"),
    "pairs": ("从未同时出现过的两样", "pairs never seen together"),
    "alone": ("训练中只单独出现过的东西", "things seen only alone"),
}
WAY_NAMES = {
    "soft": ("软：所有位置加权", "soft: all places weighed"),
    "drawn": ("硬：每词抽一个位置", "hard: one place drawn for each word"),
    "argmax": ("只看最重的一个位置", "the heaviest place alone"),
    "blind": ("不给图", "without the picture"),
}


def measure(name: str, emoji: Path, count: int = COUNT) -> dict[str, Any]:
    """All figures of one model: by part, way and language; and the neighbour nearest in pixels for one thing."""
    system, drawings = load(name), read_drawings(emoji)
    parts = {part: batched(drawings, held_out(part, count)) for part in PARTS}
    found: dict[str, Any] = {
        part: {way: measured(system, batches, way) for way in WAYS} for part, batches in parts.items()
    }
    return {
        "parts": found, "scenes": count, "share": round(SHARE, 4), "neighbour": neighbours(drawings, parts["one"]),
        "largest": {part: largest(system, batches) for part, batches in parts.items()},
    }  # fmt: skip


def tables(figures: Mapping[str, Any]) -> str:
    """A table for each part: rows are figures, columns ways and languages."""
    found = []
    for part, (zh, en) in PART_NAMES.items():
        columns = [(way, language) for way in WAYS for language in LANGUAGES]
        head = ["", *(f"{WAY_NAMES[way][0]} · {WAY_NAMES[way][1]} ({language})" for way, language in columns)]
        rows = [
            [f"{titles[0]} · {titles[1]}", *(_said(key, figures["parts"][part][way][one]) for way, one in columns)]
            for key, titles in FIGURES.items()
        ]  # fmt: skip
        found += [f"**{zh} · {en}** ({figures['scenes']})", table(head, rows)]
    return "\n\n".join(found)


def _said(key: str, found: Mapping[str, float]) -> str:
    """A figure as it stands in a table."""
    return f"{found[key]:.1f}" if key == "bleu" else f"{found[key]:.3f}"


def front_matter(name: str, figures: Mapping[str, Any]) -> ModelCardData:
    """The YAML that the Hub reads: the figures of the way that a model was trained for."""
    way = "soft" if name == "words-soft" else "drawn"
    results = [
        EvalResult(
            task_type="image-to-text", dataset_type="emoji_scenes",
            dataset_name=f"Scenes of emoji: {PART_NAMES[part][1]}", metric_type=f"{key}_{part}_{language}",
            metric_name=f"{FIGURES[key][1]}, {language}",
            metric_value=figures["parts"][part][way][language][key],
        )
        for part in PARTS for language in LANGUAGES for key in FIGURES
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="mit", pipeline_tag="image-to-text", tags=["attention", "image-captioning"],
        model_name=f"attnviz {name}", eval_results=results,
    )  # fmt: skip


def card(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The whole README.md: YAML front matter, Chinese, English, then the tables that both share."""
    return in_parts(
        front_matter(name, figures), name, chinese(figures, facts),
        english(figures, facts), "## 数字 Figures", tables(figures),
        f"```\npython -m attnviz.training.captions.card {name} --emoji emoji\n```",
    )  # fmt: skip


def chinese(figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The Chinese half of the prose."""
    how = {
        "soft": "软注意力：每个词把所有位置按 softmax 加权",
        "hard": f"硬注意力：每个词抽一个位置，用 REINFORCE 训练（基线为每个词的移动平均，熵项 {facts['entropy']}）",
    }[facts["kind"]]
    return (
        "## 中文\n\n"
        f"给由表情符号组成的小场景写中英文句子（Xu 等，2015）。{how}。64 × 64 像素的画布，8 × 8 个位置；"
        "每个词只看一次，"
        "写句子的 GRU 只读词、不读图，所以一个词知道的图，都来自它这一眼（另有 16 个数说布局）。"
        "权重为 float16，许可 MIT。\n\n"
        f"- **数据**：{len(THINGS)} 个 Noto emoji（Google，Apache-2.0；经 iamcal/emoji-data，MIT），缩到 24 像素，"
        "每一步现拼场景：一到四样不同的东西，位置任意，不重叠。"
        "名称取自 emojibase（MIT），少数改成日常说法，量词为本项目所加。\n"
        "- **没有用于训练**：每样东西八分之一的位置；三四样东西的组合八分之一；72 样东西的两两配对约七分之一，"
        "从不同框；8 样东西训练时只单独出现。以上在测量之前定下。\n"
        f"- **训练**：先让看图网络认单个东西（{facts['alone_steps']:,} 步，每步 {facts['alone_pictures']} 张，"
        f"不告诉它在哪里），再连同写作部分训练 {steps(facts):,} 步，每步 {facts['scenes']} 个场景、两种语言；"
        f"一个 CPU 核，与别的训练同时进行，{facts['seconds']:,} 秒。全部设置见 `recipe.json`。\n"
        f"- **评测**：四类各 {figures['scenes']} 个场景。一个位置的权重均匀铺在它的像素上；"
        f"一张图占画布 {figures['share']:.1%}，均匀注意力就落在里面这么多。"
        f"单个东西：{BANK:,} 张训练图里像素最近的一张，有 {figures['neighbour']:.1%} 是同一样东西。\n"
        "- **局限**：只认得这些画，只会这几种句式；别的图片它也会说成这些东西。"
    )


def english(figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The English half of the prose."""
    how = {
        "soft": "Soft attention: each word weighs all places by softmax",
        "hard": "Hard attention: each word draws one place, trained by REINFORCE (as a baseline a moving average of "
        f"each word's reward, entropy term {facts['entropy']})",
    }[facts["kind"]]
    return (
        "## English\n\n"
        f"Puts small scenes into words (Xu et al. 2015). {how}. A canvas of 64 x 64 pixels, 8 x 8 places; a word looks "
        "once, and the GRU that writes reads words and no picture, so that what a word knows of the picture it knows "
        "from this look (and from 16 numbers about the layout). Weights in float16, licence MIT.\n\n"
        f"- **Data**: {len(THINGS)} Noto emoji (Google, Apache-2.0; by way of iamcal/emoji-data, MIT), 24 pixels wide, "
        "composed afresh in every step: one to four different things anywhere, none over another. Names are "
        "emojibase's (MIT), a few said in a more everyday way; the measure words are ours.\n"
        "- **Kept from training**: an eighth of the places of each thing; an eighth of the combinations of three and "
        "four; about a seventh of all pairs of 72 things, never seen together; 8 things were only ever seen alone. All "
        "decided before anything was measured.\n"
        f"- **Training**: first the picture net learns to name one thing ({facts['alone_steps']:,} steps of "
        f"{facts['alone_pictures']} pictures; it is not told where), then all together {steps(facts):,} steps of "
        f"{facts['scenes']} scenes in both languages; one CPU core beside other trainings, {facts['seconds']:,} "
        "seconds. All settings are in `recipe.json`.\n"
        f"- **Evaluation**: {figures['scenes']} scenes of each of four kinds. A place's weight is spread evenly over "
        f"its pixels; a picture takes {figures['share']:.1%} of the canvas, which is what even attention has inside. "
        f"One thing: of {BANK:,} training pictures the one nearest in pixels shows the same thing in "
        f"{figures['neighbour']:.1%}.\n"
        "- **Limits**: it knows these drawings and these few forms of sentence, and calls any other picture one of "
        "these things as well."
    )


def steps(facts: Mapping[str, Any]) -> int:
    """How many steps were taken: those of the recipe, or as many as there were when it was stopped (`stopped`)."""
    return int(facts.get("stopped", facts["steps"]))


def keep_samples(folder: Path) -> None:
    """Write samples.json: held-out scenes that the page offers, as text."""
    chosen = [one for part in ("new", "pairs", "alone") for one in held_out(part, SAMPLES // 3)]
    texts = [", ".join(f"{put.name} {put.left} {put.top}" for put in one.things) for one in chosen]
    save_facts(folder, samples=[{"text": text} for text in texts])


def main() -> None:
    """Read the arguments, print, and write cards, figures and samples when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=NAMES, metavar="model", help="both unless named")
    parser.add_argument("--emoji", type=Path, required=True, help="folder of noto_32.png and emoji.json")
    parser.add_argument("--scenes", type=int, default=COUNT, help="of each part")
    parser.add_argument("--write", action="store_true", help="write README.md, figures.json and samples.json")
    given = parser.parse_args()
    for name in given.models:
        figures = measure(name, given.emoji, given.scenes)
        print(f"{name}\n\n{tables(figures)}\n\nneighbour {figures['neighbour']}, largest {figures['largest']}")
        if given.write:
            folder = WEIGHTS / Path(name).name
            (folder / "README.md").write_text(card(name, figures, recipe(folder)), encoding="utf-8")
            save_facts(folder, figures=figures)
            keep_samples(folder)


if __name__ == "__main__":
    main()
