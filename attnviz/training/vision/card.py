"""How well do the vision transformers see? Print the held-out figures, and on request write cards, figures and samples.

    python -m attnviz.training.vision.card [vit-4 ...] --data fashion_mnist [--write]

Over the official 10,000 test pictures, not one of which was trained on: as they are, with every head hard (all weight
on the best key, `Argmax`) while the model computes, with the patches of each picture in random order, and with half of
them hidden from every head.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import EvalResult, ModelCardData
from jaxtyping import Bool, UInt8
from torch import Tensor
from transformers import ViTForImageClassification

from attnviz.adapter.registered import ATTENTION, recording, register
from attnviz.core.interventions import Reweigh
from attnviz.core.rules import Argmax
from attnviz.shipped import WEIGHTS, recipe
from attnviz.training.cards import in_parts, table
from attnviz.training.folder import save_facts
from attnviz.training.vision.data import NAMES, PATCH, SIDE, Clothes, read_clothes, seen
from attnviz.training.vision.train import answers

MODELS = ("vit-1", "vit-2", "vit-4", "vit-8", "vit-4-bag")
SAMPLES_OF = "vit-4"  # whose folder the samples lie in, and whose mistakes are among them
MISTAKES = 2
AT_ONCE = 500  # pictures
SEED = 20
PATCHES = (SIDE // PATCH) ** 2
Answers = Callable[[Tensor], Tensor]  # pictures as a model is given them, to logits [picture, label]
Grey = UInt8[Tensor, "picture 28 28"]
FIGURES = {
    "accuracy": ("准确率", "accuracy"),
    "hard": ("准确率，每个头只看权重最大的一处（argmax）", "accuracy, every head looking at one place (argmax)"),
    "shuffled": ("准确率，图块随机打乱", "accuracy, patches in random order"),
    "half": ("准确率，遮住一半图块", "accuracy, half of the patches hidden"),
}


def hits(answer: Answers, clothes: Clothes) -> Bool[Tensor, " picture"]:
    """Of which pictures is the likeliest label the true one?"""
    found = [answer(seen(some)).argmax(-1) for some in clothes.pictures.split(AT_ONCE)]
    return torch.cat(found) == clothes.labels


def hard(network: ViTForImageClassification, pictures: Tensor) -> Tensor:
    """The logits with every head looking at one place alone."""
    with recording(network, [Reweigh(Argmax())], values=False):
        return answers(network, pictures)


def shuffled(pictures: Grey, generator: torch.Generator) -> Grey:
    """Pictures whose patches of 4 x 4 pixels stand in random order, another one for each picture."""
    side = SIDE // PATCH
    cut = pictures.view(-1, side, PATCH, side, PATCH).transpose(2, 3).reshape(-1, side * side, PATCH, PATCH)
    order = torch.rand(cut.shape[:2], generator=generator).argsort(-1)
    moved = cut[torch.arange(len(cut))[:, None], order]
    return moved.view(-1, side, side, PATCH, PATCH).transpose(2, 3).reshape(-1, SIDE, SIDE)


@torch.inference_mode()
def measure(network: ViTForImageClassification, clothes: Clothes) -> dict[str, Any]:
    """The figures of one model: `FIGURES`, and the accuracy of each class by its English name."""
    torch.manual_seed(SEED)
    mixed = replace(clothes, pictures=shuffled(clothes.pictures, torch.Generator().manual_seed(SEED)))
    right = hits(partial(answers, network), clothes)
    ways = {
        "accuracy": right,
        "hard": hits(partial(hard, network), clothes),
        "shuffled": hits(partial(answers, network), mixed),
        "half": hits(partial(answers, network, kept=PATCHES // 2), clothes),
    }
    found = {name: share(one) for name, one in ways.items()}
    classes = {name: share(right[clothes.labels == number]) for number, name in enumerate(NAMES["en"])}
    return {**found, "pictures": len(right), "classes": classes}


def share(found: Bool[Tensor, " picture"]) -> float:
    """How many of them are right, 0 to 1?"""
    return round(found.double().mean().item(), 4)


def opened(folder: Path) -> ViTForImageClassification:
    """The model of a folder, whose attention can be changed."""
    register()
    said: dict[str, Any] = {"dtype": torch.float32, "attn_implementation": ATTENTION}
    network: ViTForImageClassification = ViTForImageClassification.from_pretrained(folder, **said)
    network.eval()
    return network


def samples(network: ViTForImageClassification, clothes: Clothes) -> list[int]:
    """Test pictures to offer: the first of each class that is told right, then the first that are told wrong."""
    first = Clothes(clothes.pictures[:AT_ONCE], clothes.labels[:AT_ONCE])
    with torch.inference_mode():
        right = hits(partial(answers, network), first)
    told = [int((right & (first.labels == number)).nonzero()[0]) for number in range(len(NAMES["en"]))]
    return told + [int(place) for place in (~right).nonzero()[:MISTAKES, 0]]


def keep_samples(folder: Path, clothes: Clothes, chosen: Sequence[int]) -> None:
    """Write samples.png, the pictures side by side, and samples.json: their numbers in the test set, their labels."""
    from PIL import Image

    sheet = np.concatenate([clothes.pictures[place].numpy() for place in chosen], axis=1)
    Image.fromarray(sheet).save(folder / "samples.png", optimize=True)
    labels = [NAMES["en"][int(clothes.labels[place])] for place in chosen]
    save_facts(
        folder,
        samples=[{"name": called(labels, at), "number": place, "label": labels[at]} for at, place in enumerate(chosen)],
    )


def called(labels: Sequence[str], at: int) -> str:
    """The name of a sample in links: its label, and which of that label it is from the second on.

    >>> called(["Ankle boot", "Bag", "Ankle boot"], 2)
    'ankle-boot-2'
    """
    name = labels[at].lower().replace(" ", "-")
    before = labels[:at].count(labels[at])
    return f"{name}-{before + 1}" if before else name


def card(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The whole README.md: YAML front matter, Chinese, English, then the table that both share."""
    rows = [(f"{zh} · {en}", f"{figures[key]:.4f}") for key, (zh, en) in FIGURES.items()]
    classes = [
        (f"{zh} · {en}", f"{figures['classes'][en]:.3f}") for zh, en in zip(NAMES["zh"], NAMES["en"], strict=True)
    ]
    return in_parts(
        front_matter(name, figures), name, chinese(name, figures, facts),
        english(name, figures, facts), "## 数字 Figures", table(("", name), rows),
        table(("类别的准确率 · accuracy by class", name), classes),
        f"```\npython -m attnviz.training.vision.card {name} --data fashion_mnist\n```",
    )  # fmt: skip


