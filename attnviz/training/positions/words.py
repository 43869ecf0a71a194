"""What the model cards of the five encoders say, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

NAMES = {
    "masked_accuracy": ("填空准确率", "masked-token accuracy"),
    "boundary_f1": ("词首 F1（对 jieba）", "word-begin F1 (against jieba's words)"),
    "moved": ("输出移动（1 − 余弦）", "movement of the outputs (1 - cosine)"),
}
READINGS = {
    "": ("原序", "in order"),
    "_shuffled": ("词元打乱", "tokens shuffled"),
    "_unsaid": ("不给位置", "positions left out"),
    "_unsaid_shuffled": ("不给位置、打乱", "positions left out, shuffled"),
}
LANGUAGES = {"zh": ("中文", "Chinese"), "en": ("英文", "English"), "both": ("合计", "both")}
LABELS = (
    *(f"masked_accuracy{reading}_{language}" for reading in ("", "_shuffled") for language in LANGUAGES),
    "masked_accuracy_unsaid_both", "boundary_f1_zh", "boundary_f1_shuffled_zh", "boundary_f1_unsaid_zh",
    "moved_shuffled_both", "moved_unsaid_shuffled_both",
)  # fmt: skip
ENCODINGS = {
    "none": ("不加位置信息", "which is told nothing of positions"),
    "sinusoidal": (
        "词向量加正弦位置编码（Vaswani 等 2017）",
        "with sinusoids added to the embedding (Vaswani et al. 2017)",
    ),
    "learned": (
        "词向量加学得的位置向量（Devlin 等 2019）",
        "with a learned vector for each position added (Devlin et al. 2019)",
    ),
    "rotary": (
        "查询和键按位置旋转（Su 等 2021）",
        "whose queries and keys are turned by position (Su et al. 2021)",
    ),
    "alibi": (
        "分数按距离减去偏置（ALiBi，Press 等 2022，取对称形式）",
        "whose scores fall with distance (ALiBi, Press et al. 2022, made symmetric)",
    ),
}


def label(key: str) -> tuple[str, str]:
    """A figure's name in Chinese and English.

    >>> label("masked_accuracy_shuffled_zh")[1]
    'masked-token accuracy, tokens shuffled, Chinese'
    """
    body, _, language = key.rpartition("_")
    name = max((name for name in NAMES if body.startswith(name)), key=len)
    parts = NAMES[name], READINGS[body.removeprefix(name)], LANGUAGES[language]
    return "，".join(part[0] for part in parts), ", ".join(part[1] for part in parts)


def about(encoding: str, recipe: Mapping[str, object]) -> str:
    """What the model is and how it was trained, a paragraph a language."""
    zh, en = ENCODINGS[encoding]
    facts = f"{recipe['steps']} x {recipe['tokens_a_step']}"
    return (
        f"五个除位置编码外完全相同的小编码器之一，{zh}：{recipe['layers']} 层，每层 {recipe['heads']} 个头，宽 "
        f"{recipe['width']}，用 Common Voice 的中英文句子（Mozilla，CC0 1.0）以填空和词边界两种损失训练 "
        f"{recipe['steps']} 步（共 {facts} 个词元，{recipe['seconds']} 秒，一个 CPU 核），种子 {recipe['seed']}；"
        "词边界标记由 jieba 给出，分词器即 lab-4 的。权重以 float16 保存，许可 MIT。"
        "给人比较位置编码用，不保证填得对。\n\n"
        f"One of five small encoders alike in everything but positions, {en}: {recipe['layers']} layers of "
        f"{recipe['heads']} heads, width {recipe['width']}, trained on Common Voice sentences in Chinese and English "
        f"(Mozilla, CC0 1.0) to fill blanks and to mark where words begin (Chinese words by jieba) for "
        f"{recipe['steps']} steps ({facts} tokens, {recipe['seconds']} s on one core of a CPU), seed {recipe['seed']}; "
        "the tokenizer is lab-4's. Stored in float16, licence MIT. It is there to compare encodings, not to be right."
    )
