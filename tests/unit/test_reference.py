"""The reference that `make docs` writes has every public name, and every example in it runs."""

from __future__ import annotations

import doctest
import html
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import attnviz

ROOT = Path(__file__).parents[2]
ROOMS = {name: one for name in attnviz.__all__ if isinstance(one := getattr(attnviz, name), ModuleType)}
NAMES = {name: getattr(attnviz, name) for name in attnviz.__all__ if name not in ROOMS}


def own(room: ModuleType) -> dict[str, object]:
    """The public names of a room that are ours: Plotly documents its `Figure` itself."""
    names = getattr(room, "__all__", None) or [
        name for name, one in vars(room).items() if name[0] != "_" and getattr(one, "__module__", "") == room.__name__
    ]
    found = {name: getattr(room, name) for name in names}
    return {name: one for name, one in found.items() if not getattr(one, "__module__", "").startswith("plotly")}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every page by its path, made by the command that `make docs` calls."""
    place = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "docs.reference", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {path.relative_to(place).as_posix(): path.read_text(encoding="utf-8") for path in place.rglob("*.html")}


def words(page: str) -> str:
    """What a page says, without its marks and its line breaks."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page)))


def first_line(documented: object) -> str:
    """The first line of a docstring, as a page says it."""
    return (documented.__doc__ or "").strip().split("\n")[0].replace("`", "")


def test_every_public_name_has_its_place_and_its_words(pages: dict[str, str]) -> None:
    said = words(pages["attnviz.html"])
    for name, one in NAMES.items():
        assert f'id="{name}"' in pages["attnviz.html"], name
        assert first_line(one) and first_line(one) in said, name
    assert "ATTNVIZ_MODELS_MB" in said  # the settings of the app stand below


def test_every_room_has_a_page_with_all_its_names_and_is_reached_from_the_first(pages: dict[str, str]) -> None:
    assert ROOMS.keys() >= {"axes", "export", "figures", "masks", "measures", "similarity"}
    for room in ROOMS.values():
        page = f"{room.__name__.replace('.', '/')}.html"
        assert f'href="{page}"' in pages["attnviz.html"], room
        assert own(room) and not [name for name in own(room) if f'id="{name}"' not in pages[page]], room


def test_pages_are_of_public_names_alone_and_ask_no_other_machine(pages: dict[str, str]) -> None:
    expected = {f"{room.__name__.replace('.', '/')}.html" for room in ROOMS.values()}
    assert pages.keys() == expected | {"attnviz.html", "index.html"}
    for page in pages.values():
        assert not re.search(r"<(?:script|img|iframe)[^>]+src=.?https?:|<link[^>]+href=.?https?:|url\(.?https?:", page)
        assert str(ROOT) not in page and str(Path.home()) not in page.replace('"/"', "")


def examples() -> Iterator[doctest.DocTest]:
    """Every example in the docstring of a public name, or of one of its methods, once."""
    finder, seen = doctest.DocTestFinder(exclude_empty=True), set()
    for name, one in [*NAMES.items(), *(pair for room in ROOMS.values() for pair in own(room).items())]:
        module = import_module(getattr(one, "__module__", None) or "attnviz")
        for test in finder.find(one, name, module) if callable(one) and module.__name__ != "typing" else []:
            if (key := (test.filename, test.lineno)) not in seen and test.examples:
                seen.add(key)
                yield test


EXAMPLES = list(examples())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.name))
def test_every_example_runs(example: doctest.DocTest) -> None:
    told: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=told.append)
    assert result.attempted > 0 and result.failed == 0, "".join(told)


def test_every_example_is_shown(pages: dict[str, str]) -> None:
    assert len(EXAMPLES) > 20
    said = words("".join(pages.values()))
    missing = [one.source for test in EXAMPLES for one in test.examples if " ".join(one.source.split()) not in said]
    assert not [source for source in missing if "\n" not in source.strip()]  # lines that go on stand behind "..."
