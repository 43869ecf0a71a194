"""How well does a model that writes on tell each next token? The figures of lab-gpt, and of whatever continues it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from attnviz.models import Model
from attnviz.recording.generate import generate

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


def label(key: str) -> tuple[str, str]:
    """A figure's name in Chinese and English."""
    name, _, language = key.rpartition("_")
    (zh, en), (zh_of, en_of) = NAMES[name], LANGUAGES[language]
    return f"{zh}，{zh_of}", f"{en}, {en_of}"
