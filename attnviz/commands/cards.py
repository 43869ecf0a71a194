"""`attnviz cards`: which models come with the package, as their cards tell it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from attnviz import shipped
from attnviz.messages import say, table

# What is told of a card that has many figures, in this order; of any other, the first ones.
TOLD = (
    "masked_accuracy_zh", "masked_accuracy_en", "next_accuracy_zh", "next_accuracy_en", "exact_all_zh", "exact_all_en",
    "boundary_f1_jieba", "boundary_f1_zh", "bleu", "chrf", "bleu_long", "accuracy",
)  # fmt: skip
MOST = 4
CHINESE = re.compile(r"[\u4e00-\u9fff]")
MARKS = re.compile(r"\*\*|`")
SENTENCE = {"zh": re.compile(r".*?。"), "en": re.compile(r".*?[.](?=\s+[A-Z]|$)", re.DOTALL)}
BULKY = 1e6  # bytes in a megabyte, as the Hub counts them


def lines(_: Mapping[str, str], language: str) -> Iterator[str]:
    """Name, size, licence; what it is; figures: three lines a model, and where the whole cards lie."""
    for name in names():
        place = shipped.folder(name)
        licence = (shipped.licence(place) or "?").upper()
        yield f"{name}  ·  {size(place) / BULKY:.1f} MB  ·  {licence}"
        yield f"    {about(place, language)}"
        yield from (f"    {line}" for line in figures(place, language))
        yield ""
    yield say("command.cards_where", language, folder=shipped.WEIGHTS)


def names() -> list[str]:
    """What `attnviz.load` opens without a network, the models first. Read off the disk: no PyTorch, so no seconds."""
    found = [place.name for place in shipped.WEIGHTS.iterdir() if shipped.has(place.name)]
    return sorted(found, key=lambda name: (not name.startswith("lab-"), name))


def size(place: Path) -> int:
    """How many bytes do a model's weights take on disk?"""
    return sum(file.stat().st_size for file in place.glob("*.safetensors"))


def about(place: Path, language: str) -> str:
    """What is it? The first sentence of the card in that language."""
    text = shipped.FRONT_MATTER.sub("", (place / "README.md").read_text(encoding="utf-8"), count=1)
    blocks = [" ".join(block.split()) for block in text.split("\n\n")]
    told = [MARKS.sub("", block) for block in blocks if block and block[0] not in "#|-`<!"]
    mine = [block for block in told if (len(CHINESE.findall(block)) > len(block) / 5) == (language == "zh")]
    found = SENTENCE[language].match(mine[0]) if mine else None
    return found[0] if found else (mine or [""])[0]


def figures(place: Path, language: str) -> list[str]:
    """What did the card measure? One line of at most `MOST` figures; none where the card has no `model-index`."""
    results = [one for model in shipped.card(place).get("model-index", []) for one in model["results"]]
    measured = {metric["type"]: metric["value"] for result in results for metric in result["metrics"]}
    chosen = [figure for figure in TOLD if figure in measured] or list(measured)
    said = [f"{_label(figure, language)} {float(measured[figure]):.4g}" for figure in chosen[:MOST]]
    return [say("command.cards_between", language).join(said)] if said else []


def _label(figure: str, language: str) -> str:
    """A figure's name in words, or as the card calls it."""
    return table(language).get(f"command.figure_{figure}", figure)