def front_matter(name: str, figures: Mapping[str, Any]) -> ModelCardData:
    """The YAML that the Hub reads: one result a figure."""
    results = [
        EvalResult(
            task_type="image-classification", dataset_type="fashion_mnist", dataset_name="Fashion-MNIST test (MIT)",
            metric_type=key if key == "accuracy" else f"accuracy_{key}", metric_name=en, metric_value=figures[key],
        )
        for key, (_, en) in FIGURES.items()
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="mit", library_name="transformers", pipeline_tag="image-classification",
        tags=["attention", "vit"], model_name=f"attnviz {name}", eval_results=results,
    )  # fmt: skip


def chinese(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The Chinese half of the prose."""
    places = "有学得的位置嵌入" if facts["positions"] else "没有位置嵌入（恒为零）：对它来说，一张图只是一袋图块"
    return (
        "## 中文\n\n"
        f"一个很小的视觉 Transformer（ViT，Dosovitskiy 等，2021）：28 × 28 像素，图块 4 × 4，共 49 块加一个类别词元；"
        f"{facts['layers']} 层，每层 {facts['heads']} 个头，宽 {facts['width']}；{places}。"
        "vit-1、vit-2、vit-4、vit-8 只差头数，vit-4-bag 与 vit-4 只差位置嵌入。权重为 float16，许可 MIT。\n\n"
        "- **数据**：Fashion-MNIST（Zalando，MIT；github.com/zalandoresearch/fashion-mnist）的 60,000 张训练图；"
        f"训练时随机平移至多 {facts['shift']} 像素、左右翻转。"
        "类别名的中文由本项目所译，见 `config.json` 的 `label_names`。\n"
        f"- **训练**：{facts['steps']:,} 步，每步 {facts['pictures_a_step']} 张，大部分时间每张只读 {facts['kept']} 块"
        f"（随机选取，Liu 等，2022），最后 {facts['whole']:.0%} 读全部；一个 CPU 核，{facts['seconds']:,} 秒，"
        "与别的训练同时进行。全部设置见 `recipe.json`。\n"
        f"- **评测**：官方的 {figures['pictures']:,} 张测试图，一张也没有用于训练。\n"
        "- **局限**：只见过黑底上的浅色衣物，别的图片（照片、人脸、白底商品图）它也会说成这十类之一。"
        "权重说明这个小模型看了哪里，不等于它为什么这样判断。"
    )


def english(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The English half of the prose."""
    heads = "1 head" if facts["heads"] == 1 else f"{facts['heads']} heads"
    places = (
        "a learned embedding of positions" if facts["positions"] else "no embedding of positions (zero and fixed): to "
        "this model a picture is a bag of patches"
    )  # fmt: skip
    return (
        "## English\n\n"
        "A very small vision transformer (ViT, Dosovitskiy et al. 2021) for 28 x 28 pixels: 49 patches of 4 x 4 and a "
        f"class token, {facts['layers']} layers of {heads}, width {facts['width']}, {places}. vit-1, vit-2, vit-4 "
        "and vit-8 differ in nothing but their heads, vit-4-bag and vit-4 in nothing but the positions. Weights in "
        "float16, licence MIT.\n\n"
        "- **Data**: the 60,000 training pictures of Fashion-MNIST (Zalando, MIT; "
        f"github.com/zalandoresearch/fashion-mnist), shifted by up to {facts['shift']} pixels and mirrored at random. "
        "The labels' Chinese names are ours (`label_names` in `config.json`).\n"
        f"- **Training**: {facts['steps']:,} steps of {facts['pictures_a_step']} pictures; in most of them "
        f"{facts['kept']} patches of each are read, chosen at random (Liu et al. 2022), in the last "
        f"{facts['whole']:.0%} all; one CPU core, {facts['seconds']:,} seconds beside other trainings. All settings "
        "are in `recipe.json`.\n"
        f"- **Evaluation**: the official {figures['pictures']:,} test pictures; not a single one was in training.\n"
        "- **Limits**: it has seen pale clothes on black and nothing else. Any other picture (a photograph, a face, a "
        "product on white) it calls one of these ten as well. Its weights say where this small model looked, not why "
        "it answers as it does."
    )


def say(name: str, figures: Mapping[str, Any]) -> None:
    """Print the figures of one model."""
    print(name, *(f"{key} {figures[key]:.4f}" for key in FIGURES))
    print("  ", *(f"{one} {value:.3f}" for one, value in figures["classes"].items()), flush=True)


def main() -> None:
    """Read the arguments, print, and write cards, figures and samples when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="model", help="all unless named")
    parser.add_argument("--data", type=Path, required=True, help="folder of the four files of Fashion-MNIST")
    parser.add_argument("--write", action="store_true", help="write README.md and figures.json beside the weights")
    given = parser.parse_args()
    clothes = read_clothes(given.data, "test")
    for name in given.models:
        folder = WEIGHTS / name
        network = opened(folder)
        figures = measure(network, clothes)
        say(name, figures)
        if given.write:
            (folder / "README.md").write_text(card(name, figures, recipe(folder)), encoding="utf-8")
            save_facts(folder, figures=figures)
            if name == SAMPLES_OF:
                keep_samples(folder, clothes, samples(network, clothes))


if __name__ == "__main__":
    main()
