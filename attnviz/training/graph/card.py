"""How many test papers of Cora get their class, over ten seeds, and how even are the weights? Print, write the cards.

    python -m attnviz.training.graph.card [cora-gat cora-gatv2] --data cora [--write]

The figures of the shipped weights are measured anew on Planetoid's files; those of the ten seeds stand in recipe.json,
where the training wrote them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCardData

from attnviz.errors import ModelError
from attnviz.shipped import WEIGHTS, recipe
from attnviz.systems.graph import NAMES
from attnviz.systems.graph.effect import even_logits, measure
from attnviz.systems.graph.system import GraphSystem, load
from attnviz.training.cards import in_parts, table
from attnviz.training.folder import save_facts
from attnviz.training.graph.data import Cora

KINDS = {"cora-gat": ("GAT", "Veličković et al. 2018"), "cora-gatv2": ("GATv2", "Brody et al. 2022")}
WAYS = {
    "trained": ("训练好的", "trained"), "untrained": ("未训练的", "untrained"),
    "shuffled": ("训练好的，论文的词打乱", "trained, the papers' words dealt out at random"),
}  # fmt: skip


def measured(name: str, folder: Path) -> dict[str, Any]:
    """All figures of one model. Raises `ModelError` where the shipped graph is not that of the folder."""
    system, cora = load(name), Cora.read(folder)
    pairs = [pair for pair in system.graph.edges if pair[0] < pair[1]]
    if (pairs, list(system.graph.classes)) != (cora.pairs, cora.classes):
        raise ModelError("model_not_loaded", model=name, reason="its graph is not that of the data")
    runs = [one["test"] for one in recipe(WEIGHTS / name)["runs"]]
    logits, _ = system.along()
    return {
        "test": _right(system, logits, "test"), "validation": _right(system, logits, "validation"),
        "even": _right(system, even_logits(system), "test"), "evenness": asdict(measure(system)),
        "seeds": runs, "mean": round(mean(runs), 4), "deviation": round(stdev(runs), 4),
    }  # fmt: skip


def _right(system: GraphSystem, logits: torch.Tensor, part: str) -> float:
    """Which share of a part's papers gets its class?"""
    right = logits.argmax(-1) == torch.tensor(system.graph.classes)
    return round(float(right[system.parts[part]].double().mean()), 4)


def tables(figures: Mapping[str, Any]) -> str:
    """Accuracy, and how even the weights are."""
    accuracy = [
        ("测试集准确率，十个种子的平均 ± 标准差", "test accuracy, mean ± deviation of ten seeds",
         f"{figures['mean']:.4f} ± {figures['deviation']:.4f}"),
        ("测试集准确率，随附的权重", "test accuracy of the shipped weights", f"{figures['test']:.4f}"),
        ("验证集准确率，随附的权重", "validation accuracy of the shipped weights", f"{figures['validation']:.4f}"),
        ("测试集准确率，所有邻居一样重", "test accuracy with all neighbours alike", f"{figures['even']:.4f}"),
    ]  # fmt: skip
    even = [(*WAYS[way], *(f"{one:.4f}" for one in figures["evenness"][way])) for way in WAYS]
    return "\n\n".join(
        [
            table(["", ""], [[f"{zh} · {en}", value] for zh, en, value in accuracy]),
            "**权重有多平均 · How even the weights are** "
            "(熵 / 均匀时的熵 · entropy / entropy of even weights, 1 = even)",
            table(["", "第 0 层 layer 0", "第 1 层 layer 1"], [[f"{one[0]} · {one[1]}", *one[2:]] for one in even]),
        ]
    )


def front_matter(name: str, figures: Mapping[str, Any]) -> ModelCardData:
    """The YAML that the Hub reads."""
    said = {"test": "test accuracy", "mean": "test accuracy, mean of ten seeds", "even": "with all neighbours alike"}
    results = [
        EvalResult(
            task_type="node-classification", dataset_type="cora", dataset_name="Cora, Planetoid's split",
            metric_type=f"accuracy_{key}", metric_name=words, metric_value=figures[key],
        )
        for key, words in said.items()
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="mit", tags=["attention", "graph-ml"], model_name=f"attnviz {name}",
        eval_results=results,
    )  # fmt: skip


