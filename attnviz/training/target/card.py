"""How well does target-words find its place? Print the held-out figures, and on request write card and figures.

    python -m attnviz.training.target.card --pairs tatoeba_cmn_eng.txt [--write]

Texts are four held-out sentences in a row (``target.split``: no sentence of them was trained on, nor any translation of
one); targets are the translation of each, and the sentence itself. Figures are over every token of every target, those
of the mean over every target.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub import ModelCard, ModelCardData

from attnviz.core.rules import Soft
from attnviz.shipped import WEIGHTS
from attnviz.systems.target.system import SIMILARITIES, TargetWords, load
from attnviz.training.target.data import Batch, Corpus, Recipe, assemble, cut, held_corpus, read_pairs, split

WAYS = (("en", "zh"), ("zh", "en"), ("en", "en"), ("zh", "zh"))
FIGURES = {
    "share": ("落在对的句子上的权重", "weight on the right sentence"),
    "top": ("权重最大的词元在对的句子里", "most attended token is in the right sentence"),
    "mean_share": ("同上，整个目标的平均", "weight on the right sentence, mean of the target"),
    "mean_top": ("同上，权重最大者", "most attended token, mean of the target"),
    "entropy": ("熵（奈特）", "entropy (nats)"),
    "word": ("输出最近的词就是它自己", "nearest word of the output is the token that looked"),
}
CARD = """---
{meta}
---

# target-words

五种相似度函数（点积、缩放点积、双线性、加性、余弦），各有自己的查询、键、值投影和词表，\
都在冻结的 {reader} 的隐藏状态（层 {states}，0 为词嵌入）上训练，各 {steps} 步，\
连读取状态共 {spent} 秒，一个 CPU 核。数据：Tatoeba 中英句对 {pairs} 对\
（https://tatoeba.org，CC BY 2.0 FR，每一对的作者见原文件各行；取自 manythings.org/anki）。\
权重以 float16 保存，许可 MIT。给人看目标注意力用：它不翻译，也不回答问题。

Five similarity functions (dot, scaled dot, bilinear, additive, cosine), each with projections and a word table of its
own, trained on frozen states of {reader} (layers {states}, 0 being the embedding) for {steps} steps each, {spent} s in
all with the reading of the states, on one core of a CPU. Data: {pairs} English-Chinese sentence pairs of Tatoeba
(https://tatoeba.org, CC BY 2.0 FR; the authors of each pair are named on its line of the original, from
manythings.org/anki). Stored in float16, licence MIT. It is there to show target attention: it neither translates nor
answers.

留出 {held_out} 对（与训练数据没有相同的句子），四句一段；碰巧为 0.25。箭头前是目标的语言，后是文字的语言。

{held_out} pairs are held out (no sentence in common with training), four sentences to a text; chance is 0.25. Before
the arrow stands the language of the target, after it that of the text.

{table}

`python -m attnviz.training.target.train` trains it, `python -m attnviz.training.target.card` prints these figures.
"""
Figures = dict[str, dict[str, float]]


def told(system: TargetWords, similarity: str, batch: Batch, language: str) -> dict[str, torch.Tensor]:
    """The figures of one text, `[query]` each."""
    look, words = system.looks[similarity], system.known[language]
    with torch.no_grad():
        found = look(batch.target[None], batch.text[None], rule=Soft())
        weights, output = found.weights[0].double(), found.output[0]
    right = batch.place[None, :] == batch.wanted[:, None]
    share = (weights * right).sum(-1)
    top = right.gather(-1, weights.argmax(-1, keepdim=True))[:, 0].double()
    table = torch.nn.functional.normalize(look.words[torch.searchsorted(system.known["all"], words)], dim=-1)
    nearest = words[(output @ table.T).argmax(-1)]
    token = ~batch.means
    return {
        "share": share[token], "top": top[token], "mean_share": share[batch.means], "mean_top": top[batch.means],
        "entropy": torch.special.entr(weights).sum(-1)[token],
        "word": (nearest == batch.ids)[token & torch.isin(batch.ids, words)].double(),
    }  # fmt: skip


def measure(system: TargetWords, held: Corpus) -> Figures:
    """All figures by similarity, then by name and way, as in `share_en-zh` (an English target, a Chinese text)."""
    found: Figures = {}
    for similarity in SIMILARITIES:
        sums: dict[str, list[torch.Tensor]] = defaultdict(list)
        for asks, says in WAYS:
            for number in range(len(held.groups)):
                batch = assemble(held, [number], asks, says, pieces=False)
                for name, values in told(system, similarity, batch, asks).items():
                    sums[f"{name}_{asks}-{says}"].append(values)
        found[similarity] = {name: round(float(torch.cat(values).mean()), 4) for name, values in sums.items()}
    return found


def table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The figures as Markdown: a row a figure, a column a similarity."""
    head = ["| | " + " | ".join(SIMILARITIES) + " |", "|---" + "|---:" * len(SIMILARITIES) + "|"]
    rows = []
    for name, (zh, en) in FIGURES.items():
        for asks, says in WAYS:
            cells = " | ".join(f"{figures[one][f'{name}_{asks}-{says}']:.4f}" for one in SIMILARITIES)
            rows.append(f"| {zh} · {en}, {asks} → {says} | {cells} |")
    return "\n".join([*head, *rows])


def card(figures: Figures, recipe: Mapping[str, object], pairs: int) -> ModelCard:
    """The model card in the Hub's own form, Chinese then English."""
    data = ModelCardData(language=["zh", "en"], license="mit", tags=["attention"], model_name="attnviz target-words")
    seconds = recipe["seconds"]
    assert isinstance(seconds, dict)
    text = CARD.format(
        meta=data.to_yaml(), table=table(figures), spent=sum(seconds.values()), pairs=pairs,
        **{name: recipe[name] for name in ("reader", "states", "steps", "held_out")},
    )  # fmt: skip
    return ModelCard(text)


def main() -> None:
    """Read the arguments, print, and write card and figures when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="write README.md and figures.json beside the weights")
    given = parser.parse_args()
    folder = WEIGHTS / "target-words"
    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    system, raw = load(), read_pairs(given.pairs)
    _, held_out = split(raw, recipe["held_out"], recipe["seed"])
    torch.manual_seed(recipe["seed"])
    made = Recipe(**{name: value for name, value in recipe.items() if name != "seconds"})
    figures = measure(system, held_corpus([cut(*raw[n], system.reader) for n in held_out], system.reader, made))
    print(table(figures))
    if given.write:
        card(figures, recipe, len(raw)).save(folder / "README.md")
        (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
