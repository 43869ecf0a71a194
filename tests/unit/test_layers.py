"""The arrows of ARCHITECTURE.md, read off the imports with `ast`; and how long a file and a function may be.

An import counts wherever it stands: at the top, inside a function, under TYPE_CHECKING, or as `import_module("name")`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
MOST_MODULES = 15  # in a folder, its __init__.py not counted
PLACES = ("attnviz", "benchmarks", "pages", "tests")

# An arrow points down or sideways, never up. Everything in a row stands on the same floor.
FLOORS = (
    ("doors", "errors", "guard", "messages", "notices", "settings", "shipped", "threads", "turns"),
    ("core",),
    ("axes",),
    ("pictures", "sounds", "text"),
    ("saved", "answers", "units"),
    ("selection", "trace"),
    ("adapter", "figures", "measures"),
    ("models", "export"),
    ("systems",),
    ("recording", "notebook"),
    ("experiments",),
    ("ui", "training"),  # neither may know the other
    ("app", "pages", "commands"),
    ("__main__",),
)
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}
FLOOR[""] = FLOOR["experiments"]  # attnviz itself hands out names of up to this floor


@dataclass(frozen=True)
class Import:
    """One imported module, `from a import b` counting as `a.b`; `typing` where it stands under TYPE_CHECKING."""

    file: str
    line: int
    module: str
    typing: bool

    def of(self, package: str) -> bool:
        """Is it `package` or something inside it?"""
        return self.module == package or self.module.startswith(f"{package}.")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def sources(*places: str) -> list[Path]:
    """Every Python file under these files and folders of the repository; those that are absent hold none."""
    found = [ROOT / place for place in places]
    return [path for top in found for path in (sorted(top.rglob("*.py")) if top.is_dir() else [top]) if path.is_file()]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part_of(path: Path) -> str:
    """What the floors call a file: `rules`, `ui` for attnviz/ui/kit/charts.py, `pages`, `app`; "" for attnviz."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] != "attnviz":
        return parts[0]
    return "" if parts[1] == "__init__" else parts[1]


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file's syntax tree, which a dozen tests walk through."""
    return tuple(ast.walk(parsed(path)))


