"""What does lab-long do with far context? Print its held-out figures, and on request write its model card.

    python -m attnviz.training.long.card lab-long --zh common_voice_zh.txt --en common_voice_en.txt \\
        --reviews movie_reviews.zip --topics kdconv [--write]

Every text is held out (``corpus.read_corpus``, ``documents``), every draw has one seed. Four questions:

* What was kept of lab-gpt? The figures of ``next_token`` on single sentences, and the bits a token without their ends
  ("inner"), which the long texts do not mark; both for lab-gpt too.
* Does far context help? Rows of 8,192 tokens: 12 of whole texts one after the other ("plain"), and 12 as in training
  (``long.row``), where now and then a passage returns ("returning"). The last 256 tokens of a row are told twice.
  "far": all of the row stands before them, so that each sees 7,936 to 8,191 tokens. "near": the same tokens in a text
  of [CLS], the 256 tokens before them and themselves, so that each sees 257 to 512. Besides, the bits a token by place
  in the whole row: other texts stand at other places, so these differ by what is told there too.
* Does it use what stood far before? [CLS], 64 tokens of other text, a passage of 100 tokens of sentences, 256 to 7,900
  tokens of other text without these sentences, and the passage again: 20 passages a language, the same for every gap.
  "first" is the passage where it first stands, "return" where it returns, "new" after 1,024 tokens without having stood
  before. Its first 5 tokens are skipped in all of them: nobody can foresee that it returns.
* Which head continues a repeated sequence? At a gap of 1,024, the mean weight that a token of the return gives to the
  token after its own previous occurrence (prefix matching: Olsson et al. 2022, "In-context Learning and Induction
  Heads"), and the mean weight that it gives to the token before it.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.blocks import rows as rows_of
from attnviz.models import Model, built_in_folder, load
from attnviz.recording.record import record
from attnviz.text.tokens import written
from attnviz.training import next_token
from attnviz.training.cards import NAMED, table
from attnviz.training.corpus import read_corpus
from attnviz.training.documents import read_reviews, read_topics
from attnviz.training.long import growth
from attnviz.training.long.about import about
from attnviz.training.long.data import LONGEST, Ids, Sources, passages, row, sources
from attnviz.training.long.growth import along
from attnviz.training.next_token import Told, continuations

Names = Mapping[str, tuple[str, str]]  # in Chinese and English
SEED = 31
ROWS, TARGETS = 12, 256  # rows of each kind; how many tokens at the end of a row are told twice
BANDS = ((1, 255), (256, 1_023), (1_024, 4_095), (4_096, 8_191))  # places in a row; [CLS], at 0, is given
CASES, GAPS = 20, (256, 1_024, 4_096, 7_900)  # passages a language
NEAR, GAP = GAPS[:2]  # for the heads; for the heads from farther, and what is new
LEAD, PASSAGE, UNFORESEEN = 64, 100, 5  # tokens before a passage, of it, and those of it that are skipped
BLOCK = 1_024  # tokens whose logits are computed at once; 8,192 of them would take 0.3 GB
KINDS = {"plain": ("原样接续的文本", "texts as they are"), "returning": ("有段落重现的文本", "passages return")}
PARTS = {
    "far": ("末 256 个词元，前文全给", "last 256 tokens, all before them given"),
    "near": ("末 256 个词元，只给 [CLS] 和紧邻的 256 个", "last 256 tokens, only [CLS] and the 256 before them given"),
    **{f"{a}_{b}": (f"第 {a:,} 至 {b:,} 个词元", f"tokens {a:,} to {b:,}") for a, b in BANDS},
}
OCCASIONS = {
    "first": ("初次出现", "first occurrence"),
    "new": (f"隔 {GAP:,} 词元处，此前未出现", f"at the place after {GAP:,}, never seen before"),
    **{f"return_{gap}": (f"隔 {gap:,} 词元后重现", f"return after {gap:,} tokens") for gap in GAPS},
}
LEARNT = 0.1  # bits a token; a passage that is told better by less when it returns is not continued
SINGLE = (*next_token.NAMES, "inner_bits")  # the figures of single sentences
INNER = ("每词元比特数，不计句末", "bits a token, ends of sentences not counted")
BITS, ACCURACY = ("每词元比特数", "bits a token"), ("下一个词元的准确率", "next-token accuracy")
COLUMNS = {
    f"{name}_{language}": (f"{measure[0]}，{of[0]}", f"{measure[1]}, {of[1]}")
    for language, of in next_token.LANGUAGES.items()
    for name, measure in (("bits", BITS), ("accuracy", ACCURACY))
}
HABITS = {
    "prefix_matching": ("接续重复序列：看自己上次出现之后的词元", "continues a repeated sequence: prefix matching"),
    "previous_token": ("看前一个词元", "looks at the previous token"),
}
FAR, RANDOM = "prefix_matching_far", "prefix_matching_random"
SENTENCES = ("common_voice_sentences", "Common Voice sentences (Mozilla, CC0 1.0), held out")
TEXTS = ("long_texts", "Film reviews (CC BY 4.0), KdConv (Apache-2.0), Common Voice sentences (CC0 1.0), held out")


@dataclass(frozen=True)
class Reading:
    """How the tokens of a row from number `begin` on were told from those before: bits, and whether each came first."""

    begin: int
    bits: Float[Tensor, " token"]
    first: Bool[Tensor, " token"]

    def told(self, start: int, stop: int) -> Told:
        """The tokens from number `start` to before `stop`, summed; `Told.characters` stays 0."""
        part = slice(max(start - self.begin, 0), stop - self.begin)
        return Told(len(self.bits[part]), int(self.first[part].sum()), self.bits[part].sum().item())


@torch.inference_mode()
def read(model: Model, ids: Sequence[int], begin: int = 1) -> Reading:
    """How well does the model tell each token of `ids` from number `begin` on, those before it given?"""
    hidden = model.network.model(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0, begin - 1 : -1]
    wanted, bits, first = torch.tensor(ids[begin:]), [], []
    for states, answers in zip(hidden.split(BLOCK), wanted.split(BLOCK), strict=True):
        logits = model.network.lm_head(states)
        bits.append(F.cross_entropy(logits, answers, reduction="none").double() / math.log(2))
        first.append(logits.argmax(-1) == answers)
    return Reading(begin, torch.cat(bits), torch.cat(first))


def single_sentences(model: Model, held_out: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The figures of `next_token`, and as `inner_bits_zh` the bits a token without the ends of sentences."""
    inner: dict[str, Told] = defaultdict(Told)
    for language, texts in held_out.items():
        for ids in (model.tokenizer(text)["input_ids"][: model.limit] for text in texts):
            inner[language] += read(model, ids).told(1, len(ids))
    inner["both"] = sum(inner.values(), Told())
    bits = {f"inner_bits_{language}": told.bits / told.tokens for language, told in inner.items()}
    return next_token.measure(model, held_out) | bits


