"""How often does the last film stand among the first ten, and what stands there without a network? Print, write cards.

    python -m attnviz.training.recommendation.card [sasrec-films ...] --data movietweetings [--write]

All networks and all counts are measured anew on the same people (`data.py`), over all films (`measure.py`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCardData

from attnviz.core.gates import Gate
from attnviz.core.rules import Argmax, Rule, Soft
from attnviz.shipped import WEIGHTS, recipe
from attnviz.systems.recommendation import NAMES
from attnviz.systems.recommendation.network import DIN
from attnviz.systems.recommendation.system import load
from attnviz.training.cards import in_parts, table
from attnviz.training.folder import save_facts
from attnviz.training.recommendation.data import CHOSEN, CUT, LEAST, LONGEST, Question, Ratings
from attnviz.training.recommendation.measure import (
    Found,
    Scored,
    by_count,
    by_days,
    by_network,
    by_pairs,
    counted,
    found,
)

DAYS = 7  # of 3, 7, 14 and 30 the one with which counting does best on the people asked: no straw man
PART = 5  # by other rules every fifth person is asked: DIN ranks all films for each
WITHOUT = {
    "popular": ("最热门（切分前总次数）", "most rated before the cut"),
    "popular_lately": (f"最热门（切分前 {DAYS} 天）", f"most rated in the {DAYS} days before the cut"),
    "pairs": ("物品对物品共现（余弦）", "item-to-item co-occurrence (cosine)"),
    "popular_now": (
        f"最热门（提问前 {DAYS} 天，用到切分之后的评分）",
        f"most rated in the {DAYS} days before each question (sees ratings after the cut)",
    ),
}
KINDS = {
    "sasrec-films": ("SASRec", "Kang 与 McAuley 2018", "Kang and McAuley 2018"),
    "sasrec-films-mean": (
        "SASRec 去掉注意力（历史取平均）",
        "对照",
        "SASRec without attention: the mean of the history",
    ),
    "din-films": ("DIN，权重不归一", "Zhou 等 2018", "DIN, weights not normalised (Zhou et al. 2018)"),
    "din-films-softmax": ("DIN，softmax", "Zhou 等 2018 的变体", "DIN with softmax"),
}
RULES: Mapping[str, tuple[str, str, Rule]] = {
    "soft": ("softmax", "softmax", Soft()), "hard": ("硬注意力（只看一部）", "hard: one film alone", Argmax()),
    "gate": ("不归一", "not normalised", Gate()),
}  # fmt: skip


def measured(data: Path) -> dict[str, Any]:
    """All figures, of all networks and counts."""
    ratings = Ratings.read(data)
    asked, tried = ratings.questions(CUT), ratings.questions(CHOSEN, CUT)
    before, films = ratings.before(CUT), len(ratings.films)
    lately = [one for one in before if one.second >= CUT.timestamp() - DAYS * 86_400]
    ways: dict[str, Scored] = {
        "popular": by_count(counted(before, films), asked), "popular_lately": by_count(counted(lately, films), asked),
        "pairs": by_pairs(before, films, asked), "popular_now": by_days(ratings.all, DAYS, films, asked),
    }  # fmt: skip
    results = {name: found(way) for name, way in ways.items()}
    results |= {name: found(by_network(load(name).network, asked)) for name in NAMES}
    known = [ratings.films[one.answer].counted > 0 for one in asked]
    return {
        "questions": len(asked), "tried_on": len(tried), "learnt_from": len(before), "unseen": known.count(False),
        "films": films, "ways": {name: told(one) for name, one in results.items()},
        "rules": {name: dict(under_rules(name, asked[::PART])) for name in NAMES if name != "sasrec-films-mean"},
    }  # fmt: skip


def told(one: Found) -> dict[str, float]:
    """HR@10 and NDCG@10."""
    return {"hit": round(one.hit, 4), "ndcg": round(one.ndcg, 4)}


def under_rules(name: str, asked: Sequence[Question]) -> Iterator[tuple[str, dict[str, float]]]:
    """The same network, weighed by other rules than it learnt with."""
    made = load(name).network
    for key, (_, _, rule) in RULES.items():
        if rule != made.rule and (isinstance(made, DIN) or key != "gate"):
            one = found(by_network(made, asked, rule))
            yield key, told(one)


def tables(figures: Mapping[str, Any]) -> str:
    """Every way beside the others, and what another rule does."""
    rows, popular = [], figures["ways"]["popular"]["hit"]
    for name, one in figures["ways"].items():
        zh, en = WITHOUT[name] if name in WITHOUT else (KINDS[name][0], KINDS[name][2])
        label = f"{zh} · {en}" + (f" `{name}`" if name in KINDS else "")
        rows.append([label, f"{one['hit']:.4f}", f"{one['ndcg']:.4f}", f"{one['hit'] / popular:.2f}"])
    rules = [
        [f"`{name}`, {RULES[key][0]} · {RULES[key][1]}", f"{one['hit']:.4f}", f"{one['ndcg']:.4f}"]
        for name, ways in figures["rules"].items() for key, one in ways.items()
    ]  # fmt: skip
    times = "HR@10 ÷ 最热门 · most rated"
    return "\n\n".join(
        [
            table(["", "HR@10", "NDCG@10", times], rows),
            f"**换一种规则，不重新训练（每 {PART} 人问一人）· Another rule, not trained anew (one person in {PART})**",
            table(["", "HR@10", "NDCG@10"], rules),
        ]
    )


def front_matter(name: str, figures: Mapping[str, Any]) -> ModelCardData:
    """The YAML that the Hub reads."""
    said = {"hit": "HR@10 over all films", "ndcg": "NDCG@10 over all films"}
    results = [
        EvalResult(
            task_type="recommendation", dataset_type="movietweetings", dataset_name="MovieTweetings 100K, last film",
            metric_type=key, metric_name=words, metric_value=figures["ways"][name][key],
        )
        for key, words in said.items()
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="mit", tags=["attention", "recommendation"], model_name=f"attnviz {name}",
        eval_results=results,
    )  # fmt: skip


def card(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The whole README.md: YAML front matter, Chinese, English, then the figures that all four share."""
    return in_parts(
        front_matter(name, figures), name, chinese(name, figures, facts), english(name, figures, facts),
        "## 数字 Figures", tables(figures),
        f"```\npython -m attnviz.training.recommendation.card {name} --data movietweetings\n```",
    )  # fmt: skip


