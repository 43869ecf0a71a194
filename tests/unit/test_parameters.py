"""How many things a function may be told: what needs more than six has an object without a name.

The library's public functions may take more, since people write their names, and so may a system's methods; so may the
one function that transformers calls, whose signature is not ours.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import FunctionType, ModuleType

import attnviz
from attnviz import export, figures

ROOT = Path(attnviz.__file__).parents[1]
MOST = 6
PLACES = ("attnviz", "pages", "benchmarks", "app.py")
CALLED_BY_TRANSFORMERS = {("attnviz/adapter/registered.py", "_attention")}
METHODS_OF_A_SYSTEM = {
    ("attnviz/systems/acting/system.py", "play"),
    ("attnviz/systems/acting/deciding.py", "play"),
}  # what people call on what `load` gave them


def public(*rooms: ModuleType) -> set[tuple[str, str]]:
    """File and name of every function that these rooms hand out."""
    found = [getattr(room, name) for room in rooms for name in room.__all__]
    functions = [inspect.unwrap(one) for one in found if isinstance(inspect.unwrap(one), FunctionType)]
    return {(Path(one.__code__.co_filename).resolve().relative_to(ROOT).as_posix(), one.__name__) for one in functions}


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """What a function is told, less the object it belongs to."""
    told = function.args
    every = [*told.posonlyargs, *told.args, *([told.vararg] if told.vararg else []), *told.kwonlyargs]
    return [one.arg for one in every if one.arg not in ("self", "cls")]


def crowded(source: str) -> list[tuple[str, int, int]]:
    """Name, line and number of parameters of every function that has too many."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [(node.name, node.lineno, len(parameters(node))) for node in nodes if len(parameters(node)) > MOST]


def test_no_function_but_the_public_ones_is_told_more_than_six_things() -> None:
    exempt = public(attnviz, figures, export) | CALLED_BY_TRANSFORMERS | METHODS_OF_A_SYSTEM
    files = [
        path
        for place in PLACES
        for path in ([ROOT / place] if place.endswith(".py") else ROOT.glob(f"{place}/**/*.py"))
    ]
    assert len(files) > 100, "found almost no source: is ROOT right?"
    found = [
        f"{name}:{line} {function} takes {count}, at most {MOST}"
        for path in files
        for name in [path.relative_to(ROOT).as_posix()]
        for function, line, count in crowded(path.read_text(encoding="utf-8"))
        if (name, function) not in exempt
    ]
    assert not found, "\n" + "\n".join(found)


def test_what_is_public_is_what_people_call() -> None:
    names = {name for _, name in public(attnviz, figures, export)}
    assert names >= {
        "attend",
        "record",
        "generate",
        "load",
        "heatmap",
        "grid",
        "tokens",
        "lines",
        "bars",
        "csv",
        "html",
    }
    assert not names & {"paint_head", "reader_data", "_attention", "overview"}


def test_a_crowded_function_is_found() -> None:
    six = "a, b, /, c, *, d, e, f"
    assert crowded(f"def f({six}): ...\nclass C:\n    def g(self, {six}): ...") == []
    assert crowded(f"async def f({six}, g): ...") == [("f", 1, 7)] == crowded("def f(a, b, c, d, e, f, *g): ...")
