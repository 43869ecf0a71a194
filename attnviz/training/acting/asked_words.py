"""The card of `agent-dt`: README.md, Chinese, English, then the figures that both share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from attnviz.systems.acting import DECIDER
from attnviz.systems.acting.told import MOST
from attnviz.training.acting.ways import LOST
from attnviz.training.cards import in_parts, table

WAYS = {
    "drawn": "动作按概率抽取 · actions drawn", "likeliest": "最可能的动作 · likeliest actions",
    "hard": "硬注意力 · hard attention", "return": "回报词元都藏起来 · returns hidden",
    "state": "状态词元都藏起来 · states hidden", "action": "动作词元都藏起来 · actions hidden",
    "earlier": "以前各步都藏起来 · all earlier steps hidden",
}  # fmt: skip
PARTS = {
    "return": "这步的回报 return now", "state": "这步的状态 state now", "earlier_return": "以前的回报 returns before",
    "earlier_state": "以前的状态 states before", "earlier_action": "以前的动作 actions before",
}  # fmt: skip
KINDS = {
    "agent": "agent-doorkey", "late": "先乱走再 agent-doorkey · at random, then agent-doorkey",
    "noisy": "agent-doorkey 掺乱走 · agent-doorkey, steps at random between", "random": "全是乱走 · at random",
}  # fmt: skip
CORRELATIONS = {
    "all": "所有世界 · over all worlds", "possible": "做得到的要求 · where it can be had",
    "mean": "各要求的平均 · of the means", "return hidden": "回报词元都藏起来 · returns hidden",
}  # fmt: skip
ARRIVED = "到达 arrived / 步数 steps"


def tables(figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """What came of each return, of what it learnt from, of each change, and where its heads look."""
    return "\n\n".join([_asked(figures, facts), _changed(figures), _heads(figures)])


def _pair(told: list[float]) -> str:
    return f"{told[0]:.3f} / {told[1]:.1f}"


def _asked(figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return by return, beside the agent that was learnt from, the data, and the shortest ways."""
    rows = [[asked, _pair(found), f"{found[2]:.2f}"] for asked, found in figures["asked"].items()]
    rows.append(["agent-doorkey", _pair(figures["learnt"]), f"{figures['learnt'][1] / figures['shortest']:.2f}"])
    rows += [[f"数据 data: {KINDS[kind]}", _pair(told[1:]), ""] for kind, told in facts["behaviour"].items()]
    rows.append(["最短路 shortest ways", f"1.000 / {figures['shortest']:.1f}", "1.00"])
    found = ", ".join(f"{CORRELATIONS[name]} {one:.3f}" for name, one in figures["correlation"].items())
    title = "**要求的回报和走出来的步数 · The return asked for, and what came of it**"
    head = ["要求的回报 return asked for", ARRIVED, "÷ 最短 shortest"]
    return f"{title}\n\n{table(head, rows)}\n\n要求与得到的相关 · Correlation of asked and reached: {found}."


def _changed(figures: Mapping[str, Any]) -> str:
    """The same return, something changed."""
    rows = [[WAYS[name], _pair(told)] for name, told in figures["ways"].items()]
    return f"**要求 −20，改动之后 · Asked for −20, with something changed**\n\n{table(['', ARRIVED], rows)}"


def _heads(figures: Mapping[str, Any]) -> str:
    """Of each head the shares of its weight, and what is left without it."""
    rows = []
    for layer, heads in enumerate(figures["without"]):
        for head, left in enumerate(heads):
            shares = [f"{figures['shares'][part][layer][head]:.2f}" for part in PARTS]
            rows.append([f"{layer}.{head}", *shares, _pair(left)])
    rows.append(["都在 all there", *[""] * len(PARTS), _pair(figures["whole"])])
    title = (
        "**选动作时各头（层.头）的权重落在哪里，去掉它之后 · "
        "Where each head's (layer.head) weight lies as an action is chosen, and what is left without it**"
    )
    heads_ = ["", *PARTS.values(), f"去掉它 without it: {ARRIVED}"]
    return f"{title}\n\n{table(heads_, rows)}"


def front_matter(figures: Mapping[str, Any]) -> ModelCardData:
    """The YAML that the Hub reads."""
    results = [
        EvalResult(
            task_type="reinforcement-learning", dataset_type="minigrid",
            dataset_name=f"minigrid DoorKey, asked for {one}", metric_type=kind, metric_name=words,
            metric_value=found[place],
        )
        for one, found in figures["asked"].items()
        for place, (kind, words) in enumerate((("success", "arrived"), ("steps", "mean steps of who arrived")))
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="mit", tags=["attention", "reinforcement-learning", "minigrid"],
        model_name=f"attnviz {DECIDER}", eval_results=results,
    )  # fmt: skip


def card(figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The whole README.md."""
    behaviour = facts["behaviour"]
    ways = "; ".join(f"{KINDS[kind]} {told[0]:,}" for kind, told in behaviour.items())
    numbers = {
        **facts, "worlds": figures["worlds"], "most": MOST, "lost": LOST, "ways": ways, "batch": facts["episodes"],
        "episodes": sum(told[0] for told in behaviour.values()),
    }  # fmt: skip
    prose = Path(__file__).with_name(f"{DECIDER}.md").read_text(encoding="utf-8").format(**numbers)
    many = "" if figures["worlds"] == 500 else f" --worlds {figures['worlds']}"
    return in_parts(
        front_matter(figures), DECIDER, prose.strip(), "## 数字 Figures", tables(figures, facts),
        f"```\npython -m attnviz.training.acting.card {DECIDER}{many}\n```",
    )  # fmt: skip
