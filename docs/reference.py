"""Write the library's reference from its docstrings: `python -m docs.reference [FOLDER]`, which `make docs` calls.

One page for the public names and one for each public room. Nothing in the pages is fetched from elsewhere.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType

import pdoc

import attnviz
from attnviz import settings

FOLDER = Path("build/docs")


def rooms() -> list[ModuleType]:
    """The modules that `attnviz` hands out beside its names: figures, measures, export, ..."""
    return [one for one in map(attnviz.__getattr__, attnviz.__all__) if isinstance(one, ModuleType)]


def specifications() -> list[str]:
    """What pdoc is to write about: the package and its public rooms, without the modules inside them."""
    named = ["attnviz", "!attnviz[.]"]
    for room in rooms():
        named += [room.__name__, f"!{room.__name__}[.]"]
    return named


def ours(room: ModuleType, name: str) -> bool:
    """Is it our own? Plotly's `Figure`, which `figures` hands on, would take a thousand methods along."""
    return not str(getattr(getattr(room, name), "__module__", "")).startswith("plotly")


def table() -> str:
    """The rooms as a list of links, since pdoc lists those alone that lie directly in the package."""
    pages = {room.__name__.split(".")[-1]: f"{room.__name__.replace('.', '/')}.html" for room in rooms()}
    first = {room.__name__.split(".")[-1]: (room.__doc__ or "").split("\n")[0] for room in rooms()}
    return "\n".join(f"* [`av.{name}`]({page}): {first[name]}" for name, page in pages.items())


def write(folder: Path) -> list[Path]:
    """Write the pages; which ones. A warning of pdoc (a name that it cannot find, a page written twice) is an error."""
    vars(attnviz).update({name: getattr(attnviz, name) for name in attnviz.__all__})  # found when used: pdoc looks
    for room in (room for room in rooms() if hasattr(room, "__all__")):
        vars(room)["__all__"] = [name for name in room.__all__ if ours(room, name)]
    attnviz.__doc__ = f"{attnviz.__doc__}\n{table()}\n\n## Settings of the app\n\n{settings.written('en')}\n"
    pdoc.render.configure(docformat="markdown", show_source=False, footer_text=f"attnviz {attnviz.__version__}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        pdoc.pdoc(*specifications(), output_directory=folder)
    return sorted(folder.rglob("*.html"))


if __name__ == "__main__":
    goal = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    write(goal)
    print(f"Written: {goal / 'attnviz.html'}")