def chinese(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The Chinese half of the prose."""
    kind, paper, _ = KINDS[name]
    return (
        f"## 中文\n\n{kind}（{paper}）：看过这些电影的人，接下来看哪一部。{figures['films']:,} 部电影，"
        f"每部 {facts['width']} 维：自己的向量，加上类型和年代的向量。权重为 float16，许可 MIT。\n\n"
        "- **数据**：MovieTweetings 100K（Dooms 等 2013，https://github.com/sidooms/MovieTweetings，MIT，许可见 "
        "`LICENSE.movietweetings`）：2013 年 2 月 28 日到 9 月 1 日的 100,000 条评分。评过就算看过，不论几分。"
        "片名、年份、类型存在 `films.tsv.gz`。\n"
        f"- **按时间留最后一部**：2013 年 8 月 1 日为界，之前的 {figures['learnt_from']:,} 条评分供学习，"
        "热门和共现也只在其中统计；"
        f"被问的是最后一次评分在界后、之前至少评过 {LEAST} 部的 {figures['questions']:,} 人，每人一次："
        f"由之前的电影（最近 {LONGEST} 部）猜最后一部。这样学不到任何后来的事。"
        f"其中 {figures['unseen']:,} 人的答案在界前没有人评过，几乎不可能猜中，也照样计入。\n"
        "- **指标**：在**全部**没看过的电影里排名，不抽负样本：抽样的 HR 和 NDCG 会把方法的次序排反"
        "（Krichene 与 Rendle 2020）。同分的排在答案前面。\n"
        f"- **训练**：{facts['epochs']} 轮，AdamW，学习率 {facts['rate']}，dropout {facts['dropout']}；"
        f"在答案和按热门程度抽出的 {facts['drawn']:,} 部之间算交叉熵（论文用是非判断）。"
        f"近来多热门不是学的，是数的：此前每天的评分次数，每 {facts['half_life']:.0f} 天减半，取对数加在得分上"
        "（随附的权重里是切分那一刻的），网络学的是历史在此之外说了什么。"
        "向量从“谁评过哪部”的奇异值分解开始，DIN 的激活单元从余弦开始。"
        "这些在 7 月 15 日到 8 月 1 日的人身上选定。"
        f"一个 CPU 核，与别的训练同时进行，{facts['seconds']:,} 秒。\n"
        "- **局限**：数据只有半年，多数人在谈新片；提问前几天的热门榜知道界后的事，这里的网络都不知道（下表）。"
        "SASRec 的注意力在这里没有帮助：历史取平均反而略好；界前 7 天的热门榜也和最好的网络差不多。"
        "评过的人少的电影，主要靠类型和年代。片名是原文的（华语片多为拼音）。"
        + ("DIN 的权重这里经 sigmoid，在 0 和 1 之间；论文的是不设限的线性输出。" if name == "din-films" else "")
    )


def english(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The English half of the prose."""
    return (
        f"## English\n\n{KINDS[name][2]}: which film comes next for somebody who has seen these. "
        f"{figures['films']:,} films of {facts['width']} numbers each: a vector of its own, plus those of its genres "
        "and years. Weights in float16, licence MIT.\n\n"
        "- **Data**: MovieTweetings 100K (Dooms et al. 2013, https://github.com/sidooms/MovieTweetings, MIT, "
        "`LICENSE.movietweetings`): 100,000 ratings of 28 February to 1 September 2013. Rated counts as seen, whatever "
        "the rating. Titles, years and genres lie in `films.tsv.gz`.\n"
        f"- **Leave-last-out in time**: learnt from are the {figures['learnt_from']:,} ratings before 1 August 2013, "
        "by networks and by counts alike. Asked are the "
        f"{figures['questions']:,} people whose last rating came later and who had rated at least {LEAST} films before "
        f"it, each once: the last film, from those before (the latest {LONGEST}). So nothing is learnt from what came "
        f"later. The answers of {figures['unseen']:,} of them nobody had rated before the cut; they count all the same."
        "\n- **Measure**: a place among **all** films not yet seen, without drawn negatives: on a sample HR and NDCG "
        "can put methods into the wrong order (Krichene and Rendle 2020). Equal scores stand before the answer.\n"
        f"- **Training**: {facts['epochs']} epochs of AdamW at {facts['rate']}, dropout {facts['dropout']}; the "
        f"cross-entropy over the answer and {facts['drawn']:,} films drawn by popularity (the papers ask yes or no). "
        "How much a film is talked of is counted, not learnt: the log of its ratings on the days before, half as much "
        f"for every {facts['half_life']:.0f} days, is added to the score (in these weights that of the cut), and the "
        "network learns what a history says beyond it. Vectors begin as the singular vectors of who rated what, the "
        "activation unit of DIN as a cosine. Chosen on the people of 15 July to 1 August. One CPU core beside other "
        f"trainings, {facts['seconds']:,} seconds.\n"
        "- **Limits**: half a year of data in which most people speak of new films; what was rated most in the days "
        "before each question knows what came after the cut, and no network here does (below). "
        "The attention of SASRec does not help here, the mean of the history is a little better; and a list of the "
        "last 7 days before the cut is about as good as the best network. Of films that "
        "few rated mostly genre and year are known. Titles are original ones."
        + (" The weights pass a sigmoid here and lie between 0 and 1; the paper's are linear." * (name == "din-films"))
    )


def main() -> None:
    """Read the arguments, print, and write cards and figures when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=NAMES, metavar="model", help="whose card; all unless named")
    parser.add_argument("--data", type=Path, required=True, help="folder with movies.dat and ratings.dat")
    parser.add_argument("--write", action="store_true", help="write README.md and figures.json")
    given = parser.parse_args()
    torch.set_num_threads(1)
    figures = measured(given.data)
    print(tables(figures))
    print({name: figures[name] for name in ("questions", "tried_on", "learnt_from", "unseen", "films")})
    for name in given.models if given.write else ():
        folder = WEIGHTS / name
        (folder / "README.md").write_text(card(name, figures, recipe(folder)), encoding="utf-8")
        save_facts(folder, figures=figures)


if __name__ == "__main__":
    main()
