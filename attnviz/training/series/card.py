"""How far off are forecasts of Beijing's air in the held-out year, beside simpler ones? Print, write the cards.

    python -m attnviz.training.series.card --data beijing_pm25.csv [--write]

Every figure is measured anew: both networks over every hour of 2014, what they stand beside (the linear model is
trained for it, a minute), what each head looks back at, and what other rules than the softmax do.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCardData

from attnviz.shipped import WEIGHTS, recipe
from attnviz.systems.series import NAMES
from attnviz.systems.series.heads import SHARES
from attnviz.systems.series.system import load
from attnviz.training.cards import in_parts, table
from attnviz.training.folder import save_facts
from attnviz.training.series.baselines import baselines
from attnviz.training.series.data import Windows, read_air
from attnviz.training.series.measure import HOURS, RULES, habits, measured, said_by

WAYS = {
    "attention": ("air-beijing", "air-beijing"),
    "even": ("air-beijing-even：同一网络，没有注意力", "air-beijing-even: the same without attention"),
    "linear": ("线性模型 DLinear，只看 PM2.5", "the linear model DLinear, PM2.5 alone"),
    "persistence": ("保持最后一小时", "as the last hour"),
    "seasonal": ("与前一天同一小时相同", "as the day before"),
    "argmax": ("air-beijing，硬注意力 argmax", "air-beijing with hard attention (argmax)"),
    "bare": ("air-beijing，不给天气", "air-beijing without weather"),
}  # fmt: skip
SAID = {"mae": "mean absolute error", "score": "mean pinball loss", "inside": "share in the interval"}
NAMED = {
    "yesterday": ("24 小时前", "24 h before"), "last": ("最后一小时", "last hour"), "wind": ("同一风向", "same wind"),
    "entropy": ("熵", "entropy"),
}  # fmt: skip
LICENCE = """The hours in air.safetensors are from "Beijing PM2.5" by Song Xi Chen (2015), UCI Machine Learning
Repository, https://archive.ics.uci.edu/dataset/381, licensed under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/).
Changed: the held-out year 2014 and the three days before it, stored as tensors; wind directions numbered.
"""


def figures_of(windows: Windows) -> dict[str, Any]:
    """All figures of both models: the test year by way, 2013 of both, and the heads of the one with attention."""
    attention, even = (load(name) for name in NAMES)
    ways = {"attention": said_by(attention), "even": said_by(even), **baselines(windows)}
    ways |= {name: said_by(attention, rule) for name, rule in RULES.items()} | {"bare": said_by(attention, bare=True)}
    return {
        "test": {name: measured(say, windows) for name, say in ways.items()},
        "validation": {name: measured(ways[name], windows, "validation") for name in ("attention", "even", "linear")},
        "heads": habits(attention, windows), "windows": len(windows.starts("test")),
    }  # fmt: skip


def test_table(figures: Mapping[str, Any]) -> str:
    """The held-out year."""
    heads = ["2014, µg/m³", "MAE", *(f"{hour} h" for hour in HOURS), "分位数得分 score", "80 % 区间 inside", "宽 width"]
    rows = []
    for way, names in WAYS.items():
        one = figures["test"][way]
        hours = [f"{one[f'mae_{hour}']:.2f}" for hour in HOURS]
        rows.append(
            [" · ".join(dict.fromkeys(names)), f"{one['mae']:.2f}", *hours, f"{one['score']:.2f}",
             f"{one['inside']:.1%}",
             f"{one['wide']:.1f}"]
        )  # fmt: skip
    return table(heads, rows)


def head_table(figures: Mapping[str, Any]) -> str:
    """What heads look back at."""
    rows = []
    for part, layers in figures["heads"].items():
        for layer, heads in enumerate(layers):
            for head, one in enumerate(heads):
                shares = [f"{one[name]:.3f}" for name in SHARES]
                for at, even in enumerate(one["even"]):
                    shares[at] += f" ({even:.3f})" if at < 2 else f" ({even:.3f}; {one['placed']:.3f})"
                rows.append([f"{part} {layer}.{head}", *shares, one["name"]])
    return table(["", *(" ".join(NAMED[name]) for name in SHARES), "名 name"], rows)


def front_matter(name: str, figures: Mapping[str, Any]) -> ModelCardData:
    """The YAML that the Hub reads."""
    own = figures["test"]["even" if name == NAMES[1] else "attention"]
    results = [
        EvalResult(
            task_type="time-series-forecasting", dataset_type="beijing-pm25",
            dataset_name="Beijing PM2.5, 2014 held out",
            metric_type=key, metric_name=words, metric_value=own[key],
        )
        for key, words in SAID.items()
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="mit", tags=["attention", "time-series-forecasting"],
        model_name=f"attnviz {name}", eval_results=results,
    )  # fmt: skip


def card(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The whole README.md: YAML front matter, Chinese, English, then the figures that both share."""
    parts = ["## 数字 Figures", test_table(figures)]
    if name == NAMES[0]:
        parts += ["### 各头回看什么 What heads look back at", HEADS_SAY, head_table(figures)]
    return in_parts(
        front_matter(name, figures), name, chinese(name, facts), english(name, facts), *parts,
        "```\npython -m attnviz.training.series.card --data beijing_pm25.csv\n```",
    )  # fmt: skip


