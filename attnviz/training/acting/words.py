"""The card of an agent: README.md, Chinese, English, then the figures that both share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """The whole README.md."""
    zh, en = (doorkey_words if name == "agent-doorkey" else tasks_words)(facts)
    shared_zh = (
        f"- **测量**：每种大小或任务 {figures['worlds']} 个世界，种子从 0 起，训练没有用过（后两张表取其中 "
        f"{figures['fewer']} 个），都由 minigrid 自己推进。"
        "“到达”是步数用完之前做成的比例；“步数 ÷ 最短”只算到达的，最短路由广度优先搜索得出（绕开东西，不搬开）。"
        "硬注意力：同一个网络，每个头只看权重最大的一格。\n"
        "- **权重不等于重要**：下面先是各头的权重，再是把东西藏起来之后还能到达多少。\n"
    )
    shared_en = (
        f"- **Measured**: {figures['worlds']} worlds of each size or task, seeds from 0 that no training used (the "
        "first "
        f"{figures['fewer']} of them in the last two tables), all moved by minigrid itself. Arrived is the share "
        "that succeeds before the steps run out; steps are those of who arrived, by "
        "the shortest way of a breadth-first search (round things, never clearing them away). Hard attention: the same "
        "network, each head seeing only the cell of its largest weight.\n"
        "- **Weight is not importance**: below first where the weights lie, then what is left when something is "
        "hidden.\n"
    )
    return in_parts(
        front_matter(name, figures), name, f"## 中文\n\n{zh}{shared_zh}", f"## English\n\n{en}{shared_en}",
        "## 数字 Figures", tables(figures), f"```\npython -m attnviz.training.acting.card {name}\n```",
    )  # fmt: skip


def doorkey_words(facts: Mapping[str, Any]) -> tuple[str, str]:
    """What is to be said of agent-doorkey, in Chinese and in English."""
    return (
        f"会玩 minigrid 的 DoorKey（5 × 5 到 8 × 8）的智能体：拿钥匙，开门，走到终点。每走一步，四个头各问一次，"
        f"世界的所有格子回答（Mott 等 2019）；格子的位置按智能体的朝向计。参数 {facts['parameters']:,} 个，权重为 "
        "float16，"
        "许可 MIT。\n\n"
        f"- **训练**：PPO（Schulman 等 2017），{facts['frames']:,} 步，世界是 minigrid 自己的 DoorKey，种子都在 "
        "1,000,000 以上，"
        f"用 NumPy 推进（测试逐步与 minigrid 对照）；每 {facts['worlds'] * facts['steps']:,} 步更新一次，"
        f"{facts['epochs']} 轮，"
        f"Adam，学习率 {facts['rate']} 降到 {facts['last_rate']}，γ {facts['gamma']}，λ {facts['lam']}。"
        f"对权重的熵另加惩罚，从 0 升到 {facts['sharpness']}，头因此变尖。一个 CPU 核，{facts['seconds']:,} 秒。\n"
        "- **局限**：看得见整个世界，不是局部视野；只见过一把黄钥匙和一扇黄门；换一个种子训练，头的分工会不同。\n",
        "An agent for minigrid's DoorKey (5 × 5 to 8 × 8): take the key, open the door, go to the goal. Before each "
        "step four "
        "heads ask once each and all cells of the world answer (after Mott et al. 2019); places are told as the "
        "agent stands. "
        f"{facts['parameters']:,} parameters in float16, licence MIT.\n\n"
        f"- **Training**: PPO (Schulman et al. 2017), {facts['frames']:,} steps in minigrid's own DoorKey of seeds "
        "above "
        f"1,000,000, moved in NumPy (a test compares it with minigrid step by step); an update every "
        f"{facts['worlds'] * facts['steps']:,} steps, {facts['epochs']} epochs, Adam from {facts['rate']} to "
        f"{facts['last_rate']}, gamma {facts['gamma']}, lambda {facts['lam']}. A penalty on the entropy of the "
        "weights rises "
        f"from 0 to {facts['sharpness']} and makes the heads sharp. One CPU core, {facts['seconds']:,} seconds.\n"
        "- **Limits**: it sees the whole world, not a part; it has known one yellow key and one yellow door; with "
        "another seed "
        "the heads share out their work otherwise.\n",
    )


def tasks_words(facts: Mapping[str, Any]) -> tuple[str, str]:
    """What is to be said of agent-tasks, in Chinese and in English."""
    pairs = ", ".join(f"{colour} {kind}" for colour, kind in HELD_OUT)
    return (
        "听词行事的智能体：走到、拿来、打开、放到旁边，颜色和种类由词说明；房间 6 × 6 到 8 × 8，由 minigrid "
        "的东西搭成。"
        f"查询由任务的词和智能体的状态得出，键和值由格子得出；颜色、种类、位置各自成为键的一部分再相加，"
        f"所以没有一起见过的颜色和种类也有键。{facts['heads']} 个头，参数 {facts['parameters']:,} 个，权重为 "
        "float16，许可 MIT。\n\n"
        "- **训练**：模仿最短路，不是强化学习。智能体自己走，每到一处就告诉它哪些动作在最短路上（DAgger，Ross 等 "
        "2011），"
        f"损失是这些动作概率之和的负对数。{facts['rounds']:,} 轮，每轮 {facts['worlds']} 个房间各一步；"
        f"AdamW，学习率 {facts['rate']} 降到 {facts['last_rate']}；对权重的熵另加惩罚（升到 {facts['sharpness']}），"
        f"过了 {facts['alone']:.0%} 之后隔轮只许每个头看一格。一个 CPU 核，与别的训练同时进行，{facts['seconds']:,} "
        "秒。\n"
        f"- **没见过的搭配**：{pairs}。训练的房间里既没有这样的东西，词里也没有。\n"
        "- **局限**：看得见整个房间；词只有颜色和种类，不懂别的说法；手里拿错了东西要先放下，它没有学过。\n",
        "An agent that is told in words what to do: go to, fetch, open, put next to, each thing by colour and kind, "
        "in rooms of "
        "6 × 6 to 8 × 8 built of minigrid's things. Queries come from the mission's words and its state, keys and "
        "values from "
        "cells; colour, kind and place each add their part to a key, so that a colour and a kind never seen together "
        "have one. "
        f"{facts['heads']} heads, {facts['parameters']:,} parameters in float16, licence MIT.\n\n"
        "- **Training**: imitation of shortest ways, no reinforcement learning. The agent acts by itself, and "
        "wherever it comes "
        "it is told which actions begin a shortest way (DAgger, Ross et al. 2011); the loss is the negative log of the "
        f"probability that they have together. {facts['rounds']:,} rounds of one step in {facts['worlds']} rooms, "
        "AdamW from "
        f"{facts['rate']} to {facts['last_rate']}; a penalty on the entropy of the weights (up to "
        f"{facts['sharpness']}), and "
        f"after {facts['alone']:.0%} of it each head may see but one cell in every other round. One CPU core beside "
        "other "
        f"trainings, {facts['seconds']:,} seconds.\n"
        f"- **Never together**: {pairs}. No room of the training had such a thing, and no mission such words.\n"
        "- **Limits**: it sees the whole room; it knows colours and kinds and no other words; to lay down a wrong "
        "thing first "
        "is nothing it ever learnt.\n",
    )
