"""How well are spoken digits written down, and does each head listen on in time? Print it; on request write the card.

    python -m attnviz.training.speech.card [digits] --data recordings [--write]

Over strings of 3 to 6 digits that are joined from clips kept from training: other clips of the four known voices, and
the two voices that were never in training. Each is written down as trained, with the heaviest frame alone wherever a
word listens, and with no word listening back (`monotonic`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from huggingface_hub import EvalResult, ModelCardData

from attnviz.shipped import WEIGHTS, recipe
from attnviz.systems.speech import NAMES
from attnviz.systems.speech.mel import RATE
from attnviz.systems.speech.system import load
from attnviz.systems.speech.voices import FOLDER, LENGTHS
from attnviz.training.cards import in_parts, table
from attnviz.training.folder import save_facts
from attnviz.training.speech.data import SPEAKERS, UNSEEN, held_out, known, read_clips, unseen
from attnviz.training.speech.measure import even, heads, listen, rates, silent

COUNT = 200  # strings of each kind
WAYS = {
    "soft": ("训练时的样子（软）", "as trained (soft)"),
    "hard": ("词听声音时只听最重的一帧（硬）", "the heaviest frame alone, where words listen (hard)"),
    "ahead": ("不许往回听（单调）", "never listening back (monotonic)"),
}
KINDS = {"known": ("熟悉的声音", "known voices"), "unseen": ("陌生的声音", "unseen voices")}
LOUDEST = 0.9


def measure(name: str, data: Path, count: int = COUNT) -> dict[str, Any]:
    """All figures of one model."""
    system, clips = load(name), read_clips(data)
    strings = {"known": held_out(known(clips), count), "unseen": held_out(unseen(clips), count)}
    found = {kind: {way: listen(system, some, way) for way in WAYS} for kind, some in strings.items()}
    return {
        **{kind: {way: rates(found[kind][way]) for way in WAYS} for kind in KINDS},
        "strings": count, "heads": heads(found["known"]["soft"]), "even": even(strings["known"]),
        "silent": silent(system, clips),
    }  # fmt: skip


def tables(figures: Mapping[str, Any]) -> str:
    """Error rates by way and voices; how far each head is monotonic."""
    columns = [f"{zh} · {en}" for zh, en in KINDS.values()]
    rows = [
        [f"{zh} · {en}", *(f"{figures[kind][way]['rate']:.2%} ({figures[kind][way]['whole']:.1%})" for kind in KINDS)]
        for way, (zh, en) in WAYS.items()
    ]  # fmt: skip
    maps = [
        [str(one["layer"]), str(one["head"]), f"{one['forward']:.3f}", f"{one['inside']:.3f}"]
        for one in figures["heads"]
    ]
    return "\n\n".join(
        [
            f"**数字错误率（整串全对）· digit error rate (whole strings right)** ({figures['strings']} + "
            f"{figures['strings']} strings, {figures['known']['soft']['digits']} + "
            f"{figures['unseen']['soft']['digits']} digits)",
            table(["", *columns], rows),
            "**各头有多单调 · How monotonic each head is** (重心往后走的步数占比 · share of steps whose centre of "
            "gravity moves forward; 权重落在真数字时间内的占比 · share of weight inside the true digit's time, "
            f"处处一样 · even: {figures['even']:.3f})",
            table(["层 layer", "头 head", "往后 forward", "在内 inside"], maps),
            "没有数字的声音里什么也没写的 · sounds without a digit of which nothing is written: "
            f"{figures['silent']:.1%}",
        ]
    )


def front_matter(name: str, figures: Mapping[str, Any]) -> ModelCardData:
    """The YAML that the Hub reads."""
    results = [
        EvalResult(
            task_type="automatic-speech-recognition", dataset_type="free_spoken_digit_dataset",
            dataset_name=f"Strings of Free Spoken Digits: {KINDS[kind][1]}",
            metric_type=f"digit_error_rate_{kind}_{way}",
            metric_name=f"digit error rate, {WAYS[way][1]}", metric_value=figures[kind][way]["rate"],
        )
        for kind in KINDS for way in WAYS
    ]  # fmt: skip
    return ModelCardData(
        language=["zh", "en"], license="cc-by-sa-4.0", pipeline_tag="automatic-speech-recognition",
        tags=["attention", "speech"], model_name=f"attnviz {name}", eval_results=results,
    )  # fmt: skip


def card(name: str, figures: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The whole README.md: YAML front matter, Chinese, English, then the figures that both share."""
    return in_parts(
        front_matter(name, figures), name, chinese(facts), english(facts), "## 数字 Figures", tables(figures),
        f"```\npython -m attnviz.training.speech.card {name} --data recordings\n```",
    )  # fmt: skip


