"""What lab-long is, what it learnt from and what it is not: the words of its card."""

from __future__ import annotations

from collections.abc import Mapping

from attnviz.training.long.data import ALONE, ALONE_STEPS, BLEND, BLENDED, LONGEST, STAGES

ZH = (
    "一个只看前文的小模型，一次最多读 {longest:,} 个词元：Llama 结构，{layers} 层，每层 {heads} 个头，宽 {width}。"
    "它从 lab-gpt 的权重开始，前后共训练 {steps} 步，{hours:.1f} 小时，一个 CPU 核，旁边还有别的活。先由两个模型各"
    "学一样：一个学 {alone} 步连续文本（{reads} 至 {longest:,} 个词元）；另一个把旋转位置编码的底数由 10,000 改为 "
    "500,000，每一步都有句子，旁边 {drills} 步是练习（会重现的随机词元，后来还有打乱的和原样的文本片段，远近都有）"
    "和段落会原文重现的文本。取两者权重的平均（{blend:.0%} 与 {rest:.0%}），再学 {more} 步：每一步有句子和不超过 "
    "2,048 个词元的文本，隔一步加练习；最后 {last} 步的文本和练习长到 {longest:,} 个词元。以 float16 保存，许可 MIT"
    "。数据：Common Voice 的中英文句子（CC0 1.0）；Pang 与 Lee 的影评（polarity dataset v2.0，2004，CC BY 4.0）；"
    "KdConv 对话（Zhou 等 2020，Apache-2.0）。下列数字都来自没参与训练的文本：句子按自身的哈希每 80 句留一句，影评"
    "每类留 200 篇，对话按所谈的对象留三成（`attnviz/training/documents.py`）。局限：给人看长文中的注意力用，不保证"
    "写得对；它学过的文本很少。"
)
EN = (
    "A small decoder that sees only what came before, up to {longest:,} tokens of it: Llama's shape, {layers} layers "
    "of {heads} heads, width {width}. It began with the weights of lab-gpt and was trained for {steps} steps in all, "
    "{hours:.1f} hours on one core of a CPU beside other work. Two models first learnt one thing each: one, in "
    "{alone} steps, running texts of {reads} to {longest:,} tokens; the other, the base of its rotary positions "
    "500,000 in place of 10,000, had sentences at every step and beside them, for {drills} steps, drills (random "
    "tokens that return, later pieces of texts too, shuffled and as they are, from near and far) and texts in which "
    "passages return word for word. The mean of their weights ({blend:.0%} and {rest:.0%}) went on for {more} steps: "
    "sentences and texts of up to 2,048 tokens at each, drills at every second; in the last {last} steps texts and "
    "drills have up to {longest:,} tokens. Stored in float16, licence MIT. Data: Common Voice sentences in Chinese "
    "and English (CC0 1.0); the film reviews of Pang and Lee (polarity dataset v2.0, 2004, CC BY 4.0); the dialogues "
    "of KdConv (Zhou et al. 2020, Apache-2.0). All figures are on held-out texts: one sentence in 80 by its own hash, "
    "200 reviews of each class, and the dialogues about three things in ten (`attnviz/training/documents.py`). "
    "Limits: it is there to show attention over long texts, not to be right; it has read little."
)


def about(recipe: Mapping[str, object]) -> tuple[str, str]:
    """A paragraph a language, with the numbers of the recipe."""
    steps = [stage.steps for stage in STAGES]
    before, after = sum(steps[:BLENDED]), steps[BLENDED:]
    seconds = recipe["seconds"]
    assert isinstance(seconds, int | float)
    numbers = {
        **recipe, "longest": LONGEST, "reads": f"{ALONE[0]:,}", "alone": f"{ALONE_STEPS:,}", "drills": f"{before:,}",
        "more": f"{after[0]:,}", "last": f"{after[1]:,}", "blend": BLEND, "rest": 1 - BLEND, "hours": seconds / 3600,
    }  # fmt: skip
    return ZH.format(**numbers), EN.format(**numbers)
