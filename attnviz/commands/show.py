"""`attnviz show MODEL TEXT -o page.html`: one run as a page that opens without a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.commands import terminal
from attnviz.errors import AttnvizError
from attnviz.messages import say

if TYPE_CHECKING:
    from attnviz.trace import Trace

READ = ("--pair", "--target")  # what else `record` is given, where it was said


def lines(given: Mapping[str, str], language: str) -> Iterable[str]:
    """Load, record, write. Raises `AttnvizError` for a model or text that cannot be read, a file not to be written."""
    import attnviz as av
    from attnviz.saved.file import replacing

    goal = Path(given["--output"])
    check(goal)
    more: dict[str, Any] = {name.lstrip("-"): given[name] for name in READ if name in given}
    model = av.load(given["MODEL"], progress=partial(terminal.tell, language))
    trace = av.record(model, given["TEXT"], **more)
    content = page(trace, language)
    try:
        with replacing(goal) as beside:
            beside.write_bytes(content)
    except OSError as reason:
        raise AttnvizError("command_not_written", file=goal, reason=reason.strerror or reason) from reason
    return [say("command.show_written", language, file=goal)]


def page(trace: Trace, language: str) -> bytes:
    """The page of a run, as a notebook shows it."""
    import attnviz as av

    return av.show(trace, language=language).html.encode("utf-8")


def check(goal: Path) -> None:
    """Raises `AttnvizError` where no file can come to be: told before a model is loaded, which may take minutes."""
    if goal.is_dir():
        raise AttnvizError("command_folder", file=goal)
    if not goal.parent.is_dir():
        raise AttnvizError("command_no_folder", file=goal, folder=goal.parent)
