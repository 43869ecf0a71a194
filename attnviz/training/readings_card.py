"""Do the heads of `lab-readings` hold two readings? Print every figure of its card, and on request write both.

    python -m attnviz.training.readings_card lab-readings --zh common_voice_zh.txt --en common_voice_en.txt [--write]

From the folder and the two files alone: the stretches are found by code (``attnviz.text.lattice``), in the sentences
that training never saw. What counts as held is in ``readings/measure.py``, fixed before the first evaluation.
`--beside NAME=FOLDER` measures other runs too (seeds, controls); what was measured of them before is kept where none
is given.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from attnviz.models import built_in_folder, load
from attnviz.text.lattice import Dictionary
from attnviz.training.blanks import Filled, fill_blanks
from attnviz.training.cards import table
from attnviz.training.corpus import ask_for_sentences
from attnviz.training.corpus import is_held_out as held_by_lab
from attnviz.training.folder import save_facts
from attnviz.training.lab.evaluate import found_starts, gold_words, segmentation_scores
from attnviz.training.readings.data import bare, read
from attnviz.training.readings.measure import bridge, failures, heads_of, measured, tables

LANGUAGES = {"zh": ("中文", "Chinese"), "en": ("英文（按字母）", "English by letter")}
COLUMNS = {
    "stretches": "歧义段 stretches",
    "held": "两头各持一读 held by two heads",
    "exact": "可逐字读出 read off exactly",
    "held_by_independent_heads": "若各头独立（持） if heads were independent, held",
    "exact_by_independent_heads": "若各头独立（读出） if independent, exact",
    "opposite": "倾向相反 lean of opposite signs",
    "clear_first": "有头明显偏第一读 clear, first",
    "clear_second": "有头明显偏第二读 clear, second",
}
BESIDE = (
    "held", "exact", "new held", "new exact", "outside", "opposite", "bridge", "masked", "f1", "en held", "en exact",
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """The sentences that training never saw, by language, what it saw as plain characters, and the words."""

    sentences: Mapping[str, Sequence[str]]
    seen: Mapping[str, str]


def held_out(files: Mapping[str, Path]) -> Held:
    """Both files, split as the training split them."""
    both = {language: read(path) for language, path in files.items()}
    return Held(
        {language: held for language, (_, held) in both.items()},
        {language: "\n".join(map(bare, taught)) for language, (taught, _) in both.items()},
    )


def measure(name: str, held: Held, *, most: int | None = None) -> dict[str, Any]:
    """Every figure of one folder, as figures.json keeps it; of the first `most` sentences alone where given."""
    folder, model = built_in_folder(name), load(name)
    words = Dictionary.of(json.loads((folder / "words.json").read_text(encoding="utf-8")))
    figures: dict[str, Any] = {}
    for language, sentences in held.sentences.items():
        found, outside = measured(model, sentences[:most], words, held.seen[language])
        crossing = [one for one in found if one.stretch.kind == "crossing"]
        figures[language] = {
            "tables": tables(found),
            "outside": outside.right / outside.pairs,
            "heads": heads_of(crossing),
            "failures": failures(found),
        }
    heads, holds = bridge(model)
    figures["bridge"] = {"heads": heads, "both": holds}
    common = {language: [s for s in texts if held_by_lab(s)] for language, texts in held.sentences.items()}
    filled = {language: fill_blanks(model, texts) for language, texts in common.items()}
    figures["masked"] = {language: one.first / one.blanks for language, one in filled.items()}
    both = sum(filled.values(), Filled(0, 0, 0))
    figures["masked"]["both"] = both.first / both.blanks
    gold = gold_words(common["zh"], "zh")
    figures["boundary_f1_jieba"] = segmentation_scores(found_starts(model, gold.texts), gold)["boundary"].f1
    return figures


def summary(figures: Mapping[str, Any]) -> dict[str, float]:
    """One run in a line of the table of runs."""
    zh, en = figures["zh"], figures["en"]["tables"]["all"]
    return {
        "held": zh["tables"]["all"]["held"], "exact": zh["tables"]["all"]["exact"],
        "new held": zh["tables"]["new"].get("held", 0.0), "new exact": zh["tables"]["new"].get("exact", 0.0),
        "outside": zh["outside"], "opposite": zh["tables"]["all"]["opposite"],
        "bridge": float(figures["bridge"]["both"]), "masked": figures["masked"]["zh"],
        "f1": figures["boundary_f1_jieba"],
        "en held": en["held"], "en exact": en["exact"],
    }  # fmt: skip


def group_table(groups: Mapping[str, Mapping[str, float]]) -> str:
    """A row a group of stretches."""
    rows = [
        (name, *(_said(key, figures[key]) if key in figures else "" for key in COLUMNS))
        for name, figures in groups.items()
        if figures["stretches"]
    ]
    return table(("组 group", *COLUMNS.values()), rows)


def _said(key: str, value: float) -> str:
    return str(int(value)) if key == "stretches" else f"{value:.3f}"


def parts(figures: Mapping[str, Any]) -> list[str]:
    """All tables of the card, in Markdown."""
    made = []
    for language, (zh, en) in LANGUAGES.items():
        one = figures[language]
        heads = [
            (str(n), *(f"{h[key]:.3f}" for key in ("first", "second", "fits_first", "fits_second")))
            for n, h in enumerate(one["heads"])
        ]
        titles = (
            "头 head",
            "读出第一读 spells first",
            "读出第二读 second",
            "合第一读 2 nats fits first",
            "合第二读 second",
        )
        made += [f"### {zh} {en}", group_table(one["tables"])]
        made += [f"段外判断正确 right outside the stretches: **{one['outside']:.3f}**", table(titles, heads)]
        failed = [
            (f["text"], f"{'/'.join(f['first'])} · {'/'.join(f['second'])}", " · ".join(f["heads"]))
            for f in one["failures"]
        ]
        made.append(table(("失败例 failure", "两种读法 readings", "各头 the heads"), failed))
    bridge_of = figures["bridge"]
    made.append(
        "### 南京市长江大桥\n\n"
        + table([f"头 {number}" for number in range(len(bridge_of["heads"]))], [bridge_of["heads"]])
    )
    if figures.get("beside"):
        made += ["### 其他训练 Other runs", table(("", *BESIDE), beside_rows(figures["beside"]))]
    return made


def beside_rows(runs: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    """A row a run; and of runs that differ in their seed alone (name #31) the mean and the deviation.

    A figure that was not measured is a dash.

    >>> beside_rows({"two #1": dict.fromkeys(BESIDE, 0.5), "two #2": dict.fromkeys(BESIDE, 0.7)})[-1][:2]
    ('two, 2 seeds', '0.600 ± 0.141')
    """
    rows = [(name, *(f"{one[key]:.3f}" if key in one else "–" for key in BESIDE)) for name, one in runs.items()]
    for kind in dict.fromkeys(name.split(" #")[0] for name in runs):
        alike = [one for name, one in runs.items() if name.startswith(f"{kind} #")]
        if len(alike) > 1:
            rows.append((f"{kind}, {len(alike)} seeds", *(_spread([one.get(key) for one in alike]) for key in BESIDE)))
    return rows


def _spread(values: Sequence[float | None]) -> str:
    """The mean and the deviation, a dash where one was not measured."""
    known = [one for one in values if one is not None]
    return f"{fmean(known):.3f} ± {stdev(known):.3f}" if len(known) == len(values) else "–"


def card(figures: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    """The whole README.md."""
    results = [
        EvalResult(
            task_type="fill-mask" if name.startswith("masked") else "token-classification",
            dataset_type="common_voice_sentences",
            dataset_name="Common Voice sentences (Mozilla, CC0 1.0), held out",
            metric_type=name,
            metric_name=title,
            metric_value=round(value, 4),
        )
        for name, title, value in named(figures)
    ]
    data = ModelCardData(
        language=["zh", "en"], license="mit", library_name="transformers", pipeline_tag="fill-mask",
        tags=["attention", "word-segmentation"], model_name="attnviz lab-readings", eval_results=results,
    )  # fmt: skip
    text = Path(__file__).with_name("readings").joinpath("card.md").read_text(encoding="utf-8")
    for key in ("steps", "tokens_a_step", "seconds"):
        text = text.replace("{" + key + "}", f"{recipe[key]:,}")
    return f"---\n{data.to_yaml().strip()}\n---\n\n{text}\n" + "\n\n".join(parts(figures)) + "\n"


def named(figures: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """The figures that the card's index names."""
    found = [("boundary_f1_jieba", "word-begin F1 against jieba", figures["boundary_f1_jieba"])]
    for language, (_, name) in LANGUAGES.items():
        one = figures[language]
        found.append((f"masked_accuracy_{language}", f"masked-token accuracy, {name}", figures["masked"][language]))
        found.append((f"outside_{language}", f"right outside the stretches, {name}", one["outside"]))
        for group in ("all", "new"):
            for key in ("held", "exact"):
                title = f"both readings {key}, {name}, {group} stretches"
                found.append((f"{key}_{group}_{language}", title, one["tables"][group].get(key, 0.0)))
    return found


def main() -> None:
    """Read the arguments, print, and write the card when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="lab-readings or a folder")
    ask_for_sentences(parser)
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=FOLDER", help="another run")
    parser.add_argument("--most", type=int, help="only the first so many held-out sentences, for a quick look")
    parser.add_argument("--write", action="store_true", help="write figures.json and README.md into the folder")
    given = parser.parse_args()
    torch.set_num_threads(1)
    held = held_out({"zh": given.zh, "en": given.en})
    folder = built_in_folder(given.model)
    figures = measure(given.model, held, most=given.most)
    before = folder / "figures.json"
    kept = json.loads(before.read_text(encoding="utf-8")).get("beside", {}) if before.exists() else {}
    for one in given.beside:
        name, _, other = one.partition("=")
        same = other == given.model
        kept[name] = summary(figures if same else measure(other, held, most=given.most))
    figures["beside"] = kept
    for name, _, value in named(figures):
        print(f"{name:28} {value:.4f}")
    print("\n\n".join(parts(figures)))
    if given.write:
        save_facts(folder, figures=figures)
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        ModelCard(card(figures, recipe)).save(folder / "README.md")


if __name__ == "__main__":
    main()
