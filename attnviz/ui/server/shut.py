"""What Streamlit would do for whoever asks, and this server does for nobody; and logs without what people typed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamlit.runtime.app_session import AppSession

from attnviz.errors import AttnvizError

# Messages of a browser that no page of ours sends. Streamlit empties the caches of all visitors, tells of the folder's
# repository, and runs everybody's page anew when a file is saved.
REFUSED = ("_handle_clear_cache_request", "_handle_git_information_request", "_handle_set_run_on_save_request")


def refuse() -> None:
    """From now on such a message does nothing. One that Streamlit no longer has is an error of ours, at the start."""
    for name in REFUSED:
        getattr(AppSession, name)
        setattr(AppSession, name, _nothing)


def _nothing(*_: object) -> None:
    """What is done for such a message."""


def hush() -> None:
    """From now on logs say what went wrong and where in the code, and nothing that a person typed or a path."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, Quiet):
        logging.setLogRecordFactory(Quiet(make))


@dataclass(frozen=True)
class Quiet:
    """Makes records as before, and takes the texts out of them."""

    make: Callable[..., logging.LogRecord]

    def __call__(self, *given: Any, **named: Any) -> logging.LogRecord:
        return without_texts(self.make(*given, **named))


def without_texts(record: logging.LogRecord) -> logging.LogRecord:
    """A record of an error with its kind and the lines of code that it came by, instead of its own words."""
    if isinstance(record.args, tuple):
        record.args = tuple(one.message if isinstance(one, AttnvizError) else one for one in record.args)
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{record.getMessage()}: {_where(record.exc_info[1])}", ()
        record.exc_info = record.exc_text = None
    return record


def _where(error: BaseException) -> str:
    """Its kind, that of what brought it about, and where it was raised."""
    kinds, one = list[str](), error
    while one is not None and len(kinds) < 5:
        kinds.append(type(one).__name__)
        one = one.__cause__ or one.__context__  # type: ignore[assignment]
    calls = traceback.extract_tb(error.__traceback__)[-8:]
    places = " > ".join(f"{call.filename.rpartition('/')[2]}:{call.lineno} {call.name}" for call in calls)
    return f"{' < '.join(kinds)} at {places}"
