"""What can lab-gpt do? Print its held-out figures, and on request write its model card.

    python -m attnviz.training.gpt.card lab-gpt --zh common_voice_zh.txt --en common_voice_en.txt [--write]

Figures are over every token after the first of each held-out sentence (``corpus.read_corpus``), its end included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from attnviz.models import built_in_folder, load
from attnviz.training.corpus import ask_for_sentences, read_corpus
from attnviz.training.next_token import continuations, label, measure


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


def main() -> None:
    """Read the arguments, print, and write the card when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="lab-gpt or a folder")
    ask_for_sentences(parser)
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
