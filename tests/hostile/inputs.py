"""What strangers send: links of every page, files that are brought, and all that `tests.fuzz` makes."""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import strategies as st

from attnviz.ui import registry
from tests.fuzz import names, outcome, strategies
from tests.hostile import sent

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
VALUES = st.one_of(HOSTILE, HOSTILE, st.text(max_size=30), st.integers().map(str), st.floats().map(str))
FILES = st.sampled_from(["png", "jpeg", "gif", "bmp", "wav", "flac", "csv", "gml", "json", "npz", "txt"])


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
    kind = draw(FILES)
    changed = draw(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=6))
    share, more = draw(st.sampled_from([1.0, 1.0, 0.5, 0.02])), draw(st.binary(max_size=20))
    return f"brought({kind!r}, {share}, {changed!r}, {more!r})"


def inputs() -> Any:
    """Any input: four in ten a link, two a file, the others of `tests.fuzz`, half of them damaged folders."""
    asked = [links(), links(), links(), links(), uploads(), uploads(), strategies.inputs(), strategies.inputs(),
             strategies.damaged(), strategies.damaged()]  # fmt: skip
    return st.integers(0, len(asked) - 1).flatmap(lambda number: asked[number])


def prepare() -> None:
    """Before the limits hold: what pages need is there, and whoever looks for a foreign host is heard."""
    outcome.CPU, outcome.WALL = CPU, WALL
    names.NAMES |= {"link": sent.link, "brought": sent.brought}
    sys.addaudithook(sent.hear)
    for page in SCREENS:
        sent.link(page, False, {})