def card(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The whole README.md: YAML front matter, Chinese, English, then the figures that both share."""
    return in_parts(
        front_matter(name, figures), name, chinese(name, facts), english(name, facts), "## 数字 Figures",
        tables(figures), f"```\npython -m attnviz.training.graph.card {name} --data cora\n```",
    )  # fmt: skip


def chinese(name: str, facts: Mapping[str, Any]) -> str:
    """The Chinese half of the prose."""
    kind, paper = KINDS[name]
    return (
        f"## 中文\n\n{kind}（{paper}）：给 Cora 引文网中的每篇论文一个类别。每篇论文看与它有引用关系的论文和它自己。"
        f"两层：{facts['heads']} 头 × {facts['hidden']} 维、ELU，再一头出 7 个类别。权重为 float16，许可 MIT。\n\n"
        "- **数据**：Cora（McCallum 等 2000；Sen 等 2008），2,708 篇机器学习论文、5,278 条引用（不分方向）、"
        "1,433 个词是否出现；"
        "取自 Planetoid（Yang 等 2016，https://github.com/kimiyoung/planetoid，MIT），其许可见 `LICENSE.planetoid`。"
        "为了不联网也能显示，图连同词和类别存在 `graph.safetensors` 里；论文的题目不在数据里。\n"
        f"- **训练**：公开划分，140 篇有标签。Adam，学习率 {facts['rate']}，权重衰减 {facts['weight_decay']}，"
        f"特征、状态和权重的 dropout {facts['dropout']}；"
        f"500 篇验证论文的损失和准确率 {facts['patience']} 轮都不再变好就停。"
        f"训练了 {facts['seeds']} 个种子，留下验证损失最低的第 {facts['chosen']} 个；测试论文没有参与选择。"
        f"一个 CPU 核，与别的训练同时进行，共 {facts['seconds']:,} 秒。\n"
        "- **局限**：Cora 上学到的权重几乎是平均的（下表）：让所有邻居一样重，准确率也差不多。"
        "要看注意力的作用，请用页面上的查字典实验。"
    )


def english(name: str, facts: Mapping[str, Any]) -> str:
    """The English half of the prose."""
    kind, paper = KINDS[name]
    return (
        f"## English\n\n{kind} ({paper}) puts each paper of the citation graph Cora into a class. A paper looks at the "
        f"papers that it cites or that cite it, and at itself. Two layers: {facts['heads']} heads of {facts['hidden']} "
        "and ELU, then one head of 7 classes. Weights in float16, licence MIT.\n\n"
        "- **Data**: Cora (McCallum et al. 2000; Sen et al. 2008), 2,708 papers on machine learning, 5,278 citations "
        "without direction, which of 1,433 words each has; by way of Planetoid (Yang et al. 2016, "
        "https://github.com/kimiyoung/planetoid, MIT), whose licence is `LICENSE.planetoid`. So that it can be shown "
        "without a network, the graph with words and classes lies in `graph.safetensors`; titles are not in the data.\n"
        f"- **Training**: the public split, 140 labelled papers. Adam at {facts['rate']}, weight decay "
        f"{facts['weight_decay']}, dropout {facts['dropout']} on features, states and weights; it ends when neither "
        f"loss nor accuracy of the 500 validation papers has become better for {facts['patience']} epochs. Of "
        f"{facts['seeds']} seeds number {facts['chosen']} is kept, whose validation loss was lowest; no test paper had "
        f"a say. One CPU core beside other trainings, {facts['seconds']:,} seconds in all.\n"
        "- **Limits**: the weights learnt on Cora are almost even (below), and with all neighbours alike the accuracy "
        "is about the same. What attention can do shows in the dictionary look-up on the page."
    )


def main() -> None:
    """Read the arguments, print, and write cards and figures when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=NAMES, metavar="model", help="both unless named")
    parser.add_argument("--data", type=Path, required=True, help="folder of Planetoid's ind.cora.*")
    parser.add_argument("--write", action="store_true", help="write README.md and figures.json")
    given = parser.parse_args()
    for name in given.models:
        figures = measured(name, given.data)
        seeds = " ".join(f"{one:.4f}" for one in figures["seeds"])
        print(f"{name}\n\n{tables(figures)}\n\nseeds {seeds}")
        if given.write:
            folder = WEIGHTS / Path(name).name
            (folder / "README.md").write_text(card(name, figures, recipe(folder)), encoding="utf-8")
            save_facts(folder, figures=figures)


if __name__ == "__main__":
    main()
