"""What lab-long is, what it learnt from and what it is not: the words of its card."""

from __future__ import annotations

from collections.abc import Mapping

from attnviz.training.long.data import LONGEST, STAGES, TOLD

ZH = (
    "一个只看前文的小模型，一次最多读 {longest:,} 个词元：Llama 结构，{layers} 层，每层 {heads} 个头，宽 {width}。"
    "它从 lab-gpt 的权重开始（旋转位置编码的底数由 10,000 改为 500,000），又训练了 {steps} 步，{seconds} 秒，"
    "一个 CPU 核，旁边还有别的活。每一步都有句子；旁边前 {first} 步是练习（会重现的随机词元），再 {second} 步轮流是 "
    "{shortest} 至 {longest:,} 个词元的连续文本（其中段落会原文重现，远近机会相同）和各种距离的练习，"
    "最后 {third} 步的练习里还有文本的片段（打乱的和原样的）。"
    "以 float16 保存，许可 MIT。数据：Common Voice 的中英文句子（CC0 1.0）；Pang 与 Lee 的影评（polarity dataset "
    "v2.0，2004，CC BY 4.0）；KdConv 对话（Zhou 等 2020，Apache-2.0）。下列数字都来自留出的文本：句子按自身的哈希"
    "每 80 句留一句，影评每类留 200 篇，对话按所谈的对象留三成（`attnviz/training/documents.py`）。"
    "局限：给人看长文中的注意力用，不保证写得对；它学过的文本很少。"
)
EN = (
    "A small decoder that sees only what came before, up to {longest:,} tokens of it: Llama's shape, {layers} "
    "layers of {heads} heads, width {width}. It began with the weights of lab-gpt (the base of its rotary "
    "positions 500,000 in place of 10,000) and was trained on for {steps} steps, {seconds} s on one core of a CPU"
    " beside other work. Every step has sentences; beside them stand for {first} steps drills (random tokens that"
    " return), for {second} in turn running texts of {shortest} to {longest:,} tokens in which passages return "
    "word for word, far as often as near, and drills over all distances, and for {third} the same with pieces of "
    "texts, shuffled and as they are, in the drills. Stored in float16, licence MIT. Data: Common Voice sentences"
    " in Chinese and English (CC0 1.0); the film reviews of Pang and Lee (polarity dataset v2.0, 2004, CC BY "
    "4.0); the dialogues of KdConv (Zhou et al. 2020, Apache-2.0). All figures are on held-out texts: one "
    "sentence in 80 by its own hash, 200 reviews of each class, and the dialogues about three things in ten "
    "(`attnviz/training/documents.py`). Limits: it is there to show attention over long texts, not to be right; "
    "it has read little."
)


def about(recipe: Mapping[str, object]) -> tuple[str, str]:
    """A paragraph a language, with the numbers of the recipe."""
    first, second, third = (stage.steps for stage in STAGES)
    numbers = {**recipe, "longest": LONGEST, "shortest": min(TOLD), "first": first, "second": second, "third": third}
    return ZH.format(**numbers), EN.format(**numbers)
