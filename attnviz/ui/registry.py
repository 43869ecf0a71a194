"""Which pages are there? Every folder of `pages/` says by itself what it is (`SCREEN`); nothing lists them.

Importing a page's folder brings its choices alone: no torch, no plotly, no transformers.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from attnviz.ui import pages
from attnviz.ui.kit import Member, Param, Screen


@cache  # a tuple of pages and their choices: 100 kB
def screens() -> tuple[Screen, ...]:
    """All pages, in the order of the navigation."""
    folders = [folder.name for folder in pkgutil.iter_modules(pages.__path__) if folder.ispkg]
    found: list[Screen] = [import_module(f"{pages.__name__}.{name}").SCREEN for name in folders]
    return tuple(sorted(found, key=lambda screen: screen.order))


def home() -> Screen:
    """The page at the app's own address, where links without a page lead."""
    return next(screen for screen in screens() if screen.home)


def named(name: str) -> Screen:
    """The page of that name."""
    return next(screen for screen in screens() if screen.name == name)


def sections() -> dict[str, tuple[Screen, ...]]:
    """The pages by their section of the navigation; the section without a name stands open."""
    names = dict.fromkeys(screen.section for screen in screens())
    return {name: tuple(screen for screen in screens() if screen.section == name) for name in names}


def params() -> dict[str, Param]:
    """Every page's choices, by the key under which the session holds them."""
    return {param.key: param for screen in screens() for param in screen.params.values()}


def members() -> tuple[tuple[Member, Screen], ...]:
    """The members of the family with the page that shows each, in the order of the map."""
    found = [(member, screen) for screen in screens() for member in screen.members]
    return tuple(sorted(found, key=lambda pair: pair[0].number))