def long_rows(found: Sources, start: int, end: int) -> dict[str, list[Ids]]:
    """The rows of both kinds, each begun by `start`; texts end with `end`."""
    chance = {kind: random.Random(SEED) for kind in KINDS}
    texts = {kind: passages(found, end, rng) for kind, rng in chance.items()}
    return {
        "plain": [plain(texts["plain"], LONGEST, start) for _ in range(ROWS)],
        "returning": [row(texts["returning"], LONGEST, start, chance["returning"]) for _ in range(ROWS)],
    }


def plain(texts: Iterator[Ids], length: int, start: int) -> Ids:
    """`length` tokens of whole texts one after the other, the last one cut."""
    ids = [start]
    while len(ids) < length:
        ids += next(texts)
    return ids[:length]


def far_context(model: Model, found: Mapping[str, Sequence[Ids]]) -> dict[str, float]:
    """Bits a token with far and near context and by place in the row, as in `bits_far_plain`, `bits_1_255_plain`."""
    sums: dict[str, Told] = defaultdict(Told)
    for kind, some in found.items():
        for ids in some:
            whole, short = read(model, ids), [ids[0], *ids[-2 * TARGETS :]]
            sums[f"bits_far_{kind}"] += whole.told(len(ids) - TARGETS, len(ids))
            sums[f"bits_near_{kind}"] += read(model, short, TARGETS + 1).told(TARGETS + 1, len(short))
            for first, last in BANDS:
                sums[f"bits_{first}_{last}_{kind}"] += whole.told(first, last + 1)
    return {name: told.bits / told.tokens for name, told in sums.items()}


