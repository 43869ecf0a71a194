"""README's words are true: its library example runs, its picture exists, its commands are in the Makefile."""

from __future__ import annotations

import re
from pathlib import Path

import plotly.graph_objects as go
import pytest

from tests.rules import kinds

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_library_example_runs_and_gives_what_it_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    names: dict[str, object] = {}
    checked = 0
    for statement in re.split(r"\n(?=\S)", code.strip()):
        line, _, said = statement.partition("  # ")
        try:
            value = eval(line, names)
        except SyntaxError:
            exec(line, names)
            continue
        if said.startswith(("['", "(")):
            assert repr(value) == said
            checked += 1
        if "figures" in line:
            assert isinstance(value, go.Figure)
            checked += 1
    assert checked == 5


def test_readme_names_every_rule() -> None:
    said = README.split("\nRules:")[1].split("\n\n")[0]
    assert [kind.__name__ for kind in kinds() if f"`{kind.__name__}(" not in said] == []


@pytest.mark.parametrize("target", ["app", "test", "bench"])
def test_every_make_target_that_readme_names_exists(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)


def test_the_pictures_that_readme_shows_are_in_the_repository() -> None:
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_readme_speaks_chinese_and_english() -> None:
    start = README[:1200]
    assert "See what attention does" in start
    assert "让注意力看得见" in start
