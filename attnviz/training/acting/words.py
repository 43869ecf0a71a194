"""The card of an agent: README.md, Chinese, English, then the figures that both share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from attnviz.systems.acting.scene import HELD_OUT
from attnviz.training.cards import in_parts, table

GROUPS = {
    **{str(size): f"DoorKey {size} × {size}" for size in (5, 6, 7, 8)},
    "goto": "走到 · go to", "fetch": "拿来 · fetch", "open": "打开 · open", "putnext": "放到旁边 · put next to",
}  # fmt: skip
UNSEEN = "，训练时没有一起出现过的颜色和种类 · colour and kind never together in training"
WAYS = {"likeliest": "最可能的动作 · likeliest action", "hard": "硬注意力 · hard attention"}
MOMENTS = {
    "before": "拿到钥匙之前 · before the key", "carrying": "拿着钥匙 · with the key", "open": "门开之后 · door open",
    "putnext carrying": "放到旁边，拿着 · put next to, carrying",
}  # fmt: skip
PARTS = {
    "key": "钥匙 key", "door": "门 door", "goal": "终点 goal", "target": "目标 target", "beside": "另一样 other "
    "thing named",
    "other": "别的东西 other things", "wall": "墙 wall", "empty": "空格 empty", "here": "脚下 own cell",
}  # fmt: skip


def group_name(name: str) -> str:
    """What a row is called."""
    return GROUPS[name.removesuffix(" unseen")] + (UNSEEN if name.endswith(" unseen") else "")


def tables(figures: Mapping[str, Any]) -> str:
    """Success and steps, where the heads look, and what is left when something is hidden."""
    return "\n\n".join([successes(figures), looks(figures), losses(figures)])


def successes(figures: Mapping[str, Any]) -> str:
    """How often it arrives, and by how many steps."""
    head = ["", *[f"{words}: 到达 arrived / 步数 steps ÷ 最短 shortest" for words in WAYS.values()]]
    rows = [
        [group_name(group), *[f"{ways[way][0]:.3f} / {ways[way][1]:.3f}" for way in WAYS]]
        for group, ways in figures["ways"].items()
    ]
    return table(head, rows)


def looks(figures: Mapping[str, Any]) -> str:
    """The share of each head's weight on each part, by moment."""
    heads = figures["heads"]
    names = [one for one in PARTS if any(one in parts for parts in figures["shares"].values())]
    rows = []
    for name, parts in figures["shares"].items():
        label = MOMENTS.get(name) or GROUPS[name]
        for head in range(heads):
            rows.append([f"{label}, {head}", *[f"{parts[one][head]:.2f}" if one in parts else "" for one in names]])
    title = "**各头的权重落在哪里（头从 0 数起）· Where each head's weight lies (heads from 0)**"
    return f"{title}\n\n{table(['', *[PARTS[one] for one in names]], rows)}"


def losses(figures: Mapping[str, Any]) -> str:
    """The success that is left."""
    rows = []
    for group, left in figures["without"].items():
        for name, success in left["all"].items():
            one = "一个空格 an empty cell" if name == "empty" else PARTS[name]
            rows.append([f"{GROUPS[group]}: {one}, 对所有头隐藏 hidden from all heads", f"{success:.3f}"])
        first = PARTS[next(iter(left["all"]))]
        rows.append([f"{GROUPS[group]}: {first}, 只对一个头隐藏 hidden from one head, 0, 1, ...", _listed(left["one"])])
        rows.append([f"{GROUPS[group]}: 一个头不作答 one head answers nothing, 0, 1, ...", _listed(left["removed"])])
    title = "**藏起来之后还能到达的比例 · What is left of success when something is hidden**"
    return f"{title}\n\n{table(['', '到达 arrived'], rows)}"


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{one:.3f}" for one in numbers)


def front_matter(name: str, figures: Mapping[str, Any]) -> ModelCardData:
    """The YAML that the Hub reads."""
    results = [
        EvalResult(
            task_type="reinforcement-learning", dataset_type="minigrid",
            dataset_name=f"minigrid, {GROUPS[group.removesuffix(' unseen')].split(' · ')[-1]}"
            + (", colour and kind never together in training" if group.endswith("unseen") else ""),
            metric_type=kind, metric_name=words, metric_value=ways["likeliest"][place],
        )
        for group, ways in figures["ways"].items()
        for place, (kind, words) in enumerate((("success", "arrived"), ("steps", "steps / those of the shortest way")))
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="mit", tags=["attention", "reinforcement-learning", "minigrid"],
        model_name=f"attnviz {name}", eval_results=results,
    )  # fmt: skip


def card(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The whole README.md: the words of <name>.md here, filled with the recipe's numbers."""
    numbers = {**facts, "worlds": figures["worlds"], "fewer": figures["fewer"], "heads": figures["heads"]}
    numbers["batch"], numbers["rooms"] = facts["worlds"] * facts.get("steps", 1), facts["worlds"]
    numbers["pairs"] = ", ".join(f"{colour} {kind}" for colour, kind in HELD_OUT)
    prose = Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8").format(**numbers)
    many = "" if figures["worlds"] == 500 else f" --worlds {figures['worlds']}"
    return in_parts(
        front_matter(name, figures), name, prose.strip(), "## 数字 Figures", tables(figures),
        f"```\npython -m attnviz.training.acting.card {name}{many}\n```",
    )  # fmt: skip