@cache
def imports(path: Path) -> tuple[Import, ...]:
    typing_only = {
        id(inner)
        for node in nodes(path)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    return tuple(
        Import(name_of(path), node.lineno, module, id(node) in typing_only)
        for node in nodes(path)
        if isinstance(node, ast.stmt | ast.expr)
        for module in modules(node, path)
    )


def modules(node: ast.stmt | ast.expr, path: Path) -> list[str]:
    """The modules that one node of the syntax tree imports, with full names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        folder = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
        base = ".".join([*folder, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
        return [a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return []


def all_imports(*places: str) -> list[Import]:
    return [found for path in sources(*places) for found in imports(path)]


def goal_of(found: Import) -> str | None:
    """Which part of the house an import points at; None for a library."""
    if found.of("attnviz"):
        part = found.module.removeprefix("attnviz").removeprefix(".").split(".")[0]
        return part if part in FLOOR else ""  # `from attnviz import attend` names no part
    top = found.module.split(".")[0]
    return top if top in ("app", "pages") else None


def nothing(found: Sequence[object]) -> None:
    assert not found, "\n" + "\n".join(map(str, found))


def test_every_part_has_a_floor() -> None:
    files = sources("attnviz", "pages", "app.py")
    assert len(files) > 10, "found almost no source: is ROOT right?"
    nothing([name_of(path) for path in files if part_of(path) not in FLOOR])


def test_arrows_point_down() -> None:
    files = [path for path in sources("attnviz", "pages", "app.py") if part_of(path) in FLOOR]
    nothing(
        [
            found
            for path in files
            for found in imports(path)
            if (goal := goal_of(found)) is not None and FLOOR[goal] > FLOOR[part_of(path)]
        ]
    )


def test_training_and_the_app_ignore_each_other() -> None:
    nothing([found for found in all_imports("attnviz/training") if goal_of(found) in ("ui", "app", "pages")])
    nothing([found for found in all_imports("attnviz/ui", "pages", "app.py") if goal_of(found) == "training"])


def test_figures_receive_no_model() -> None:
    nothing([f for f in all_imports("attnviz/figures") if goal_of(f) in ("adapter", "models", "recording", "systems")])


def test_what_draws_counts_or_exports_knows_no_kind_of_axis() -> None:
    kinds = (
        "Bands", "Beside", "Encoded", "Frames", "Illustrated", "Items", "Moments", "Nodes", "Patches", "Sentences",
        "Slots", "Spans", "Steps",
    )  # fmt: skip
    places = ("attnviz/figures", "attnviz/measures", "attnviz/export.py", "attnviz/ui/kit/charts.py")
    nothing([found for found in all_imports(*places) if found.module.split(".")[-1] in kinds])


def test_only_ui_app_and_pages_import_streamlit() -> None:
    nothing([f for f in all_imports("attnviz") if f.of("streamlit") and not f.file.startswith("attnviz/ui/")])


def test_only_figures_import_plotly() -> None:
    found = all_imports("attnviz", "pages", "app.py")
    nothing([f for f in found if f.of("plotly") and not f.file.startswith("attnviz/figures/")])


def test_systems_ignore_each_other_and_so_do_their_trainings() -> None:
    for place in ("attnviz/systems", "attnviz/training"):
        folders = {path.relative_to(ROOT / place).parts[0] for path in sources(place) if path.parent != ROOT / place}
        assert len(folders) > 3
        own = {name: f"{place}.{name}".replace("/", ".") for name in folders}
        nothing(
            [
                found
                for found in all_imports(place)
                for name in folders
                if found.of(own[name]) and Path(found.file).relative_to(place).parts[0] in folders - {name}
            ]
        )


def test_only_adapter_and_training_import_transformers() -> None:
    allowed = ("attnviz/adapter/", "attnviz/training/")
    opening = tuple(f"attnviz/models/{name}.py" for name in ("forecasting", "hearing", "load", "seeing"))
    types = ("attnviz/text/", "attnviz/systems/", *opening)
    nothing(
        [
            found
            for found in all_imports("attnviz", "pages", "app.py")
            if found.of("transformers")
            and not found.file.startswith(allowed)
            and not (found.typing and found.file.startswith(types))
        ]
    )


def test_pages_import_neither_torch_nor_plotly_nor_each_other() -> None:
    stems = {path.stem for path in sources("pages")} - {"__init__"}
    banned = ("torch", "plotly", "pages", "app", *sorted(stems))
    nothing([found for found in all_imports("pages") if any(found.of(name) for name in banned)])


def test_the_engine_starts_without_streamlit_and_transformers() -> None:
    code = (
        "import sys, attnviz as av; av.attend, av.load, av.record, av.Trace, av.TopK;"
        "print(*sorted({'streamlit', 'transformers', 'plotly'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("place", ["attnviz", "pages", "app.py", "tests"])
def test_no_file_is_too_long(place: str) -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(place)}
    nothing(
        [f"{name}: {lines} lines, at most {LONGEST_FILE}" for name, lines in lengths.items() if lines > LONGEST_FILE]
    )


@pytest.mark.parametrize("place", ["attnviz", "pages", "app.py", "tests"])
def test_no_function_is_too_long(place: str) -> None:
    nothing(
        [
            f"{name_of(path)}:{node.lineno} {node.name}: {lines} lines, at most {LONGEST_FUNCTION}"
            for path in sources(place)
            for node in nodes(path)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (lines := body_lines(node)) > LONGEST_FUNCTION
        ]
    )


def test_no_folder_is_crowded() -> None:
    folders = Counter(path.parent for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] in PLACES)
    assert len(folders) > 30, "found almost none: are the folders still there?"
    nothing([folder for folder, count in folders.items() if count - (folder / "__init__.py").exists() > MOST_MODULES])


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a body from its first statement after the docstring to its last, blank ones and comments counted."""
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0
