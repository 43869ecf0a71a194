"""What strangers send: links of every page, files that are brought, and all that `tests.fuzz` makes."""

from __future__ import annotations

import re
import sys
from typing import Any

from hypothesis import strategies as st

from attnviz.ui import registry
from tests.fuzz import names, outcome, strategies
from tests.hostile import files, parts, sent

CPU, WALL = 10.0, 60.0  # seconds of work that an input may take, and by the clock of a busy machine
SCREENS = {screen.name: sorted(param.name for param in screen.params.values()) for screen in registry.screens()}
HOSTILE = st.sampled_from(
    ["/etc/passwd", "/dev/zero", "/proc/self/environ", "..", "~", "$HOME", "file:///etc/passwd", "http://10.0.0.1/x",
     "https://evil.example/a.png", "//evil.example", "![x](https://evil.example/x.png)", "<img src=//evil.example/x>",
     "<script>alert(1)</script>", "'\"><svg onload=alert(1)>", "=1+1", "@SUM(A1)", "$$\\input{/x}$$", ":red[x]",
     "nan", "inf", "-1", "1e309", "99999999999999999999", "0x10", "\x00", "\u202e", "\ud7ff" * 40, "a" * 20_000,
     "(" * 3_000, "[MASK]" * 400, "lab-4", "lab-1", "gpt2", "google-bert/bert-base-chinese@main", "1,2,3", "0.0",
     "-1.1;1>2",
     "\\", "{x}", "%s%n", "None", "true", "中" * 3_000, "👩‍👩‍👧‍👦" * 50]
)  # fmt: skip
CELLS = st.sampled_from(
    ["2014-01-01", "2014-01-01 03:00", "0001-01-01", "9999-12-31T23:59:59", "2014-02-30", "1e5", "1,5", "1.234,5", "-0",
     "1e400", "--", "->", "a-b", "a->a", "root", "nsubj", "1-2", "1.1", "0", "1", "2", "_", "", " ", "a", "b", "甲",
     '"', "'", "\u2028", "\ufeff", "time", "value", "null", "{", "["]
)  # fmt: skip
BETWEEN = (",", ";", "\t", " ", "-", "->", ":", "=", "|", "")
ENCODINGS = ("utf-8", "utf-16", "utf-8-sig", "gb18030", "latin-1", "utf-32")
NAMES = {"link": sent.link, "brought": files.brought, "written": files.written}
VALUES = st.one_of(HOSTILE, HOSTILE, st.text(max_size=30), st.integers().map(str), st.floats().map(str))


@st.composite
def links(draw: Any) -> str:
    """A page with up to five of its choices named in the link."""
    page = draw(st.sampled_from(sorted(SCREENS)))
    chosen = draw(st.lists(st.sampled_from(SCREENS[page] or ["lang"]), max_size=5, unique=True))
    said = {name: draw(VALUES) for name in chosen}
    return f"link({page!r}, {draw(st.booleans())}, {said!a})"


@st.composite
def uploads(draw: Any) -> str:
    """A file that is brought: one that is whole, cut, with bytes changed, or anything."""
    kind = draw(st.sampled_from(files.KINDS))
    changed = draw(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=6))
    share, more = draw(st.one_of(st.just(1.0), st.floats(0, 1))), draw(st.binary(max_size=20))
    return f"brought({kind!r}, {share}, {changed!r}, {more!r})"


@st.composite
def texts(draw: Any) -> str:
    """A text that is brought or typed: cells parted in any way, or one that is right with some of its words changed."""
    kind = draw(st.sampled_from(files.TEXTS + files.HEADS[1:]))
    cell = st.one_of(CELLS, CELLS, HOSTILE, st.integers().map(str), st.floats().map(str), st.text(max_size=6))
    if draw(st.booleans()):
        between, after = draw(st.sampled_from(BETWEEN)), draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", ""]))
        rows = draw(st.lists(st.lists(cell, max_size=6), max_size=12))
        said = after.join(between.join(row) for row in rows)
    else:
        words = re.split(r"([\t,\n:=\"-])", files.whole(kind).decode("utf-8", "replace"))
        for place, word in draw(st.lists(st.tuples(st.integers(0, len(words) - 1), cell), min_size=1, max_size=5)):
            words[place] = word
        said = "".join(words)
    return f"written({kind!r}, {said!a}, {draw(st.sampled_from(ENCODINGS))!r})"


@st.composite
def tokenizers(draw: Any) -> str:
    """A folder whose tokenizer does something else: parts of every kind that there is, with any numbers and texts."""
    name = draw(st.sampled_from(["bert", "gpt2", "llama", "t5", "bart"]))
    made = draw(st.lists(st.one_of(parts.each()), min_size=1, max_size=3))
    said = ", ".join(f"said('tokenizer.json', {part!r}, {value!a})" for part, value in made)
    return f"opened(folder({name!r}, {said}))"


def inputs() -> Any:
    """Any input: a third links, a quarter files and texts that are brought, a quarter damaged folders, and calls."""
    asked = [links(), links(), links(), links(), uploads(), texts(), texts(), tokenizers(), strategies.damaged(),
             strategies.damaged(), strategies.inputs(), strategies.inputs()]  # fmt: skip
    return st.integers(0, len(asked) - 1).flatmap(lambda number: asked[number])


def prepare() -> None:
    """Before the limits hold: what pages need is there, and whoever looks for a foreign host is heard."""
    outcome.CPU, outcome.WALL = CPU, WALL
    names.NAMES |= NAMES
    sys.addaudithook(sent.hear)
    for kind in files.KINDS:
        files.brought(kind, 1.0, [], b"")
    for page in SCREENS:
        sent.link(page, False, {})