@dataclass(frozen=True)
class Case:
    """A passage, the text that stands before it, and the text until it returns."""

    before: Ids
    passage: Ids
    between: Ids

    def row(self, start: int, gap: int, *, new: bool = False) -> Ids:
        """`start`, the text before, the passage unless it is to be `new`, `gap` other tokens, the passage (again)."""
        return [start, *self.before, *([] if new else self.passage), *self.between[:gap], *self.passage]


def cases(found: Sources, end: int, language: str) -> list[Case]:
    """Passages of sentences of one language, around each texts as in training that have none of its sentences."""
    rng, chosen = random.Random(f"{SEED} {language}"), []
    for _ in range(CASES):
        own, passage, around = list(getattr(found, language)), Ids(), Ids()
        rng.shuffle(own)
        while len(passage) < PASSAGE:
            passage += own.pop()
        texts = passages(replace(found, **{language: own}), end, rng)
        while len(around) < LEAD + GAPS[-1]:
            around += next(texts)
        chosen.append(Case(around[:LEAD], passage[:PASSAGE], around[LEAD : LEAD + GAPS[-1]]))
    return chosen


def occasions(model: Model, one: Case) -> dict[str, Told]:
    """How well is the passage told where it first stands, where it returns, and where it would return but is new?"""
    start = int(model.tokenizer.cls_token_id)
    texts = {"first": one.row(start, 0, new=True), "new": one.row(start, GAP, new=True)}
    texts |= {f"return_{gap}": one.row(start, gap) for gap in GAPS}
    kept = len(one.passage) - UNFORESEEN
    return {name: read(model, ids, len(ids) - kept).told(len(ids) - kept, len(ids)) for name, ids in texts.items()}


def returns(model: Model, found: Mapping[str, Sequence[Case]]) -> dict[str, float]:
    """Bits a token and accuracy by occasion and language, as in `return_1024_bits_zh`; `_both` counts all together."""
    sums: dict[tuple[str, str], Told] = defaultdict(Told)
    for language, one in ((language, one) for language, some in found.items() for one in some):
        for occasion, told in occasions(model, one).items():
            sums[occasion, language] += told
            sums[occasion, "both"] += told
    bits = {f"{occasion}_bits_{language}": told.bits / told.tokens for (occasion, language), told in sums.items()}
    return bits | {
        f"{occasion}_accuracy_{language}": told.first / told.tokens for (occasion, language), told in sums.items()
    }


def head_weights(model: Model, one: Case, gap: int) -> dict[str, Float[Tensor, "layer head"]]:
    """What does each token of the return give to the token after its previous occurrence, and to the one before it?"""
    ids = one.row(int(model.tokenizer.cls_token_id), gap)
    trace = record(model, written(ids, model.tokenizer), values=False)
    begin, distance = len(ids) - len(one.passage), gap + len(one.passage)
    keys = {"prefix_matching": begin - distance + 1, "previous_token": begin - 1}
    weights = [rows_of(trace.attention(layer), begin, len(ids)) for layer in range(trace.n_layers)]  # [head, row, key]
    return {habit: torch.stack([along(layer, first) for layer in weights]) for habit, first in keys.items()}


def label(key: str) -> tuple[str, str]:
    """A figure's name in Chinese and English.

    >>> label("return_1024_bits_zh")
    ('隔 1,024 词元后重现，每词元比特数，中文', 'return after 1,024 tokens, bits a token, Chinese')
    """
    if key in HABITS:
        return HABITS[key]
    if key == FAR:
        zh, en = HABITS["prefix_matching"]
        return f"{zh}，隔 {GAP:,} 词元", f"{en}, after {GAP:,} tokens"
    if key == RANDOM:
        zh, en = HABITS["prefix_matching"]
        return f"{zh}，随机词元，隔 {growth.GAP} 个", f"{en}, random tokens, after {growth.GAP}"
    body, _, last = key.rpartition("_")
    if body in next_token.NAMES:
        return next_token.label(key)
    occasion, _, measure = body.rpartition("_")
    if last in KINDS:
        parts: tuple[tuple[str, str], ...] = BITS, PARTS[body.removeprefix("bits_")], KINDS[last]
    elif body == "inner_bits":
        parts = INNER, next_token.LANGUAGES[last]
    else:
        parts = OCCASIONS[occasion], COLUMNS[f"{measure}_{last}"]
    return "，".join(zh for zh, _ in parts), ", ".join(en for _, en in parts)


