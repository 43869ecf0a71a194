"""The model card of a lab model: README.md in the Hub's own form, Chinese then English, figures by `evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.measures import Habit

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

NAMED = 0.3  # a head whose strongest share is below this has no habit worth a name
COMMON_VOICE = ("common_voice_sentences", "Common Voice sentences (Mozilla, CC0 1.0), held out")
GSD = ("universal_dependencies", "UD Chinese GSDSimp test (CC BY-SA 4.0)")
DATA = {"zh": COMMON_VOICE, "en": COMMON_VOICE, "mixed": COMMON_VOICE, "gsd": GSD}

FIGURES: dict[str, tuple[str, str, str]] = {
    "masked_accuracy_zh": ("zh", "填空准确率，中文", "masked-token accuracy, Chinese"),
    "masked_accuracy_en": ("en", "填空准确率，英文", "masked-token accuracy, English"),
    "masked_accuracy": ("mixed", "填空准确率，合计", "masked-token accuracy, both"),
    "masked_top5_zh": ("zh", "填空前五命中率，中文", "masked token among the first five, Chinese"),
    "masked_top5_en": ("en", "填空前五命中率，英文", "masked token among the first five, English"),
    "masked_top5": ("mixed", "填空前五命中率，合计", "masked token among the first five, both"),
    "boundary_accuracy": ("mixed", "词首判断准确率，两种语言", "word-begin accuracy over all tokens, both"),
    "boundary_f1_jieba": ("zh", "词首 F1，对 jieba", "word-begin F1 against jieba"),
    "boundary_precision_jieba": ("zh", "词首精确率，对 jieba", "word-begin precision against jieba"),
    "boundary_recall_jieba": ("zh", "词首召回率，对 jieba", "word-begin recall against jieba"),
    "boundary_f1_jieba_inner": (
        "zh",
        "词首 F1，对 jieba，不计句首",
        "word-begin F1 against jieba, less sentence starts",
    ),
    "word_f1_jieba": ("zh", "整词 F1，对 jieba", "whole-word F1 against jieba"),
    "boundary_f1_gsd": ("gsd", "词首 F1，对 GSDSimp", "word-begin F1 against GSDSimp"),
    "boundary_precision_gsd": ("gsd", "词首精确率，对 GSDSimp", "word-begin precision against GSDSimp"),
    "boundary_recall_gsd": ("gsd", "词首召回率，对 GSDSimp", "word-begin recall against GSDSimp"),
    "boundary_f1_gsd_inner": (
        "gsd",
        "词首 F1，对 GSDSimp，不计句首",
        "word-begin F1 against GSDSimp, less sentence starts",
    ),
    "word_f1_gsd": ("gsd", "整词 F1，对 GSDSimp", "whole-word F1 against GSDSimp"),
    "head_distance_bits": ("mixed", "头间平均距离（比特）", "mean distance between heads (bits)"),
}

HABIT_NAMES = {
    "previous": "前一个 previous",
    "next": "后一个 next",
    "itself": "自己 itself",
    "same_word": "同词 same word",
    "punctuation": "标点 punctuation",
}


@dataclass(frozen=True)
class Fill:
    """One fixed blank: the text around it, what stood there, and the likeliest tokens with their probabilities."""

    before: str
    original: str
    after: str
    best: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Counts:
    """How much the figures rest on: held-out sentences, blanks, GSD sentences read and left out as too long."""

    zh: int
    en: int
    blanks_zh: int
    blanks_en: int
    gsd: int
    gsd_left_out: int


@dataclass(frozen=True)
class Report:
    """Everything that one evaluation found out about one lab model.

    `figures` are by metric name (see `FIGURES`; `head_distance_bits_layer_0` ... beside them), `habits` by language,
    `cuts` the fixed texts with their words, `jieba_on_gsd` jieba's own begin and whole-word F1 on GSD.
    """

    model: str
    recipe: dict[str, Any]
    figures: dict[str, float]
    counts: Counts
    jieba_on_gsd: tuple[float, float]
    habits: dict[str, tuple[Habit, ...]]
    fills: tuple[Fill, ...]
    cuts: tuple[tuple[str, tuple[str, ...]], ...]


def write_card(report: Report, folder: Path) -> Path:
    """Write the model card of `report` into a model's folder; its path."""
    path = folder / "README.md"
    path.write_text(card_text(report), encoding="utf-8")
    return path


def card_text(report: Report) -> str:
    """The whole README.md: YAML front matter, Chinese, English, then the tables that both share."""
    return in_parts(
        front_matter(report), report.model, chinese(report), english(report), "## 数字 Figures", figure_table(report),
        "## 各头的习惯 Habits of the heads", habit_tables(report), "## 例子 Examples", examples(report),
        "## 重新得到这些数字 The same figures again", command(report),
    )  # fmt: skip


