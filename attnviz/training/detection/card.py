"""How well does the detector find cells? Print the figures on the official test list, and on request write the card.

    python -m attnviz.training.detection.card --data bccd [--write]

Average precision at an overlap of one half (PASCAL VOC, all points), as it is and after boxes that are a surer one over
again were left out; and which share of a found cell's cross-attention lies in its box: of the head that looks inside
most, and of all heads of the last layer.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from attnviz.models import DetectionModel, load
from attnviz.shipped import WEIGHTS, recipe
from attnviz.training.cards import in_parts, table
from attnviz.training.detection.data import LABELS, NAMES, listed, read_boxes
from attnviz.training.detection.measure import measured, shown
from attnviz.training.detection.train import NAME
from attnviz.training.folder import save_facts

SAMPLES = 6  # pictures of the test list that the page offers, spread evenly over it
SAMPLE_WIDE = 320  # pixels; what the network reads is smaller still
QUALITY = 80
Figures = Mapping[str, Mapping[str, float]]
ROWS = {
    "ap50": ("AP50", "AP50"),
    "ap50_alone": ("AP50，去掉重复框后", "AP50, boxes over again left out"),
    "inside": ("看得最准的一个头：权重落在自己框内的份额", "the head that looks inside most: share of its look inside"),
    "inside_mean": ("最后一层各头平均的这一份额", "the same, mean of the heads of the last layer"),
    "area": ("框占图的份额", "the box's share of the picture"),
}


def card(figures: Figures, facts: Mapping[str, Any], pictures: int) -> str:
    """The whole README.md: YAML front matter, Chinese, English, then the table that both share."""
    head = ("", *(f"{zh} · {en}" for zh, en in zip(NAMES["zh"], NAMES["en"], strict=True)))
    rows = [(f"{zh} · {en}", *(f"{figures[name][key]:.3f}" for name in NAMES["en"])) for key, (zh, en) in ROWS.items()]
    return in_parts(
        front_matter(figures), NAME, chinese(facts, pictures), english(facts, pictures),
        "## 数字 Figures", table(head, rows),
        "看得最准的头 The head that looks inside most: layer {layer:.0f}, head {head:.0f}".format(**figures["head"]),
        "```\npython -m attnviz.training.detection.card --data bccd\n```",
    )  # fmt: skip


def front_matter(figures: Figures) -> ModelCardData:
    """The YAML that the Hub reads: one result a label."""
    results = [
        EvalResult(
            task_type="object-detection", dataset_type="bccd", dataset_name="BCCD test list (MIT)",
            metric_type=f"ap50_{label.lower()}", metric_name=f"AP50, {name}", metric_value=figures[name]["ap50"],
        )
        for name, label in zip(NAMES["en"], LABELS, strict=True)
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="mit", library_name="transformers", pipeline_tag="object-detection",
        tags=["attention", "detr"], model_name=f"attnviz {NAME}", eval_results=results,
    )  # fmt: skip


def chinese(facts: Mapping[str, Any], pictures: int) -> str:
    """The Chinese half of the prose."""
    return (
        "## 中文\n\n"
        f"一个很小的检测模型（DAB-DETR，Liu 等，2022），从零训练：图缩到长边 192 像素，"
        "卷积骨干（步长 8）给出 24 × 18 个位置；"
        f"编码器 {facts['encoder']} 层，解码器 {facts['decoder']} 层，每层 {facts['heads']} 个头，宽 {facts['width']}，"
        f"{facts['columns'] * facts['rows']} 个查询。"
        "它在血涂片的显微照片上找红细胞、白细胞和血小板。权重为 float16，许可 MIT。\n\n"
        "- **数据**：BCCD（MIT；github.com/Shenggan/BCCD_Dataset），官方名单 trainval 的 292 张；"
        "训练时随机翻转、放大、改色。"
        "类别名的中文由本项目所译，见 `config.json` 的 `label_names`。\n"
        f"- **训练**：先 3,000 步，再以较低的学习率接着 {facts['steps']:,} 步（`--start`），"
        f"每步 {facts['pictures_a_step']} 张；"
        f"训练时另有 {facts['groups'] - 1} 组查询、"
        f"带噪声的查询和逐位置的辅助输出，训练后都去掉；一个 CPU 核，"
        f"后一段 {facts['seconds']:,} 秒，与别的训练同时进行。全部设置见 `recipe.json`。\n"
        f"- **评测**：官方测试名单的 {pictures} 张图，一张也没有用于训练。AP50 按 PASCAL VOC（所有点）。\n"
        "- **局限**：只见过一种染色、一种放大倍数的照片，标注也有遗漏；**不能用于诊断**。"
        "权重说明它看了哪里，不等于它为什么这样判断。"
    )


def english(facts: Mapping[str, Any], pictures: int) -> str:
    """The English half of the prose."""
    return (
        "## English\n\n"
        "A very small detector (DAB-DETR, Liu et al. 2022), trained from nothing: pictures scaled to a long side of "
        f"192 pixels, convolutions of stride 8 that give 24 x 18 places, {facts['encoder']} encoder and "
        f"{facts['decoder']} decoder layers of {facts['heads']} heads, width {facts['width']}, "
        f"{facts['columns'] * facts['rows']} queries. It finds red cells, white cells "
        "and platelets in micrographs of blood. Weights in float16, licence MIT.\n\n"
        "- **Data**: BCCD (MIT; github.com/Shenggan/BCCD_Dataset), the 292 pictures of the official list trainval, "
        "mirrored, zoomed into and recoloured at random. The labels' Chinese names are ours (`label_names` in "
        "`config.json`).\n"
        f"- **Training**: 3,000 steps, then {facts['steps']:,} more at a lower rate (`--start`), of "
        f"{facts['pictures_a_step']} pictures, with {facts['groups'] - 1} "
        "more groups of queries, noisy queries and heads at each place, all of which were dropped afterwards; one CPU "
        f"core, the second part in {facts['seconds']:,} seconds beside other trainings. All settings are in "
        "`recipe.json`.\n"
        f"- **Evaluation**: the {pictures} pictures of the official test list, not one of which was in training. AP50 "
        "as in PASCAL VOC (all points).\n"
        "- **Limits**: it has seen one stain at one magnification, and the annotations miss cells too. **Not for "
        "diagnosis.** Its weights say where it looked, not why it answers as it does."
    )


def keep_samples(folder: Path, data: Path) -> None:
    """Write a few test pictures, small, and samples.json: names, true boxes (shares of the picture) and labels."""
    from PIL import Image

    names, kept = listed(data, "test"), []
    for name in names[:: max(1, len(names) // SAMPLES)][:SAMPLES]:
        boxes, labels = read_boxes(data / "Annotations" / f"{name}.xml")
        with Image.open(data / "JPEGImages" / f"{name}.jpg") as opened:
            small = opened.convert("RGB")
            small.thumbnail((SAMPLE_WIDE, SAMPLE_WIDE))
            small.save(folder / f"{name}.jpg", quality=QUALITY)
        kept.append({
            "name": name, "file": f"{name}.jpg", "labels": [NAMES["en"][label] for label in labels.tolist()],
            "boxes": [[round(side, 4) for side in box] for box in boxes.tolist()],
        })  # fmt: skip
    save_facts(folder, samples=kept)


def main() -> None:
    """Read the arguments, print, and write card, figures and samples when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of BCCD: Annotations, ImageSets, JPEGImages")
    parser.add_argument("--folder", type=Path, default=WEIGHTS / NAME, help="the weights to measure")
    parser.add_argument("--write", action="store_true", help="write README.md and figures.json beside the weights")
    given = parser.parse_args()
    model = load(given.folder)
    assert isinstance(model, DetectionModel)
    figures = measured(model, given.data)
    print(shown(figures))
    if given.write:
        text = card(figures, recipe(given.folder), len(listed(given.data, "test")))
        (given.folder / "README.md").write_text(text, encoding="utf-8")
        save_facts(given.folder, figures=figures)
        keep_samples(given.folder, given.data)


if __name__ == "__main__":
    main()