HEADS_SAY = (
    "每个头的权重份额，2014 年各窗口平均；括号内是均匀权重会有的份额；风向一列分号之后，是不管风向、"
    "只按各处平均权重会有的份额。名称的定义只有一处：`attnviz/systems/series/heads.py`。\n\n"
    "Shares of each head's weight, averaged over windows of 2014; in brackets what even weights would give, "
    "and for the wind, after the semicolon, what the head's mean weight at each place would give, whatever the "
    "wind. Names are "
    "defined in one place, `attnviz/systems/series/heads.py`."
)


def chinese(name: str, facts: Mapping[str, Any]) -> str:
    """The Chinese half of the prose."""
    kind = (
        "同一个网络，但没有注意力：每处都取过去的平均（所有得分为 0），按同样的方法训练。"
        if name == NAMES[1] else "编码器读过去 72 小时，解码器一次给出未来 24 小时的三个分位数（0.1、0.5、0.9）。"
    )  # fmt: skip
    return (
        f"## 中文\n\n{kind}两层编码器、两层解码器，宽 {facts['width']}，{facts['heads']} 个头；过去的每小时有 PM2.5、"
        "气温、露点、气压、风速、风向、雨雪和钟点、星期；不给未来的天气。PM2.5 取 ln(1+x)，按窗口减均值、除以标准差。"
        "没有测量的小时谁也不能看。权重为 float16，许可 MIT。\n\n"
        "- **数据**：UCI 北京 PM2.5（陈松蹊 2015，CC BY 4.0），2010 至 2014 年逐小时，4.7% 缺测。按时间划分：到 "
        "2012 年底训练，"
        "2013 年选步数，2014 年留出。`air.safetensors` 里只有留出的一年（见 `LICENSE.uci`）。\n"
        f"- **训练**：{facts['steps']:,} 步，每步 {facts['windows_a_step']} 个窗口，"
        f"其中一部分遮去一段过去或全部天气；"
        f"三个分位数的弹球损失；留下 2013 年最好的第 {facts['best_step']:,} 步。一个 CPU 核，与别的训练同时，"
        f"{facts['seconds']:,} 秒。\n"
        "- **局限**：只见过一个城市的五年；没有天气预报，冷空气何时到只能从过去的风和气压里猜。区间在留出的一年里"
        "盖住的份额见下表，与 80% 有出入。权重说明网络看了哪里，不说明空气为什么变。"
    )


def english(name: str, facts: Mapping[str, Any]) -> str:
    """The English half of the prose."""
    kind = (
        "The same network without attention: every place takes the mean of the past (all scores are 0), trained "
        "alike. "
        if name == NAMES[1] else "An encoder reads the last 72 hours, a decoder gives three quantiles (0.1, 0.5, 0.9) "
        "of "
        "the next 24 at once. "
    )  # fmt: skip
    return (
        f"## English\n\n{kind}Two encoder and two decoder blocks, width {facts['width']}, {facts['heads']} heads; "
        f"of each "
        "past hour it is told PM2.5, temperature, dew point, pressure, wind speed and direction, rain or snow, "
        "hour and "
        "weekday, of the weather to come nothing. PM2.5 as ln(1+x), less the window's mean and over its "
        "deviation. Nobody "
        "may look at an hour that was not measured. Weights in float16, licence MIT.\n\n"
        "- **Data**: UCI's Beijing PM2.5 (Song Xi Chen 2015, CC BY 4.0), hours of 2010 to 2014, 4.7 % of them "
        "missing. "
        "Split by time: until the end of 2012 to learn from, 2013 to choose the step, 2014 held out. "
        "`air.safetensors` has "
        "the held-out year alone (`LICENSE.uci`).\n"
        f"- **Training**: {facts['steps']:,} steps of {facts['windows_a_step']} windows, some with a stretch of "
        f"the past or "
        "all weather hidden; pinball loss of the three quantiles; kept is the step that forecast 2013 best, number "
        f"{facts['best_step']:,}. One CPU core beside other trainings, {facts['seconds']:,} seconds.\n"
        "- **Limits**: five years of one city; no weather forecast, so that it must guess from past wind and "
        "pressure when "
        "the north wind will come. How much the interval holds in the held-out year stands below; it is not "
        "exactly 80 %. "
        "Weights say where the network looked, not why the air changes."
    )


def main() -> None:
    """Read the arguments, print, and write cards and figures when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="beijing_pm25.csv, UCI's file")
    parser.add_argument("--write", action="store_true", help="write README.md and figures.json of both models")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    figures = figures_of(Windows(read_air(given.data)))
    print(f"{test_table(figures)}\n\n{head_table(figures)}\n\n2013: {figures['validation']}")
    if given.write:
        for name in NAMES:
            folder = WEIGHTS / name
            (folder / "README.md").write_text(card(name, figures, recipe(folder)), encoding="utf-8")
            save_facts(folder, figures=figures)
        (WEIGHTS / NAMES[0] / "LICENSE.uci").write_text(LICENCE, encoding="utf-8")


if __name__ == "__main__":
    main()
