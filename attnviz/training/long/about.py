"""What lab-long is, what it learnt from and what it is not: the words of its card."""

from __future__ import annotations

from collections.abc import Mapping

from attnviz.training.long.data import LENGTHS, LONGEST
from attnviz.training.long.growth import MORE
from attnviz.training.long.lessons import BLOCKS, HEADS, ON, PIECES, TOGETHER

OLD = 4  # heads a layer after the first course

ZH = (
    "一个只看前文的小模型，一次最多读 {longest:,} 个词元：Llama 结构（以 Mistral 之名存放，它允许 6 个头），{layers} "
    "层，每层 {heads} 个头，宽 {width}。它从 lab-gpt 的权重开始，共训练了 {hours:.1f} 小时（第一程用两个 CPU 核，其余"
    "用一个）。第一程 {steps:,} 步只读连续文本（{least:,} 至 {longest:,} 个词元），得到 {old} 个头的模型。它的一份副"
    "本先把旋转位置编码里慢的一半放慢到 16 分之一（Llama 3.1 的做法），再练 {drilled:,} 步，专练接续重现的词元。然后"
    "把副本每层里最会往回看的 {more} 个头，放到原模型的 {old} 个头旁边：先只动新头 {alone:,} 步，再一起训练 {together"
    ":,} 步。一起训练时每步有三样：段落会原文重现的文本，由第一程的模型来教；句子，由 lab-gpt 来教（损失是与老师的 KL"
    " 散度）；还有练习：会重现的随机词元，以及打乱的和原样的文本片段，远近都有。以 float16 保存，许可 MIT。数据：Comm"
    "on Voice 的中英文句子（CC0 1.0）；Pang 与 Lee 的影评（polarity dataset v2.0，2004，CC BY 4.0）；KdConv 对话（Zho"
    "u 等 2020，Apache-2.0）。下列数字都来自没参与训练的文本：句子按自身的哈希每 80 句留一句，影评每类留 200 篇，对话"
    "按所谈的对象留三成（`attnviz/training/documents.py`）。局限：给人看长文中的注意力用，不保证写得对；它学过的文本"
    "很少，学会往回看之后，预测没有重现的文本比第一程的模型差一些（末 256 个词元：那时每词元 5.64 比特）。"
)
EN = (
    "A small decoder that sees only what came before, up to {longest:,} tokens of it: Llama's shape (stored as "
    "Mistral's, which may have 6 heads), {layers} layers of {heads} heads, width {width}. It began with the weights "
    "of lab-gpt and was trained for {hours:.1f} hours in all, the first course on two cores of a CPU, the rest on "
    "one. The first course, {steps:,} steps of running texts ({least:,} to {longest:,} tokens), made a model of {old}"
    " heads. In a copy of it the slow half of the rotary positions turns 16 times more slowly (as in Llama 3.1), and "
    "{drilled:,} steps drilled it in continuing tokens that return. Of each layer of the copy the {more} heads that "
    "look back most were then put beside the {old} of the first model: at first the new heads alone moved, for "
    "{alone:,} steps, then everything, for {together:,}. Each of those has texts in which passages return word for "
    "word, taught by what the first course made; sentences, taught by lab-gpt (the loss is the KL divergence from the"
    " teacher); and a drill of random tokens that return and of pieces of texts, shuffled and as they are, from near "
    "and far. Stored in float16, licence MIT. Data: Common Voice sentences in Chinese and English (CC0 1.0); the film"
    " reviews of Pang and Lee (polarity dataset v2.0, 2004, CC BY 4.0); the dialogues of KdConv (Zhou et al. 2020, "
    "Apache-2.0). All figures are on held-out texts: one sentence in 80 by its own hash, 200 reviews of each class, "
    "and the dialogues about three things in ten (`attnviz/training/documents.py`). Limits: it is there to show "
    "attention over long texts, not to be right; it has read little, and since it looks back it tells texts in which "
    "nothing returns less well than the model of the first course did (5.64 bits a token of the last 256)."
)


def about(recipe: Mapping[str, object]) -> tuple[str, str]:
    """A paragraph a language, with the numbers of the recipe."""
    seconds = recipe["seconds"]
    assert isinstance(seconds, int | float)
    numbers = {
        **recipe, "longest": LONGEST, "least": LENGTHS[0], "hours": seconds / 3600, "more": MORE, "old": OLD,
        "drilled": BLOCKS.steps + PIECES.steps, "alone": HEADS.steps, "together": TOGETHER.steps + ON.steps,
    }  # fmt: skip
    return ZH.format(**numbers), EN.format(**numbers)