def results(figures: Mapping[str, float]) -> list[EvalResult]:
    """The figures in the Hub's form."""
    found = []
    for key, value in figures.items():
        data, name = SENTENCES if key.rpartition("_")[0] in SINGLE else TEXTS, " · ".join(label(key))
        found.append(EvalResult("text-generation", *data, key, round(value, 4), metric_name=name))
    return found


@dataclass(frozen=True)
class Report:
    """Figures of lab-long; of lab-gpt on single sentences; the heads' mean weights `[layer, head]`; continuations."""

    figures: Mapping[str, float]
    before: Mapping[str, float]
    weights: Mapping[str, Tensor]
    said: Sequence[str]


def card(report: Report, recipe: Mapping[str, object]) -> ModelCard:
    """The model card in the Hub's own form, Chinese then English."""
    figures, weights = report.figures, report.weights
    data = ModelCardData(
        language=["zh", "en"], license="mit", library_name="transformers", pipeline_tag="text-generation",
        tags=["attention", "long-context"], model_name="attnviz lab-long", eval_results=results(figures),
    )  # fmt: skip
    parts = [
        f"---\n{data.to_yaml()}\n---", "# lab-long", *about(recipe), *tables(figures, report.before), *verdict(figures),
        head_words(weights), head_table(weights),
        "贪心续写 · greedy continuations:", "\n".join(f"* {line}" for line in report.said),
        "`python -m attnviz.training.long.train` trains it, `python -m attnviz.training.long.card` prints "
        "these figures.\n",
    ]  # fmt: skip
    return ModelCard("\n\n".join(parts))


def tables(figures: Mapping[str, float], before: Mapping[str, float]) -> tuple[str, str, str]:
    """The figures of single sentences beside those of lab-gpt, of long rows, and of passages that return."""
    single = [(" · ".join(label(key)), f"{figures[key]:.4f}", f"{before[key]:.4f}") for key in before]
    long = f"{LONGEST:,} 个词元的文本，每词元比特数 · rows of {LONGEST:,} tokens, bits a token"
    return (
        table(("留出的句子 · held-out sentences", "lab-long", "lab-gpt"), single),
        grid(figures, long, "bits_{}_{}", PARTS, KINDS),
        grid(figures, f"{PASSAGE} 个词元的段落 · a passage of {PASSAGE} tokens", "{}_{}", OCCASIONS, COLUMNS),
    )


def grid(figures: Mapping[str, float], title: str, key: str, lines: Names, columns: Names) -> str:
    """A table of the figures whose names are `key` filled with a line's and a column's name."""
    rows = [
        (" · ".join(names), *(f"{figures[key.format(line, one)]:.4f}" for one in columns))
        for line, names in lines.items()
    ]
    return table((title, *(" · ".join(names) for names in columns.values())), rows)


def verdict(figures: Mapping[str, float]) -> tuple[str, str]:
    """Has it learnt to continue what returns, and does far context help? A paragraph a language, with the figures."""
    first, new = figures["first_bits_both"], figures["new_bits_both"]
    again = {gap: figures[f"return_{gap}_bits_both"] for gap in GAPS}
    learnt = [f"{gap:,}" for gap, bits in again.items() if min(first, new) - bits >= LEARNT]
    costs = " / ".join(f"{bits:.2f}" for bits in again.values())
    gaps = " / ".join(f"{gap:,}" for gap in GAPS)
    far = figures["bits_near_plain"] - figures["bits_far_plain"]
    zh = f"它会接续隔 {'、'.join(learnt)} 词元重现的段落" if learnt else "它没有学会接续重现的段落"
    en = (
        f"It continues a passage that returns after {' and '.join(learnt)} tokens"
        if learnt
        else "It has not learnt to continue a passage that returns"
    )
    return (
        f"{zh}：隔 {gaps} 词元后每词元 {costs} 比特，初次出现时 {first:.2f}，隔 {GAP:,} 词元处但未出现过时 {new:.2f}。"
        f"在原样接续的文本中，更远的前文使末 256 个词元每词元少 {far:.3f} 比特（负数为多）。",
        f"{en}: after {gaps} tokens it costs {costs} bits a token, {first:.2f} where it first stands, {new:.2f} at the "
        f"place after {GAP:,} when it is new. In texts as they are, what stood farther back saves {far:.3f} bits a "
        "token of the last 256 (negative: costs).",
    )