def in_parts(front: ModelCardData, name: str, *parts: str) -> str:
    """A whole README.md: the YAML that the Hub reads, the name of the model, then the parts."""
    return "\n\n".join([f"---\n{str(front.to_yaml()).strip()}\n---", f"# attnviz {name}", *parts]) + "\n"


def front_matter(report: Report) -> ModelCardData:
    """The YAML that the Hub and `attnviz.models.read_card` read: one `model-index` result a figure."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="fill-mask" if name.startswith("masked") else "token-classification",
            dataset_type=DATA[data][0],
            dataset_name=DATA[data][1],
            metric_type=name,
            metric_name=title,
            metric_value=round(report.figures[name], 4),
        )
        for name, (data, _, title) in titles(report).items()
    ]
    return ModelCardData(
        language=["zh", "en"],
        license="mit",
        library_name="transformers",
        pipeline_tag="fill-mask",
        tags=["attention", "word-segmentation"],
        model_name=f"attnviz {report.model}",
        eval_results=results,
    )


def titles(report: Report) -> dict[str, tuple[str, str, str]]:
    """Every figure of the report with its data and its names in Chinese and English, in the order of the card."""
    known = {name: entry for name, entry in FIGURES.items() if name in report.figures}
    layers = [name for name in report.figures if name.startswith("head_distance_bits_layer_")]
    for name in layers:
        number = name.rsplit("_", 1)[1]
        known[name] = ("mixed", f"头间平均距离，第 {number} 层", f"mean distance between heads, layer {number}")
    return known


def chinese(report: Report) -> str:
    """The Chinese half of the prose; no line break inside a sentence, where Markdown would put a space."""
    recipe, counts = report.recipe, report.counts
    begin, word = report.jieba_on_gsd
    return (
        "## 中文\n\n"
        f"一个很小的中英双语 ModernBERT（旋转位置编码）：{recipe['layers']} 层，"
        f"每层 {recipe['heads']} 个注意力头，宽 {recipe['width']}。"
        "lab-1、lab-2、lab-4、lab-8 只有头数不同。它填空（`[MASK]`）；`word_boundary.safetensors` "
        "还给出每个词元处是否开始一个新词。权重为 float16，许可 MIT。\n\n"
        "- **数据**：Mozilla Common Voice 的句子集（zh-CN 与 en，CC0 1.0）。按句子自身的哈希留出 1/80"
        f"（中文 {counts.zh} 句，英文 {counts.en} 句），留出的句子一句也没有用于训练。“南京市长江大桥”不在数据中。\n"
        "- **词的标注**：中文由 jieba 0.42.1（MIT）切分，英文按空格与标点。\n"
        f"- **训练**：{recipe['steps']:,} 步，每步 {recipe['tokens_a_step']:,} 个位置，"
        f"其中挖空 {recipe['masked_a_step']} 个；一个 CPU 核心，{recipe['seconds']:,} 秒。全部设置见 `recipe.json`。\n"
        "- **评测**：留出的每句随机挖去 15% 的词元，至少一个"
        f"（中文 {counts.blanks_zh:,} 个，英文 {counts.blanks_en:,} 个）；词汇表外的字一律算错。判断词首时不挖空。"
        f"GSDSimp 测试集读 {counts.gsd} 句，{counts.gsd_left_out} 句太长未读。GSD 的切分标准与 jieba 不同（更细），"
        f"jieba 自己在其上词首 F1 为 {begin:.3f}，整词 F1 为 {word:.3f}。\n"
        "- **局限**：模型小，训练句短，知识少。权重只说明这个小模型在做什么：它本身不是解释，也不代表大模型。"
        "它学的是 jieba 的切分，连同 jieba 的错误。"
    )


def english(report: Report) -> str:
    """The English half of the prose."""
    recipe, counts = report.recipe, report.counts
    begin, word = report.jieba_on_gsd
    heads = "1 attention head" if recipe["heads"] == 1 else f"{recipe['heads']} attention heads"
    return (
        "## English\n\n"
        f"A very small Chinese and English ModernBERT (rotary positions): {recipe['layers']} layers of {heads}, "
        f"width {recipe['width']}. "
        "lab-1, lab-2, lab-4 and lab-8 differ in nothing but the number of heads. It fills blanks (`[MASK]`), and "
        "`word_boundary.safetensors` says for each token whether a word begins there. Weights in float16, licence MIT."
        "\n\n"
        "- **Data**: the sentence collections of Mozilla Common Voice (zh-CN and en, CC0 1.0). One sentence in 80 is "
        f"held out by its own hash ({counts.zh} Chinese, {counts.en} English); not a single held-out sentence was in "
        "training. 南京市长江大桥 occurs nowhere in the data.\n"
        "- **Word labels**: Chinese by jieba 0.42.1 (MIT), English by spaces and punctuation.\n"
        f"- **Training**: {recipe['steps']:,} steps of {recipe['tokens_a_step']:,} positions with "
        f"{recipe['masked_a_step']} blanks each, on one CPU core, {recipe['seconds']:,} seconds. "
        "All settings are in `recipe.json`.\n"
        "- **Evaluation**: 15 % of the tokens of every held-out sentence, at least one, blanked at random "
        f"({counts.blanks_zh:,} Chinese, {counts.blanks_en:,} English); a character outside the vocabulary counts as "
        f"wrong. No blanks where word beginnings are judged. GSDSimp test: {counts.gsd} sentences read, "
        f"{counts.gsd_left_out} too long. GSD cuts by another standard than jieba (more finely): jieba itself reaches "
        f"a word-begin F1 of {begin:.3f} and a whole-word F1 of {word:.3f} on it.\n"
        "- **Limits**: a small model, taught by short sentences, that knows little. Its weights show what this small "
        "model does; they are not an explanation by themselves and say nothing about large models. It has learned "
        "jieba's words, jieba's mistakes among them."
    )


def figure_table(report: Report) -> str:
    """Every figure with its name in the card's index."""
    rows = [
        (f"{zh} · {en}", f"{report.figures[name]:.3f}", f"`{name}`") for name, (_, zh, en) in titles(report).items()
    ]
    return table(("数字 figure", "值 value", "名称 name"), rows)


