"""Run the notebooks under `examples/` as a notebook would, without one; as a command, write what they give into them.

    python -m tests.unit.notebook.examples

Jupyter's own runner (nbclient, with ipykernel, pyzmq and 20 more packages) would be a large thing to install for two
notebooks of plain Python.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "examples"


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def run(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The outputs of each cell of code, in Jupyter's form."""
    names: dict[str, Any] = {}
    codes = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [outputs("".join(cell["source"]), names, number) for number, cell in enumerate(codes, 1)]


def outputs(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """What one cell prints, and its last line where that is something."""
    *statements, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        statements.append(last)
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(statements, []), "<cell>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    found: list[dict[str, Any]] = []
    if said := printed.getvalue():
        found.append({"output_type": "stream", "name": "stdout", "text": said.splitlines(keepends=True)})
    if value is not None:
        found.append(
            {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": bundle(value)}
        )
    return found


def bundle(value: object) -> dict[str, list[str]]:
    """A value as Jupyter keeps it: as HTML where it has that, and as text."""
    html = value._repr_html_() if hasattr(value, "_repr_html_") else None
    forms = {"text/html": html, "text/plain": repr(value)}
    return {kind: text.splitlines(keepends=True) for kind, text in forms.items() if text is not None}


def main() -> None:
    """Write the outputs into the notebooks; what cells write themselves goes to a folder that is thrown away."""
    import tempfile

    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = read(path)
        with tempfile.TemporaryDirectory() as away, contextlib.chdir(away):
            found = run(notebook)
        codes = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        for number, (cell, given) in enumerate(zip(codes, found, strict=True), 1):
            cell.update(execution_count=number, outputs=given)
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