def chinese(facts: Mapping[str, Any]) -> str:
    """The Chinese half of the prose."""
    return (
        "## 中文\n\n"
        "把说出来的英语数字写成一串数字的编码器–解码器 Transformer。"
        "8 kHz 的声音变成 40 带的 log-mel 谱，每 10 毫秒一列，"
        "两层卷积合成 40 毫秒一帧；编码器 3 层、解码器 2 层，宽 128，4 个头。每写一个词，就用交叉注意力听一次声音。"
        "权重为 float16；数据要求相同方式共享，所以权重与随附的录音都用 CC BY-SA 4.0。\n\n"
        "- **数据**：Free Spoken Digit Dataset（Jackson 等，CC BY-SA 4.0，"
        "https://github.com/Jakobovski/free-spoken-digit-dataset）：6 个人，每人每个数字 50 段。"
        "每一步现拼：0 到 8 个数字，"
        "间隔、音量、速度、噪声和音色都随机。\n"
        f"- **没有用于训练**：按字母排在最后的两个人（{'、'.join(UNSEEN)}）；其余四人的第 0 到 4 段，"
        "也就是数据集自己定的测试集。\n"
        f"- **训练**：{facts['stopped']:,} 步，每步 {facts['strings']} 串，Muon；{_first(facts, 'zh')}"
        "除了要写的词，编码器的各帧还用 CTC（Watanabe 等 2017）"
        f"学数字的先后（占 {facts['order']}），这一层之后丢掉；没有人告诉任何一张图数字在哪里。"
        f"一个 CPU 核，与别的训练同时进行，{facts['seconds']:,} 秒。\n"
        f"- **随附的录音**：`{FOLDER}/` 里是六个人各念 0 到 9 的第 0 段（OGG），供页面拼句子。"
        "录音由 FSDD 的作者们提供，"
        "CC BY-SA 4.0；音量调成一样。\n"
        "- **局限**：只懂这几位说话人那样的英语数字，最多 8 秒、8 个数字；"
        "陌生的声音错得多（见下表），别的词也会被写成数字。"
    )


def english(facts: Mapping[str, Any]) -> str:
    """The English half of the prose."""
    return (
        "## English\n\n"
        "An encoder-decoder transformer that writes down English digits as they are spoken. Sound at 8 kHz becomes a "
        "log-mel spectrogram of 40 bands, a column every 10 ms; two convolutions make frames of 40 ms of it; 3 encoder "
        "and 2 decoder layers, width 128, 4 heads. Each word listens to the sound by cross-attention. Weights in "
        "float16; since the data ask to be shared alike, weights and the recordings beside them are CC BY-SA 4.0.\n\n"
        "- **Data**: Free Spoken Digit Dataset (Jackson et al., CC BY-SA 4.0, "
        "https://github.com/Jakobovski/free-spoken-digit-dataset): 6 speakers, 50 clips of each digit. Joined afresh "
        "in every step: 0 to 8 digits, with gaps, loudness, speed, noise and tone by chance.\n"
        f"- **Kept from training**: the last two speakers in the alphabet ({', '.join(UNSEEN)}); of the other four the "
        "clips 0 to 4, the test set that the data set itself names.\n"
        f"- **Training**: {facts['stopped']:,} steps of {facts['strings']} strings, Muon; {_first(facts, 'en')}beside "
        "the words to be written, the encoder's frames learn the order of the digits by CTC (Watanabe et al. 2017), "
        f"which counts {facts['order']}, through a layer that is thrown away; nobody tells any map where a digit is. "
        f"One CPU core beside other trainings, {facts['seconds']:,} seconds.\n"
        f"- **The recordings beside it**: `{FOLDER}/` has clip 0 of the digits 0 to 9 of all six speakers (OGG), from "
        "which the page joins its strings. By the contributors of FSDD, CC BY-SA 4.0; made equally loud.\n"
        "- **Limits**: it knows English digits as these speakers say them, up to 8 seconds and 8 digits; voices that "
        "it never heard it gets wrong more often (below), and other words it writes down as digits too."
    )


def _first(facts: Mapping[str, Any], language: str) -> str:
    """The first steps, where their rate fell along a longer cosine."""
    if "first_steps" not in facts:
        return ""
    steps, longer = facts["first_steps"], facts["first_cosine"]
    said = {
        "zh": f"前 {steps} 步的学习率走的是 {longer:,} 步的余弦，之后走 {facts['steps']:,} 步的；",
        "en": f"the rate of the first {steps} fell along a cosine of {longer:,} steps, then along one of "
        f"{facts['steps']:,}; ",
    }
    return said[language]


def keep_voices(folder: Path, data: Path) -> None:
    """Write the voices that the page joins its strings from: clip 0 of each digit, equally loud."""
    clips, lengths = read_clips(data), {}
    (folder / FOLDER).mkdir(exist_ok=True)
    for speaker in SPEAKERS:
        some = [clips[speaker, digit, 0] for digit in range(10)]
        whole = np.concatenate(some)
        whole *= LOUDEST / np.abs(whole).max()
        soundfile.write(folder / FOLDER / f"{speaker}.ogg", whole, RATE, format="OGG", subtype="VORBIS")
        lengths[speaker] = [len(one) for one in some]
    (folder / FOLDER / LENGTHS).write_text(json.dumps(lengths) + "\n", encoding="utf-8")


def main() -> None:
    """Read the arguments, print, and write card, figures and voices when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=NAMES, metavar="model", help="the built-in one unless named")
    parser.add_argument("--data", type=Path, required=True, help="folder ``recordings`` of the data set")
    parser.add_argument("--strings", type=int, default=COUNT, help="of each kind")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--write", action="store_true", help="write README.md, figures.json and the voices")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.models:
        figures = measure(name, given.data, given.strings)
        print(f"{name}\n\n{tables(figures)}")
        if given.write:
            folder = WEIGHTS / Path(name).name
            (folder / "README.md").write_text(card(name, figures, recipe(folder)), encoding="utf-8")
            save_facts(folder, figures=figures)
            keep_voices(folder, given.data)


if __name__ == "__main__":
    main()
