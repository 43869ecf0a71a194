"""README's words are true: its library example runs, its picture exists, its commands are in the Makefile."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest

from attnviz.ui import registry
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


@pytest.mark.parametrize("target", ["app", "test", "bench", "docs"])
def test_every_make_target_that_readme_names_exists(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)


def test_the_pictures_that_readme_shows_are_in_the_repository() -> None:
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_every_address_of_the_models_page_in_readme_says_what_the_page_asks() -> None:
    """Model cards carry such addresses: the page's name and `id`, `text`, `lang` may never change."""
    addresses = [urlsplit(one) for one in re.findall(r"https?://localhost:8501/[^\s)\"]+", README)]
    assert len(addresses) >= 3
    params = {screen.name: screen.params for screen in registry.screens()}["models"]
    assert {"id", "text", "lang"} <= {param.name for param in params.values()}
    for address in addresses:
        assert address.path == "/models"
        said = dict(parse_qsl(address.query))
        assert list(said) == ["id", "text"] and said["text"] in ("TEXT", "南京市长江大桥")


def test_the_badge_is_small_fetches_nothing_and_says_what_it_is() -> None:
    badge = ElementTree.fromstring((ROOT / "docs" / "badge.svg").read_text(encoding="utf-8"))
    whole = ElementTree.tostring(badge, encoding="unicode")
    assert len(whole) < 2_000 and badge.get("role") == "img"
    assert whole.count("http") == 1, "the namespace alone"
    assert not re.search(r"<(?:\w+:)?(?:script|image|use|foreignObject|style)|href|@import|url\((?!#)", whole)
    name, parts = badge.get("aria-label") or "", [one.text or "" for one in badge.iter() if one.tag.endswith("}text")]
    assert name == ": ".join(parts) == badge.findtext("{http://www.w3.org/2000/svg}title")
    assert f"[![{name}](docs/badge.svg)]" in README and f'<img src="badge.svg" alt="{name}">' in README


def test_readme_speaks_chinese_and_english() -> None:
    start = README[:1200]
    assert "See what attention does" in start
    assert "让注意力看得见" in start
