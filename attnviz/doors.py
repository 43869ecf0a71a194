"""What leads out of the package, a model's name or a path, is asked for here before it is followed.

A library opens what its caller names, and so nobody keeps these doors. A server of strangers has a keeper, who knows
its settings (`attnviz.ui.stores.allowed`): whichever page, link or box a name came by, one place is asked about it.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Literal

from attnviz.errors import AttnvizError

Kind = Literal["model", "path"]
Place = str | PathLike[str]
keepers: list[Callable[[Kind, Place, str], None]] = []  # each raises an `AttnvizError` for what stays outside


def check(kind: Kind, name: Place, revision: str = "") -> None:
    """May this model be opened, or this path be looked at? Raises what a keeper does."""
    for keeper in keepers:
        keeper(kind, name, revision)


def lets_in(kind: Kind, name: Place) -> bool:
    """The same as an answer.

    >>> lets_in("path", "anywhere")
    True
    """
    try:
        check(kind, name)
    except AttnvizError:
        return False
    return True