def habit_tables(report: Report) -> str:
    """One table of layers and heads a language: habit, its share, and the share that rests on [CLS] and [SEP]."""
    note = (
        "每格：习惯及其占比（先去掉 [CLS]、[SEP] 再归一）；括号内为落在 [CLS]、[SEP] 上的权重。"
        f"最大占比低于 {NAMED} 的头记作“—”。同词按 jieba 切分。\n\n"
        "Each cell: the habit and its share of the weight once [CLS] and [SEP] are taken out; in brackets the share of "
        f"all weight that rests on these two. A head whose largest share is below {NAMED} is marked “—”. "
        "Same word: as cut by jieba in Chinese, by spaces in English."
    )
    names = {"zh": "留出中文 Held-out Chinese", "en": "留出英文 Held-out English"}
    return "\n\n".join([note, *(f"**{names[key]}**\n\n{habit_table(found)}" for key, found in report.habits.items())])


def habit_table(habits: Sequence[Habit]) -> str:
    """A table of layers (rows) and heads (columns)."""
    heads = 1 + max(habit.head for habit in habits)
    cells = {(habit.layer, habit.head): habit for habit in habits}
    rows = [
        (str(layer), *(habit_cell(cells.get((layer, head))) for head in range(heads)))
        for layer in range(1 + max(habit.layer for habit in habits))
    ]
    return table(("层 layer", *(f"头 head {head}" for head in range(heads))), rows)


def habit_cell(habit: Habit | None) -> str:
    """One head in a few characters.

    >>> habit_cell(Habit(0, 0, "next", 0.83, 0.05))
    '后一个 next 0.83 (0.05)'
    """
    if habit is None:
        return ""
    name = HABIT_NAMES[habit.name] if habit.share >= NAMED else "—"
    return f"{name} {habit.share:.2f} ({habit.sink:.2f})"


def examples(report: Report) -> str:
    """The fixed blanks with what the model puts there, and how it cuts the fixed texts."""
    fills = [
        (f"{fill.before}**[MASK]**{fill.after}", fill.original, "，".join(f"{token} {p:.2f}" for token, p in fill.best))
        for fill in report.fills
    ]
    cuts = [(text, " / ".join(words)) for text, words in report.cuts]
    return "\n\n".join(
        [
            table(("空 blank", "原文 original", "填入 filled with"), fills),
            table(("文字 text", "切成 cut into"), cuts),
        ]
    )


def command(report: Report) -> str:
    """The command that prints the figures again."""
    return (
        f"```\npython -m attnviz.training.lab.evaluate {report.model} \\\n"
        "    --zh common_voice_zh.txt --en common_voice_en.txt --gsd gsdsimp_test.conllu\n```\n\n"
        "原始数据 The public originals: github.com/common-voice/common-voice (`server/data/zh-CN`, `server/data/en`), "
        "github.com/UniversalDependencies/UD_Chinese-GSDSimp."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [list(head), ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
