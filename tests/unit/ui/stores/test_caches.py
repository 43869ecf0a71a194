"""Nothing in the app is kept without a bound: what is large goes into a store that is bounded in bytes, and every other
cache says beside its decorator how many bytes it can hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[4]
CACHES = {"cache", "lru_cache", "cache_data", "cache_resource"}
SAID = re.compile(r"#.*(\d|bounded in) ?(bytes|kB|MB)")


def decorators(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Each decorator that caches, with the last of its names."""
    for node in ast.walk(tree):
        for one in getattr(node, "decorator_list", ()):
            name = ast.unparse(one.func if isinstance(one, ast.Call) else one).rpartition(".")[2]
            if name in CACHES:
                yield one, name


def unbounded(source: str) -> list[str]:
    """The caches of a file that do not say how many bytes they can hold, or have no bound in entries."""
    lines, found = source.splitlines(), []
    for one, name in decorators(ast.parse(source)):
        line = lines[(one.end_lineno or one.lineno) - 1]
        bounds = {word.arg for word in one.keywords} if isinstance(one, ast.Call) else set()
        entries = name == "cache" or bounds & {"max_entries", "maxsize"} or "()" in following(lines, one.lineno)
        if not SAID.search(line) or not entries:
            found.append(f"{one.lineno}: {line.strip()}")
    return found


def following(lines: list[str], number: int) -> str:
    """The first line of the function under a decorator."""
    return next(line for line in lines[number:] if line.startswith("def "))


def test_every_cache_of_the_app_is_bounded_and_says_by_how_many_bytes() -> None:
    files = [*(ROOT / "attnviz" / "ui").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"]
    seen = [f"{path.relative_to(ROOT)}:{line}" for path in files for line in unbounded(path.read_text("utf-8"))]
    assert len(files) > 30 and not seen, "\n".join(seen)


def test_a_cache_that_says_nothing_is_found() -> None:
    body = "\ndef f(x):\n    return x\n"
    assert unbounded("import streamlit as st\n@st.cache_resource(max_entries=24)" + body)
    assert unbounded("@st.cache_data  # small: 3 kB" + body), "no bound in entries"
    assert unbounded("from functools import cache\n@cache" + body)
    assert not unbounded("@st.cache_data(max_entries=24)  # a number: 24 bytes" + body)


def test_no_module_of_the_app_keeps_what_its_functions_make_in_a_dictionary_of_its_own() -> None:
    found = []
    for path in (ROOT / "attnviz" / "ui").rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            value = getattr(node, "value", None)
            if isinstance(value, ast.Call) and ast.unparse(value.func) in ("dict", "OrderedDict", "list", "set"):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            if isinstance(value, ast.Dict | ast.List | ast.Set) and not ast.unparse(value).strip("{}[] "):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found, "\n".join(found)