def head_words(weights: Mapping[str, Tensor]) -> str:
    """Which head has each habit most, if any has it?"""
    lines = [
        f"隔 {NEAR:,} 词元后重现的段落中各头的平均权重，层和头从 0 数起 · mean weights of the heads in passages that "
        f"return after {NEAR:,} tokens; layers and heads count from 0:\n"
    ]
    for habit, (zh, en) in HABITS.items():
        layer, head = divmod(int(weights[habit].argmax()), weights[habit].shape[1])
        value = weights[habit][layer, head].item()
        none = f"没有一个头有这个习惯，最大的是 · no head has this habit (below {NAMED}); largest: " * (value < NAMED)
        lines.append(f"* {zh} · {en}: {none}层 layer {layer}, 头 head {head}, {value:.4f}")
    return "\n".join(lines)


def head_table(weights: Mapping[str, Tensor]) -> str:
    """Every head's mean weights: on the token after the previous occurrence / on the previous token."""
    again, before = (weights[habit].tolist() for habit in HABITS)
    lines = [
        (str(layer), *(f"{a:.3f} / {b:.3f}" for a, b in zip(*pair, strict=True)))
        for layer, pair in enumerate(zip(again, before, strict=True))
    ]
    title = "层 layer: 接续重复 / 前一个 · prefix matching / previous token"
    return table((title, *(f"头 head {number}" for number in range(len(again[0])))), lines)


def measure(model: Model, found: Sources, held_out: Mapping[str, Sequence[str]]) -> Report:
    """All figures, every head's mean weights, and what the model writes."""
    start, end = int(model.tokenizer.cls_token_id), int(model.tokenizer.sep_token_id)
    chosen = {language: cases(found, end, language) for language in held_out}
    found_at = {gap: [head_weights(model, one, gap) for some in chosen.values() for one in some] for gap in (NEAR, GAP)}
    weights = {habit: torch.stack([one[habit] for one in found_at[NEAR]]).mean(0) for habit in HABITS}
    far = torch.stack([one["prefix_matching"] for one in found_at[GAP]]).mean(0)
    figures = single_sentences(model, held_out) | far_context(model, long_rows(found, start, end))
    figures |= returns(model, chosen) | {habit: shares.max().item() for habit, shares in weights.items()}
    figures[FAR] = far.max().item()
    figures[RANDOM] = growth.looking_back(model.network, start)["prefix_matching"].max().item()
    return Report(figures, single_sentences(load("lab-gpt"), held_out), weights, list(continuations(model)))


def main() -> None:
    """Read the arguments, print, and write the card when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="lab-long or a folder")
    parser.add_argument("--zh", type=Path, required=True, help="Chinese sentences, one a line")
    parser.add_argument("--en", type=Path, required=True, help="English sentences, one a line")
    parser.add_argument("--reviews", type=Path, required=True, help="movie_reviews.zip")
    parser.add_argument("--topics", type=Path, required=True, help="folder of kdconv_TOPIC_FILE.json")
    parser.add_argument("--write", action="store_true", help="write README.md into the model's folder")
    given = parser.parse_args()
    model = load(given.model)
    held_out = {name: read_corpus(path, name).held_out for name, path in (("zh", given.zh), ("en", given.en))}
    reviews, topics = read_reviews(given.reviews).test, read_topics(given.topics).test
    found = sources(reviews, topics, held_out["zh"], held_out["en"], model.tokenizer)  # type: ignore[arg-type]  # fast
    report = measure(model, found, held_out)
    print("\n".join(f"{key:28s} {value:.4f}" for key, value in report.figures.items()))
    print("\n\n".join([*verdict(report.figures), head_words(report.weights), head_table(report.weights), *report.said]))
    if given.write:
        folder = built_in_folder(given.model)
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        card(report, recipe).save(folder / "README.md")


if __name__ == "__main__":
    main()
