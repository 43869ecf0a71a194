"""Does the app's memory stay where it is, however much is asked for?

    make bench            # or: python -m benchmarks.memory [--sentences 200] [--runs 30] [--write]

Visits the pages in turn in one process, as so many people would (Streamlit's AppTest: a session of its own for each),
every visit with a sentence of its own; then a decoder of GPT-2's size with random weights, opened through the models
page, with so many texts of 1,024 tokens. The stores get little room, so that they are full early. Prints the resident
memory every 20 sentences and after every run, and how it grows once each store has begun to let go of something.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from streamlit.testing.v1 import AppTest

from attnviz.ui.pages.long.choices import sample
from attnviz.ui.stores.models import model_store
from attnviz.ui.stores.runs import traces
from attnviz.ui.stores.store import Store

ROOT = Path(__file__).parents[1]
EVERY = 20
TOKENS, VOCABULARY = 1024, 50_257
SMALL = {"runs": 60e6, "models": 45e6}  # bytes: room for the pages
LARGE = {"runs": 800e6, "models": 600e6}  # room for two traces of GPT-2 at 1,024 tokens, and for one such model
PATIENCE = 600  # seconds for a visit
# Every page by its name, with the short names under which its link carries the reader's words.
PAGES: dict[str, tuple[str, ...]] = {
    "attention": ("text",), "readings": (), "models": ("text",), "scaled": ("text",), "target": ("text",),
    "positions": ("text",), "translation": ("zh", "en"), "directions": ("text",), "hierarchical": ("text",),
    "sparse": ("text",), "limits": ("text",), "long": ("text",), "family": (), "lesson": ("text",), "seeing": (),
    "finding": (), "captions": (), "graphs": ("edges", "labels"), "hearing": (), "series": (), "choosing": (),
    "acting": (), "atlas": ("lines",), "compare": ("a", "b"), "grammar": (), "reasons": ("text",),
}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """The megabytes after so many visits: resident, in each store.

    `full` once the runs' store has let go of something, and that of models too or holds the one that all use.
    """

    visits: int
    resident: float
    runs: float
    models: float
    full: bool


def sentences() -> Iterator[str]:
    """Different sentences, Chinese and English by turns, from the texts that come with the project."""
    chinese = [one for one in re.split(r"(?<=[。！？])", sample("analects").replace("\n", "")) if 8 <= len(one) <= 60]
    english = [one.strip() for one in re.split(r"(?<=[.!?]) ", sample("alice").replace("\n", " "))]
    both = zip(chinese, (one for one in english if 20 <= len(one) <= 160), strict=False)
    yield from (one for pair in both for one in pair)


def visit(page: str, **link: str) -> AppTest:
    """A page, opened by a link in a session of its own. Ends the benchmark where it fails."""
    at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=PATIENCE)
    for name, value in link.items():
        at.query_params[name] = value
    at.run()
    if at.exception:
        sys.exit(f"{page} failed: {at.exception[0].value}")
    return at


def read_on(page: str, text: str) -> None:
    """One visit with that sentence; its words are typed where no link carries them."""
    lang = "en" if text.isascii() else "zh"
    at = visit(page, lang=lang, **dict.fromkeys(PAGES[page], text))
    if page == "readings":
        at.text_input(key="readings.text").set_value(text)
        at.run()


def point(number: int) -> Point:
    """Where the memory stands."""
    from attnviz.models import memory

    stores: tuple[Store, Store] = (traces(), model_store().store)
    runs, models = (store.bytes / 1e6 for store in stores)
    resident = memory.resident() / 1e6
    full = all(store.thrown or (store is stores[1] and len(store) == 1) for store in stores)
    return Point(number, round(resident, 1), round(runs, 1), round(models, 1), full)


def follow(visits: Iterator[Callable[[], object]], every: int, largest: dict[str, float]) -> list[Point]:
    """Make the visits and say where the memory stands; the stores have that much room."""
    stores = {"runs": traces(), "models": model_store().store}
    for name, store in stores.items():
        store.clear()
        store.room, store.thrown = int(largest[name]), 0
    found: list[Point] = []
    for number, make in enumerate(visits, 1):
        make()
        now = point(number)
        if number % every == 0 or (now.full and not any(one.full for one in found)):
            found.append(now)
            print(
                f"{now.visits:6d} visits {now.resident:9,.1f} MB resident, {now.runs:7.1f} MB of traces, "
                f"{now.models:7.1f} MB of models{', both full' if now.full else ''}", flush=True,
            )  # fmt: skip
    return found


def of_pages(count: int) -> Iterator[Callable[[], object]]:
    """So many visits, the pages in turn."""
    for page, text, _ in zip(cycle(PAGES), sentences(), range(count), strict=False):
        yield lambda page=page, text=text: read_on(page, text)


def of_gpt2(folder: Path, count: int) -> Iterator[Callable[[], object]]:
    """So many texts of 1,024 tokens for the model in that folder, each beginning elsewhere."""
    story = sample("alice").encode("ascii", "ignore").decode()
    for number in range(count):
        text = story[number * 700 : number * 700 + TOKENS + 100]
        yield lambda text=text: visit("models", lang="en", id=str(folder), text=text)


def save_gpt2(folder: Path, tokens: int = TOKENS) -> None:
    """GPT-2's sizes (12 layers, 12 heads, width 768) with random weights; a tokenizer to which a letter is a token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=tokens).save_pretrained(folder)
    GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=tokens)).save_pretrained(folder)


def growth(points: list[Point]) -> dict[str, float]:
    """From which visit on the stores were full, and how the memory grew from there to the end, in megabytes."""
    full = [one for one in points if one.full]
    if len(full) < 2:
        return {}
    rest = [one.resident for one in full]
    return {
        "full after visits": full[0].visits, "visits after": full[-1].visits - full[0].visits,
        "resident when full": rest[0], "resident at the end": rest[-1], "growth": round(rest[-1] - rest[0], 1),
        "largest after": max(rest),
    }  # fmt: skip


def measure(count: int, runs: int) -> dict[str, object]:
    """All figures."""
    found: dict[str, object] = {}
    start = time.monotonic()
    points = follow(of_pages(count), EVERY, SMALL)
    found["sentences"] = {"room MB": SMALL, "growth MB": growth(points), "points": [asdict(one) for one in points]}
    print(growth(points), f"{time.monotonic() - start:.0f} s", flush=True)
    if runs:
        with tempfile.TemporaryDirectory() as folder:
            save_gpt2(Path(folder))
            points = follow(of_gpt2(Path(folder), runs), 1, LARGE)
        found["GPT-2"] = {"room MB": LARGE, "growth MB": growth(points), "points": [asdict(one) for one in points]}
        print(growth(points), f"{time.monotonic() - start:.0f} s", flush=True)
    return found


def main() -> None:
    ask = argparse.ArgumentParser(description="Does the app's memory stay where it is?")
    ask.add_argument("--sentences", type=int, default=200)
    ask.add_argument("--runs", type=int, default=30)
    ask.add_argument("--write", action="store_true", help="keep the figures in benchmarks/memory.json")
    asked = ask.parse_args()
    logging.disable(logging.WARNING)  # a session without a server is what is meant
    figures = measure(asked.sentences, asked.runs)
    if asked.write:
        (Path(__file__).parent / "memory.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
