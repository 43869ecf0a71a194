"""What `import attnviz` offers, and what it leaves unloaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import attnviz

ROOT = Path(attnviz.__file__).parents[1]
HEAVY = ("streamlit", "transformers", "torch", "plotly", "numpy")


def loaded_by(statement: str) -> set[str]:
    """Which of HEAVY does a fresh Python hold after one statement?"""
    program = f"import sys; {statement}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_importing_attnviz_loads_nothing_heavy() -> None:
    assert loaded_by("import attnviz") == set()


def test_importing_attend_loads_torch_but_neither_streamlit_nor_transformers_nor_plotly() -> None:
    found = loaded_by("from attnviz.core.attention import attend")
    assert "torch" in found
    assert not found & {"streamlit", "transformers", "plotly"}


def test_public_names_are_sorted_and_listed_once() -> None:
    assert attnviz.__all__ == sorted(set(attnviz.__all__))
    assert dir(attnviz) == attnviz.__all__


def test_public_names_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(attnviz.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = [alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen) == attnviz.__all__


@pytest.mark.parametrize("name", attnviz.__all__)
def test_public_name_can_be_imported(name: str) -> None:
    found = getattr(attnviz, name)
    if isinstance(found, ModuleType):
        assert found is import_module(found.__name__)
        assert found.__name__.startswith("attnviz.") and found.__name__.endswith(f".{name}")
    else:
        assert found.__name__ == name
        assert found.__doc__


@pytest.mark.parametrize("module", ["core.attention", "errors", "core.interventions", "core.rules", "trace"])
def test_engine_module_keeps_no_public_class_to_itself(module: str) -> None:
    home = import_module(f"attnviz.{module}")
    classes = {value for value in vars(home).values() if isinstance(value, type) and value.__module__ == home.__name__}
    assert {kind.__name__ for kind in classes if not kind.__name__.startswith("_")} <= set(attnviz.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        attnviz.nonsense  # noqa: B018
