"""What can lab-gpt do? Print its held-out figures, and on request write its model card.

    python -m attnviz.training.gpt.card lab-gpt --zh common_voice_zh.txt --en common_voice_en.txt [--write]

Figures are over every token after the first of each held-out sentence (``corpus.read_corpus``), its end included.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from attnviz.models import Model, built_in_folder, load
from attnviz.recording.generate import generate
from attnviz.training.corpus import read_corpus

PROMPTS = ("南京市", "他是一名", "The bridge over", "She is one of")
NAMES = {
    "next_accuracy": ("下一个词元的准确率", "next-token accuracy"),
    "next_bits": ("每词元比特数（交叉熵）", "bits a token (cross-entropy)"),
    "piece_perplexity": ("每词元困惑度", "perplexity a word piece"),
    "character_perplexity": ("每字符困惑度", "perplexity a character"),
}
LANGUAGES = {"zh": ("中文", "Chinese"), "en": ("英文", "English"), "both": ("合计", "both")}


@dataclass(frozen=True)
class Told:
    """Tokens to tell, those that came first, the sum of their surprise in bits, the characters that they cover."""

    tokens: int = 0
    first: int = 0
    bits: float = 0.0
    characters: int = 0

    def __add__(self, other: Told) -> Told:
        return Told(
            self.tokens + other.tokens, self.first + other.first, self.bits + other.bits,
            self.characters + other.characters,
        )  # fmt: skip

    def figures(self) -> dict[str, float]:
        """Share that came first, bits for each token, and perplexity, 2 to the bits of a piece or of a character."""
        return {
            "next_accuracy": self.first / self.tokens,
            "next_bits": self.bits / self.tokens,
            "piece_perplexity": 2 ** (self.bits / self.tokens),
            "character_perplexity": 2 ** (self.bits / self.characters),
        }


def told(model: Model, sentence: str) -> Told:
    """How well does the model tell each next token of one sentence, and its end?"""
    ids = [*model.tokenizer(sentence)["input_ids"], model.tokenizer.sep_token_id][: model.limit]
    with torch.inference_mode():
        logits = model.network(input_ids=torch.tensor([ids])).logits[0, :-1].double()
    wanted = torch.tensor(ids[1:])
    surprise = torch.nn.functional.cross_entropy(logits, wanted, reduction="sum").item() / math.log(2)
    return Told(len(wanted), int((logits.argmax(-1) == wanted).sum()), surprise, len(sentence))


def measure(model: Model, held_out: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """All figures by name and language, as in `next_accuracy_zh`."""
    by_language = {name: sum((told(model, one) for one in texts), Told()) for name, texts in held_out.items()}
    by_language["both"] = sum(by_language.values(), Told())
    return {
        f"{name}_{language}": value for language, sums in by_language.items() for name, value in sums.figures().items()
    }


def continuations(model: Model) -> Iterator[str]:
    """What the model writes after fixed beginnings, the likeliest token each time."""
    for prompt in PROMPTS:
        trace = generate(model, prompt, most=16)
        yield f"{prompt} → {trace.text[len(prompt) :].strip()}"


def card(name: str, figures: dict[str, float], recipe: dict[str, object], written: Sequence[str]) -> ModelCard:
    """The model card in the Hub's own form, Chinese then English."""
    results = [
        EvalResult(
            task_type="text-generation", dataset_type="common_voice_sentences",
            dataset_name="Common Voice sentences (Mozilla, CC0 1.0), held out",
            metric_type=key, metric_value=round(value, 4), metric_name=" · ".join(label(key)),
        )
        for key, value in figures.items()
    ]  # fmt: skip
    data = ModelCardData(
        language=["zh", "en"], license="mit", library_name="transformers", pipeline_tag="text-generation",
        tags=["attention"], model_name=f"attnviz {name}", eval_results=results,
    )  # fmt: skip
    rows = "\n".join(f"| {zh} · {en} | {figures[key]:.4f} |" for key in figures for zh, en in [label(key)])
    lines = "\n".join(f"* {line}" for line in written)
    facts = f"{recipe['steps']} x {recipe['tokens_a_step']}"
    return ModelCard(
        f"---\n{data.to_yaml()}\n---\n\n# {name}\n\n"
        f"一个只看前文的小模型：Llama 结构，{recipe['layers']} 层，每层 {recipe['heads']} 个头，宽 {recipe['width']}，"
        f"用 Common Voice 的中英文句子（CC0 1.0）训练 {recipe['steps']} 步（共 {facts} 个词元，{recipe['seconds']} 秒，"
        "一个 CPU 核），权重以 float16 保存，许可 MIT。给人看注意力用，不保证写得对。\n\n"
        f"A small decoder that sees only what came before: Llama's shape, {recipe['layers']} layers of "
        f"{recipe['heads']} heads, width {recipe['width']}, trained on Common Voice sentences in Chinese and English "
        f"(CC0 1.0) for {recipe['steps']} steps ({facts} tokens, {recipe['seconds']} s on one core of a CPU), stored "
        "in float16, licence MIT. It is there to show attention, not to be right.\n\n"
        f"| 留出的句子 · held-out sentences | |\n|---|---:|\n{rows}\n\n"
        f"贪心续写 · greedy continuations:\n\n{lines}\n\n"
        "`python -m attnviz.training.gpt.train` trains it, `python -m attnviz.training.gpt.card` prints "
        "these figures.\n"
    )


def label(key: str) -> tuple[str, str]:
    """A figure's name in Chinese and English."""
    name, _, language = key.rpartition("_")
    (zh, en), (zh_of, en_of) = NAMES[name], LANGUAGES[language]
    return f"{zh}，{zh_of}", f"{en}, {en_of}"


def main() -> None:
    """Read the arguments, print, and write the card when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="lab-gpt or a folder")
    parser.add_argument("--zh", type=Path, required=True)
    parser.add_argument("--en", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="write README.md into the model's folder")
    given = parser.parse_args()
    model = load(given.model)
    held_out = {name: read_corpus(path, name).held_out for name, path in (("zh", given.zh), ("en", given.en))}
    figures, written = measure(model, held_out), list(continuations(model))
    for key, value in figures.items():
        print(f"{key:20s} {value:.4f}")
    print("\n".join(written))
    if given.write:
        folder = built_in_folder(given.model)
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        card("lab-gpt", figures, recipe, written).save(folder / "README.md")


if __name__ == "__main__":
    main()
